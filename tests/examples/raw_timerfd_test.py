import time
import unittest

import support


class RawTimerfd(unittest.TestCase):
    def ticks(self, program):
        lines = []
        while line := program.next_line():
            lines.append(line)
        self.assertEqual(program.wait(), (0, ""))
        return lines

    def test_ticks(self):
        start = time.monotonic()
        with support.Program() as program:
            ticks = self.ticks(program)
        self.assertGreaterEqual(time.monotonic() - start, 0.5)
        self.assertEqual(ticks[-1], "tick 5")
        self.assertEqual(ticks, sorted(set(ticks)))

    def test_counts_missed_ticks(self):
        for _ in range(5):  # this process may be slow to suspend the other
            with support.Program() as program:
                self.assertEqual(program.next_line()[:5], "tick ")
                with program.suspended():
                    time.sleep(0.5)  # as long as all of its ticks take
                ticks = self.ticks(program)
            if len(ticks) < 4:
                break
        # Missed ticks are reported together, so there are fewer lines than ticks.
        self.assertLess(len(ticks), 4)
        self.assertGreaterEqual(int(ticks[-1].removeprefix("tick ")), 5)


support.main()
