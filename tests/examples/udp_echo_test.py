import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import unittest

import support
from support import Server


def client(server):
    """A separate socket, connected to the server."""
    result = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    result.settimeout(support.PATIENCE)
    result.connect(server.address)
    return result


class UdpEcho(unittest.TestCase):
    def serves(self, server):
        with client(server) as some:
            some.send(b"still there?")
            self.assertEqual(some.recv(100), b"still there?")

    def summary(self, server):
        """Its final report: datagrams received, batches, and datagrams echoed."""
        self.assertEqual(server.stop(), (0, ""))
        line = server.next_line()
        match = re.fullmatch(r"received (\d+) datagrams in (\d+) batches, answered (\d+) with (\d+) bytes", line)
        self.assertTrue(match, line)
        self.assertIsNone(server.next_line())
        return tuple(int(group) for group in match.groups())

    def test_every_size(self):
        sizes = [0, 1, 2, 1000, 1472, 1473, 10_000, 65_506, 65_507]
        with Server() as server, client(server) as some:
            for size in sizes:
                data = os.urandom(size)
                some.send(data)
                self.assertEqual(some.recv(1 << 16), data)
            self.assertEqual(self.summary(server), (len(sizes), len(sizes), len(sizes), sum(sizes)))

    def test_echoes_thousands_of_datagrams_to_their_senders(self):
        count, senders, window = 500, 20, 10  # so few at a time fit every buffer, and none may be lost
        with Server() as server:
            clients = [client(server) for _ in range(senders)]
            for first in range(0, count, window):
                for number, some in enumerate(clients):
                    for i in range(first, first + window):
                        some.send(b"%d: %d" % (number, i))
                for number, some in enumerate(clients):
                    for i in range(first, first + window):
                        self.assertEqual(some.recv(100), b"%d: %d" % (number, i))
            received, _, answered, _ = self.summary(server)
            self.assertEqual((received, answered), (count * senders, count * senders))

    def test_receives_queued_datagrams_in_batches(self):
        with Server() as server, client(server) as some:
            with server.suspended():
                for i in range(200):
                    some.send(b"%d" % i)
            self.assertEqual([some.recv(100) for _ in range(200)], [b"%d" % i for i in range(200)])
            self.assertEqual(self.summary(server)[:3], (200, 4, 200))  # 64 at a time

    def test_closed_senders_do_not_affect_others(self):
        with Server() as server:
            with server.suspended():
                for _ in range(20):
                    with client(server) as some:
                        some.send(b"nobody will be there for the answer")
            self.serves(server)
            self.assertEqual(self.summary(server)[0], 21)

    @unittest.skipUnless(os.geteuid() == 0, "only root may forge a sender")
    def test_sender_that_cannot_be_reached_is_skipped(self):
        with Server() as server, client(server) as some:
            forger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
            from_port_0 = struct.pack("!HHHH", 0, server.port, 8 + 6, 0) + b"forged"
            with forger, server.suspended():  # so that all three are one batch
                some.send(b"before")
                forger.sendto(from_port_0, ("127.0.0.1", 0))
                some.send(b"after")
            self.assertEqual([some.recv(100), some.recv(100)], [b"before", b"after"])
            received, _, answered, _ = self.summary(server)
            self.assertEqual((received, answered), (3, 2))

    def test_signal_ends_it_during_a_flood(self):
        with Server() as server:
            over = threading.Event()

            def flood():
                with client(server) as some:
                    some.setblocking(False)
                    while not over.is_set():
                        try:
                            some.send(bytes(random.randrange(1000)))
                        except (BlockingIOError, ConnectionRefusedError):
                            pass

            threads = [threading.Thread(target=flood) for _ in range(2)]
            for thread in threads:
                thread.start()
            try:
                self.serves_amid_flood(server)
                received, _, answered, _ = self.summary(server)
            finally:
                over.set()
                for thread in threads:
                    thread.join()
            self.assertGreater(received, 0)
            self.assertEqual(received, answered)

    def serves_amid_flood(self, server):
        # A single datagram may be lost; not all of many.
        with client(server) as some:
            for _ in range(1000):
                some.send(b"?")
                if select.select([some], [], [], 0.1)[0]:
                    return
        self.fail("no answer")

    def test_waiting_uses_no_processor_time(self):
        with Server() as server:
            self.serves(server)
            before = server.descriptors()
            spent = server.cpu_seconds()
            for _ in range(5):
                os.kill(server.pid, signal.SIGSTOP)  # interrupts epoll_wait
                os.kill(server.pid, signal.SIGCONT)
            with self.assertRaises(TimeoutError), client(server) as some:
                some.settimeout(0.5)
                some.recv(1)
            self.assertLessEqual(server.cpu_seconds() - spent, 0.05)
            self.assertEqual(server.descriptors(), before)
            self.serves(server)

    def test_signals_end_it_cleanly(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number), Server() as server:
                self.serves(server)
                self.assertEqual(server.stop(number), (0, ""))

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

    @support.needs("nc")
    def test_netcat(self):
        with Server() as server:
            netcat = subprocess.Popen(
                ["nc", "-u", "127.0.0.1", str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            with netcat:
                for line in b"one\n", b"two\n":
                    netcat.stdin.write(line)
                    netcat.stdin.flush()
                    self.assertEqual(netcat.stdout.readline(), line)
                netcat.kill()
            self.assertEqual(self.summary(server), (2, 2, 2, 8))


support.main()
