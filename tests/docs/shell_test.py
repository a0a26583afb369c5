"""shell_test.py ROOT PROBE FIRST: the shell commands of the documents. Those of mio-probe and of the first program are run. Of others, the
program, its subcommand, the presets and mio's CMake options exist; installing and building takes too long here."""

import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import threading

root, probe, first = (pathlib.Path(path).resolve() for path in sys.argv[1:])
commands = set(re.search(r"^([\w| ]+)\)\n +command=", (root / "tools/dev").read_text(), re.M)[1].split(" | ")) | {"help"}
presets = {preset["name"] for preset in json.loads((root / "CMakePresets.json").read_text())["testPresets"]}
options = set(re.findall(r"\b(?:option|set)\((MIO_\w+)", "".join(
    path.read_text() for path in [root / "CMakeLists.txt", *root.glob("cmake/*.cmake"), *root.glob("cmake/sources/*.cmake")])))
# Of the separate programs, and of the reader's own project.
other_programs = {"apt-get", "build/server", "cmake", "conan", "ctest", "ninja", "xmake", "git", "python3", "bash"}
wrong, run = [], []


def serve():
    """Takes the part of example.com: closes each connection once it has sent something."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            with listener.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def run_probe(where, words):
    """Runs mio-probe with other ports, and for a short time."""
    words = [re.sub(r"^((?:listen|udp)://.*):\d+$", r"\1:0", word).replace("example.com:80", f"127.0.0.1:{port}") for word in words]
    words = [str(os.getpid()) if word.startswith("$(pidof ") else word for word in words]
    accepted = {0}
    match next((word for word in words if not word.startswith("-")), ""):
        case "watch":
            words = [word for at, word in enumerate(words) if word != "--for" and words[at - 1] != "--for"] + ["--for", "200ms"]
        case "events" if "--scenario" not in words:
            words += ["--scenario", "tcp-peer-close"]
        case "bench":
            words += ["--rounds", "1"]
        case "doctor":
            accepted = {0, 1}  # it depends on the machine
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([probe, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)
    run.append(words)
    if done.returncode not in accepted or (done.stderr and "interrupted" not in done.stderr):
        wrong.append(f"{where}: mio-probe {shlex.join(words)} ends with {done.returncode}: {done.stderr.strip()}")


def check(where, line, shown=()):
    """A line of a console; `shown` are the lines of output below it."""
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"\w+=.*", words[0]):
        words.pop(0)
    if not words or words[0] in ("set", "cp"):
        return
    program, arguments = words[0], words[1:]
    for option in re.findall(r"-D(MIO_\w+)", line):
        if option not in options:
            wrong.append(f"{where}: there is no option {option}")
    if program == "mio-probe" or (program, arguments[:1]) == ("tools/dev", ["probe"]):
        run_probe(where, (arguments[1:] or ["info"]) if program == "tools/dev" else arguments)
    elif program == "build/linux/examples/first":
        done = subprocess.run([first, *arguments], capture_output=True, text=True, timeout=100)
        run.append(words)
        if (done.stdout + done.stderr).splitlines() != list(shown):
            wrong.append(f"{where}: {line} prints {done.stdout + done.stderr}")
    elif program == "tools/dev":
        if not arguments or arguments[0] not in commands:
            wrong.append(f"{where}: there is no command {line}")
        elif arguments[0] == "test" and arguments[1:] and arguments[1] not in presets | {"--", "PRESET"}:
            wrong.append(f"{where}: there is no preset {arguments[1]}")
    elif re.match(r"(tools|tests|\.ci)/", program):
        if not os.access(root / program, os.X_OK):
            wrong.append(f"{where}: {program} is not a program")
    elif program not in other_programs:
        wrong.append(f"{where}: nothing is known of the program {program}")


port = serve()
for path in sorted([*root.glob("*.md"), *root.glob("docs/*.md")]):
    text = path.read_text()
    for match in re.finditer(r"^```(sh|console)\n(.*?)^```$", text, re.S | re.M):
        where = f"{path.relative_to(root)}:{text.count(chr(10), 0, match.start()) + 1}"
        lines = match[2].replace("\\\n", " ").splitlines()
        prompts = [at for at, line in enumerate(lines) if match[1] == "sh" or line.startswith("$ ")]
        for at, end in zip(prompts, [*prompts[1:], len(lines)]):
            check(where, lines[at].removeprefix("$ "), lines[at + 1 : end])
    # In sentences, only these stand for themselves.
    prose = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    for command in re.findall(r"`((?:tools/(?:(?:portability|bench)/)?\w+|tests/\w+/run|\.ci/run)(?: [^`]*)?)`", prose):
        if not command.startswith("tools/dev probe"):
            check(f"{path.relative_to(root)}: `{command}`", command)
if len(run) < 10:
    wrong.append(f"only {len(run)} commands were found that can be run: {run}")
print("\n".join(wrong) or f"{len(run)} commands ran")
sys.exit(bool(wrong))
