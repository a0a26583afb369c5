"""build.py OUTPUT: writes the documentation site, static HTML that needs no server, from docs/*.md and the comments of modules/."""

import html
import json
import os
import pathlib
import re
import shutil
import sys

import charts
import markdown
import reference

root = pathlib.Path(__file__).resolve().parents[2]
here = root / "docs/site"
out = pathlib.Path(sys.argv[1]).resolve()
version = re.search(r"project\(metal-io VERSION ([0-9.]+)", (root / "CMakeLists.txt").read_text())[1]

# The pages, in the order of the navigation: (section, [(source, title in the navigation)]).
PAGES = [
    ("Start", [("README.md", "mio for C++"), ("docs/consuming.md", "Using mio"), ("docs/packages.md", "Packages"),
               ("docs/build-systems.md", "xmake, Meson, MSVC")]),
    ("Guide", [("docs/guide.md", "Guide"), ("docs/options.md", "Socket options"), ("docs/time.md", "Timers"),
               ("docs/async.md", "Coroutines"), ("docs/custom-sources.md", "Custom sources"), ("docs/porting.md", "Porting"),
               ("docs/faq.md", "FAQ")]),
    ("Systems", [("docs/backends.md", "Backends"), ("docs/probe.md", "mio-probe"), ("docs/performance.md", "Performance"), ("docs/reliability.md", "Reliability")]),
    ("Project", [("docs/versions.md", "Versions"), ("CHANGELOG.md", "Changes"), ("CONTRIBUTING.md", "Contributing"),
                 ("SECURITY.md", "Security"), ("CODE_OF_CONDUCT.md", "Conduct")]),
]
# The reference: (page, title, the modules in it by prefix).
REFERENCE = [
    ("core", "mio.core", ["mio.core"]), ("net", "mio.net", ["mio.net"]), ("time", "mio.time", ["mio.time"]),
    ("async", "mio.async", ["mio.async"]), ("sys", "mio.sys", ["mio.sys"]),
]
PAGES = [(section, [page for page in pages if (root / page[0]).exists()]) for section, pages in PAGES]


def url_of(source):
    name = pathlib.PurePosixPath(source).stem
    return "index.html" if source == "README.md" else f"{name.lower().replace('_', '-')}.html"


urls = {source: url_of(source) for _, pages in PAGES for source, _ in pages}

# The reference's entries.

entries = {}  # page: [(module, comment, entries)]
places = {}  # a name in code: its URL
for path in sorted((root / "modules").rglob("*.cppm")):
    where = path.relative_to(root / "modules").as_posix()
    if where in ("std.cppm", "mio.cppm") or where.startswith(("sys/native/", "sys/calls/")):
        continue
    module, comment, found = reference.read(path)
    if "Internal:" in comment:
        continue
    if path.stem == "windows" and where != "sys/windows.cppm":
        module += " (Windows)"
    page = next((page for page, _, prefixes in REFERENCE if module.startswith(tuple(prefixes))), None)
    entries.setdefault(page, []).append((module, comment, found))
assert None not in entries, "a module has no page"


def anchor_of(entry, module):
    plain = (entry.namespace + "::" + entry.name if entry.namespace else entry.name).removeprefix("mio::")
    return re.sub(r"[^\w]+", "-", plain + ("-windows" if "(Windows)" in module else "")).strip("-")


anchors = set()
for page, modules in entries.items():
    for module, _, found in modules:
        for entry in found:
            entry.anchor = anchor_of(entry, module)
            while entry.anchor in anchors:
                entry.anchor += "-2"
            anchors.add(entry.anchor)
            url = f"reference-{page}.html#{entry.anchor}"
            qualified = f"{entry.namespace}::{entry.name}".removeprefix("::")
            names = [qualified, qualified.removeprefix("mio::")] + ([qualified.replace("::net::", "::"), entry.name] if page in ("core", "net", "time") else [])
            for name in names:
                places.setdefault(name, url)
            for member in entry.members:
                member.anchor = f"{entry.anchor}-{re.sub(r'[^A-Za-z0-9_]+', '-', member.name).strip('-')}"
                while member.anchor in anchors:
                    member.anchor += "-2"
                anchors.add(member.anchor)
                for name in names:
                    for part in (member.name, *member.also):
                        places.setdefault(f"{name}::{part}", f"reference-{page}.html#{member.anchor}")


