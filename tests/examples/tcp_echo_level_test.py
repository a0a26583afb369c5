import os
import socket
import subprocess
import time
import unittest

import support
from support import Server, eventually, receive_all, receive_exactly


class TcpEchoLevel(unittest.TestCase):
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

    def test_half_close_echoes_the_rest_and_closes(self):
        with Server() as server, server.connect() as client:
            client.sendall(b"two" * 10_000)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(client), b"two" * 10_000)

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

    def test_client_that_never_reads_is_throttled(self):
        with Server() as server, server.connect() as client:
            client.settimeout(0.5)  # longer than the server could take to make room
            sent = 0
            try:
                while sent < 64 << 20:  # more than the kernel buffers
                    sent += client.send(bytes(1 << 16))
                self.fail("the server takes all and reads on")
            except TimeoutError:
                pass
            # Waiting costs no processor time, although the connection stays readable; other clients are served.
            spent = server.cpu_seconds()
            time.sleep(0.5)
            self.assertLessEqual(server.cpu_seconds() - spent, 0.05)
            self.serves(server)
            client.settimeout(support.PATIENCE)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(len(receive_all(client)), sent)

    def test_out_of_descriptors(self):
        with Server(max_files=20) as server:
            clients = [server.connect() for _ in range(30)]  # the kernel's queue takes those that are not accepted
            eventually(lambda: server.descriptors() == 20, "no descriptor is left")
            spent = server.cpu_seconds()
            time.sleep(0.5)
            self.assertLessEqual(server.cpu_seconds() - spent, 0.05)
            for client in clients:
                client.sendall(b"hello")
            for client in clients:
                self.assertEqual(receive_exactly(client, 5), b"hello")
                client.close()
            self.serves(server)


support.main()
