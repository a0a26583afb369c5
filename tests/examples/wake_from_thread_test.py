import re
import subprocess
import unittest

import support


class WakeFromThread(unittest.TestCase):
    def test_prints_data_written_by_the_thread(self):
        run = subprocess.run(support.PROGRAMS, capture_output=True, text=True, timeout=support.PATIENCE)
        self.assertEqual(run.returncode, 0, run.stderr)
        # The primes below five million: their count and sum are known.
        self.assertRegex(run.stdout, re.compile(r"ticked \d+ times .* found 348513 primes, whose sum is 838596693108\n"
                         r"polls: [1-9]\d*, events: 1, wake-ups: 1, time in polls: \d+ ms, longest gap: \d+ us$"))


support.main()
