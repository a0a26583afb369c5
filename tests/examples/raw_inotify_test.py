import os
import subprocess
import tempfile
import unittest

import support


class RawInotify(unittest.TestCase):
    def test_reports_changes_in_a_directory(self):
        folder = tempfile.mkdtemp()
        with support.Program(folder) as program:
            self.assertEqual(program.next_line(), f"watching {folder}")
            path = os.path.join(folder, "file")
            with open(path, "w") as file:
                self.assertEqual(program.next_line(), "created file")
                file.write("text")
            self.assertEqual(program.next_line(), "written file")
            os.rename(path, path + " 2")
            self.assertEqual(program.next_line(), "gone file")
            self.assertEqual(program.next_line(), "moved here file 2")
            os.remove(path + " 2")
            self.assertEqual(program.next_line(), "gone file 2")
            # Deleting the directory ends the program.
            os.rmdir(folder)
            self.assertEqual(program.wait(), (0, ""))
            self.assertIsNone(program.next_line())

    def test_reports_simultaneous_changes(self):
        names = [f"a file of a rather long name, so that few records fit the buffer, {i:04}" for i in range(500)]
        with tempfile.TemporaryDirectory() as folder, support.Program(folder) as program:
            program.next_line()
            with program.suspended():
                for name in names:
                    os.mkdir(os.path.join(folder, name))
            for name in names:
                self.assertEqual(program.next_line(), f"created {name}")

    def test_control_characters_in_names_are_escaped(self):
        names = {
            said: shown.decode()
            for said, shown in {**support.HOSTILE, b"two\nlines\ttab": rb"two\x0alines\x09tab"}.items()
            if b"\0" not in said
        }
        with tempfile.TemporaryDirectory() as folder, support.Program(folder) as program:
            program.next_line()
            for name, shown in names.items():
                with self.subTest(name):
                    os.mkdir(os.path.join(os.fsencode(folder), name))
                    self.assertEqual(program.next_line(), f"created {shown}")

    def test_descriptor_exhaustion_is_reported(self):
        # Four: the standard ones, and one for inotify. That is enough for a backend without a descriptor.
        with tempfile.TemporaryDirectory() as folder, support.Program(folder, max_files=4) as program:
            if program.next_line() is None:
                self.assertEqual(program.wait(), (1, "cannot make a poll: Too many open files\n"))

    def test_rejects_a_non_directory(self):
        for path in __file__, __file__ + ".none":
            run = subprocess.run([*support.PROGRAMS, path], capture_output=True, text=True, timeout=support.PATIENCE)
            self.assertEqual((run.returncode, run.stdout), (1, ""))
            self.assertIn(path, run.stderr)


support.main()
