import collections
import contextlib
import fcntl
import os
import selectors
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

import support
from support import eventually, receive_all, receive_exactly


class Room(support.Program):
    """A chat room in a temporary directory, or at a given path."""

    def __init__(self, path=None, **options):
        self.folder = None if path else tempfile.TemporaryDirectory()
        self.path = path or os.path.join(self.folder.name, "room")
        super().__init__(self.path, **options)
        line = self.next_line()
        if line != f"listening on {self.path}":
            self.process.kill()
            raise AssertionError(f"unexpected first line: {line!r}, {self.wait()}")

    def connect(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(support.PATIENCE)
        client.connect(self.path)
        return client

    def join(self, number, *others):
        """Connects and waits until all clients are notified."""
        client = self.connect()
        expect(client, f"* you are {number}\n")
        for other in others:
            expect(other, f"* {number} has come\n")
        return client

    def join_many(self, count):
        clients = []
        for number in range(1, count + 1):
            clients.append(self.join(number, *clients))
        return clients


def expect(client, text):
    """Receives as many bytes as `text` has and expects them to be equal."""
    received = receive_exactly(client, len(text.encode())).decode()
    if received != text:
        raise AssertionError(f"{received!r} instead of {text!r}")


def receive_line(client):
    line = b""
    while not line.endswith(b"\n"):
        line += receive_exactly(client, 1)
    return line


def unread(client):
    """Number of bytes that the peer of `client` has not read."""
    return int.from_bytes(fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def expect_end(client):
    rest = receive_all(client)
    if rest:
        raise AssertionError(f"{rest!r} instead of the end")


def run(path):
    return subprocess.run([support.PROGRAMS[0], path], capture_output=True, text=True, timeout=support.PATIENCE)


class Talk(unittest.TestCase):
    def test_lines_go_to_all_others(self):
        with Room() as room:
            one, two, three = room.join_many(3)
            one.sendall(b"hello\n")
            for other in two, three:
                expect(other, "1: hello\n")
            three.sendall("grüß dich\n".encode())
            for other in one, two:
                expect(other, "3: grüß dich\n")
            two.close()
            for other in one, three:
                expect(other, "* 2 has left\n")
            self.assertEqual(room.stop(), (0, ""))
            for other in one, three:
                expect_end(other)

    def test_numbers_are_unique(self):
        with Room() as room:
            one = room.join(1)
            for number in 2, 3, 4:
                with room.join(number, one):
                    pass
                expect(one, f"* {number} has left\n")

    def test_lines_in_pieces(self):
        with Room() as room:
            one, two, other = room.join_many(3)
            one.sendall(b"be")
            two.sendall(b"mine\n")
            expect(other, "2: mine\n")
            one.sendall(b"gin and")
            two.sendall(b"also mine\n")
            expect(other, "2: also mine\n")
            one.sendall(b" end\nand another\n\nand a part")
            expect(other, "1: begin and end\n1: and another\n1: \n")
            one.close()
            expect(other, "1: and a part\n* 1 has left\n")

    def test_long_lines_are_split(self):
        with Room() as room:
            one, two = room.join_many(2)
            one.sendall(b"a" * 1000 + b"\n" + b"b" * 1001 + b"\n" + b"c" * 50_000 + b"\nend\n")
            expect(two, f"1: {'a' * 1000}\n1: {'b' * 1000}\n1: b\n" + f"1: {'c' * 1000}\n" * 50 + "1: end\n")

    def test_line_that_never_ends_is_not_kept(self):
        with Room(measured=True) as room:
            one, two = room.join_many(2)
            before = room.resident_bytes()
            for _ in range(64):
                one.sendall(b"x" * 256_000)
                expect(two, f"1: {'x' * 1000}\n" * 255)  # the last piece may be a whole line
                one.sendall(b"\n")
                expect(two, f"1: {'x' * 1000}\n")
            self.assertLess(room.resident_bytes() - before, 8 << 20)

    def test_control_characters_are_escaped(self):
        with Room() as room:
            one, two = room.join_many(2)
            for said, shown in support.HOSTILE.items():
                with self.subTest(said):
                    one.sendall(b"a\t" + said + b"\n")
                    self.assertEqual(receive_line(two), b"1: a\t" + shown + b"\n")
            # Also when split into pieces.
            for byte in "\x9b ü\n".encode():
                one.sendall(bytes([byte]))
                eventually(lambda: not unread(one), "the byte is read")
            self.assertEqual(receive_line(two), rb"1: \xc2\x9b " + "ü\n".encode())
            # And in the last line, which is unterminated.
            one.sendall(b"bye \xc2")
            one.close()
            self.assertEqual(receive_line(two), rb"1: bye \xc2" + b"\n")

    def test_telnet_line_ends_are_accepted(self):
        with Room() as room:
            one, two = room.join_many(2)
            one.sendall(b"hello\r\n" + b"x" * 1000 + b"\r")
            expect(two, "1: hello\n")
            one.sendall(b"\n\r\nend\n")
            expect(two, f"1: {'x' * 1000}\n1: \n1: end\n")

    def test_long_lines_are_not_split_within_a_character(self):
        with Room() as room:
            one, two = room.join_many(2)
            one.sendall(("a" + "😀" * 500 + "\n").encode())
            expect(two, "1: a" + "😀" * 249 + "\n1: " + "😀" * 250 + "\n1: 😀\n")

    def test_a_hundred_clients_at_once(self):
        count, lines = 100, 30
        with Room() as room, selectors.DefaultSelector() as selector:
            clients = room.join_many(count)
            received = [bytearray() for _ in clients]
            with room.suspended():
                for number, client in enumerate(clients):
                    client.sendall(b"".join(b"%d\n" % i for i in range(lines)))
                    selector.register(client, selectors.EVENT_READ, number)
            missing = count * (count - 1) * lines
            while missing:
                ready = selector.select(support.PATIENCE)
                self.assertTrue(ready, f"{missing} lines did not come")
                for key, _ in ready:
                    piece = key.fileobj.recv(1 << 16)
                    received[key.data] += piece
                    missing -= piece.count(b"\n")
            for number, text in enumerate(received, 1):
                said = collections.defaultdict(list)
                for line in text.decode().splitlines():
                    sender, _, word = line.partition(": ")
                    said[int(sender)].append(word)
                self.assertEqual(set(said), set(range(1, count + 1)) - {number})
                for words in said.values():
                    self.assertEqual(words, [str(i) for i in range(lines)])
            self.assertEqual(room.stop(), (0, ""))


class SlowAndDead(unittest.TestCase):
    block = b"".join(b"%s %d\n" % (b"x" * 500, i) for i in range(100))
    heard = "".join(f"1: {line}\n" for line in block.decode().splitlines())

    def test_slow_reader_delays_no_one_and_gets_the_number_of_missed_lines(self):
        with Room(measured=True) as room:
            one, two, slow = room.join_many(3)
            before = room.resident_bytes()
            blocks = 400  # twenty megabytes; `slow` reads nothing for now
            for _ in range(blocks):
                one.sendall(self.block)
                expect(two, self.heard)
            self.assertLess(room.resident_bytes() - before, 14 << 20)
            spent = room.cpu_seconds()
            time.sleep(0.5)
            self.assertLessEqual(room.cpu_seconds() - spent, 0.05)

            text = bytearray()
            while b" have missed " not in text or not text.endswith(b"\n"):
                text += slow.recv(1 << 16)
            lines = text.decode().splitlines()
            missed = int(lines.pop().removeprefix("* you have missed ").removesuffix(" lines"))
            self.assertGreater(len("\n".join(lines)), 1_000_000)
            self.assertEqual(len(lines) + missed, blocks * 100)
            self.assertEqual(lines, (self.heard * blocks).splitlines()[: len(lines)])

            # From here on it misses no message.
            for _ in range(3):
                one.sendall(self.block)
                expect(two, self.heard)
                expect(slow, self.heard)
            self.assertEqual(room.stop(), (0, ""))

    def test_lines_that_fit_the_buffer_are_kept(self):
        with Room() as room:
            one, two, slow = room.join_many(3)
            for _ in range(20):  # one megabyte with what the kernel takes
                one.sendall(self.block)
                expect(two, self.heard)
            expect(slow, self.heard * 20)

    def test_half_closed_client_still_receives_lines(self):
        with Room() as room:
            one, two, leaving = room.join_many(3)
            for _ in range(15):
                one.sendall(self.block)
                expect(two, self.heard)
            leaving.sendall(b"bye")
            leaving.shutdown(socket.SHUT_WR)
            for other in one, two:
                expect(other, "3: bye\n")
            # The others continue; it receives the pending messages, then end of stream.
            one.sendall(b"too late\n")
            expect(two, "1: too late\n")
            expect(leaving, self.heard * 15)
            expect_end(leaving)
            for other in one, two:
                expect(other, "* 3 has left\n")

    def test_half_closed_client_that_never_reads_and_is_killed(self):
        with Room() as room:
            one, two, leaving = room.join_many(3)
            before = room.descriptors()
            for _ in range(15):
                one.sendall(self.block)
                expect(two, self.heard)
            leaving.shutdown(socket.SHUT_WR)
            one.sendall(b"still?\n")
            expect(two, "1: still?\n")
            self.assertEqual(room.descriptors(), before)
            leaving.close()
            for other in one, two:
                expect(other, "* 3 has left\n")
            eventually(lambda: room.descriptors() == before - 1, "the connection closed")

    def test_killed_clients_leak_nothing(self):
        with Room() as room:
            one = room.join(1)
            before = room.descriptors()
            for number in range(2, 12):
                victim = subprocess.Popen(
                    [sys.executable, "-c", CHATTERER, room.path], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
                )
                with victim:
                    expect(one, f"* {number} has come\n{number}: in the middle of\n")
                    # Some with unread data, which causes a reset.
                    if number % 2:
                        one.sendall(b"unread\n")
                    victim.kill()
                expect(one, f"{number}: a li\n* {number} has left\n")
            self.assertEqual(room.descriptors(), before)
            self.assertEqual(room.stop(), (0, ""))

    def test_clients_connect_and_leave_while_all_send(self):
        with Room() as room:
            listener = room.join(1)
            text = bytearray()

            def listen():
                while piece := listener.recv(1 << 16):
                    text.extend(piece)

            reader = threading.Thread(target=listen)
            reader.start()
            before = room.descriptors()
            count = 600
            for _ in range(count // 3):
                clients = [room.connect() for _ in range(3)]
                for client in clients:
                    client.sendall(b"hello\n")
                clients.pop().shutdown(socket.SHUT_WR)
                for client in clients:
                    client.close()
            eventually(lambda: text.count(b" has left\n") == count, "all have left")
            self.assertEqual(room.descriptors(), before)
            self.assertEqual(room.stop(), (0, ""))
            reader.join(support.PATIENCE)
            for number in range(2, count + 2):
                for line in f"* {number} has come\n", f"{number}: hello\n", f"* {number} has left\n":
                    self.assertEqual(text.count(b"\n" + line.encode()) + text.startswith(line.encode()), 1, line)

    def test_out_of_descriptors(self):
        with Room(max_files=20) as room:
            clients = [room.connect() for _ in range(40)]
            eventually(lambda: room.descriptors() == 20, "all descriptors in use")
            expect(clients[0], "* you are 1\n")
            spent = room.cpu_seconds()
            time.sleep(1)
            self.assertLessEqual(room.cpu_seconds() - spent, 0.05)
            # As clients leave, waiting ones are accepted.
            for number, client in enumerate(clients, 1):
                with client:
                    if number > 1:
                        expect(client, f"* you are {number}\n")
            status, errors = room.stop()
            self.assertEqual(status, 0)
            self.assertIn("cannot accept for now", errors)


CHATTERER = """
import socket, sys, time
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
client.sendall(b"in the middle of\\na li")
time.sleep(1000)
"""


class Name(unittest.TestCase):
    def test_is_removed_at_the_end(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number), Room() as room:
                self.assertTrue(stat.S_ISSOCK(os.stat(room.path).st_mode))
                client = room.join(1)
                self.assertEqual(room.stop(number), (0, ""))
                self.assertEqual(os.listdir(room.folder.name), [])
                expect_end(client)

    def test_stale_socket_is_replaced(self):
        with Room() as first:
            client = first.join(1)
            first.stop(signal.SIGKILL)
            expect_end(client)
            self.assertTrue(os.path.exists(first.path))
            with Room(first.path) as second:
                one = second.join(1)
                second.join(2, one)
                self.assertEqual(second.stop(), (0, ""))
            self.assertEqual(os.listdir(first.folder.name), [])

    def test_socket_in_use_is_kept(self):
        with Room() as room:
            result = run(room.path)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertIn("Address already in use", result.stderr)
            room.join(2)  # 1 was the attempt to connect, by which it was found out

    def test_other_file_is_kept(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"precious")
            file.flush()
            result = run(file.name)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertIn("Address already in use", result.stderr)
            with open(file.name, "rb") as again:
                self.assertEqual(again.read(), b"precious")

    def test_bad_paths(self):
        for path, message in ("/tmp/" + "x" * 200, "too long"), ("/no/such/folder/room", "No such file"):
            result = run(path)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertIn(message, result.stderr)
        usage = subprocess.run(support.PROGRAMS, capture_output=True, timeout=support.PATIENCE)
        self.assertEqual((usage.returncode, usage.stdout), (2, b""))


class OtherPrograms(unittest.TestCase):
    """External clients."""

    @contextlib.contextmanager
    def started(self, *command):
        client = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with client:
            try:
                yield client
            finally:
                client.kill()

    def talks_and_leaves(self, room, *command):
        one = room.join(1)
        with self.started(*command) as client:
            expect(one, "* 2 has come\n")
            self.assertEqual(client.stdout.readline(), b"* you are 2\n")
            one.sendall(b"welcome\n")
            self.assertEqual(client.stdout.readline(), b"1: welcome\n")
            client.stdin.write(b"thanks\n")
            client.stdin.flush()
            expect(one, "2: thanks\n")
            out, errors = client.communicate(b"bye\n", timeout=support.PATIENCE)
            self.assertEqual((client.returncode, out, errors), (0, b"", b""))
            expect(one, "2: bye\n* 2 has left\n")

    @support.needs("socat")
    def test_socat(self):
        with Room() as room:
            self.talks_and_leaves(room, "socat", "-", f"UNIX-CONNECT:{room.path}")

    @support.needs("nc")
    def test_netcat(self):
        with Room() as room:
            self.talks_and_leaves(room, "nc", "-N", "-U", room.path)

    @support.needs("curl")
    def test_curl(self):
        with Room() as room:
            one = room.join(1)
            with self.started("curl", "-sSN", "--unix-socket", room.path, "telnet://room") as client:
                # It reads pending data between the messages, and stays connected.
                client.stdin.write(b"hello\n")
                client.stdin.close()
                expect(one, "* 2 has come\n2: hello\n")
                self.assertEqual(client.stdout.readline(), b"* you are 2\n")
                one.sendall(b"welcome\n")
                self.assertEqual(client.stdout.readline(), b"1: welcome\n")
                self.assertEqual(room.stop(), (0, ""))
                self.assertEqual(client.wait(support.PATIENCE), 0)


if __name__ == "__main__":
    support.main()
