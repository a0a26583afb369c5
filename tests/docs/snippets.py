"""snippets.py PAGE[:PAGE…] PRELUDE OUTPUT [OPENING]: writes the C++ snippets of the pages to OUTPUT, so that they are compiled. PRELUDE is a
file with the includes and what the snippets assume. A snippet with a `main` is a program: it goes to its own file beside OUTPUT.
One that starts with a definition stands in a namespace of its own; others are the bodies of functions that begin with OPENING,
in which NAME stands for the function's name. A snippet of another library is marked by a second word, as in ```cpp asio; … stands for
statements of the reader."""

import pathlib
import re
import sys

pages = [pathlib.Path(page) for page in sys.argv[1].split(":")]
prelude, output = map(pathlib.Path, sys.argv[2:4])
opening = sys.argv[4]
program = None
includes = []
parts = []


def hoist(match):
    includes.append(match[0])
    return "\n"


snippets = []
for page in pages:
    text = page.read_text()
    for match in re.finditer(r"^```cpp(?: mio)?\n(.*?)^```$", text, re.S | re.M):
        snippets.append((page, text.count("\n", 0, match.start()) + 2, match[1]))
for number, (page, line, snippet) in enumerate(snippets, 1):
    located = f'#line {line} "{page}"\n'
    if "int main(" in snippet:
        program = located + snippet
        continue
    located += re.sub(r"^#include .*\n", hoist, snippet, flags=re.M)
    located = re.sub(r"^import [\w.]+;", "", re.sub(r"/\* … \*/|…", ";", located), flags=re.M)
    if re.match(r"((mio::async::)?Task<|struct \w+ \{|class |template )", snippet):
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
