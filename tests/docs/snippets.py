"""snippets.py PAGE[:PAGE…] PRELUDE OUTPUT BODY: writes the C++ snippets of the pages to OUTPUT, so that they are compiled. PRELUDE is a
file with the includes and what the snippets assume. A snippet with a `main` is a program: it goes to its own file beside OUTPUT.
One that starts with a definition stands in an inline namespace, others in BODY, a function, for …. Both are named after the
heading above, as docs::porting::from_asio, and from_asio_2 for the second one below it; the name replaces NAME in BODY. A
snippet of another library is marked by a second word, as in ```cpp asio. These stand for statements of the reader, and call
reader("text"), which a test supplies: /* text */, a line that begins with …, and the line // … text:."""

import json
import pathlib
import re
import sys

pages = [pathlib.Path(page) for page in sys.argv[1].split(":")]
prelude, output = map(pathlib.Path, sys.argv[2:4])
opening, ending = sys.argv[4].split("…")
program = None
includes = []
imports = []
parts = []
names = []


def hoist(match):
    (includes if match[0].startswith("#") else imports).append(match[0])
    return "\n"


def call_reader(match):
    return f"reader({json.dumps(match[1] or '…', ensure_ascii=False)});"


def name_of(text):
    heading = re.findall(r"^#+ (.*)", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)[-1]
    name = re.sub(r"\W+", "_", heading.lower()).strip("_")
    names.append(name)
    return name if names.count(name) == 1 else f"{name}_{names.count(name)}"


for page in pages:
    names.clear()
    text = page.read_text()
    parts.append(f"namespace docs::{page.stem.replace('-', '_')} {{\n")
    for match in re.finditer(r"^```cpp(?: mio)?\n(.*?)^```$", text, re.S | re.M):
        snippet = match[1]
        located = f'#line {text.count(chr(10), 0, match.start()) + 2} "{page}"\n'
        if "int main(" in snippet:
            program = located + snippet
            continue
        name = name_of(text[: match.start()])
        located += re.sub(r"^(#include .*|import [\w.]+;)\n", hoist, snippet, flags=re.M)
        for place in [r"/\* (.*?) \*/;?", r"^ *…(?: *// *(.*))?$", r"^// … (.*):$"]:
            located = re.sub(place, call_reader, located, flags=re.M)
        if re.match(r"((mio::async::)?Task<|struct \w+ (: [\w:]+ )?\{|class |template )", snippet):
            parts.append(f"inline namespace {name} {{\n{located}}}\n")
        else:
            parts.append(f"{opening.replace('NAME', name)}\n{located}{ending}\n")
    parts.append("}\n")

# Includes before imports.
before, first_import, rest = prelude.read_text().partition("import ")
parts.insert(0, before + "".join(includes) + first_import + rest + "".join(imports))


def write(path, content):
    if not path.exists() or path.read_text() != content:
        path.write_text(content)


write(output, "\n".join(parts))
if program:
    write(output.with_name(output.stem.replace("_snippets", "_first") + ".cpp"), program)