def mention(code):
    """The reference of a name in inline code, such as `Poll::poll` or `Registry::add(…)`."""
    match = re.fullmatch(r"(?:mio::)?((?:\w+::)*\w+)(?:\(.*\))?", code)
    if not match or not re.match(r"[A-Z]|\w+::", match[1]):
        return None
    return places.get(match[1]) or places.get("mio::" + match[1])


# Pages.

search = []  # {t: title, p: page, u: URL, x: text}
PICTURE = (root / "docs/picture.svg").read_text()


def text_of(markup):
    markup = re.sub(r"</?(?:a|b|code|em|span|strong)\b[^>]*>", "", re.sub(r'<a class="anchor".*?</a>', "", markup))
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", markup))).strip()


def index(title, url, markup):
    """Adds each section of a page to the search."""
    parts = re.split(r'(<h[1-4] id="[^"]*">.*?</h[1-4]>)', markup, flags=re.S)
    for heading, body in zip([""] + parts[1::2], [parts[0]] + parts[2::2]):
        match = re.match(r'<h(\d) id="([^"]*)">', heading)
        text = text_of(body)
        if match or text:
            search.append({"t": text_of(heading) or title, "p": title, "u": url + (f"#{match[2]}" if match and match[1] != "1" else ""), "x": text[:4000]})


def navigation(current, headings):
    parts = []
    listed = [(section, [(urls[source], title) for source, title in pages]) for section, pages in PAGES]
    listed.insert(3, ("Reference", [(f"reference-{page}.html", title) for page, title, _ in REFERENCE]))
    for section, pages in listed:
        parts.append(f"<h2>{section}</h2><ul>")
        for url, title in pages:
            if url == current:
                inner = "".join(f'<li><a href="#{anchor}">{re.sub(r"</?a[^>]*>", "", markup)}</a></li>' for level, anchor, markup in headings if level == 2)
                parts.append(f'<li><a href="{url}" aria-current="page">{title}</a>' + (f"<ul>{inner}</ul>" if inner else "") + "</li>")
            else:
                parts.append(f'<li><a href="{url}">{title}</a></li>')
        parts.append("</ul>")
    return "".join(parts)


def write(url, title, body, headings):
    page = (here / "page.html").read_text()
    for name, value in {"TITLE": html.escape(title), "BODY": body, "NAVIGATION": navigation(url, headings), "VERSION": version}.items():
        page = page.replace(f"@{name}@", value)
    (out / url).write_text(page)


def link_from(source):
    folder = (root / source).parent

    def link(target):
        if re.match(r"[a-z]+:|#", target):
            return target
        path, _, fragment = target.partition("#")
        where = os.path.relpath(folder / path, root)
        fragment = f"#{fragment}" if fragment else ""
        if where in urls:
            return urls[where] + fragment
        if where.startswith("docs/") and where.endswith(".svg"):
            return pathlib.PurePosixPath(where).name
        # Files of the source tree: copied, so that the link works everywhere.
        if not (root / where).exists():
            return f"missing:{where}"
        shown = root / where
        if shown.is_dir():
            return f"source-{where.strip('/').replace('/', '-')}.html"
        (out / "source" / where).parent.mkdir(parents=True, exist_ok=True)
        (out / "source" / f"{where}.txt").write_text(shown.read_text())
        return f"source/{where}.txt"

    return link


def write_folders(folders):
    """A page for each linked folder, with its files."""
    for folder in folders:
        url = f"source-{folder.replace('/', '-')}.html"
        files = sorted(path for path in (root / folder).iterdir() if path.is_file())
        items = []
        for path in files:
            where = path.relative_to(root).as_posix()
            (out / "source" / where).parent.mkdir(parents=True, exist_ok=True)
            (out / "source" / f"{where}.txt").write_text(path.read_text())
            items.append(f'<li><a href="source/{where}.txt">{path.name}</a></li>')
        write(url, folder, f"<h1>{folder}</h1><ul>{''.join(items)}</ul>", [])


