import os
import selectors
import signal
import socket
import subprocess
import time
import unittest

import support
from support import Server, eventually, receive_all, receive_exactly


class TcpEcho(unittest.TestCase):
    def serves(self, server):
        with server.connect() as client:
            client.sendall(b"still there?")
            self.assertEqual(receive_exactly(client, 12), b"still there?")

    def test_ten_megabytes_through_tcp_client(self):
        data = os.urandom(10_000_000)
        with Server() as server:
            client = subprocess.run(
                [support.PROGRAMS[1], f"127.0.0.1:{server.port}"],
                input=data,
                capture_output=True,
                timeout=support.PATIENCE,
            )
            self.assertEqual((client.returncode, client.stderr), (0, b""))
            self.assertEqual(client.stdout, data)
            self.assertEqual(server.stop(), (0, ""))

    def test_half_close_echoes_the_rest_and_closes(self):
        with Server() as server, server.connect() as client:
            client.sendall(b"one")
            self.assertEqual(receive_exactly(client, 3), b"one")
            client.sendall(b"two" * 10_000)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(client), b"two" * 10_000)

    def test_immediate_half_close(self):
        with Server() as server, server.connect() as client:
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(client), b"")

    def test_half_close_of_a_client_that_reads_late(self):
        data = os.urandom(100_000)
        with Server() as server, server.connect() as client:
            # The data fits the kernel's buffers, so the server reads the end long before the client reads.
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            time.sleep(0.2)
            self.assertEqual(receive_all(client), data)

    def test_resets_leak_nothing(self):
        with Server() as server:
            before = server.descriptors()
            for number in range(50):
                client = server.connect()
                if number % 2:
                    client.sendall(bytes(50_000))  # reset with the echo under way
                support.reset(client)
            eventually(lambda: server.descriptors() == before, "all connections closed")
            self.serves(server)
            self.assertEqual(server.stop(), (0, ""))

    def test_client_that_never_reads_is_throttled(self):
        with Server() as server, server.connect() as client:
            before = server.resident_bytes()
            limit = 64 << 20  # more than the kernel buffers
            sent = 0
            client.settimeout(0.5)  # longer than the server could take to make room
            try:
                while sent < limit:
                    sent += client.send(bytes(1 << 16))
                self.fail("the server takes all and reads on")
            except TimeoutError:
                pass
            self.assertLess(server.resident_bytes() - before, 8 << 20)

            # Waiting costs no processor time, and other clients are served.
            spent = server.cpu_seconds()
            time.sleep(0.5)
            self.assertLessEqual(server.cpu_seconds() - spent, 0.05)
            self.serves(server)

            # When it finally reads, it receives every byte.
            client.settimeout(support.PATIENCE)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(len(receive_all(client)), sent)

    def test_client_that_never_reads_and_closes(self):
        with Server() as server:
            before = server.descriptors()
            client = server.connect()
            client.settimeout(0.3)
            try:
                while True:
                    client.send(bytes(1 << 16))
            except TimeoutError:
                pass
            support.reset(client)
            eventually(lambda: server.descriptors() == before, "the connection closed")

    def test_two_hundred_quick_connections(self):
        with Server() as server:
            before = server.descriptors()
            for number in range(200):
                with server.connect() as client:
                    text = b"client %d" % number
                    client.sendall(text)
                    client.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive_all(client), text)
            eventually(lambda: server.descriptors() == before, "all connections closed")

    def test_slots_reused_within_a_batch(self):
        with Server() as server:
            for _ in range(20):
                old = [server.connect() for _ in range(40)]
                for client in old:
                    client.sendall(b"old")
                    receive_exactly(client, 3)
                # While the server is stopped, half of its clients leave, the others send, and new ones connect: all
                # in one batch.
                os.kill(server.pid, signal.SIGSTOP)
                for number, client in enumerate(old):
                    if number % 2:
                        client.close()
                    else:
                        client.sendall(b"old %3d" % number)
                new = [server.connect() for _ in range(20)]
                for number, client in enumerate(new):
                    client.sendall(b"new %3d" % number)
                os.kill(server.pid, signal.SIGCONT)
                for number, client in enumerate(new):
                    self.assertEqual(receive_exactly(client, 7), b"new %3d" % number)
                    client.close()
                for number, client in enumerate(old):
                    if number % 2 == 0:
                        self.assertEqual(receive_exactly(client, 7), b"old %3d" % number)
                        client.close()

    def test_out_of_descriptors(self):
        clients_count = 40
        with Server(max_files=20) as server:
            waiting = {}
            for number in range(clients_count):
                client = server.connect()  # the kernel's queue takes it
                client.setblocking(False)
                client.send(b"%6d" % number)
                waiting[client] = b"%6d" % number

            def served(seconds):
                """The clients that received their reply within so many seconds."""
                found = []
                end = time.monotonic() + seconds
                with selectors.DefaultSelector() as selector:
                    for client in waiting:
                        selector.register(client, selectors.EVENT_READ)
                    while (left := end - time.monotonic()) > 0 and len(found) < len(waiting):
                        for key, _ in selector.select(left):
                            self.assertEqual(key.fileobj.recv(100), waiting[key.fileobj])
                            selector.unregister(key.fileobj)
                            found.append(key.fileobj)
                return found

            first = served(1)
            self.assertGreater(len(first), 0)
            self.assertLess(len(first), 20)

            # It neither spins while others wait nor neglects connected clients.
            spent = server.cpu_seconds()
            time.sleep(1)
            self.assertLessEqual(server.cpu_seconds() - spent, 0.05)
            first[0].settimeout(support.PATIENCE)
            first[0].send(b"again")
            self.assertEqual(receive_exactly(first[0], 5), b"again")

            # As clients leave, all waiting ones are served.
            total = len(first)
            leaving = first
            end = time.monotonic() + support.PATIENCE
            while total < clients_count:
                self.assertLess(time.monotonic(), end, f"only {total} of {clients_count} were served")
                for client in leaving:
                    del waiting[client]
                    client.close()
                leaving = served(0.5)
                total += len(leaving)
            for client in waiting:
                client.close()
            self.serves(server)

            status, errors = server.stop()
            self.assertEqual(status, 0)
            # One line each time the condition begins, not per attempt.
            self.assertIn("cannot accept for now", errors)
            self.assertLess(errors.count("\n"), 10)

    def test_signals_end_it_cleanly(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number), Server() as server, server.connect() as client:
                client.sendall(b"open")
                receive_exactly(client, 4)
                self.assertEqual(server.stop(number), (0, ""))
                self.assertEqual(receive_all(client), b"")

    def test_stop_and_continue_is_not_an_error(self):
        with Server() as server:
            for _ in range(5):
                os.kill(server.pid, signal.SIGSTOP)  # interrupts epoll_wait
                os.kill(server.pid, signal.SIGCONT)
            self.serves(server)

    def test_bad_addresses(self):
        for text in "nonsense", "127.0.0.1:99999", "localhost:0":
            result = subprocess.run([support.PROGRAMS[0], text], capture_output=True, timeout=support.PATIENCE)
            self.assertEqual((result.returncode, result.stdout), (2, b""))
            self.assertEqual(result.stderr.count(b"\n"), 1)

    def test_address_in_use(self):
        with Server() as server:
            result = subprocess.run(
                [support.PROGRAMS[0], f"127.0.0.1:{server.port}"], capture_output=True, timeout=support.PATIENCE
            )
            self.assertEqual((result.returncode, result.stdout), (1, b""))
            self.assertIn(b"Address already in use", result.stderr)

    def test_a_thousand_connections_lose_no_byte(self):
        count, size = 1000, 64 << 10
        support.wants_files(count + 100)  # the server inherits that
        data = os.urandom(count + size)
        with Server() as server, selectors.DefaultSelector() as selector:

            class Client:
                def __init__(self, number):
                    self.expected = memoryview(data)[number : number + size]  # another for each
                    self.sent = self.received = 0
                    self.socket = server.connect()
                    self.socket.setblocking(False)

            clients = [Client(number) for number in range(count)]
            for client in clients:
                selector.register(client.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, client)
            open_count = count
            while open_count:
                ready = selector.select(support.PATIENCE)
                self.assertTrue(ready, f"{open_count} connections do not go on")
                for key, events in ready:
                    client = key.data
                    if events & selectors.EVENT_WRITE:
                        # In pieces of odd size, so that all connections are active at once.
                        client.sent += client.socket.send(client.expected[client.sent :][:4999])
                        if client.sent == size:
                            client.socket.shutdown(socket.SHUT_WR)
                            selector.modify(client.socket, selectors.EVENT_READ, client)
                    if events & selectors.EVENT_READ:
                        piece = client.socket.recv(1 << 16)
                        if piece:
                            self.assertEqual(piece, client.expected[client.received :][: len(piece)])
                            client.received += len(piece)
                        else:
                            self.assertEqual(client.received, size)
                            selector.unregister(client.socket)
                            client.socket.close()
                            open_count -= 1
            self.assertEqual(server.stop(), (0, ""))


if __name__ == "__main__":
    support.main()
