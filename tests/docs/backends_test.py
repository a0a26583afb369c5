# docs/backends.md contains the tables in the decoders' comments and the differences in
# tests/support/differences.hpp.
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
page = (root / "docs/backends.md").read_text()
missing = []


def expect(line):
    if line + "\n" not in page:
        missing.append(line)


backends = ["epoll", "poll", "kqueue", "iocp"]
for backend in backends:
    source = (root / f"modules/sys/{backend}.cppm").read_text()
    table = [line.removeprefix("/// ") for line in source.splitlines() if line.startswith("/// |")]
    assert len(table) > 5, f"no table in {backend}.cppm"
    for line in table:
        expect(line)

differences = (root / "tests/support/differences.hpp").read_text()
fields = re.findall(r"/// (.+)\n    bool \w+;", differences)
values = dict(re.findall(r'\{"(\w+)",([^}]+)\}', differences))
assert list(values) == backends and len(fields) > 5
for number, field in enumerate(fields):
    answers = ["yes" if values[b].split(",")[number].strip() == "true" else "no" for b in backends]
    expect(f"| {field} | {' | '.join(answers)} |")

for line in missing:
    print("docs/backends.md lacks:", line)
sys.exit(bool(missing))
