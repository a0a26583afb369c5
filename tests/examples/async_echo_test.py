import os
import pathlib
import socket
import subprocess
import time
import unittest

import support
import tcp_echo_test
from support import Server, eventually, receive_all, receive_exactly


class Echo(tcp_echo_test.TcpEcho):
    """It echoes as tcp_echo does."""

    def test_bad_addresses(self):
        for text in "nonsense", "127.0.0.1:99999", "localhost:0":
            result = subprocess.run([support.PROGRAMS[0], text], capture_output=True, timeout=support.PATIENCE)
            self.assertEqual((result.returncode, result.stdout), (1, b""))
            self.assertEqual(result.stderr.count(b"\n"), 1)

    def test_out_of_descriptors(self):
        with Server(max_files=20) as server:
            clients = [server.connect() for _ in range(40)]
            for number, client in enumerate(clients):
                client.sendall(b"%2d" % number)
            eventually(lambda: server.descriptors() == 20, "all descriptors in use")
            spent = server.cpu_seconds()
            time.sleep(1)
            self.assertLessEqual(server.cpu_seconds() - spent, 0.05)
            # As clients leave, waiting ones are accepted.
            for number, client in enumerate(clients):
                with client:
                    self.assertEqual(receive_exactly(client, 2), b"%2d" % number)
            self.assertEqual(server.stop(), (0, ""))


class End(unittest.TestCase):
    def fill(self, client):
        """Sends until the server takes no more; returns what was sent."""
        sent = bytearray()
        client.settimeout(0.5)
        try:
            while True:
                piece = os.urandom(1 << 16)
                sent += piece[: client.send(piece)]
        except TimeoutError:
            client.settimeout(support.PATIENCE)
            return bytes(sent)

    def test_what_was_read_is_echoed_before_the_end(self):
        with Server() as server, server.connect() as client:
            sent = self.fill(client)
            server.process.send_signal(2)
            received = bytearray()
            try:
                while piece := client.recv(1 << 16):
                    received += piece
            except ConnectionResetError:
                pass  # since it ends with unread data
            self.assertTrue(sent.startswith(received) and received)
            self.assertEqual(server.wait(), (0, ""))

    def test_client_that_does_not_read_delays_the_end_by_a_second_at_most(self):
        with Server() as server, server.connect() as client:
            self.fill(client)
            started = time.monotonic()
            self.assertEqual(server.stop(), (0, ""))
            elapsed = time.monotonic() - started
            self.assertGreaterEqual(elapsed, 0.9)
            self.assertLess(elapsed, 1 + support.PATIENCE / 6)


class Source(unittest.TestCase):
    def test_has_at_most_sixty_lines(self):
        source = pathlib.Path(__file__).parents[2] / "examples/async_echo.cpp"
        self.assertLessEqual(len(source.read_text().splitlines()), 60)


if __name__ == "__main__":
    support.main()
