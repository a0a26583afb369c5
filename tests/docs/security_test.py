#!/usr/bin/env python3
"""security_test.py SOURCE_DIR BUILD_DIR: fails if SECURITY.md names a test or a file that does not exist.

Each promise is a row of a table; its last column names tests in backquotes, `…` standing for any text, as `ctest -N` prints them, or
files of the tree. A promise without a test fails, too. Exit status 77: the build leaves out folders of tests."""

import pathlib
import re
import subprocess
import sys

source, build = (pathlib.Path(argument) for argument in sys.argv[1:])
listed = subprocess.run(["ctest", "-N"], cwd=build, check=True, capture_output=True, text=True).stdout
tests = re.findall(r"^ *Test +#\d+: (.+?)(?:  # GetParam.*)?$", listed, re.MULTILINE)
needed = ["core", "net", "local", "pipe", "async", "time", "faults", "examples", "tools/probe"]
if not all(any(name.startswith(f"{folder}/") for name in tests) for folder in needed):
    sys.exit(77)

rows = re.findall(r"^\| (?!promise|---)(.+) \| (.+) \|$", (source / "SECURITY.md").read_text(), re.MULTILINE)
if not rows:
    sys.exit("SECURITY.md has no table of promises")
wrong = []
for promise, column in rows:
    names = re.findall(r"`([^`]+)`", column)
    if not names:
        wrong.append(f"no test: {promise}")
    for name in names:
        pattern = re.compile(".*".join(map(re.escape, name.split("…"))))
        if not any(map(pattern.fullmatch, tests)) and not (source / name.split()[0]).is_file():
            wrong.append(f"neither a test nor a file: {name}")
if wrong:
    sys.exit("\n".join(wrong))
print(f"{len(rows)} promises")
