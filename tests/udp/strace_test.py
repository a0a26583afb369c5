"""receive_many and send_many of 64 datagrams make one system call each. Skipped where strace cannot trace."""

import os
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def traced(strace, command):
    """The network system calls of `command`, one per line, and its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        # LeakSanitizer cannot run under a tracer.
        environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}
        status = subprocess.run([strace, "-f", "-o", log, "-e", "trace=%network", *command], env=environment).returncode
        with open(log, encoding="utf-8", errors="replace") as lines:
            return [line.split(maxsplit=1)[1] for line in lines], status


def main():
    strace = shutil.which("strace")
    if strace is None or traced_fails(strace):
        print("strace is not there or cannot trace")
        return SKIPPED
    calls, status = traced(strace, [sys.argv[1], "many"])
    print(*(call[:100].rstrip() for call in calls), sep="\n")

    def count(name):
        return sum(call.startswith(name + "(") for call in calls)

    found = {name: count(name) for name in ("recvmmsg", "recvfrom", "recvmsg", "sendmmsg", "sendmsg", "sendto")}
    # One extra datagram is sent to detect that all have arrived; it is not received.
    wanted = {"recvmmsg": 1, "recvfrom": 0, "recvmsg": 0, "sendmmsg": 1, "sendmsg": 0, "sendto": 1}
    print("found: ", found, "\nwanted:", wanted, "\nexit status:", status)
    return 0 if found == wanted and status == 0 else 1


def traced_fails(strace):
    return subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
