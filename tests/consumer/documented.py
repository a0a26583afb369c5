"""documented.py PAGE: writes the CMake project of PAGE to the current directory, with examples/first.cpp as main.cpp, and the commands below
it to `commands`, with the compiler $CXX and the prefix $prefix instead of those that the page names."""

import pathlib
import re
import sys

page = pathlib.Path(sys.argv[1])
text = page.read_text()
project = re.search(r"^```cmake\n(cmake_minimum_required.*?)^```$", text, re.S | re.M)
commands = re.search(r"^```sh\n(cmake (?:-S \. )?-?[^`]*?)^```$", text[project.end() :], re.S | re.M)[1]
commands = commands.replace("clang++-19", '"$CXX"').replace("=/opt/mio", '="$prefix"')
for file, content in {
    "CMakeLists.txt": project[1],
    "main.cpp": (page.parent / ("examples" if page.name == "README.md" else "../examples") / "first.cpp").read_text(),
    "commands": "\n".join(line for line in commands.splitlines() if not line.startswith("build/")),
}.items():
    pathlib.Path(file).write_text(content)
