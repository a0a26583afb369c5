"""Usage: talks_to_native_test.py WINE FOLDER NATIVE_FOLDER: tcp_echo and tcp_client, once built for Windows and once for
this machine, from the same source, talk to each other."""

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import unittest

PATIENCE = 240
HUNDRED_MEGABYTES = 100_000_000

WINE, FOLDER, NATIVE_FOLDER = sys.argv[1:]


def windows(program):
    return [WINE, os.path.join(FOLDER, program + ".exe")]


def native(program):
    return [os.path.join(NATIVE_FOLDER, program)]


class Server:
    """A running tcp_echo on a free port; `with` ends it."""

    def __init__(self, command):
        self.process = subprocess.Popen([*command, "127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        # A program that fails before its first line must not block the test.
        watchdog = threading.Timer(PATIENCE, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline().decode().strip()
        watchdog.cancel()
        prefix = "listening on "
        if not line.startswith(prefix):
            self.end()
            raise AssertionError(f"unexpected first line: {line!r}")
        self.address = line.removeprefix(prefix)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        ended = self.process.poll()
        self.end()
        if ended is not None:
            raise AssertionError(f"the server ended by itself with status {ended}")


def digest_of(file):
    file.seek(0)
    return hashlib.sha256(file.read()).hexdigest()


class Echo(unittest.TestCase):
    def passes_on(self, server_command, client_command, size):
        """The echo equals the client's input."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as returned, tempfile.TemporaryFile() as errors:
            # Every byte value without repetition: lost, duplicated or moved pieces are detected.
            given.write(os.urandom(size))
            given.seek(0)
            with Server(server_command) as server:
                status = subprocess.run(
                    [*client_command, server.address], stdin=given, stdout=returned, stderr=errors, timeout=PATIENCE
                ).returncode
            errors.seek(0)
            self.assertEqual((status, errors.read()), (0, b""))
            self.assertEqual(returned.seek(0, os.SEEK_END), size)
            self.assertEqual(digest_of(returned), digest_of(given))

    def test_a_native_client_with_a_windows_server(self):
        self.passes_on(windows("tcp_echo"), native("tcp_client"), HUNDRED_MEGABYTES)

    def test_a_windows_client_with_a_native_server(self):
        self.passes_on(native("tcp_echo"), windows("tcp_client"), HUNDRED_MEGABYTES)

    def test_a_windows_client_with_a_windows_server(self):
        self.passes_on(windows("tcp_echo"), windows("tcp_client"), 1_000_000)

    def test_line_ends_are_unchanged(self):
        text = b"one\r\ntwo\nthree\rfour\x1a\n"
        with Server(native("tcp_echo")) as server:
            client = subprocess.run(
                [*windows("tcp_client"), server.address], input=text, capture_output=True, timeout=PATIENCE
            )
            self.assertEqual((client.returncode, client.stdout), (0, text))

    def test_connection_refused(self):
        with Server(native("tcp_echo")) as server:
            address = server.address
        client = subprocess.run([*windows("tcp_client"), address, "?"], capture_output=True, timeout=PATIENCE)
        self.assertEqual((client.returncode, client.stdout), (1, b""))
        self.assertIn(address.encode(), client.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2, warnings="ignore")
