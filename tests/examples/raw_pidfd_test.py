import subprocess
import unittest

import support


class RawPidfd(unittest.TestCase):
    def output(self, *command):
        run = subprocess.run(
            [*support.PROGRAMS, *command], capture_output=True, text=True, timeout=support.PATIENCE, input="go\n"
        )
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return run.stdout

    def test_reports_how_a_command_ended(self):
        self.assertEqual(self.output("true"), "it ended with status 0\n")
        self.assertEqual(self.output("sh", "-c", "read word; echo $word; exit 7"), "go\nit ended with status 7\n")
        self.assertEqual(self.output("sh", "-c", "kill -KILL $$"), "it was ended by: Killed\n")

    def test_handles_other_events_meanwhile(self):
        with support.Program("sh", "-c", "read word; exit 1", stdin=subprocess.PIPE) as program:
            self.assertEqual(program.next_line(), "it is still running")
            self.assertEqual(program.next_line(), "it is still running")
            program.process.stdin.close()  # the command's, too
            while (line := program.next_line()) == "it is still running":
                pass
            self.assertEqual(line, "it ended with status 1")
            self.assertEqual(program.wait(), (0, ""))

    def test_waiting_uses_no_processor_time(self):
        with support.Program("sh", "-c", "read word", stdin=subprocess.PIPE) as program:
            program.next_line()
            spent = program.cpu_seconds()
            program.next_line()
            self.assertLessEqual(program.cpu_seconds() - spent, 0.05)
            program.process.stdin.close()
            self.assertEqual(program.wait()[0], 0)

    def test_command_that_cannot_be_run(self):
        run = subprocess.run(
            [*support.PROGRAMS, "/no/such/program"], capture_output=True, text=True, timeout=support.PATIENCE
        )
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("/no/such/program: No such file", run.stderr)


support.main()
