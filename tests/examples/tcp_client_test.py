import os
import socket
import subprocess
import termios
import threading
import unittest

import support


def run(*arguments, input=b""):
    return subprocess.run(
        support.PROGRAMS + list(arguments), input=input, capture_output=True, timeout=support.PATIENCE
    )


class OneConnection:
    """A listener that passes its first connection to `serve` in a thread."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.name = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, args=[serve])

    def run(self, serve):
        self.listener.settimeout(support.PATIENCE)
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(support.PATIENCE)
            serve(connection)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.listener.close()


class TcpClient(unittest.TestCase):
    def one_line(self, text):
        self.assertEqual(text.count(b"\n"), 1, text)
        self.assertTrue(text.startswith(b"tcp_client: "), text)

    def test_sends_its_argument_and_prints_the_reply(self):
        # The reply starts only after the client has shut down its side.
        with OneConnection(lambda c: c.sendall(support.receive_all(c).upper())) as server:
            result = run(server.name, "some text")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"SOME TEXT", b""))

    def on_a_terminal(self, *pieces):
        """Terminal output for a reply in pieces, each sent after the client has read the previous one."""

        def serve(connection):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                connection.sendall(piece)
                support.eventually(lambda: not support.unread(connection.getpeername()[1]), "the piece is read")

        master, slave = os.openpty()
        # Line feeds are unchanged, and nothing is echoed.
        settings = termios.tcgetattr(slave)
        settings[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        with OneConnection(serve) as server:
            client = subprocess.Popen([*support.PROGRAMS, server.name, ""], stdin=subprocess.DEVNULL, stdout=slave)
            os.close(slave)
            shown = b""
            try:
                while piece := os.read(master, 1 << 16):
                    shown += piece
            except OSError:
                pass  # EIO: the client has ended
            self.assertEqual(client.wait(support.PATIENCE), 0)
        os.close(master)
        return shown

    def test_terminal_output_is_escaped(self):
        for said, shown in support.HOSTILE.items():
            with self.subTest(said):
                self.assertEqual(self.on_a_terminal(said + b"\n\tend"), shown + b"\n\tend")

    def test_terminal_output_joins_split_characters(self):
        self.assertEqual(
            self.on_a_terminal(*(bytes([byte]) for byte in "\x9bü😀\n".encode() + b"\xe2\x80")),
            rb"\xc2\x9b" + "ü😀\n".encode() + rb"\xe2\x80",
        )

    def test_pipe_output_is_not_escaped(self):
        for said in support.HOSTILE:
            with self.subTest(said), OneConnection(lambda c: c.sendall(said)) as server:
                self.assertEqual(run(server.name, "").stdout, said)

    def test_sends_standard_input_while_the_reply_arrives(self):
        def echo(connection):
            while data := connection.recv(1 << 16):
                connection.sendall(data)

        text = os.urandom(5_000_000)
        with OneConnection(echo) as server:
            result = run(server.name, input=text)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual(result.stdout, text)

    def test_sends_nothing(self):
        with OneConnection(lambda c: c.sendall(b"got %d" % len(support.receive_all(c)))) as server:
            result = run(server.name, "")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"got 0", b""))

    def test_refused(self):
        with socket.socket() as unused:  # bound, to reserve the port, and not listening
            unused.bind(("127.0.0.1", 0))
            result = run("127.0.0.1:%d" % unused.getsockname()[1], "text")
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.one_line(result.stderr)
        self.assertIn(b"Connection refused", result.stderr)

    def test_reset_by_the_server(self):
        def serve(connection):
            connection.recv(1)
            support.reset(connection)

        with OneConnection(serve) as server:
            result = run(server.name, input=bytes(10_000_000))
        self.assertEqual(result.returncode, 1)
        self.one_line(result.stderr)

    def test_bad_addresses(self):
        for text in "nonsense", "localhost:80", "127.0.0.1", "127.0.0.1:65536", "::1:80", "":
            with self.subTest(text):
                result = run(text, "text")
                self.assertEqual((result.returncode, result.stdout), (2, b""))
                self.one_line(result.stderr)

    def test_usage(self):
        for arguments in [], ["127.0.0.1:1", "text", "more"]:
            result = run(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, b""))
            self.assertIn(b"usage", result.stderr)


support.main()
