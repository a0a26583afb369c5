"""Helpers shared by the scripts: a program that is started and ended, a server on a free port, and their observation."""

import contextlib
import os
import queue
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

# Sanitizer builds on a busy machine are slow. In normal runs nothing waits this long.
PATIENCE = 30

PROGRAMS = []

# Characters that affect terminals, and their escaped form.
HOSTILE = {
    b"\x1b[2J": rb"\x1b[2J",  # C0
    b"\x00\x07\x08": rb"\x00\x07\x08",
    b"over\rwritten": rb"over\x0dwritten",
    b"\x7f": rb"\x7f",  # DEL
    b"\x9b2J\x9d": rb"\x9b2J\x9d",  # C1, for a terminal that is not set to UTF-8
    b"\xc2\x9b2J\xc2\x9d": rb"\xc2\x9b2J\xc2\x9d",  # C1
    "\x80\x9f".encode(): rb"\xc2\x80\xc2\x9f",
    "\u061c\u200e\u200f".encode(): rb"\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f",  # marks of direction
    "\u2028\u2029".encode(): rb"\xe2\x80\xa8\xe2\x80\xa9",  # separators
    "\u202a\u202b\u202c\u202d\u202e".encode(): rb"\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad\xe2\x80\xae",  # embeddings, overrides
    "\u2066\u2067\u2068\u2069".encode(): rb"\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9",  # isolates
    b"\xff\xfe\x80": rb"\xff\xfe\x80",  # not UTF-8
    b"\xc0\x9b \xe0\x82\x9b": rb"\xc0\x9b \xe0\x82\x9b",  # overlong
    b"\xed\xa0\x80 \xf4\x90\x80\x80": rb"\xed\xa0\x80 \xf4\x90\x80\x80",  # a surrogate; beyond Unicode
    b"\xe2\x80 \xf0\x9f\x98": rb"\xe2\x80 \xf0\x9f\x98",  # cut off
    "grüß dich, 世界 😀 \u00a0\u200d \\x1b".encode(): "grüß dich, 世界 😀 \u00a0\u200d \\x1b".encode(),  # text
}


def main():
    """Takes the programs' paths from the command line and runs the test cases. Returns 77 if some were skipped."""
    PROGRAMS[:] = [arg for arg in sys.argv[1:] if not arg.startswith("-") and os.sep in arg]
    options = [arg for arg in sys.argv[1:] if arg not in PROGRAMS]
    # Sockets that a case leaves open are closed when the process ends; warnings about them would hide a failure.
    tests = unittest.main(argv=[sys.argv[0], *options], verbosity=2, warnings="ignore", exit=False)
    if not tests.result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if tests.result.skipped else 0)


def memory(size):
    """A bound on the program's memory; four times as much with ASan, which pads allocations and keeps freed ones."""
    with open(PROGRAMS[0], "rb") as program:
        return 4 * size if b"__asan_init" in program.read() else size


def needs(program):
    """Decorator that skips a case if an external program is missing."""
    return unittest.skipUnless(shutil.which(program), f"needs {program}")


class Program:
    """A running example; `with` ends it."""

    def __init__(self, *arguments, max_files=None, stdin=subprocess.DEVNULL, measured=False):
        def limit():
            if max_files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))

        environment = dict(os.environ)
        options = [environment["ASAN_OPTIONS"]] if "ASAN_OPTIONS" in environment else []
        if measured:
            # ASan keeps freed memory, so memory use includes every past allocation.
            options.append("quarantine_size_mb=1")
        if max_files and max_files < 8:
            # LeakSanitizer opens descriptors of its own when the program ends.
            options.append("detect_leaks=0")
        if options:
            environment["ASAN_OPTIONS"] = ":".join(options)

        self.stopped = False
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [PROGRAMS[0], *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            preexec_fn=limit,
            env=environment,
        )
        self.pid = self.process.pid
        self.lines = queue.Queue()
        threading.Thread(target=self.read_lines, daemon=True).start()

    def read_lines(self):
        for line in self.process.stdout:
            self.lines.put(line.decode().removesuffix("\n"))
        self.lines.put(None)

    def next_line(self):
        """Waits for the next line of output; None at the end."""
        return self.lines.get(timeout=PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.stopped:
            return
        status = self.process.poll()
        if status is None:
            self.process.kill()
        errors = self.wait()[1]
        # UBSan opens a pipe to check an object's type and reports an error if that fails: with its vptr check, a
        # program without free descriptors cannot call virtual functions. Use -fno-sanitize=vptr.
        if "invalid vptr" in errors and "memory cannot be printed" in errors:
            raise unittest.SkipTest("UBSan's vptr check needs a descriptor")
        if status is not None:
            raise AssertionError(f"the program ended by itself with status {status}:\n{errors}")

    def wait(self):
        """Waits for its end and returns its status and its standard error output."""
        status = self.process.wait(timeout=PATIENCE)
        self.stopped = True
        self.errors.seek(0)
        return status, self.errors.read().decode()

    def stop(self, number=signal.SIGINT):
        """Ends it with a signal; see `wait`."""
        self.process.send_signal(number)
        return self.wait()

    @contextlib.contextmanager
    def suspended(self):
        """Suspends the program, so that it sees everything done inside as one batch."""

        def is_stopped():
            with open(f"/proc/{self.pid}/stat") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] == "T"

        self.process.send_signal(signal.SIGSTOP)
        eventually(is_stopped, "stopped")
        yield
        self.process.send_signal(signal.SIGCONT)

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Server(Program):
    """A running server on a free port; `with` ends it."""

    def __init__(self, *arguments, **options):
        super().__init__("127.0.0.1:0", *arguments, **options)
        try:
            line = self.next_line()
            if not line or not line.startswith("listening on 127.0.0.1:"):
                raise AssertionError(f"unexpected first line: {line!r}")
        except BaseException:
            self.process.kill()
            raise
        self.port = int(line.rsplit(":", 1)[1])
        self.address = ("127.0.0.1", self.port)

    def connect(self):
        return socket.create_connection(self.address, timeout=PATIENCE)


def eventually(condition, what):
    """Waits until `condition()` holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE} s: {what}")
        time.sleep(0.01)


def unread(port):
    """Peer ports of this machine's sockets at `port` that have unread data."""
    result = set()
    with open("/proc/net/tcp") as table:
        for line in list(table)[1:]:
            _, local, remote, _, queues, *_ = line.split()
            if int(local.split(":")[1], 16) == port and int(queues.split(":")[1], 16) > 0:
                result.add(int(remote.split(":")[1], 16))
    return result


def receive_exactly(connection, size):
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(min(size - len(data), 1 << 16))
        if not piece:
            raise AssertionError(f"ended after {len(data)} of {size} bytes")
        data += piece
    return bytes(data)


def receive_all(connection):
    data = bytearray()
    while piece := connection.recv(1 << 16):
        data += piece
    return bytes(data)


def reset(connection):
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def wants_files(count):
    """Raises the limit so that this process can open `count` files, or skips the test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            raise unittest.SkipTest(f"needs {count} descriptors, {hard} are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
