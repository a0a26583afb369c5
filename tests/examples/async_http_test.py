import time
import unittest

import http_hello_test
import support
from http_hello_test import GET, HELLO, LAST, answers
from support import Server, eventually, receive_all


class Raw(http_hello_test.Raw):
    """Everything that http_hello does at the wire level."""


class Curl(http_hello_test.Curl):
    """The same external clients."""


class Limits(unittest.TestCase):
    def ends_after_a_second(self, client):
        """Whether the server closes the connection after its limit, and not before. Returns what it sends until then."""
        started = time.monotonic()
        received = receive_all(client)
        self.assertGreaterEqual(time.monotonic() - started, 0.9)
        return received

    def test_idle_clients_are_disconnected(self):
        with Server("1") as server:
            before = server.descriptors()
            with server.connect() as silent, server.connect() as kept:
                kept.sendall(GET)
                data = b""
                while not data.endswith(HELLO):
                    data += kept.recv(1000)
                self.assertEqual(self.ends_after_a_second(kept), b"")
                self.assertEqual(receive_all(silent), b"")
            eventually(lambda: server.descriptors() == before, "all connections closed")

    def test_client_that_sends_a_head_slowly_is_disconnected(self):
        with Server("1") as server, server.connect() as client:
            started = time.monotonic()
            try:
                for byte in GET + LAST:
                    client.sendall(bytes([byte]))
                    time.sleep(0.1)
                self.fail("a head may take as long as it likes")
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertGreaterEqual(time.monotonic() - started, 0.9)

    def test_client_that_does_not_send_its_body_is_disconnected(self):
        with Server("1") as server, server.connect() as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nGET")
            self.assertEqual(self.ends_after_a_second(client), b"")

    def test_client_that_does_not_read_is_disconnected(self):
        with Server("1") as server:
            before = server.descriptors()
            with server.connect() as client:
                client.settimeout(0.1)
                try:
                    while True:
                        client.send(GET * 1000)
                except TimeoutError:
                    pass
                eventually(lambda: server.descriptors() == before, "the connection closed")

    def test_active_client_is_kept(self):
        with Server("1") as server, server.connect() as client:
            for _ in range(8):
                time.sleep(0.3)
                client.sendall(GET)
                data = b""
                while not data.endswith(HELLO):
                    data += client.recv(1000)


class End(unittest.TestCase):
    def test_client_that_does_not_read_delays_the_end_by_a_second_at_most(self):
        with Server() as server, server.connect() as client:
            client.settimeout(0.2)
            try:
                while True:
                    client.send(GET * 1000)
            except TimeoutError:
                pass
            started = time.monotonic()
            self.assertEqual(server.stop(), (0, ""))
            self.assertLess(time.monotonic() - started, 1 + support.PATIENCE / 6)


if __name__ == "__main__":
    support.main()
