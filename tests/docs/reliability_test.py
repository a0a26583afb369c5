"""reliability_test.py SOURCES: what tools/reliability reads from logs, and what it records."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sources = pathlib.Path(sys.argv.pop(1)).resolve()
DOCUMENT = "before\n<!-- table, written by tools/reliability -->\n<!-- end of the table -->\nafter\n"
RECORD = """\
2026-01-01 load: 1 cases, 2 connections, 0 failures
2026-01-01 soak epoll: 3 seconds, 4 rounds, 0 failures
2026-01-01 soak poll: 5 seconds, 6 rounds, 0 failures
"""
LOG = """\
connections, tcp_echo: 19900 connections, 8 s: passed
soak epoll-asan: --seed 1
soak epoll: 7 seconds, 8 rounds, 1 failures
reliability: part=differential backends=epoll,poll steps=9 findings=0
reliability: part=unknown steps=9
curl receives: 400 bytes
"""


class Reliability(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        for folder in ["tools", "docs", "build/nightly"]:
            (self.root / folder).mkdir(parents=True)
        shutil.copy(sources / "tools/reliability", self.root / "tools")
        (self.root / "docs/reliability.md").write_text(DOCUMENT)
        (self.root / "docs/reliability.txt").write_text(RECORD)
        (self.root / "build/nightly/soak.log").write_text(LOG)

    def run_tool(self, *arguments):
        return subprocess.run([sys.executable, "-B", self.root / "tools/reliability", *arguments],
            stdout=subprocess.PIPE, check=True, text=True).stdout  # fmt: skip

    def test_only_lines_of_known_kinds_are_results(self):
        self.assertEqual(
            self.run_tool("--results", self.root / "build/nightly/soak.log").splitlines(),
            ["soak epoll: 7 seconds, 8 rounds, 1 failures", "reliability: part=differential backends=epoll,poll steps=9 findings=0"],
        )

    def test_a_part_replaces_its_own_results_and_keeps_those_of_others(self):
        (self.root / "build/nightly/soak.results").write_text("soak epoll: 7 seconds, 8 rounds, 1 failures\n")
        self.run_tool("--record", "soak")
        dates, lines = zip(*(line.split(" ", 1) for line in (self.root / "docs/reliability.txt").read_text().splitlines()))
        self.assertEqual(lines, ("load: 1 cases, 2 connections, 0 failures", "soak epoll: 7 seconds, 8 rounds, 1 failures"))
        self.assertEqual(dates[0], "2026-01-01")
        self.assertNotEqual(dates[1], "2026-01-01")
        self.run_tool("--check")

    def test_the_table_shows_failures_and_what_runs_the_part(self):
        self.run_tool("--record")
        document = (self.root / "docs/reliability.md").read_text()
        self.assertTrue(document.startswith("before\n") and document.endswith("\nafter\n"))
        self.assertIn("| 1 cases, 2 connections | 0 | | `tools/nightly load` | 2026-01-01 |\n", document)
        self.assertIn("| – epoll | 3 seconds, 4 rounds | 0 | | | 2026-01-01 |\n", document)
        self.assertEqual((self.root / "docs/reliability.txt").read_text(), RECORD)

    def test_results_of_one_kind_stand_below_its_description(self):
        names = [row.split("|")[1].strip() for row in self.run_tool().splitlines()[3:]]
        self.assertRegex(names[0], ":$")
        self.assertEqual(names[1:], ["– epoll", "– poll"])


unittest.main()
