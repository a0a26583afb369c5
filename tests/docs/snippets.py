"""snippets.py PAGE PRELUDE OUTPUT [OPENING]: writes the C++ snippets of PAGE to OUTPUT, so that they are compiled. PRELUDE is a
file with the includes and what the snippets assume. A snippet with a `main` is a program: it goes to its own file beside OUTPUT.
One that starts with a definition stands in a namespace of its own; others are the bodies of functions that begin with OPENING,
in which NAME stands for the function's name."""

import pathlib
import re
import sys

page, prelude, output = map(pathlib.Path, sys.argv[1:4])
opening = sys.argv[4]
text = page.read_text()
program = None
includes = []
parts = []


def hoist(match):
    includes.append(match[0])
    return "\n"


for number, match in enumerate(re.finditer(r"^```cpp\n(.*?)^```$", text, re.S | re.M), 1):
    snippet = match[1]
    located = f'#line {text.count(chr(10), 0, match.start()) + 2} "{page}"\n'
    if "int main(" in snippet:
        program = located + snippet
        continue
    located += re.sub(r"^#include .*\n", hoist, snippet, flags=re.M)
    if re.match(r"(Task<|struct |class |template )", snippet):
        parts.append(f"namespace snippet_{number} {{\n{located}}}\n")
    else:
        parts.append(f"{opening.replace('NAME', f'snippet_{number}')} {{\n{located}}}}}\n")

# Includes before imports.
before, first_import, rest = prelude.read_text().partition("import ")
parts.insert(0, before + "".join(includes) + first_import + rest)


def write(path, content):
    if not path.exists() or path.read_text() != content:
        path.write_text(content)


write(output, "\n".join(parts))
if program:
    write(output.with_name(output.stem.replace("_snippets", "_first") + ".cpp"), program)
