# docs/backends.md contains the tables in the decoders' comments and the table of differences that
# modules/sys/selector.cppm defines. With the argument --write, writes the latter.
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

# The rows of `BackendTraits`: a comment, and a value for each backend.
traits = (root / "modules/sys/selector.cppm").read_text()
traits = traits[traits.index("struct BackendTraits {") :]
rows = re.findall(r"((?:    /// .+\n)+)    static constexpr bool (\w+) =\s+column<S>\(([^)]+)\);", traits)
assert len(rows) == traits.count("column<S>(") > 5
words = {"true": "yes", "false": "no", "S::has_aio": "some systems", "S::has_lio": "some systems"}
table = ["| `mio::backend_traits::` | | epoll | poll | kqueue | iocp |", "|---|---|---|---|---|---|"]
for comment, name, values in rows:
    description = " ".join(line.strip().removeprefix("/// ") for line in comment.splitlines())
    cells = [words[value.strip()] for value in values.split(",")]
    assert len(cells) == len(backends)
    table.append(f"| `{name}` | {description} | {' | '.join(cells)} |")
start = page.index(table[0].split(" | ")[0])
end = page.index("\n\n", start)
if sys.argv[2:] == ["--write"]:
    page = page[:start] + "\n".join(table) + page[end:]
    end = page.index("\n\n", start)
    (root / "docs/backends.md").write_text(page)
for line in table:
    expect(line)
if page[start:end].count("\n") >= len(table):
    missing.append("nothing, but has a row of differences that is not in modules/sys/selector.cppm")

for line in missing:
    print("docs/backends.md lacks:", line)
if missing:
    print("write the differences with: python3 tests/docs/backends_test.py . --write")
sys.exit(bool(missing))
