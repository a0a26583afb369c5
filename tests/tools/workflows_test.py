"""workflows_test.py ROOT: the files of .github/ are YAML, and the workflows name commands, presets, jobs and matrix entries that
exist. Exit status 77 without PyYAML."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import yaml
except ImportError:
    print("skipped: no PyYAML (Debian: python3-yaml)")
    sys.exit(77)

root = pathlib.Path(sys.argv[1])
presets = {preset["name"] for preset in json.loads((root / "CMakePresets.json").read_text())["testPresets"]}
commands = set(re.search(r"^([\w| ]+)\)\n +command=", (root / "tools/dev").read_text(), re.M)[1].split(" | "))
# The words that these programs accept from a matrix.
words = {
    "tools/nightly": re.search(r"^ *local all=\((.*?)\)", (root / "tools/nightly").read_text(), re.M)[1].split(),
    "tools/portability/check": re.search(r"^  (macos .*)", (root / "tools/portability/check").read_text(), re.M)[1].split(),
}
wrong = []


def values_of(matrix, name):
    """The values that `matrix.name` takes."""
    return [*matrix.get(name, []), *(entry[name] for entry in matrix.get("include", []) if name in entry)]


def check_step(where, step, matrix, names):
    if ("run" in step) == ("uses" in step):
        wrong.append(f"{where}: a step has one of `run` and `uses`")
    if "uses" in step and not re.fullmatch(r"[\w.-]+/[\w./-]+@v\d[\w.]*", step["uses"]):
        wrong.append(f"{where}: {step['uses']} has no version")
    script = str(step.get("run") or step.get("with", {}).get("run", ""))
    if re.search(r"\$\{\{ *github\.(event|head_ref|ref_name)", script):
        wrong.append(f"{where}: a script contains text that others write: pass it through env")
    for expression in re.findall(r"\$\{\{ *(.*?) *\}\}", json.dumps(step)) + [str(step.get("if", ""))]:
        for context, name in re.findall(r"\b(matrix|needs|steps)\.([\w-]+)", expression):
            known = {"matrix": matrix, "needs": names, "steps": names}[context]
            if context == "matrix" and not values_of(matrix, name):
                wrong.append(f"{where}: there is no matrix.{name}")
    for command, arguments in re.findall(r"tools/dev (\w+)((?: [^\n&|;\"]+)?)", script):
        if command not in commands:
            wrong.append(f"{where}: there is no command tools/dev {command}")
        name = arguments.strip().split("--")[0].strip()
        used = values_of(matrix, "preset") if name == "${{ matrix.preset }}" else [name] if name else []
        if command == "test":
            wrong.extend(f"{where}: there is no preset {preset}" for preset in used if preset not in presets)
    for program in re.findall(r"(?<![\w/])tools/[\w/]+", script):
        if not (root / program).exists():
            wrong.append(f"{where}: there is no {program}")
    for program, name in re.findall(r"(tools/[\w/]+) [^\n]*\$\{\{ matrix\.(\w+) \}\}", script):
        wrong.extend(f"{where}: {program} does not know {word}" for word in values_of(matrix, name)
                     if program in words and word not in words[program])


def check_draft(script):
    """Runs the script that drafts a release on what two runners upload: a package each, and the same source archive."""
    with tempfile.TemporaryDirectory() as folder:
        here = pathlib.Path(folder)
        for runner in ("amd64", "arm64"):
            files = here / "packages" / f"packages-{runner}"
            files.mkdir(parents=True)
            for name in (f"mio_{runner}.deb", f"mio-{runner}.tar.gz", "mio-source.tar.gz", "SHA256SUMS"):
                (files / name).write_text(name)
        (here / "gh").write_text('#!/bin/sh\nprintf "%s\\n" "$@" >arguments\n')
        (here / "gh").chmod(0o755)
        environment = {**os.environ, "PATH": f"{here}:{os.environ['PATH']}", "TAG": "v1.0.0", "GITHUB_REPOSITORY": "a/b"}
        drafted = subprocess.run(["bash", "-e", "-c", script], cwd=here, env=environment, capture_output=True, text=True)
        wrong.extend(drafted.stderr.splitlines() if drafted.returncode else [])
        uploaded = (here / "arguments").read_text().split() if (here / "arguments").exists() else []
        expected = {f"files/{name}" for name in ("mio_amd64.deb", "mio_arm64.deb", "mio-amd64.tar.gz", "mio-arm64.tar.gz",
                                                 "mio-source.tar.gz", "SHA256SUMS")}
        if {word for word in uploaded if word.startswith("files/")} != expected:
            wrong.append(f"release.yml: a release would consist of {uploaded}")


files = sorted((root / ".github").rglob("*.yml"))
assert len(files) > 3, "no workflows"
for path in files:
    document = yaml.safe_load(path.read_text())
    if path.parent.name != "workflows":
        continue
    triggers = document.get(True, document.get("on"))  # YAML 1.1 parses `on` as a boolean
    if not triggers or "permissions" not in document:
        wrong.append(f"{path.name}: `on` and `permissions` are set")
    for name, job in document["jobs"].items():
        where = f"{path.name}, {name}"
        matrix = job.get("strategy", {}).get("matrix", {})
        for key in ("runs-on", "timeout-minutes", "steps"):
            if key not in job:
                wrong.append(f"{where}: has no {key}")
        unknown = job.keys() - {"name", "runs-on", "container", "timeout-minutes", "strategy", "steps", "needs", "if", "env",
                                "permissions", "environment", "continue-on-error"}
        wrong.extend(f"{where}: unknown key {key}" for key in sorted(unknown))
        needs = job.get("needs", [])
        for need in [needs] if isinstance(needs, str) else needs:
            if need not in document["jobs"]:
                wrong.append(f"{where}: there is no job {need}")
        ids = {step["id"] for step in job["steps"] if "id" in step}
        for key in ("name", "runs-on", "container"):
            for used in re.findall(r"matrix\.([\w-]+)", str(job.get(key, ""))):
                if not values_of(matrix, used):
                    wrong.append(f"{where}: there is no matrix.{used}")
        for step in job["steps"]:
            unknown = step.keys() - {"name", "id", "if", "uses", "with", "run", "shell", "env", "continue-on-error"}
            wrong.extend(f"{where}: unknown key {key} of a step" for key in sorted(unknown))
            check_step(where, step, matrix, ids)
            if "gh release create" in str(step.get("run")):
                check_draft(step["run"])
        # Without git, the checkout is no repository, and a container has no git.
        uses = [str(step.get("uses") or step.get("run")) for step in job["steps"]]
        checkout = next((i for i, used in enumerate(uses) if used.startswith("actions/checkout")), len(uses))
        if "container" in job and any("install -y git" in used for used in uses[checkout:]):
            wrong.append(f"{where}: git is installed after the checkout")

print("\n".join(wrong))
sys.exit(bool(wrong))
