import re
import signal
import socket
import struct
import subprocess
import unittest

import support
from support import Program, Server

PACKET = 1200
ECT0, CE = 2, 3

# Names that Python's socket module lacks.
IP_RECVTOS = 13
IPV6_RECVTCLASS = 66
UDP_SEGMENT = 103


def client(address, family=socket.AF_INET):
    """A separate socket, connected to the server, that receives the TOS byte."""
    result = socket.socket(family, socket.SOCK_DGRAM)
    result.settimeout(support.PATIENCE)
    if family == socket.AF_INET:
        result.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
    else:
        result.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
    result.connect(address)
    return result


def request(number, wanted, size=PACKET):
    return struct.pack(">QI", number, wanted).ljust(size, b"\0")[:size]


class Everywhere(Program):
    """A server at every IPv4 and IPv6 address of the machine."""

    def __init__(self):
        super().__init__("[::]:0")
        self.port = int(self.next_line().rsplit(":", 1)[1])


class QuicLikeUdp(unittest.TestCase):
    def receive(self, some):
        """The next packet: identifier, number, counts of ECT(0), ECT(1) and CE, and the packet's own mark."""
        data, control, flags, _ = some.recvmsg(2000, 200)
        self.assertEqual((len(data), flags & socket.MSG_CTRUNC), (PACKET, 0))
        self.assertEqual(len(control), 1)
        tos = control[0][2][0]
        return *struct.unpack(">Q4I", data[:24]), tos & 3

    def summary(self, server):
        """Its final report: datagrams, buffers, requests, packets, sends, errors."""
        self.assertEqual(server.stop(), (0, ""))
        line = server.next_line()
        match = re.fullmatch(
            r"received (\d+) datagrams in (\d+) buffers, served (\d+) requests with (\d+) packets in (\d+) datagrams, "
            r"took (\d+) errors",
            line,
        )
        self.assertTrue(match, line)
        self.assertIsNone(server.next_line())
        return tuple(int(group) for group in match.groups())

    def test_reply_is_segmented_and_marked(self):
        with Server() as server, client(server.address) as some:
            some.send(request(7, 3))
            self.assertEqual([self.receive(some) for _ in range(3)], [(7, i, 0, 0, 0, ECT0) for i in range(3)])
            self.assertEqual(self.summary(server), (1, 1, 1, 3, 1, 0))

    def test_reply_is_limited_to_three_times_the_request(self):
        with Server() as server, client(server.address) as some:
            some.send(request(1, 3, 12))  # none
            some.send(request(2, 100, 400))  # one
            some.send(request(3, 100, 799))  # one
            some.send(request(4, 100))  # three
            some.send(b"short")
            some.send(b"")
            some.send(request(5, 0))
            some.send(request(6, 1))
            received = [self.receive(some)[:2] for _ in range(6)]
            self.assertEqual(received, [(2, 0), (3, 0), (4, 0), (4, 1), (4, 2), (6, 0)])
            self.assertEqual(self.summary(server), (8, 8, 4, 6, 4, 0))

    def test_counts_marks(self):
        with Server() as server, client(server.address) as some:
            for mark in ECT0, ECT0, CE, 0:
                some.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, mark)
                some.send(request(9, 1))
                reply = self.receive(some)
            self.assertEqual(reply, (9, 0, 2, 0, 1, ECT0))
            self.summary(server)

    def test_coalesced_requests_are_served_one_by_one(self):
        with Server() as server, client(server.address) as some:
            some.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, PACKET)
            with server.suspended():
                some.send(b"".join(request(i, 2) for i in range(20)))
            self.assertEqual([self.receive(some)[:2] for _ in range(40)], [(i, j) for i in range(20) for j in range(2)])
            self.assertEqual(self.summary(server), (20, 1, 20, 40, 20, 0))

    def test_replies_from_the_address_that_was_asked(self):
        # A connected socket receives from the address that it asked only.
        with Everywhere() as server:
            for address in "127.0.0.1", "127.0.0.2", "127.1.2.3":
                with client((address, server.port)) as some:
                    some.send(request(1, 2))
                    self.assertEqual([self.receive(some)[5] for _ in range(2)], [ECT0, ECT0])
            with client(("::1", server.port), socket.AF_INET6) as some:
                some.send(request(1, 2))
                self.assertEqual([self.receive(some)[5] for _ in range(2)], [ECT0, ECT0])
            self.assertEqual(self.summary(server), (4, 4, 4, 8, 4, 0))

    def test_serves_many_clients_in_batches(self):
        with Server() as server:
            clients = [client(server.address) for _ in range(100)]
            with server.suspended():
                for number, some in enumerate(clients):
                    some.send(request(number, 1, 400))  # so short that the server's buffer holds all
            for number, some in enumerate(clients):
                self.assertEqual(self.receive(some)[:2], (number, 0))
            self.assertEqual(self.summary(server), (100, 100, 100, 100, 100, 0))

    def test_clients_that_are_gone_are_counted_and_do_not_affect_others(self):
        with Server() as server:
            with server.suspended():
                for number in range(5):
                    with client(server.address) as some:
                        some.send(request(number, 1))
                remaining = client(server.address)
                remaining.send(request(99, 3))
            self.assertEqual([self.receive(remaining)[:2] for _ in range(3)], [(99, 0), (99, 1), (99, 2)])
            for _ in range(3):  # the errors have arrived and been taken
                remaining.send(request(100, 1))
                self.assertEqual(self.receive(remaining)[:2], (100, 0))
            received, _, requests, packets, _, errors = self.summary(server)
            self.assertEqual((received, requests, packets, errors), (9, 9, 11, 5))

    def test_waiting_uses_no_processor_time(self):
        with Server() as server, client(server.address) as some:
            with server.suspended(), client(server.address) as gone:
                gone.send(request(1, 1))
            some.send(request(2, 1))
            self.receive(some)
            spent = server.cpu_seconds()
            some.settimeout(0.5)
            with self.assertRaises(TimeoutError):
                some.recv(1)
            self.assertLessEqual(server.cpu_seconds() - spent, 0.05)

    def test_signals_end_it_cleanly(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number), Server() as server:
                self.assertEqual(server.stop(number), (0, ""))

    def test_bad_addresses(self):
        for text in "nonsense", "127.0.0.1:99999", "localhost:0":
            result = subprocess.run([support.PROGRAMS[0], text], capture_output=True, timeout=support.PATIENCE)
            self.assertEqual((result.returncode, result.stdout), (2, b""))
            self.assertEqual(result.stderr.count(b"\n"), 1)


support.main()
