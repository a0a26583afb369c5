"""probe_docs.py PROBE [--write]: mio-probe's manual page and completions are those that its --help describes.

PROBE is the program. With --write, writes the files; without it, fails if they differ from what it would write."""

import os
import pathlib
import re
import subprocess
import sys

folder = pathlib.Path(__file__).resolve().parent
probe = sys.argv[1]
write = sys.argv[2:] == ["--write"]
version = re.search(r"project\(metal-io VERSION ([0-9.]+)", (folder.parent / "CMakeLists.txt").read_text())[1]

# Words that complete the value of an option. A command's output is its first column.
VALUES = {
    "--trigger": ["edge", "level", "oneshot"],
    "--color": ["auto", "always", "never"],
    "--time": ["elapsed", "absolute", "delta"],
    "--backend": ["epoll", "poll", "kqueue", "iocp"],
    "--scenario": "mio-probe events --list",
}
ARGUMENTS = {
    "trace": "ps -e -o pid=",
    "watch": ["tcp://", "listen://", "udp://", "unix://", "unix-listen://", "pipe://", "fd://", "timer://", "alarm://", "stdin"],
    "bench": "mio-probe bench --list",
}


class Help:
    """The parts of a --help: description, options (names, argument, text), subcommands (name, text), and what follows."""

    def __init__(self, *command):
        environment = {**os.environ, "NO_COLOR": "1"}
        text = subprocess.run([probe, *command, "--help"], capture_output=True, text=True, check=True, env=environment).stdout
        self.description = text.splitlines()[0].rstrip(".")
        self.usage = re.search(r"^Usage: (.*)$", text, re.M)[1]
        self.options, self.subcommands, self.positionals = [], [], []
        sections = {"Options:": self.options, "Subcommands:": self.subcommands, "Positionals:": self.positionals}
        section, rest = None, []
        for line in text[text.index("Usage: ") :].splitlines()[1:]:
            if line in sections:
                section = sections[line]
            elif section is not None and (entry := re.match(r"  (\S.*?)(?:\s{2,}(\S.*))?$", line)):
                section.append([entry[1], entry[2] or ""])
            elif section is not None and re.match(r"\s{8,}\S", line):
                section[-1][1] += (" " if section[-1][1] else "") + line.strip()
            elif section is not None and not line and not rest:
                pass
            else:
                section = None
                rest.append(line)
        self.rest = re.sub(r"Backends of this build: [a-z, ]+\. ", "", "\n".join(rest)).strip()

    def names(self):
        """The option names of each option, and whether it takes a value."""
        for spec, text in self.options:
            words = spec.replace(",-", " -").split()
            names = [word for word in words if re.match(r"-{1,2}[A-Za-z]", word)]
            yield names, len(words) > len(names), text


main = Help()
commands = {name.split()[0]: text for name, text in main.subcommands}
helps = {name: Help(name) for name in commands if name != "help"}


# The manual page.


def escaped(text):
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("µ", r"\[mc]")
    return "\n".join("\\&" + line if line[:1] in "'." else line for line in text.splitlines())


def entries(pairs):
    return "".join(f".TP\n.B {escaped(name)}\n{escaped(text)}\n" for name, text in pairs)


def verbatim(text):
    return ".PP\n.nf\n" + escaped(text) + "\n.fi\n"


def body(text):
    """The text after the options: filled paragraphs, lists of two columns, and examples."""
    out = ""
    for paragraph in re.split(r"\n\n+", text):
        lines = paragraph.splitlines()
        pairs = []
        for line in lines[1:]:
            if entry := re.match(r"  (\S+)\s{2,}(\S.*)", line):
                pairs.append([entry[1], entry[2]])
            elif pairs and re.match(r"\s{6,}\S", line):
                pairs[-1][1] += " " + line.strip()
        if pairs:
            out += ".PP\n" + escaped(" ".join(line for line in lines if not line.startswith("  "))) + "\n.RS\n" + entries(pairs) + ".RE\n"
        elif any(line.startswith(" ") for line in lines):
            out += verbatim(paragraph)
        else:
            out += ".PP\n" + escaped(paragraph) + "\n"
    return out


def page():
    out = f'.\\" Written by packaging/probe_docs.py from mio-probe --help.\n.TH MIO\\-PROBE 1 "" "mio {version}" "User Commands"\n'
    out += ".SH NAME\nmio\\-probe \\- show the behaviour of readiness backends on this machine\n.SH SYNOPSIS\n.nf\n"
    out += "".join(f".B {escaped(help.usage)}\n" for help in helps.values()) + ".B mio\\-probe \\-\\-version\n.fi\n"
    out += ".SH DESCRIPTION\n" + escaped(
        "mio-probe shows which events the backends of the C++ library mio (epoll, poll, kqueue, I/O completion ports) report,\n"
        "compares them with the documented ones, checks the machine, and measures the cost of an event.") + "\n"
    out += ".SH OPTIONS\n" + entries(main.options)
    out += ".SH COMMANDS\n"
    for name, help in helps.items():
        out += f".SS {name}\n{escaped(commands[name])}.\n" + entries(help.positionals) + entries(help.options)
        out += body(help.rest)
    out += ".SH NOTES\n" + body(main.rest)
    out += ".SH SEE ALSO\n.BR epoll (7),\n.BR poll (2),\n.BR kqueue (2),\n.BR strace (1),\n.BR ss (8)\n"
    return out


