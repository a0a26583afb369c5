"""The library exchanges datagrams with OpenBSD's nc. Skipped without it."""

import shutil
import socket
import subprocess
import sys
import time

SKIPPED = 77
PATIENCE = 30


def echoed(peer, nc):
    """The reply that nc receives when it sends "hello" to the library."""
    with subprocess.Popen([peer, "echo"], stdout=subprocess.PIPE, text=True) as server:
        host, port = server.stdout.readline().strip().rsplit(":", 1)
        pipe = subprocess.PIPE
        with subprocess.Popen([nc, "-u", host, port], stdin=pipe, stdout=pipe, text=True) as client:
            client.stdin.write("hello\n")
            client.stdin.flush()
            line = client.stdout.readline()
            client.kill()
        if server.wait(PATIENCE) != 0:
            raise AssertionError("the server failed")
        return line


def heard(peer, nc):
    """The data that a listening nc receives when the library sends "hello" to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen([nc, "-u", "-l", "127.0.0.1", str(port)], stdout=subprocess.PIPE, text=True) as server:
        wait_until_bound(port)
        subprocess.run([peer, "send", f"127.0.0.1:{port}", "hello\n"], check=True)
        line = server.stdout.readline()
        server.kill()
        return line


def wait_until_bound(port):
    """Whether the kernel lists a socket at the port."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with open("/proc/net/udp", encoding="ascii") as sockets:
            if any(line.split()[1].endswith(f":{port:04X}") for line in sockets):
                return
        time.sleep(0.01)
    raise AssertionError("nc does not listen")


def main():
    nc = shutil.which("nc")
    if nc is None or "OpenBSD" not in subprocess.run([nc, "-h"], capture_output=True, text=True).stderr:
        print("there is no nc of OpenBSD")
        return SKIPPED
    answers = {"echoed": echoed(sys.argv[1], nc), "heard": heard(sys.argv[1], nc)}
    print(answers)
    return 0 if answers == {"echoed": "hello\n", "heard": "hello\n"} else 1


if __name__ == "__main__":
    sys.exit(main())
