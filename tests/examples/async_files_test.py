import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import support
from http_hello_test import answers
from support import eventually, receive_all, receive_exactly


class Files(support.Server):
    """A server of a temporary folder, which is inside another one with a secret."""

    def __init__(self, **options):
        self.outside = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.outside.name, "root")
        (self.root / "folder").mkdir(parents=True)
        (self.root / "empty").mkdir()
        pathlib.Path(self.outside.name, "secret").write_text("secret")
        pathlib.Path(self.outside.name, "root-too").write_text("secret")
        (self.root / "text.txt").write_text("some text")
        (self.root / "folder" / "index.html").write_text("<p>index")
        (self.root / "with space%.txt").write_text("odd")
        (self.root / "nothing").write_text("")
        (self.root / "leads-out").symlink_to(pathlib.Path(self.outside.name, "secret"))
        (self.root / "leads-in").symlink_to(self.root / "text.txt")
        (self.root / "out").symlink_to(self.outside.name)
        os.mkfifo(self.root / "pipe")
        support.Program.__init__(self, str(self.root), "127.0.0.1:0", **options)
        self.port = int(self.next_line().rsplit(":", 1)[1])
        self.address = ("127.0.0.1", self.port)

    def ask(self, target, method=b"GET", close=True):
        """The response (status, header fields, body) to one request."""
        with self.connect() as client:
            if isinstance(target, str):
                target = target.encode()
            client.sendall(method + b" " + target + b" HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            data = receive_all(client)
        if method == b"HEAD":
            head, _, body = data.partition(b"\r\n\r\n")
            return head, body
        [response] = answers(data)
        return response


class Serving(unittest.TestCase):
    def test_files_are_sent_with_their_type(self):
        with Files() as server:
            for target, text, kind in (
                ("/text.txt", b"some text", "text/plain; charset=utf-8"),
                ("/text.txt?query=%zz#part", b"some text", "text/plain; charset=utf-8"),
                ("/%74ext.txt", b"some text", "text/plain; charset=utf-8"),
                ("//text.txt", b"some text", "text/plain; charset=utf-8"),
                ("/folder/../text.txt", b"some text", "text/plain; charset=utf-8"),
                ("/leads-in", b"some text", "text/plain; charset=utf-8"),
                ("/folder", b"<p>index", "text/html; charset=utf-8"),
                ("/folder/", b"<p>index", "text/html; charset=utf-8"),
                ("/with%20space%25.txt", b"odd", "text/plain; charset=utf-8"),
                ("/nothing", b"", "application/octet-stream"),
            ):
                with self.subTest(target):
                    status, fields, body = server.ask(target)
                    self.assertEqual((status, body), (200, text))
                    self.assertEqual(fields["content-type"], kind)
            self.assertEqual(server.stop(), (0, ""))

    def test_nothing_outside_the_folder_is_served(self):
        with Files() as server:
            outside = server.outside.name
            for target in (
                "/../secret",
                "/folder/../../secret",
                "/%2e%2e/secret",
                "/..%2fsecret",
                "/%2e%2e%2fsecret",
                "/..",
                "/../root-too",
                "/leads-out",
                "/out/secret",
                "/out/root/../secret",
                f"/{outside}/secret",
                f"//{outside}/secret",
                f"/%2f{outside}/secret",
                "/../" * 20 + "etc/passwd",
            ):
                with self.subTest(target):
                    status, _, body = server.ask(target)
                    self.assertEqual(status, 404)
                    self.assertNotIn(b"secret", body)
            for target in (
                "/..\\secret",
                "/..%5csecret",
                "/text.txt%00",
                "/c:/secret",
                "/%zz",
                "/%",
                "/%4",
                "text.txt",
                "http://test/text.txt",
                "*",
            ):
                with self.subTest(target):
                    self.assertEqual(server.ask(target)[0], 400)
            self.assertEqual(server.stop(), (0, ""))

    def test_what_is_no_regular_file_is_not_found(self):
        with Files() as server:
            for target in "/", "/empty", "/pipe", "/missing", "/text.txt/", "/text.txt/more", "/" + "x" * 5000:
                with self.subTest(target[:20]):
                    self.assertEqual(server.ask(target)[0], 404)
            # The pipe has not blocked a thread of the pool.
            for _ in range(8):
                server.ask("/pipe")
            self.assertEqual(server.ask("/text.txt")[0], 200)

    def test_methods(self):
        with Files() as server:
            head, body = server.ask("/text.txt", b"HEAD")
            self.assertIn(b"Content-Length: 9\r\n", head)
            self.assertEqual(body, b"")
            self.assertEqual(server.ask("/text.txt", b"POST")[0], 405)

    def test_pipelined_requests_get_responses_in_order(self):
        with Files() as server, server.connect() as client:
            targets = [b"/text.txt", b"/missing", b"/folder", b"/text.txt"] * 50
            client.sendall(b"".join(b"GET %b HTTP/1.1\r\nHost: test\r\n\r\n" % target for target in targets))
            client.shutdown(socket.SHUT_WR)
            self.assertEqual([status for status, _, _ in answers(receive_all(client))], [200, 404, 200, 200] * 50)

    def test_large_file_arrives_whole_also_by_several_slow_clients(self):
        data = os.urandom(30_000_000)
        with Files(measured=True) as server:
            (server.root / "large").write_bytes(data)
            before = server.resident_bytes()
            clients = [server.connect() for _ in range(4)]
            for client in clients:
                client.sendall(b"GET /large HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            time.sleep(0.2)
            for client in clients:
                with client:
                    [(status, _, body)] = answers(receive_all(client))
                    self.assertTrue(status == 200 and body == data)
            self.assertLess(server.resident_bytes() - before, 8 << 20)
            self.assertEqual(server.stop(), (0, ""))

    def test_file_that_becomes_shorter_ends_the_connection(self):
        with Files() as server, server.connect() as client:
            (server.root / "large").write_bytes(bytes(40_000_000))
            client.sendall(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n")
            receive_exactly(client, 100_000)
            os.truncate(server.root / "large", 1000)
            self.assertLess(len(receive_all(client)), 40_000_000)

    def test_clients_that_leave_in_the_middle_leak_nothing(self):
        with Files() as server:
            (server.root / "large").write_bytes(bytes(40_000_000))
            before = server.descriptors()
            for number in range(20):
                client = server.connect()
                client.sendall(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n")
                receive_exactly(client, 1000)
                support.reset(client) if number % 2 else client.close()
            eventually(lambda: server.descriptors() == before, "all connections and files closed")
            self.assertEqual(server.stop(), (0, ""))

    def test_download_under_way_has_a_second_to_end(self):
        data = os.urandom(6_000_000)  # more than the sockets' buffers take
        with Files() as server, server.connect() as quick, server.connect() as slow:
            (server.root / "quick").write_bytes(data)
            (server.root / "slow").write_bytes(data * 4)
            quick.sendall(b"GET /quick HTTP/1.1\r\nHost: test\r\n\r\n")
            slow.sendall(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
            start = receive_exactly(quick, 1000)
            receive_exactly(slow, 1000)
            started = time.monotonic()
            server.process.send_signal(signal.SIGINT)
            [(status, _, body)] = answers(start + receive_all(quick))
            self.assertTrue(status == 200 and body == data)
            self.assertEqual(server.wait(), (0, ""))
            elapsed = time.monotonic() - started
            self.assertGreaterEqual(elapsed, 0.9)
            self.assertLess(elapsed, 1 + support.PATIENCE / 6)

    def test_bad_usage(self):
        for status, arguments in (2, []), (2, [".", "nonsense"]), (2, [".", "127.0.0.1:0", "more"]), (1, ["/missing"]):
            result = subprocess.run(
                [support.PROGRAMS[0], *arguments], capture_output=True, timeout=support.PATIENCE
            )
            self.assertEqual((result.returncode, result.stdout), (status, b""))

    @support.needs("curl")
    def test_curl_downloads_two_files_on_one_connection(self):
        with Files() as server:
            data = os.urandom(5_000_000)
            (server.root / "large").write_bytes(data)
            url = f"http://127.0.0.1:{server.port}"
            result = subprocess.run(
                ["curl", "-sS", "--noproxy", "*", "-w", "%{num_connects}", f"{url}/large", f"{url}/text.txt"],
                capture_output=True,
                timeout=support.PATIENCE,
            )
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertTrue(result.stdout == data + b"1some text0")


if __name__ == "__main__":
    support.main()
