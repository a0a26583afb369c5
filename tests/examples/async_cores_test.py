import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import unittest

import support
from support import Server, eventually, receive_all, receive_exactly


class Cores(unittest.TestCase):
    def end(self, server):
        """Ends the server; returns the number of clients that each core has served."""
        self.assertEqual(server.stop(), (0, ""))
        lines = []
        while (line := server.next_line()) is not None:
            lines.append(line)
        return [int(re.fullmatch(r"core \d+ has served (\d+) clients", line)[1]) for line in lines]

    def sockets(self, server):
        """Number of open sockets. Other descriptors belong to the loops, which begin after the first line of output."""
        folder = f"/proc/{server.pid}/fd"
        count = 0
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(f"{folder}/{name}").startswith("socket:")
        return count

    def test_every_client_is_served_once_whichever_way(self):
        for way in "share", "hand":
            with self.subTest(way), Server(way) as server:
                before = self.sockets(server)
                data = os.urandom(200_000)
                clients = [server.connect() for _ in range(60)]
                for number, client in enumerate(clients):
                    client.sendall(data[number : number + 50_000])
                    client.shutdown(socket.SHUT_WR)
                for number, client in enumerate(clients):
                    with client:
                        self.assertEqual(receive_all(client), data[number : number + 50_000])
                eventually(lambda: self.sockets(server) == before, "all connections closed")
                served = self.end(server)
                self.assertEqual(len(served), os.cpu_count())
                self.assertEqual(sum(served), 60)

    def are_waiting(self, server):
        """Whether every core's thread has made its loop and waits."""
        tasks = f"/proc/{server.pid}/task"
        states = [pathlib.Path(tasks, task, "stat").read_text().rsplit(")", 1)[1].split()[0] for task in os.listdir(tasks)]
        folder = f"/proc/{server.pid}/fd"
        loops = [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)].count("anon_inode:[eventfd]")
        return len(states) == os.cpu_count() + 1 == loops and set(states) == {"S"}

    def test_streams_are_handed_to_the_cores_in_turn(self):
        with Server("hand") as server:
            eventually(lambda: self.are_waiting(server), "all cores wait")
            for number in range(4 * os.cpu_count()):
                with server.connect() as client:
                    client.sendall(b"one")
                    self.assertEqual(receive_exactly(client, 3), b"one")
            served = self.end(server)
            self.assertEqual(sum(served), 4 * os.cpu_count())
            self.assertGreater(min(served), 0)

    def test_signals_end_it_cleanly_with_clients_connected(self):
        for way in "share", "hand":
            for number in signal.SIGINT, signal.SIGTERM:
                with self.subTest(way, number=number), Server(way) as server:
                    clients = [server.connect() for _ in range(20)]
                    for client in clients:
                        client.sendall(b"open")
                        receive_exactly(client, 4)
                    self.assertEqual(server.stop(number), (0, ""))
                    for client in clients:
                        self.assertEqual(receive_all(client), b"")

    def test_bad_usage(self):
        for arguments in ["nonsense"], ["127.0.0.1:0", "nonsense"], ["127.0.0.1:0", "hand", "more"]:
            result = subprocess.run(
                [support.PROGRAMS[0], *arguments], capture_output=True, timeout=support.PATIENCE
            )
            self.assertEqual((result.returncode, result.stdout), (2, b""))

    def test_address_in_use(self):
        with Server() as server:
            for way in "share", "hand":
                result = subprocess.run(
                    [support.PROGRAMS[0], f"127.0.0.1:{server.port}", way],
                    capture_output=True,
                    timeout=support.PATIENCE,
                )
                self.assertEqual((result.returncode, result.stdout), (1, b""))
                self.assertIn(b"Address already in use", result.stderr)


if __name__ == "__main__":
    support.main()