def write_documents():
    for _, pages in PAGES:
        for source, title in pages:
            # In docs/porting.md, a name without a namespace belongs to the other library.
            known = (lambda code: mention(code) if code.startswith("mio::") else None) if source == "docs/porting.md" else mention
            converter = markdown.Converter(link_from(source), known)
            body = converter.convert((root / source).read_text())
            body = re.sub(r'<p><img src="picture.svg"[^>]*></p>', f'<figure class="picture">{PICTURE}</figure>', body)
            if source == "docs/performance.md":
                body = re.sub(r'<p><img src="performance.svg"[^>]*></p>', charts.of_run((root / source).read_text()), body)
                assert "<svg" in body
            write(urls[source], title, body, converter.headings)
            index(title, urls[source], body)


def code_block(lines):
    return "<pre><code>" + markdown.highlighted("\n".join(lines), "cpp") + "</code></pre>"


def write_reference():
    for page, title, _ in REFERENCE:
        url = f"reference-{page}.html"
        converter = markdown.Converter(link_from("docs/guide.md"), mention)
        parts = [f'<h1 id="top">{title}</h1>']
        if page == "sys":
            parts.append("<p>Backends. <code>Selector</code> and what belongs to it are for authors of backends, and may change in any version.</p>")
        headings = []

        def described(comment):
            return converter.convert(re.sub(r"`docs/(\w+)\.md`", r"[\1](\1.md)", comment))

        for module, comment, found in entries[page]:
            if not found:
                if comment:
                    parts.append(described(comment))
                continue
            anchor = "module-" + re.sub(r"[^\w]+", "-", module).strip("-")
            headings.append((2, anchor, html.escape(module)))
            parts.append(f'<h2 id="{anchor}">{html.escape(module)}<a class="anchor" href="#{anchor}" aria-label="Link to this section">#</a></h2>' + described(comment))
            for entry in found:
                name = f"{entry.namespace}::{entry.name}".removeprefix("::")
                text = described(entry.comment)
                kind = "" if entry.kind in ("function", "value") else f' <span class="kind">{entry.kind}</span>'
                parts.append(f'<section class="entry"><h3 id="{entry.anchor}"><code>{html.escape(name)}</code>{kind}<a class="anchor" href="#{entry.anchor}" aria-label="Link to this section">#</a></h3>'
                             + code_block([text if text.endswith(("}", ";")) else text + ";" for text in entry.code]) + text)
                search.append({"t": name, "p": title, "u": f"{url}#{entry.anchor}", "x": text_of(text)[:1500], "k": 1})
                for member in entry.members:
                    text = described(member.comment)
                    parts.append(f'<div class="member" id="{member.anchor}">' + code_block([text if text.endswith(("}", ";")) else text + ";" for text in member.code]) + text + "</div>")
                    for part in dict.fromkeys((member.name, *member.also)):
                        search.append({"t": f"{name}::{part}", "p": title, "u": f"{url}#{member.anchor}", "x": text_of(text)[:1000], "k": 1})
                parts.append("</section>")
        write(url, title, "\n".join(parts), headings)


if out.exists():
    marker = out / "search.js"
    if any(out.iterdir()) and not marker.exists():
        sys.exit(f"{out} is not empty, and is not a site: remove it first")
    shutil.rmtree(out)
out.mkdir(parents=True)
write_documents()
write_reference()
linked = {match for path in out.glob("*.html") for match in re.findall(r'href="source-([^"#]+)\.html"', path.read_text())}
write_folders([folder for folder in ("examples", "examples/raw", "packaging/vcpkg", "tests/load", "tests/model", "tests/consumer") if folder.replace("/", "-") in linked])
for name in ("style.css", "site.js"):
    shutil.copy(here / name, out / name)
shutil.copy(root / "docs/picture.svg", out)
(out / "search.js").write_text("window.SEARCH = " + json.dumps(search, ensure_ascii=False, separators=(",", ":")) + ";\n")
