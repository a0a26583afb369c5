import signal
import socket
import subprocess
import threading
import time
import unittest

import support
from support import Program, eventually, receive_all, receive_exactly


class Server(Program):
    def __init__(self, seconds=None, **options):
        super().__init__("127.0.0.1:0", *([] if seconds is None else [str(seconds)]), **options)
        self.port = int(self.next_line().rsplit(":", 1)[1])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=support.PATIENCE)

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)


class GracefulShutdown(unittest.TestCase):
    def begin(self, server, connections):
        """Begins to drain, with so many connections left."""
        server.signal()
        self.assertEqual(server.next_line(), f"draining {connections} connections")

    def refuses(self, server):
        with self.assertRaises(ConnectionRefusedError):
            server.connect()

    def test_serves_lines(self):
        with Server() as server, server.connect() as client:
            client.sendall(b"one\ntwo\nthr")
            self.assertEqual(receive_exactly(client, 8), b"ONE\nTWO\n")
            client.sendall(b"ee\n")
            self.assertEqual(receive_exactly(client, 6), b"THREE\n")

    def test_without_clients_ends_at_once(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with Server() as server:
                self.assertEqual(server.stop(number), (0, ""))

    def test_idle_clients_are_ended(self):
        with Server() as server, server.connect() as client:
            client.sendall(b"one\n")
            receive_exactly(client, 4)
            self.begin(server, 1)
            self.assertEqual(receive_all(client), b"")
            self.refuses(server)
            client.close()
            self.assertEqual(server.wait(), (0, ""))

    def test_a_request_under_way_gets_its_reply(self):
        with Server() as server, server.connect() as client:
            client.sendall(b"one\nhalf a li")
            receive_exactly(client, 4)
            self.begin(server, 1)
            self.refuses(server)
            client.sendall(b"ne\n")
            self.assertEqual(receive_all(client), b"HALF A LINE\n")
            client.close()
            self.assertEqual(server.wait(), (0, ""))

    def test_a_reply_under_way_is_completed(self):
        data = b"x" * 63 * 1024 + b"\n"
        with Server() as server, server.connect() as client:
            client.setblocking(False)
            # Requests until the replies fill the kernel's buffers.
            sent = 0
            end = time.monotonic() + 1
            while time.monotonic() < end:
                try:
                    sent += client.send(data[sent % len(data) :])
                    end = time.monotonic() + 1
                except BlockingIOError:
                    time.sleep(0.01)
            self.begin(server, 1)
            client.settimeout(support.PATIENCE)
            rest = threading.Thread(target=client.sendall, args=(data[sent % len(data) :],))
            rest.start()
            received = receive_all(client)
            rest.join()
            self.assertEqual(received, data.upper() * (sent // len(data) + 1))
            client.close()
            self.assertEqual(server.wait(), (0, ""))

    def test_requests_that_arrived_before_the_signal_get_their_replies(self):
        request = b"x" * 5000 + b"\n"
        with Server() as server, server.connect() as accepted:
            accepted.sendall(b"one\n")
            self.assertEqual(receive_exactly(accepted, 4), b"ONE\n")
            with server.suspended():
                clients = [server.connect() for _ in range(5)] + [accepted]
                for client in clients:
                    client.sendall(request * 10)  # more than the server reads at once
                server.signal()
            for client in clients:
                self.assertEqual(receive_all(client), request.upper() * 10)
                client.close()
            self.assertEqual(server.wait(), (0, ""))

    def test_a_request_that_arrives_with_the_signal_gets_its_reply(self):
        with Server() as server, server.connect() as client:
            client.sendall(b"one\n")
            self.assertEqual(receive_exactly(client, 4), b"ONE\n")
            with server.suspended():
                server.signal()
                client.sendall(b"two\n")
            self.assertEqual(receive_all(client), b"TWO\n")
            client.close()
            self.assertEqual(server.wait(), (0, ""))

    def test_out_of_descriptors(self):
        with Server(max_files=20) as server:
            clients = [server.connect() for _ in range(30)]  # the kernel's queue takes those that are not accepted
            eventually(lambda: server.descriptors() == 20, "no descriptor is left")
            spent = server.cpu_seconds()
            time.sleep(0.5)
            self.assertLessEqual(server.cpu_seconds() - spent, 0.05)
            for client in clients:
                client.sendall(b"hello\n")
            for client in clients:
                self.assertEqual(receive_exactly(client, 6), b"HELLO\n")
                client.close()
            with server.connect() as client:
                client.sendall(b"still there?\n")
                self.assertEqual(receive_exactly(client, 13), b"STILL THERE?\n")

    def test_signal_out_of_descriptors_drains_the_accepted_clients(self):
        with Server(max_files=20) as server:
            clients = [server.connect() for _ in range(30)]
            eventually(lambda: server.descriptors() == 20, "no descriptor is left")
            server.signal()
            self.assertRegex(server.next_line(), "draining 1[0-9] connections")
            for client in clients:
                client.close()
            self.assertEqual(server.wait(), (0, ""))

    def test_clients_in_the_queue_are_not_reset(self):
        with Server() as server:
            with server.suspended():
                clients = [server.connect() for _ in range(5)]
                for client in clients:
                    client.sendall(b"hello\n")
                server.signal()
            for client in clients:
                self.assertIn(receive_all(client), (b"HELLO\n", b""))
                client.close()
            self.assertEqual(server.wait(), (0, ""))

    def test_data_sent_late_does_not_destroy_replies(self):
        with Server() as server, server.connect() as client:
            client.sendall(b"one\n")
            eventually(lambda: client.recv(4, socket.MSG_PEEK) == b"ONE\n", "the reply has arrived")
            self.begin(server, 1)
            client.sendall(b"two\n" * 1000)  # meets a server that has ended its direction
            self.assertEqual(receive_all(client), b"ONE\n")
            client.close()
            self.assertEqual(server.wait(), (0, ""))

    def test_clients_that_do_not_leave_are_cut_off_at_the_deadline(self):
        with Server(1) as server, server.connect() as client:
            client.sendall(b"half a line")
            eventually(lambda: not support.unread(server.port), "the server has read it")
            begun = time.monotonic()
            self.begin(server, 1)
            status, errors = server.wait()
            self.assertGreaterEqual(time.monotonic() - begun, 1)
            self.assertEqual((status, errors), (1, "graceful_shutdown: 1 connections were cut off\n"))

    def test_a_second_signal_ends_it(self):
        with Server(3600) as server, server.connect() as client:
            client.sendall(b"half a line")
            eventually(lambda: not support.unread(server.port), "the server has read it")
            self.begin(server, 1)
            self.assertEqual(server.stop(signal.SIGINT)[0], 1)

    def test_bad_arguments(self):
        for arguments in ["nonsense"], ["127.0.0.1:0", "-1"], ["127.0.0.1:0", "x"], ["127.0.0.1:0", "1", "2"]:
            result = subprocess.run(
                [support.PROGRAMS[0], *arguments], capture_output=True, timeout=support.PATIENCE
            )
            self.assertEqual((result.returncode, result.stdout), (2, b""))


support.main()
