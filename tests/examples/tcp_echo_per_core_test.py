import os
import signal
import socket
import subprocess
import threading
import unittest

import support
from support import Program, Server, eventually, receive_all, receive_exactly


class Threads(Program):
    """A server with so many threads."""

    def __init__(self, threads):
        super().__init__("127.0.0.1:0", str(threads))
        self.port = int(self.next_line().rsplit(":", 1)[1])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=support.PATIENCE)


class TcpEchoPerCore(unittest.TestCase):
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

    def test_each_loop_gets_the_same_number_of_clients(self):
        with Threads(3) as server:
            for number in range(30):
                with server.connect() as client:
                    client.sendall(b"client %d" % number)
                    client.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive_all(client), b"client %d" % number)
            self.assertEqual(server.stop(), (0, ""))
            for loop in range(3):
                self.assertEqual(server.next_line(), f"loop {loop} has served 10 clients")

    def test_many_clients_at_once(self):
        with Threads(4) as server:
            before = server.descriptors()

            def talk(number):
                for turn in range(20):
                    text = (b"%d.%d " % (number, turn)) * 5000
                    with server.connect() as client:
                        client.sendall(text)
                        client.shutdown(socket.SHUT_WR)
                        results[number] += receive_all(client) == text

            results = [0] * 8
            threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(results, [20] * 8)
            eventually(lambda: server.descriptors() == before, "all connections closed")
            self.assertEqual(server.stop(), (0, ""))

    def test_a_client_that_never_reads_does_not_delay_the_others(self):
        with Threads(1) as server, server.connect() as client:
            client.settimeout(0.3)
            try:
                while True:
                    client.send(bytes(1 << 16))
            except TimeoutError:
                pass
            with server.connect() as other:
                other.sendall(b"hello")
                self.assertEqual(receive_exactly(other, 5), b"hello")

    def test_signals_end_it_with_clients_connected(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number), Server() as server, server.connect() as client:
                client.sendall(b"open")
                receive_exactly(client, 4)
                self.assertEqual(server.stop(number), (0, ""))
                self.assertEqual(receive_all(client), b"")

    def test_bad_arguments(self):
        for arguments in ["nonsense"], ["127.0.0.1:0", "0"], ["127.0.0.1:0", "-1"], ["127.0.0.1:0", "x"]:
            result = subprocess.run(
                [support.PROGRAMS[0], *arguments], capture_output=True, timeout=support.PATIENCE
            )
            self.assertEqual((result.returncode, result.stdout), (2, b""))


support.main()
