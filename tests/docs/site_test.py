"""site_test.py ROOT FOLDER: the site builds into FOLDER. Every link in it, and in the documents, leads to something; the reference has
every exported class; the search finds names; nothing of the Markdown is left over."""

import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

root, folder = (pathlib.Path(path).resolve() for path in sys.argv[1:])
subprocess.run([sys.executable, "-B", str(root / "docs/site/build.py"), str(folder)], check=True)
wrong = []
pages = {path.name: path.read_text() for path in folder.glob("*.html")}
anchors = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in pages.items()}

for name, text in pages.items():
    ids = re.findall(r'\bid="([^"]+)"', text)
    wrong.extend(f"{name}: two elements have the id {id}" for id in {id for id in ids if ids.count(id) > 1})
    for target in re.findall(r'(?:href|src)="([^"]+)"', text):
        target = html.unescape(target)
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, fragment = target.partition("#")
        path = path.split("?")[0] or name
        if not (folder / path).exists():
            wrong.append(f"{name}: nothing is at {target}")
        elif fragment and path in anchors and fragment not in anchors[path]:
            wrong.append(f"{name}: {path} has no section {fragment}")
    content = re.sub(r"<(pre|code|script|style|svg)\b.*?</\1>", "", text, flags=re.S)
    content = html.unescape(re.sub(r"<[^>]+>", "", content))
    for left in re.findall(r".*(?:\*\*|```|\]\(|@see|@\{|^\|).*", content, re.M):
        wrong.append(f"{name}: Markdown is left over: {left.strip()[:100]}")
    if not re.search(r"<h1", text):
        wrong.append(f"{name}: has no heading")

# Links between the documents, as they are in the repository.
for path in [*root.glob("*.md"), *root.glob("docs/*.md")]:
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:|mailto:|#", target) and not (path.parent / target.split("#")[0]).exists():
            wrong.append(f"{path.relative_to(root)}: there is no {target}")

# The reference has every class of the interfaces that has a comment, except internal ones.
entries = json.loads((folder / "search.js").read_text().removeprefix("window.SEARCH = ").removesuffix(";\n"))
names = {entry["t"] for entry in entries}
for path in sorted((root / "modules").rglob("*.cppm")):
    text = path.read_text()
    if "native" in path.parts or "calls" in path.parts or re.match(r"(?:///[^\n]*\n)*///.*\bInternal:", text):
        continue
    for match in re.finditer(r"((?:^///[^\n]*\n)+)export (?:template <[^<\n]*>\s*)?(?:class|struct|enum class) (\w+)", text, re.M):
        if not match[1].startswith("/// Internal") and not any(name.endswith(f"::{match[2]}") for name in names):
            wrong.append(f"the reference lacks {match[2]} of {path.relative_to(root)}")
for name in ("mio::Poll::poll", "mio::Registry::add", "mio::net::TcpStream::read", "mio::async::Group::spawn", "mio::time::Timers::insert"):
    if name not in names:
        wrong.append(f"the search does not find {name}")

# In a browser, if there is one: the search runs without a server, and no page is wider than a phone.
browser = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
if browser:
    with tempfile.TemporaryDirectory() as profile:

        def shown(page):
            return subprocess.run(
                [browser, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", f"--user-data-dir={profile}",
                 "--virtual-time-budget=3000", "--dump-dom", page], capture_output=True, text=True, timeout=100).stdout

        found = shown(f"{(folder / 'index.html').as_uri()}?q=waker")
        results = found.partition('id="results"')[2].partition("</header>")[0]
        if 'href="reference-core.html#Waker"' not in results:
            wrong.append("the search of the site does not find Waker")
        for excerpt in re.findall(r"<small>((?:(?!</small>).)+)", results):
            text = html.unescape(re.sub(r"<[^>]*>", "", excerpt)).strip(" …")
            if not any(re.search(r"(?<!\w)" + re.escape(text) + r"(?!\w)", entry["x"]) for entry in entries):
                wrong.append(f"the search shows a part of a word: {text}")
        frames = "".join(f'<iframe name="{name}" src="{(folder / name).as_uri()}" style="width:390px;height:800px"></iframe>' for name in sorted(pages) if "source-" not in name)
        narrow = pathlib.Path(profile) / "narrow.html"
        narrow.write_text(f"""{frames}<script>onload = () => document.title = [...document.querySelectorAll("iframe")].filter(frame =>
            frame.contentDocument.documentElement.scrollWidth > 390 || [...frame.contentDocument.querySelectorAll("main p > code")].some(code =>
            code.textContent.length <= 24 && code.getClientRects().length > 1)).map(frame => frame.name).join(" ") + " measured"</script>""")
        title = re.search(r"<title>(.*?) ?measured</title>", shown(narrow.as_uri()))
        if not title or title[1]:
            wrong.append(f"wider than a phone, or names are broken: {title[1] if title else 'not measured'}")
else:
    print("no chromium: the search is not tried")

print("\n".join(wrong))
sys.exit(bool(wrong))
