#!/usr/bin/env python3
"""code_test.py SOURCE_DIR [--write]: fails if the code of the protocols that tests/model explores has changed.

The models are written by hand, and no test on one kind of processor sees a memory order that is too weak for another one. code.txt
has the statements that the models describe: atomic operations, and the calls between them whose order matters. After a change of
the code, change the models, see that their cases hold, and record the statements with --write."""

import difflib
import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
RECORD = source / "tests/model/code.txt"
FILES = [
    "modules/sys/wakers.cppm", "modules/sys/selector.cppm", "impl/sys/epoll/waker.cpp", "impl/sys/kqueue/waker.cpp", "impl/sys/kqueue/waker/pipe.cpp", "impl/sys/kqueue/waker/user.cpp",
    "impl/sys/poll/selector.cpp", "impl/sys/poll/waker.cpp", "impl/sys/iocp/port.cpp", "impl/sys/iocp/waker.cpp", "impl/async/inbox.hpp",
    "impl/async/sync.cpp",
]  # fmt: skip
MODELLED = re.compile(
    r"memory_order|\b(?:begin|take|sent|drain|signal|interrupt|wake|post|withdraw|unlink|push_back|emplace)\(|scoped_lock|mutex_ ="
)


def statements(path):
    text = path.read_text()
    if path.name == "sync.cpp":
        text = text.partition("// Channel.\n")[2]
    text = re.sub(r"//.*", "", text)
    for statement in re.split(r"[;{}]", text):
        statement = " ".join(statement.split())
        if MODELLED.search(statement):
            yield statement


lines = [f"{file}: {statement}\n" for file in FILES for statement in statements(source / file)]
if "--write" in sys.argv:
    RECORD.write_text("".join(lines))
changes = list(difflib.unified_diff(RECORD.read_text().splitlines(True), lines, "tests/model/code.txt", "the code", n=1))
if changes:
    sys.exit(
        "".join(changes) + "The code of a modelled protocol has changed. Change its model in tests/model, then record this: "
        "tests/model/code_test.py . --write"
    )
print(f"{len(lines)} statements")
