import unittest

import support
from support import Server, receive_exactly
from tcp_echo_test import TcpEcho  # all its cases hold here, too


class TcpEchoIdle(unittest.TestCase):
    def test_idle_connections_cost_little_memory(self):
        count = 2000
        support.wants_files(count + 100)  # the server inherits that
        with Server(measured=True) as server:
            clients = []

            def connect():
                clients.append(server.connect())
                clients[-1].sendall(b"hello")
                self.assertEqual(receive_exactly(clients[-1], 5), b"hello")

            for _ in range(100):
                connect()
            before = server.resident_bytes()
            for _ in range(count - 100):
                connect()
            self.assertLess((server.resident_bytes() - before) / (count - 100), support.memory(1000))
            self.assertEqual(server.stop(), (0, ""))


support.main()