# Completions.


def options_of(help, long_only=False):
    return [name for names, _, _ in help.names() for name in names if not long_only or name.startswith("--")]


def words(value):
    """The text that a shell puts in $( ) or between words to complete a value."""
    return f"$({value} 2>/dev/null | awk '{{print $1}}')" if isinstance(value, str) else " ".join(value)


def bash():
    used = [name for name in VALUES if any(name in options_of(help) for help in helps.values())]
    out = "# bash completion for mio-probe, written by packaging/probe_docs.py\n_mio_probe() {\n"
    out += "    local current=$2 previous=$3 command='' word\n    COMPREPLY=()\n"
    out += '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do\n        case $word in\n'
    out += f"        {' | '.join(helps)}) command=$word && break ;;\n        esac\n    done\n"
    out += "    local words\n    case $previous in\n"
    for name in used:
        out += f"    {name}) words=\"{words(VALUES[name])}\" ;;\n"
    out += "    *)\n        case $command in\n"
    for name, help in helps.items():
        more = f" {words(ARGUMENTS[name])}" if name in ARGUMENTS else ""
        out += f"        {name}) words=\"{' '.join(options_of(help))}{more}\" ;;\n"
    out += f"        *) words=\"{' '.join([*commands, *options_of(main)])}\" ;;\n        esac\n        ;;\n    esac\n"
    out += '    # The part of a word before its last colon is not replaced.\n'
    out += '    [[ $current != *:* || $COMP_WORDBREAKS != *:* ]] || current=${current##*:}\n'
    out += '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")\n}\n'
    out += "complete -o default -F _mio_probe mio-probe\n"
    return out


def zsh():
    def quoted(text):
        return text.replace("'", "’").replace("[", "(").replace("]", ")").replace(":", " -")

    out = "#compdef mio-probe\n# zsh completion for mio-probe, written by packaging/probe_docs.py\n"
    for name, value in {**VALUES, **ARGUMENTS}.items():
        if isinstance(value, str):
            function = "_mio_probe_" + name.strip("-")
            out += f"{function}() {{ compadd -- ${{(f)\"{words(value)}\"}} }}\n"

    def spec_of(names, takes, text):
        value = VALUES.get(names[-1])
        action = " "
        if isinstance(value, list):
            action = f"({' '.join(value)})"
        elif value:
            action = "_mio_probe_" + names[-1].strip("-")
        return f"'{names[-1]}[{quoted(text)}]" + (f":value:{action}'" if takes else "'")

    out += "_mio_probe() {\n    local state line\n    _arguments -C \\\n"
    out += "".join(f"        {spec_of(*option)} \\\n" for option in main.names())
    out += "        '1:command:->command' '*::argument:->argument'\n    case $state in\n    command)\n"
    out += "        local -a commands=(\n" + "".join(f"            '{name}:{quoted(text)}'\n" for name, text in commands.items())
    out += "        )\n        _describe command commands ;;\n    argument)\n        case $line[1] in\n"
    for name, help in helps.items():
        out += f"        {name})\n            _arguments \\\n" + "".join(f"                {spec_of(*option)} \\\n" for option in help.names())
        value = ARGUMENTS.get(name)
        if isinstance(value, list):
            rest = "'*:target:{compadd -S \"\" -- " + " ".join(value) + "}'"
        elif value:
            rest = f"'*:name:_mio_probe_{name}'"
        else:
            rest = "':: :'"
        out += f"                {rest} ;;\n"
    out += "        esac ;;\n    esac\n}\n_mio_probe \"$@\"\n"
    return out


def fish():
    def quoted(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    out = "# fish completion for mio-probe, written by packaging/probe_docs.py\n"
    out += "function __mio_probe_first_words\n    $argv 2>/dev/null | string trim | string split -f 1 ' '\nend\n"
    out += "complete -c mio-probe -f\n"
    for name, text in commands.items():
        out += f"complete -c mio-probe -n __fish_use_subcommand -a {name} -d {quoted(text)}\n"

    def option(condition, names, takes, text):
        flags = "".join(f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in names)
        if takes:
            value = VALUES.get(names[-1])
            flags += " -x"
            if isinstance(value, str):
                flags += f" -a '(__mio_probe_first_words {value})'"
            elif value:
                flags += f" -a {quoted(' '.join(value))}"
        return f"complete -c mio-probe -n {quoted(condition)}{flags} -d {quoted(text)}\n"

    out += "".join(option("__fish_use_subcommand", *each) for each in main.names())
    for name, help in helps.items():
        condition = f"__fish_seen_subcommand_from {name}"
        out += "".join(option(condition, *each) for each in help.names())
        value = ARGUMENTS.get(name)
        if value:
            choices = f"'(__mio_probe_first_words {value})'" if isinstance(value, str) else quoted(" ".join(value))
            out += f"complete -c mio-probe -n {quoted(condition)} -a {choices}\n"
    return out


status = 0
for name, text in {
    "man/mio-probe.1": page(),
    "completions/mio-probe.bash": bash(),
    "completions/_mio-probe": zsh(),
    "completions/mio-probe.fish": fish(),
}.items():
    path = folder / name
    if write:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    elif not path.exists() or path.read_text() != text:
        print(f"packaging/{name} is not what mio-probe --help describes; write it with: "
              f"python3 packaging/probe_docs.py {probe} --write")
        status = 1
sys.exit(status)
