"""Runs a program on a terminal of a given width: terminal.py COLUMNS COMMAND [ARGUMENT...]

Prints what the terminal received, and ends with the program's exit status. With COLUMNS=N:SECONDS the terminal hangs up
after that time.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

columns, _, limit = sys.argv[1].partition(":")
end = time.monotonic() + float(limit) if limit else None
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
    os.environ.pop("COLUMNS", None)
    os.environ.setdefault("TERM", "xterm")
    os.execvp(sys.argv[2], sys.argv[2:])

received = b""
while True:
    ready, _, _ = select.select([terminal], [], [], None if end is None else max(0, end - time.monotonic()))
    if not ready:
        os.close(terminal)  # the system sends SIGHUP
        break
    try:
        data = os.read(terminal, 65536)
    except OSError:  # Linux reports the end so
        break
    if not data:
        break
    received += data
sys.stdout.buffer.write(received.replace(b"\r\n", b"\n"))
sys.stdout.flush()
status = os.waitpid(child, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
