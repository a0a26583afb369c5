import os
import re
import signal
import socket
import subprocess
import time
import unittest

import support
from support import Server, eventually, receive_all

HELLO = b"Hello, world!\n"
GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


def answers(data):
    """Parses `data` into responses (status, header fields, body), none of them to HEAD."""
    result = []
    begin = 0
    while begin < len(data):
        end = data.find(b"\r\n\r\n", begin)
        if end == -1:
            raise AssertionError(f"cut off: {data[begin:][:1000]!r}")
        status, *lines = data[begin:end].decode().split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) .+", status)
        if not match:
            raise AssertionError(f"bad status line: {status!r}")
        fields = dict(line.lower().split(": ", 1) for line in lines)
        begin = end + 4 + int(fields.get("content-length", 0))
        if begin > len(data):
            raise AssertionError(f"body cut off after {len(data) - end - 4} bytes: {data[end:][:1000]!r}")
        result.append((int(match[1]), fields, data[end + 4 : begin]))
    return result


class Raw(unittest.TestCase):
    """Requests at the wire level."""

    def ask(self, server, *pieces, pause=0.0):
        """Sends the pieces and returns the responses until the server closes."""
        with server.connect() as client:
            for piece in pieces:
                client.sendall(piece)
                time.sleep(pause)
            return answers(receive_all(client))

    def statuses(self, *pieces, pause=0.0):
        with Server() as server:
            result = [status for status, _, _ in self.ask(server, *pieces, pause=pause)]
            self.assertEqual(server.stop(), (0, ""))
            return result

    def test_response(self):
        with Server() as server:
            [(status, fields, body)] = self.ask(server, LAST)
        self.assertEqual((status, body), (200, HELLO))
        self.assertEqual(fields["connection"], "close")
        self.assertEqual(fields["content-type"], "text/plain")
        self.assertRegex(fields["date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d gmt$")

    def test_pipelined_requests_get_responses_in_order(self):
        post = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nGET /"
        self.assertEqual(self.statuses(GET + post + GET + LAST), [200, 405, 200, 200])

    def test_many_pipelined_requests(self):
        count = 5000  # far more than the buffers hold
        with Server() as server, server.connect() as client:
            client.sendall(GET * count + LAST)
            self.assertEqual([status for status, _, _ in answers(receive_all(client))], [200] * (count + 1))

    def test_client_that_pipelines_and_never_reads_is_throttled(self):
        with Server(measured=True) as server, server.connect() as client:
            before = server.resident_bytes()
            requests = GET * 2000
            sent = 0
            client.settimeout(0.5)
            with self.assertRaises(TimeoutError):
                while sent < 64 << 20:
                    sent += client.send(requests[sent % len(GET) :])
            self.assertLess(server.resident_bytes() - before, support.memory(8 << 20))

            # When it finally reads, it receives every response.
            client.settimeout(support.PATIENCE)
            client.shutdown(socket.SHUT_WR)
            result = answers(receive_all(client))
            self.assertEqual({(status, body) for status, _, body in result}, {(200, HELLO)})
            self.assertEqual(len(result), sent // len(GET))

    def test_request_in_pieces_of_one_byte(self):
        self.assertEqual(self.statuses(*(bytes([byte]) for byte in GET + LAST), pause=0.001), [200, 200])

    def test_half_close_after_the_request(self):
        with Server() as server, server.connect() as client:
            client.sendall(GET)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(len(answers(receive_all(client))), 1)

    def test_response_does_not_depend_on_how_a_request_is_split(self):
        field = b"GET / HTTP/1.1\r\nHost: test\r\n%b\r\n\r\n"
        inputs = [
            LAST,
            GET + LAST,
            b"\r\n\r\n" + LAST,
            b"GET / HTTP/1.0\r\n\r\n",
            b"GET / HTTP/1.x\r\nHost: test\r\n\r\n",
            b"GET / HTTP/1.\n\r\nHost: test\r\n\r\n",
            b"GET / HTTP/1.\r\r\nHost: test\r\n\r\n",
            b"GET / HTTP/x.1\r\nHost: test\r\n\r\n",
            b"GET / HTTP/2.0\r\nHost: test\r\nName: a\nb\r\n\r\n",
            b"GET / HTTP/2.0\r\n\nHost: test\r\n\r\n",
            b"GET / HTTP/1.1\nHost: test\r\n\r\n",
            b"GET / HTTP/1.1\nHost: test\n\n",
            b"GET / HTTP/1.1\r\nHost: test\n\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: test\r\n\n" + LAST,
            b"\n\r\n\r\n",
            b"\r\n\n\r\n\r\n",
            b"\r\r\n\r\n",
            b"garbage\r\n\r\n",
            b"garbage\n\r\n\r\n",
            field % b"Transfer-Encoding: chunked\r\nName: a\nb",
            field % b"Content-Length: 99999999999999999999\r\nName: a\nb",
            field % b"Content-Length: 3" + b"\n\r\n" + LAST,
            field % b"Content-Length: 3\r\nExpect: 100-continue" + b"abc" + LAST,
            field % b"Name: a\rb",
            LAST[:-2],
        ]
        with Server() as server:
            for text in inputs:
                splits = [(text, b""), *((text[:at], text[at:]) for at in range(1, len(text)))]
                whole, *others = self.ask_in_two(server, splits)
                for (first, second), answer in zip(splits[1:], others):
                    with self.subTest(first=first, second=second):
                        self.assertEqual(answer, whole)
            # A malformed request line is rejected, whatever follows.
            for line in b"GET / HTTP/1.x", b"GET / HTTP/1.\n", b"GET / HTTP/x.1", b"GET / HTTP/1.:":
                with self.subTest(line):
                    self.assertEqual(
                        [status for status, _, _ in self.ask(server, line + b"\r\nHost: test\r\n\r\n")], [400]
                    )
            self.assertEqual(server.stop(), (0, ""))

    def ask_in_two(self, server, splits):
        """Sends two pieces per connection, the second after the server has read the first; returns the responses without dates."""
        clients = [server.connect() for _ in splits]
        for client, (first, _) in zip(clients, splits):
            client.sendall(first)
        ports = {client.getsockname()[1] for client in clients}
        eventually(lambda: not ports & support.unread(server.port), "the first pieces are read")
        results = []
        for client, (_, second) in zip(clients, splits):
            client.sendall(second)
            client.shutdown(socket.SHUT_WR)
        for client in clients:
            with client:
                results.append(re.sub(rb"\r\nDate: [^\r]+", b"", receive_all(client)))
        return results

    def test_incomplete_request_gets_no_response(self):
        with Server() as server, server.connect() as client:
            client.sendall(GET[:-2])
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(client), b"")

    def test_http_1_0(self):
        with Server() as server:
            [(status, fields, _)] = self.ask(server, b"GET / HTTP/1.0\r\n\r\n")
            self.assertEqual((status, fields["connection"]), (200, "close"))
            kept = b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
            [(_, first, _), (_, second, _)] = self.ask(server, kept, b"GET / HTTP/1.0\r\n\r\n")
            self.assertEqual((first["connection"], second["connection"]), ("keep-alive", "close"))

    def test_http_1_0_client_is_not_told_to_continue(self):
        post = b"POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"
        self.assertEqual(self.statuses(post), [405])

    def test_head_has_no_body(self):
        with Server() as server, server.connect() as client:
            client.sendall(LAST.replace(b"GET", b"HEAD"))
            head, _, rest = receive_all(client).partition(b"\r\n\r\n")
            self.assertIn(b"Content-Length: 14", head)
            self.assertEqual(rest, b"")

    def test_refused(self):
        def request(line=b"GET / HTTP/1.1", *fields, host=b"Host: test"):
            return b"\r\n".join([line, *([host] if host else []), *fields, b"", b""])

        cases = [
            (400, b"garbage\r\n\r\n"),
            (400, b"garbage\n"),
            (400, b"\x16\x03\x01\x02\x00\x01\x00\n"),
            (400, request(b"GET /")),
            (400, request(b"GET  / HTTP/1.1")),
            (400, request(b"GET / HTTP/1.1 ")),
            (400, request(b"GET /a b HTTP/1.1")),
            (400, request(b"G(T / HTTP/1.1")),
            (400, request(b"GET / http/1.1")),
            (505, request(b"GET / HTTP/2.0")),
            (400, request(host=None)),
            (400, request(b"GET / HTTP/1.1", b"Host: two")),
            (400, request(b"GET / HTTP/1.1", b"No-Colon")),
            (400, request(b"GET / HTTP/1.1", b"Name : value")),
            (400, request(b"GET / HTTP/1.1", b"Name: one", b" two")),
            (400, request(b"GET / HTTP/1.1", b": value")),
            (400, request(b"GET / HTTP/1.1", b"Name: \0")),
            (400, request(b"GET / HTTP/1.1", b"Name: \x7f")),
            (400, request(b"GET /\x7f HTTP/1.1")),
            (400, request(b"GET / HTTP/1.1", b"Name: a\rb")),
            (400, request(b"GET / HTTP/1.1", b"Content-Length: x")),
            (400, request(b"GET / HTTP/1.1", b"Content-Length: -1")),
            (400, request(b"GET / HTTP/1.1", b"Content-Length: +1")),
            (400, request(b"GET / HTTP/1.1", b"Content-Length:")),
            (400, request(b"GET / HTTP/1.1", b"Content-Length: 1", b"Content-Length: 2")),
            (413, request(b"GET / HTTP/1.1", b"Content-Length: 99999999999999999999")),
            (501, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")),
            (431, request(b"GET / HTTP/1.1", b"Name: " + b"x" * 9000)),
            (431, b"x" * 20_000),
            (405, request(b"DELETE / HTTP/1.1", b"Connection: close")),
        ]
        with Server() as server:
            for expected, text in cases:
                with self.subTest(text[:60]):
                    # Data after a rejected request is not treated as another request.
                    [(status, fields, _)] = self.ask(server, text, GET)
                    self.assertEqual((status, fields["connection"]), (expected, "close"))
            self.assertEqual(server.stop(), (0, ""))

    def test_accepted(self):
        cases = [
            b"\r\n\r\n" + LAST,
            LAST.replace(b"Connection", b"cOnNeCtIoN").replace(b"close", b"foo ,\tCLOSE, bar"),
            LAST.replace(b"close", b"close, keep-alive"),
            LAST.replace(b": test", b":\t test \t"),
            LAST.replace(b"HTTP/1.1", b"HTTP/1.2"),
            LAST.replace(b"GET / ", b"GET /a?b=\xc3\xa4%20#c "),
            LAST.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
            LAST.replace(b"\r\n\r\n", b"\r\nEmpty:\r\nX: " + b"x" * 8000 + b"\r\n\r\n"),
        ]
        with Server() as server:
            for text in cases:
                with self.subTest(text[:60]):
                    self.assertEqual([status for status, _, _ in self.ask(server, text)], [200])

    def test_large_body_is_skipped(self):
        body = b"GET / HTTP/1.1\r\nHost: evil\r\n\r\n" * 100_000
        post = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.assertEqual(self.statuses(post + body + LAST), [405, 200])

    def test_rejection_arrives_while_the_client_keeps_sending(self):
        with Server() as server, server.connect() as client:
            client.sendall(b"garbage\n" + bytes(500_000))
            client.shutdown(socket.SHUT_WR)
            self.assertEqual([status for status, _, _ in answers(receive_all(client))], [400])

    def test_rejected_client_that_never_stops_sending_is_disconnected(self):
        with Server() as server, server.connect() as client:
            client.sendall(b"garbage\n")
            with self.assertRaises((ConnectionResetError, BrokenPipeError)):
                for _ in range(1024):
                    client.sendall(bytes(64 << 10))

    def test_connections_are_kept_alive_and_released(self):
        with Server() as server:
            before = server.descriptors()
            clients = [server.connect() for _ in range(100)]
            for _ in range(3):
                for client in clients:
                    client.sendall(GET)
                for client in clients:
                    data = b""
                    while not data.endswith(HELLO):
                        data += client.recv(1000)
            for number, client in enumerate(clients):
                support.reset(client) if number % 2 else client.close()
            eventually(lambda: server.descriptors() == before, "all connections closed")

    def test_out_of_descriptors(self):
        with Server(max_files=20) as server:
            clients = [server.connect() for _ in range(40)]
            for client in clients:
                client.sendall(LAST)
            eventually(lambda: server.descriptors() == 20, "all descriptors in use")
            spent = server.cpu_seconds()
            time.sleep(1)
            self.assertLessEqual(server.cpu_seconds() - spent, 0.05)
            # Each is served when an earlier one is closed.
            for client in clients:
                with client:
                    self.assertEqual(len(answers(receive_all(client))), 1)
            self.assertEqual(server.stop()[0], 0)

    def test_signals_end_it_cleanly(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number), Server() as server, server.connect() as client:
                client.sendall(GET)
                client.recv(1000)
                self.assertEqual(server.stop(number), (0, ""))
                self.assertEqual(receive_all(client), b"")


@support.needs("curl")
class Curl(unittest.TestCase):
    """External clients."""

    def curl(self, *arguments, input=b""):
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        result = subprocess.run(
            ["curl", "-sS", "--max-time", str(support.PATIENCE), *arguments],
            input=input,
            capture_output=True,
            env=environment,
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_two_requests_on_one_connection(self):
        with Server() as server:
            url = f"http://127.0.0.1:{server.port}/"
            out = self.curl("-w", "%{num_connects} %{http_code}\n", url, url)
            self.assertEqual(out, HELLO + b"1 200\n" + HELLO + b"0 200\n")

    def test_head(self):
        with Server() as server:
            url = f"http://127.0.0.1:{server.port}/"
            out = self.curl("-I", "-w", "%{num_connects} %{http_code}\n", url, url)
            self.assertEqual(out.count(b"Content-Length: 14\r\n"), 2)
            self.assertTrue(out.endswith(b"\r\n\r\n0 200\n"))

    def test_connection_close(self):
        with Server() as server:
            url = f"http://127.0.0.1:{server.port}/"
            out = self.curl("-H", "Connection: close", "-w", "%{num_connects}\n", url, url)
            self.assertEqual(out, (HELLO + b"1\n") * 2)

    def test_http_1_0(self):
        with Server() as server:
            self.assertEqual(self.curl("--http1.0", f"http://127.0.0.1:{server.port}/"), HELLO)

    def test_upload_with_expect_continue(self):
        with Server() as server:
            out = self.curl(
                "-H", "Expect: 100-continue", "--expect100-timeout", "20", "-w", " %{http_code} %{size_upload}",
                "--data-binary", "@-", f"http://127.0.0.1:{server.port}/", input=bytes(3_000_000),
            )  # fmt: skip
            self.assertTrue(out.endswith(b" 405 3000000"), out)

    def test_chunked_upload_is_rejected(self):
        with Server() as server:
            out = self.curl(
                "-H", "Transfer-Encoding: chunked", "-w", " %{http_code}", "-d", "text",
                f"http://127.0.0.1:{server.port}/",
            )  # fmt: skip
            self.assertTrue(out.endswith(b" 501"), out)


if __name__ == "__main__":
    support.main()
