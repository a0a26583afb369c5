import os
import signal
import unittest

import support


class First(unittest.TestCase):
    def test_greets_every_client(self):
        with support.Server() as server:
            for _ in range(10):
                with server.connect() as client:
                    self.assertEqual(support.receive_all(client), b"Hello from mio\n")

    def test_greets_clients_that_come_at_once(self):
        with support.Server() as server:
            clients = [server.connect() for _ in range(50)]
            for client in clients:
                with client:
                    self.assertEqual(support.receive_all(client), b"Hello from mio\n")

    def test_goes_on_after_it_was_suspended(self):
        with support.Server() as server:
            for _ in range(5):
                os.kill(server.pid, signal.SIGSTOP)
                os.kill(server.pid, signal.SIGCONT)
            with server.connect() as client:
                self.assertEqual(support.receive_all(client), b"Hello from mio\n")


support.main()
