import os
import signal
import subprocess
import unittest

import support


class First(unittest.TestCase):
    def test_greets_every_client(self):
        with support.Server() as server:
            for _ in range(10):
                with server.connect() as client:
                    self.assertEqual(support.receive_all(client), b"Hello from mio\n")

    def test_greets_simultaneous_clients(self):
        with support.Server() as server:
            clients = [server.connect() for _ in range(50)]
            for client in clients:
                with client:
                    self.assertEqual(support.receive_all(client), b"Hello from mio\n")

    def test_continues_after_suspension(self):
        with support.Server() as server:
            for _ in range(5):
                os.kill(server.pid, signal.SIGSTOP)
                os.kill(server.pid, signal.SIGCONT)
            with server.connect() as client:
                self.assertEqual(support.receive_all(client), b"Hello from mio\n")

    def test_invalid_address_is_reported(self):
        for name in "99999", "127.0.0.1", "127.0.0.1:99999", "localhost:9000", "":
            with self.subTest(name):
                result = self.run_first(name)
                self.assertEqual(
                    result.stderr, f"first: '{name}' is not an address with a port, such as 127.0.0.1:9000\n"
                )
                self.assertEqual((result.returncode, result.stdout), (1, ""))

    def test_unusable_address_is_reported(self):
        with support.Server() as server:
            for name, message in (
                (f"127.0.0.1:{server.port}", "Address already in use"),
                ("192.0.2.1:9000", "Cannot assign requested address"), # documentation address
            ):
                with self.subTest(name):
                    result = self.run_first(name)
                    self.assertEqual(result.stderr, f"first: {name}: {message}\n")
                    self.assertEqual((result.returncode, result.stdout), (1, ""))

    def run_first(self, name):
        return subprocess.run([support.PROGRAMS[0], name], capture_output=True, text=True, timeout=support.PATIENCE)


support.main()
