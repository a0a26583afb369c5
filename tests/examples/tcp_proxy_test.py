import contextlib
import functools
import hashlib
import http.server
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import support
from support import Server, eventually, receive_all, receive_exactly


class Target:
    """A listening socket that a proxy forwards to, and the proxy; `with` ends both."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(support.PATIENCE)
        self.server = Server("127.0.0.1:%d" % self.listener.getsockname()[1]).__enter__()
        self.idle = self.server.descriptors()
        return self

    def __exit__(self, *details):
        self.listener.close()
        self.server.__exit__(*details)

    def pair(self):
        """A client, and the target's end of its connection."""
        client = self.server.connect()
        peer = self.listener.accept()[0]
        peer.settimeout(support.PATIENCE)
        return client, peer

    def is_idle(self):
        return self.server.descriptors() == self.idle


def fill(connection):
    """Sends until nothing is taken for half a second; returns the number of bytes."""
    connection.settimeout(0.5)
    sent = 0
    try:
        while sent < 64 << 20:  # more than the kernel's buffers
            sent += connection.send(bytes(1 << 16))
        raise AssertionError("all is taken, though the other side does not read")
    except TimeoutError:
        connection.settimeout(support.PATIENCE)
        return sent


class TcpProxy(unittest.TestCase):
    def serves(self, target):
        client, peer = target.pair()
        with client, peer:
            client.sendall(b"question")
            self.assertEqual(receive_exactly(peer, 8), b"question")
            peer.sendall(b"reply")
            self.assertEqual(receive_exactly(client, 5), b"reply")

    def is_reset(self, connection):
        """Whether `connection` ends with a reset instead of an orderly end, which would make cut data look whole."""
        try:
            while connection.recv(1 << 16):
                pass
        except (ConnectionResetError, BrokenPipeError):
            return True
        return False

    def test_both_directions_at_once_lose_no_byte(self):
        data = os.urandom(8_000_000), os.urandom(9_000_000)
        with Target() as target:
            ends = target.pair()
            received = [None, None]

            def send(side):
                ends[side].sendall(data[side])
                ends[side].shutdown(socket.SHUT_WR)

            def receive(side):
                received[side] = receive_all(ends[1 - side])

            threads = [threading.Thread(target=work, args=(side,)) for work in (send, receive) for side in (0, 1)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertTrue(received[0] == data[0] and received[1] == data[1])
            eventually(target.is_idle, "closed after both ends")
            self.assertEqual(target.server.stop(), (0, ""))

    def test_each_side_can_end_its_stream_and_still_receive(self):
        with Target() as target:
            for first in 0, 1:
                with self.subTest(first):
                    ends = target.pair()
                    ending, other = ends[first], ends[1 - first]
                    ending.sendall(b"all I have")
                    ending.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive_all(other), b"all I have")
                    other.sendall(b"late reply" * 100_000)
                    other.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive_all(ending), b"late reply" * 100_000)
                    eventually(target.is_idle, "closed after both ends")

    def test_side_that_does_not_read_stops_the_other_and_memory_is_bounded(self):
        with Target() as target:
            for sender in 0, 1:
                with self.subTest(sender):
                    ends = target.pair()
                    before = target.server.resident_bytes()
                    sent = fill(ends[sender])
                    self.assertLess(target.server.resident_bytes() - before, 4 << 20)

                    # Waiting costs no processor time; the other direction and other clients are served.
                    spent = target.server.cpu_seconds()
                    time.sleep(0.5)
                    self.assertLessEqual(target.server.cpu_seconds() - spent, 0.05)
                    ends[1 - sender].sendall(b"the other way")
                    self.assertEqual(receive_exactly(ends[sender], 13), b"the other way")
                    self.serves(target)

                    ends[sender].shutdown(socket.SHUT_WR)
                    self.assertEqual(len(receive_all(ends[1 - sender])), sent)

    def test_reset_in_every_state_resets_the_other_side_and_leaks_nothing(self):
        def idle(ends, by):
            pass

        def after_data(ends, by):
            ends[by].sendall(b"some")
            receive_exactly(ends[1 - by], 4)

        def with_data_that_the_other_side_does_not_read(ends, by):
            fill(ends[by])

        def while_it_does_not_read(ends, by):
            fill(ends[1 - by])

        def after_its_own_end(ends, by):
            ends[by].shutdown(socket.SHUT_WR)
            receive_all(ends[1 - by])

        def after_the_end_of_the_other(ends, by):
            ends[1 - by].shutdown(socket.SHUT_WR)
            receive_all(ends[by])

        def after_its_own_end_while_it_does_not_read(ends, by):
            ends[by].shutdown(socket.SHUT_WR)
            receive_all(ends[1 - by])
            fill(ends[1 - by])

        states = (
            idle,
            after_data,
            with_data_that_the_other_side_does_not_read,
            while_it_does_not_read,
            after_its_own_end,
            after_the_end_of_the_other,
            after_its_own_end_while_it_does_not_read,
        )
        with Target() as target:
            for state in states:
                for by in 0, 1:
                    with self.subTest(state.__name__, by=by):
                        ends = target.pair()
                        state(ends, by)
                        support.reset(ends[by])
                        eventually(target.is_idle, "closed")
                        # A side that has read the end of its stream cannot read a reset; it cannot write either.
                        other = ends[1 - by]
                        if state in (after_its_own_end, after_its_own_end_while_it_does_not_read):
                            with self.assertRaises((ConnectionResetError, BrokenPipeError)):
                                other.sendall(b"x")
                                other.sendall(b"x")
                        else:
                            self.assertTrue(self.is_reset(other))
            self.serves(target)
            self.assertEqual(target.server.stop(), (0, ""))

    def test_reset_before_the_connection_to_the_target_is_handled(self):
        with Target() as target:
            with target.server.suspended():
                for _ in range(20):
                    support.reset(target.server.connect())
            eventually(target.is_idle, "closed")

    def test_target_that_refuses_resets_the_client(self):
        with Target() as target:
            target.listener.close()
            for _ in range(20):
                with contextlib.suppress(ConnectionResetError):  # as early as that
                    self.assertTrue(self.is_reset(target.server.connect()))
            eventually(target.is_idle, "closed")

    def test_data_sent_before_the_target_accepts_arrives(self):
        with Target() as target:
            client = target.server.connect()
            client.sendall(b"early")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(target.listener.accept()[0]), b"early")

    def test_out_of_descriptors(self):
        # With an even and an odd number of free descriptors: one client may have its own, but not the target's.
        for limit in 20, 21:
            with self.subTest(limit), socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
                target = "127.0.0.1:%d" % listener.getsockname()[1]
                with Server(target, max_files=limit) as server:
                    clients = [server.connect() for _ in range(40)]
                    for number, client in enumerate(clients):
                        client.sendall(b"%2d" % number)
                    # The others wait without using processor time.
                    eventually(lambda: server.descriptors() >= limit - 1, "descriptors are used up")
                    spent = server.cpu_seconds()
                    time.sleep(1)
                    self.assertLessEqual(server.cpu_seconds() - spent, 0.05)

                    listener.settimeout(support.PATIENCE)
                    served = set()
                    for _ in clients:
                        with listener.accept()[0] as peer:
                            number = int(receive_exactly(peer, 2))
                            served.add(number)
                            peer.sendall(b"done")
                        self.assertEqual(receive_all(clients[number]), b"done")
                        clients[number].close()
                    self.assertEqual(len(served), len(clients))
                    status, errors = server.stop()
                    self.assertEqual(status, 0)
                    self.assertIn("cannot accept for now", errors)

    def test_two_hundred_connections_at_once(self):
        count, size = 200, 64 << 10
        support.wants_files(4 * count + 100)
        data = os.urandom(count + size)
        with Target() as target:
            ends = [target.pair() for _ in range(count)]
            for number, (client, peer) in enumerate(ends):
                client.sendall(data[number : number + size])
                client.shutdown(socket.SHUT_WR)
            for number, (client, peer) in enumerate(ends):
                self.assertEqual(receive_all(peer), data[number : number + size])
                peer.close()
            eventually(target.is_idle, "closed")

    @support.needs("curl")
    def test_curl_through_it(self):
        content = os.urandom(20_000_000)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "file"), "wb") as file:
                file.write(content)

            class Quiet(http.server.SimpleHTTPRequestHandler):
                def log_message(self, *_):
                    pass

            handler = functools.partial(Quiet, directory=folder)
            with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
                threading.Thread(target=web.serve_forever, daemon=True).start()
                with Server("127.0.0.1:%d" % web.server_address[1]) as server:
                    result = subprocess.run(
                        ["curl", "-sS", f"http://127.0.0.1:{server.port}/file"],
                        capture_output=True,
                        timeout=support.PATIENCE,
                    )
                    self.assertEqual((result.returncode, result.stderr), (0, b""))
                    self.assertEqual(hashlib.sha256(result.stdout).digest(), hashlib.sha256(content).digest())
                web.shutdown()

    def test_signals_end_it_cleanly(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number), Target() as target:
                with contextlib.ExitStack() as stack:
                    client, peer = map(stack.enter_context, target.pair())
                    client.sendall(b"open")
                    receive_exactly(peer, 4)
                    self.assertEqual(target.server.stop(number), (0, ""))
                    self.assertEqual(receive_all(client), b"")

    def test_bad_usage(self):
        for arguments in [], ["127.0.0.1:0"], ["127.0.0.1:0", "nonsense"], ["nonsense", "127.0.0.1:1"]:
            result = subprocess.run(
                [support.PROGRAMS[0], *arguments], capture_output=True, timeout=support.PATIENCE
            )
            self.assertEqual((result.returncode, result.stdout), (2, b""))
            self.assertEqual(result.stderr.count(b"\n"), 1)


if __name__ == "__main__":
    support.main()
