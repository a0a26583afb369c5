"""Writes one source file that contains several test files: unite.py OUT FILE...

Compiling a small test file takes mostly the same work again: loading modules, and code of GoogleTest and the standard
library. CMake's own unity builds leave out files that may import modules. Here each file gets a namespace, and what the
files define, include and import at their beginning comes before all of them, since an import must not be in a namespace.
"""
import pathlib
import re
import sys

out, *files = map(pathlib.Path, sys.argv[1:])
PROLOGUE = re.compile(r"\s*(//.*)?$|#\s*(include|define)\b|import\b")
QUOTED = re.compile(r'#include "(.+?)"')

defines, system, own, imports, bodies = {}, {}, {}, {}, []
for number, file in enumerate(files, 1):
    lines = file.read_text(encoding="utf-8").splitlines()
    start = next((i for i, line in enumerate(lines) if not PROLOGUE.match(line)), len(lines))
    for line in lines[:start]:
        quoted = QUOTED.match(line)
        if quoted:
            beside = file.parent / quoted[1]
            own[f'#include "{beside.as_posix() if beside.exists() else quoted[1]}"'] = None
        elif line.startswith("#include"):
            system[line] = None
        elif line.startswith("#"):
            defines[line] = None
        elif line.startswith("import"):
            imports[line] = None
    body = "\n".join(lines[start:])
    bodies.append(f'namespace file_{number} {{\n#line {start + 1} "{file.as_posix()}"\n{body}\n}}')
out.parent.mkdir(exist_ok=True)
out.write_text("\n".join([*defines, *system, *own, *imports, *bodies, ""]), encoding="utf-8")
