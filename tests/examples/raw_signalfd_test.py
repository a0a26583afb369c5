import os
import signal
import unittest

import support


class RawSignalfd(unittest.TestCase):
    def test_reports_signals_and_senders(self):
        for last in signal.SIGINT, signal.SIGTERM:
            with self.subTest(last), support.Program() as program:
                self.assertEqual(program.next_line(), f"process {program.pid} waits for signals")
                for number in signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1:
                    program.process.send_signal(number)
                    self.assertEqual(program.next_line(), f"{signal.strsignal(number)} from process {os.getpid()}")
                self.assertEqual(program.stop(last), (0, ""))
                self.assertEqual(program.next_line(), f"{signal.strsignal(last)} from process {os.getpid()}")
                self.assertIsNone(program.next_line())

    def test_reports_simultaneous_signals(self):
        with support.Program() as program:
            program.next_line()
            with program.suspended():
                for number in signal.SIGUSR2, signal.SIGUSR1:
                    program.process.send_signal(number)
            told = {program.next_line().split(" from ")[0] for _ in range(2)}
            self.assertEqual(told, {signal.strsignal(signal.SIGUSR1), signal.strsignal(signal.SIGUSR2)})


support.main()
