import os
import socket
import subprocess
import threading
import time
import unittest

import support
from support import eventually, receive_all, receive_exactly


class Upstream:
    """A listener in this process, whose connections the cases accept."""

    def __init__(self, backlog=16):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.socket.settimeout(support.PATIENCE)
        self.port = self.socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def accept(self):
        connection, _ = self.socket.accept()
        connection.settimeout(support.PATIENCE)
        return connection


def forwarder(upstream, *limits):
    return support.Server(f"127.0.0.1:{upstream.port}", *map(str, limits))


def ended(connection):
    """Waits for the end of a stream, in order or by a reset."""
    try:
        return receive_all(connection)
    except ConnectionResetError:
        return b""


class TcpForward(unittest.TestCase):
    def test_forwards_both_ways_and_half_closes(self):
        data = os.urandom(3_000_000)
        with Upstream() as upstream, forwarder(upstream) as server, server.connect() as client:
            with upstream.accept() as behind:

                def send():
                    client.sendall(data)
                    client.shutdown(socket.SHUT_WR)

                sender = threading.Thread(target=send)
                sender.start()
                self.assertEqual(receive_all(behind), data)
                sender.join()
                behind.sendall(b"answer")
                self.assertEqual(receive_exactly(client, 6), b"answer")
                behind.close()
                self.assertEqual(receive_all(client), b"")
            self.assertEqual(server.stop(), (0, ""))

    def test_limit_to_connect(self):
        # The queue of a listener that accepts nothing is full after two connections: further ones get no reply.
        with Upstream(backlog=0) as upstream:
            fillers = []
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", upstream.port))
                fillers.append(filler)
            time.sleep(0.2)
            with forwarder(upstream, 0.5, 60, 60) as server, server.connect() as client:
                before = time.monotonic()
                self.assertEqual(ended(client), b"")
                self.assertGreaterEqual(time.monotonic() - before, 0.4)
                self.assertEqual(server.stop(), (0, ""))
            for filler in fillers:
                filler.close()

    def test_idle_limit_is_moved_by_data(self):
        with Upstream() as upstream, forwarder(upstream, 60, 1, 60) as server, server.connect() as client:
            with upstream.accept() as behind:
                begin = time.monotonic()
                while time.monotonic() - begin < 2:  # longer than the limit
                    client.sendall(b"x")
                    self.assertEqual(receive_exactly(behind, 1), b"x")
                    time.sleep(0.05)
                last = time.monotonic()
                self.assertEqual(ended(client), b"")
                self.assertGreaterEqual(time.monotonic() - last, 0.9)
                self.assertEqual(ended(behind), b"")

    def test_total_limit_is_not_moved_by_data(self):
        with Upstream() as upstream, forwarder(upstream, 60, 60, 1) as server, server.connect() as client:
            with upstream.accept() as behind:
                begin = time.monotonic()
                try:
                    while True:
                        client.sendall(b"x")
                        if behind.recv(1) == b"":
                            break
                        time.sleep(0.02)
                except ConnectionError:
                    pass
                self.assertGreaterEqual(time.monotonic() - begin, 0.9)

    def test_closed_sessions_leave_no_descriptors_and_no_timers(self):
        with Upstream() as upstream, forwarder(upstream, 1, 1, 1) as server:
            before = server.descriptors()
            for number in range(60):
                client = server.connect()
                with upstream.accept():
                    client.sendall(b"x")
                    if number % 2:
                        support.reset(client)
                    else:
                        client.close()
            eventually(lambda: server.descriptors() == before, "all sessions closed")
            time.sleep(1.2)  # the limits of closed sessions
            spent = server.cpu_seconds()
            time.sleep(0.5)
            self.assertLessEqual(server.cpu_seconds() - spent, 0.05)
            self.assertEqual(server.stop(), (0, ""))

    def test_usage(self):
        for arguments in (), ("127.0.0.1:0",), ("127.0.0.1:0", "127.0.0.1:9", "1"):
            result = subprocess.run([support.PROGRAMS[0], *arguments], capture_output=True, timeout=support.PATIENCE)
            self.assertEqual((result.returncode, result.stdout), (2, b""))
            self.assertEqual(result.stderr.count(b"\n"), 1)


if __name__ == "__main__":
    support.main()
