import re
import signal
import socket
import threading
import time
import unittest

import support
from support import Server


class SignalsAndTimers(unittest.TestCase):
    def send(self, server, count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for _ in range(count):
                client.sendto(b"count me", server.address)

    def next_second(self, server):
        """The contents of the next tick: number of datagrams and seconds."""
        line = server.next_line()
        match = re.fullmatch(r"(\d+) datagrams in (\d+) s", line)
        self.assertTrue(match, line)
        return int(match[1]), int(match[2])

    def test_ticks_once_per_second(self):
        start = time.monotonic()
        with Server() as server:
            seconds = sum(self.next_second(server)[1] for _ in range(3))
            self.assertGreaterEqual(seconds, 3)
            self.assertGreaterEqual(time.monotonic() - start, seconds)
            self.assertEqual(server.stop()[0], 0)

    def test_counts_every_datagram_once(self):
        with Server() as server:
            with server.suspended():
                self.send(server, 200)  # more than it takes at once
            counted = self.next_second(server)[0]
            self.send(server, 7)
            for _ in range(support.PATIENCE):
                if counted >= 207:
                    break
                counted += self.next_second(server)[0]
            self.assertEqual(counted, 207)
            server.process.send_signal(signal.SIGUSR1)
            while (line := server.next_line()).endswith(" s"):
                self.assertTrue(line.startswith("0 "), line)
            self.assertEqual(line, "207 datagrams in all")
            self.assertEqual(server.stop(), (0, ""))

    def test_simultaneous_signals_are_all_reported(self):
        with Server() as server:
            with server.suspended():
                for number in signal.SIGUSR1, signal.SIGTERM:
                    server.process.send_signal(number)
            self.assertEqual(server.wait(), (0, ""))
            lines = []
            while line := server.next_line():
                lines.append(line)
            self.assertEqual(lines.count("0 datagrams in all"), 2)

    def test_missed_ticks_are_counted(self):
        with Server() as server:
            self.next_second(server)
            with server.suspended():
                time.sleep(2.1)
            self.assertGreaterEqual(self.next_second(server)[1], 2)

    def test_flood_delays_neither_timer_nor_signals(self):
        with Server() as server:
            over = threading.Event()

            def flood():
                while not over.is_set():
                    self.send(server, 100)

            thread = threading.Thread(target=flood)
            thread.start()
            try:
                for _ in range(2):
                    self.assertGreater(self.next_second(server)[0], 0)
                self.assertEqual(server.stop(), (0, ""))
            finally:
                over.set()
                thread.join()

    def test_signals_end_it_cleanly(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number), Server() as server:
                self.assertEqual(server.stop(number), (0, ""))
                self.assertEqual(server.next_line(), "0 datagrams in all")


support.main()
