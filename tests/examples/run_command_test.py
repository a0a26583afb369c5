import os
import signal
import subprocess
import time
import unittest

import support
from support import Program, eventually


def is_blocked(pid, number):
    with open(f"/proc/{pid}/status") as status:
        mask = next(line.split()[1] for line in status if line.startswith("SigBlk"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(each) for each in file.read().split()]


class RunCommand(unittest.TestCase):
    def run_it(self, *arguments):
        run = subprocess.run(
            [*support.PROGRAMS, *arguments], capture_output=True, text=True, timeout=support.PATIENCE
        )
        return run.returncode, run.stdout, run.stderr

    def test_exits_with_the_code_of_the_command(self):
        for code in 0, 3, 255:
            self.assertEqual(
                self.run_it("20", "sh", "-c", f"exit {code}"), (code, f"it ended with code {code}\n", "")
            )

    def test_the_command_writes_to_the_same_output(self):
        self.assertEqual(self.run_it("20", "echo", "hello"), (0, "hello\nit ended with code 0\n", ""))

    def test_exits_as_a_shell_does_after_a_signal(self):
        command = "sh", "-c", "kill -USR1 $$"
        in_shell = subprocess.run(["sh", "-c", '"$@"; exit $?', "sh", *command], stderr=subprocess.DEVNULL)
        self.assertEqual(in_shell.returncode, 128 + signal.SIGUSR1)
        self.assertEqual(self.run_it("20", *command), (in_shell.returncode, "it was ended by: user1\n", ""))

    def test_time_limit(self):
        start = time.monotonic()
        self.assertEqual(self.run_it("1", "sleep", "100"), (128 + signal.SIGTERM, "it was ended by: terminate\n", ""))
        self.assertGreaterEqual(time.monotonic() - start, 1)

    def test_a_command_that_ignores_the_request_is_killed(self):
        start = time.monotonic()
        code, out, _ = self.run_it("1", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
        self.assertEqual((code, out), (128 + signal.SIGKILL, "it was ended by: kill\n"))
        self.assertGreaterEqual(time.monotonic() - start, 2)

    def test_signals_are_passed_on_and_not_blocked_in_the_command(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number), Program("100", "sleep", "100") as program:
                # Until the new program runs: before exec the child has its parent's mask.
                eventually(lambda: children(program.pid), "started")
                child = children(program.pid)[0]
                eventually(lambda: os.readlink(f"/proc/{child}/exe") != os.readlink(f"/proc/{program.pid}/exe"), "exec")
                self.assertFalse(is_blocked(child, signal.SIGINT) or is_blocked(child, signal.SIGTERM))
                self.assertTrue(is_blocked(program.pid, signal.SIGINT))
                self.assertEqual(program.stop(number), (128 + signal.SIGTERM, ""))
                self.assertEqual(program.next_line(), "it was ended by: terminate")

    def test_errors(self):
        code, out, err = self.run_it("1", "/nonexistent")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("/nonexistent: ", err)
        for arguments in (), ("1",), ("x", "true"), ("-1", "true"), ("1x", "true"):
            self.assertEqual(self.run_it(*arguments)[0], 2)


support.main()
