"""What the scripts share: a server that is started on a free port and ended again, and how to watch it."""

import os
import queue
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

# Under a sanitizer, on a busy machine, everything takes its time. Nothing waits this long when all is well.
PATIENCE = 30

PROGRAMS = []


def main():
    """Takes the programs' paths off the command line and runs the test cases."""
    PROGRAMS[:] = [arg for arg in sys.argv[1:] if not arg.startswith("-") and os.sep in arg]
    options = [arg for arg in sys.argv[1:] if arg not in PROGRAMS]
    # Sockets that a case leaves open end with the process; warnings about them would drown a failure.
    unittest.main(argv=[sys.argv[0], *options], verbosity=2, warnings="ignore")


class Server:
    """A running server; `with` ends it."""

    def __init__(self, *, max_files=None):
        def limit():
            if max_files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))

        self.stopped = False
        self.process = subprocess.Popen(
            [PROGRAMS[0], "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        )
        self.pid = self.process.pid
        first = queue.Queue()
        threading.Thread(target=lambda: first.put(self.process.stdout.readline()), daemon=True).start()
        try:
            line = first.get(timeout=PATIENCE)
            if not line.startswith("listening on 127.0.0.1:"):
                raise AssertionError(f"unexpected first line: {line!r}")
        except BaseException:
            self.process.kill()
            raise
        self.port = int(line.rsplit(":", 1)[1])
        self.address = ("127.0.0.1", self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.stopped:
            return
        status = self.process.poll()
        if status is None:
            self.process.kill()
        _, errors = self.process.communicate()
        # To see whether an object is of its type, UBSan opens a pipe, and blames the program when that fails: with its
        # vptr check no program that is out of descriptors may call a virtual function. -fno-sanitize=vptr helps.
        if "invalid vptr" in errors and "memory cannot be printed" in errors:
            raise unittest.SkipTest("UBSan's vptr check needs a descriptor")
        if status is not None:
            raise AssertionError(f"the server ended by itself with status {status}:\n{errors}")

    def connect(self):
        return socket.create_connection(self.address, timeout=PATIENCE)

    def stop(self, number=signal.SIGINT):
        """Ends it by a signal and returns its status and what it wrote to standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE)
        self.stopped = True
        return self.process.returncode, errors

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def eventually(condition, what):
    """Waits until `condition()` holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE} s: {what}")
        time.sleep(0.01)


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
    """Makes sure that this process may open `count` files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            raise unittest.SkipTest(f"needs {count} descriptors, {hard} are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
