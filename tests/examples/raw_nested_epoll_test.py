import subprocess
import unittest

import support


class RawNestedEpoll(unittest.TestCase):
    def test_reports_incoming_data(self):
        with support.Program(stdin=subprocess.PIPE) as program:
            for size in 1, 10, 100:
                program.process.stdin.write(b"x" * size)
                program.process.stdin.flush()
                self.assertEqual(program.next_line(), f"{size} bytes came in")
            # More than one read returns, so there is no further outer event.
            program.process.stdin.write(b"x" * 10_000)
            program.process.stdin.flush()
            received = 0
            while received < 10_000:
                received += int(program.next_line().split()[0])
            self.assertEqual(received, 10_000)
            program.process.stdin.close()
            self.assertEqual(program.next_line(), "0 bytes came in")
            self.assertEqual(program.wait(), (0, ""))

    def test_rejects_a_file(self):
        with open(__file__) as file:
            run = subprocess.run(support.PROGRAMS, stdin=file, capture_output=True, text=True, timeout=support.PATIENCE)
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("standard input: Operation not permitted", run.stderr)


support.main()
