"""snippets.py PAGE PRELUDE OUTPUT: writes the C++ snippets of PAGE to OUTPUT, so that they are compiled. PRELUDE is a file with
the includes and what the snippets assume. A snippet with a `main` is a program: it goes to its own file beside OUTPUT. One that
starts with a definition stands in a namespace of its own; others are the bodies of coroutines."""

import pathlib
import re
import sys

page, prelude, output = map(pathlib.Path, sys.argv[1:])
program = None
parts = [prelude.read_text()]
for number, match in enumerate(re.finditer(r"^```cpp\n(.*?)^```$", page.read_text(), re.S | re.M), 1):
    snippet = match[1]
    line = page.read_text()[: match.start()].count("\n") + 2
    located = f'#line {line} "{page}"\n{snippet}'
    if "int main(" in snippet:
        program = located
    elif re.match(r"(Task<|struct |class |template )", snippet):
        parts.append(f"namespace snippet_{number} {{\n{located}}}\n")
    else:
        parts.append(f"Task<> snippet_{number}(Surroundings here) {{\n    auto& [stream, listener, loop, pool] = here;\n{located}}}\n")


def write(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


write(output, "\n".join(parts))
write(output.with_name("async_first.cpp"), program)
