"""Converts the Markdown that this project's documents use to HTML: headings, paragraphs, lists, tables, code, links, images,
emphasis. Anything else raises an error, so that nothing is shown wrong."""

import html
import re

CPP_WORDS = (
    "alignas auto bool break case catch char class co_await co_return co_yield concept const consteval constexpr const_cast continue "
    "decltype default delete do double dynamic_cast else enum explicit export extern false float for friend if import inline int "
    "long module mutable namespace new noexcept nullptr operator private protected public reinterpret_cast requires return short "
    "signed sizeof static static_assert static_cast struct switch template this thread_local throw true try typedef typename union "
    "unsigned using virtual void volatile while")
WORDS = {
    "cpp": CPP_WORDS, "c": CPP_WORDS,
    "rust": "as async await break const continue crate else enum false fn for if impl in let loop match mod move mut pub ref return "
            "self static struct trait true type unsafe use where while",
    "cmake": "if else elseif endif foreach endforeach function endfunction include set",
    "lua": "local function end if then else return true false",
    "meson": "if else endif true false",
}
COMMENTS = {"cpp": r"//[^\n]*|/\*.*?\*/", "c": r"//[^\n]*|/\*.*?\*/", "rust": r"//[^\n]*", "lua": r"--[^\n]*"}


def highlighted(code, language):
    words = set(WORDS.get(language, "").split())
    if not words and language not in ("sh", "console", "json"):
        return html.escape(code)
    comment = COMMENTS.get(language, r"#[^\n]*" if language != "json" else r"(?!)")
    out, last = [], 0
    for match in re.finditer(rf"(?P<c>{comment})|(?P<p>(?m:^#[^\n]*))|(?P<s>\"(?:\\.|[^\"\\\n])*\"|(?<![\w])'(?:\\.|[^'\\\n])+')|(?P<w>\b[A-Za-z_]\w*\b)|(?P<n>\b\d[\w'.]*)",
                             code, re.S):
        out.append(html.escape(code[last : match.start()]))
        kind, text = match.lastgroup, match[0]
        if kind == "w" and text not in words:
            kind = "t" if language in ("cpp", "rust") and text[0].isupper() and len(text) > 1 and not text.isupper() else None
        out.append(f'<span class="{kind}">{html.escape(text)}</span>' if kind else html.escape(text))
        last = match.end()
    return "".join(out) + html.escape(code[last:])


def slug(text):
    """The anchor of a heading, as GitHub makes it."""
    text = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", lambda match: match[1] or "", text).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


class Converter:
    def __init__(self, link, mention=lambda code: None):
        self.link = link  # maps the target of a link or an image to a URL
        self.mention = mention  # maps an inline code to a URL, or None
        self.headings = []  # (level, anchor, HTML)

    def inline(self, text):
        kept = []

        def keep(markup):
            kept.append(markup)
            return f"\0{len(kept) - 1}\0"

        def code(match):
            text = match[2].strip() if match[1] == "``" else match[2]
            url = self.mention(text)
            # A name is not broken at its hyphens or spaces, unless it may be wider than a phone.
            whole = ' class="whole"' if len(text) <= 24 else ""
            markup = f"<code{whole}>{html.escape(text)}</code>"
            return keep(f'<a class="mention" href="{url}">{markup}</a>' if url else markup)

        text = re.sub(r"(``|`)(.+?)\1", code, text)
        text = html.escape(text, quote=False)
        text = re.sub(r"(?<=\d) (?=(?:%|[nµm]?s|[kKMG]i?B|k/s)(?!\w))", "\N{NO-BREAK SPACE}", text)
        text = re.sub(r"\\([\\`*_{}\[\]()#+.!|-])", lambda match: keep(match[1]), text)

        def image(match):
            return keep(f'<img src="{self.link(match[2])}" alt="{html.escape(match[1])}">')

        def anchor(match):
            label = re.sub(r'<a class="mention"[^>]*>(.*?)</a>', r"\1", restore(match[1]))
            return keep(f'<a href="{html.escape(self.link(match[2]))}">{label}</a>')

        def restore(text):
            while "\0" in text:
                text = re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], text)
            return text

        text = re.sub(r"!\[([^]]*)\]\(([^)\s]+)\)", image, text)
        text = re.sub(r"\[([^]]+)\]\(([^)\s]+)\)", anchor, text)
        text = re.sub(r"(?<![\w/:\"])(https?://[^\s<>)\"]*[^\s<>)\".,;:])", lambda match: keep(f'<a href="{match[1]}">{match[1]}</a>'), text)
        text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
        text = re.sub(r"(?<![\w*])\*(?![\s*])(.+?)(?<![\s*])\*(?![\w*])", r"<em>\1</em>", text)
        return restore(text)

    def code(self, language, code):
        name = language.split()[0] if language else ""
        return f'<pre><code class="{name}">{highlighted(code, name)}</code></pre>'

    def table(self, lines):
        rows = [[cell.strip().replace("\0", "|") for cell in line.strip().replace("\\|", "\0").strip("|").split("|")] for line in lines]
        head, body = rows[0], rows[2:]
        out = ['<div class="scroll"><table>']
        if any(head):
            out.append("<thead><tr>" + "".join(f"<th>{self.inline(cell)}</th>" for cell in head) + "</tr></thead>")
        for row in body:
            out.append("<tr>" + "".join(f"<td>{self.inline(cell)}</td>" for cell in row) + "</tr>")
        return "".join(out) + "</table></div>"

    def blocks(self, lines):
        out, at = [], 0
        beside = None  # fences to show side by side
        while at < len(lines):
            line = lines[at]
            if not line.strip():
                at += 1
            elif line.strip() == "<!-- side by side -->":
                beside, at = [], at + 1
            elif line.startswith("<!--"):
                while "-->" not in lines[at]:
                    at += 1
                at += 1
            elif fence := re.match(r"(```+)(.*)$", line):
                end = next(i for i in range(at + 1, len(lines)) if lines[i].rstrip() == fence[1])
                block = self.code(fence[2].strip(), "\n".join(lines[at + 1 : end]))
                if beside is None:
                    out.append(block)
                else:
                    name = {"rust": "Rust", "c": "C", "cpp": "C++"}.get(fence[2].split()[0], fence[2])
                    name = {"asio": "Asio", "mio": "mio", "libuv": "libuv"}.get(fence[2].split()[-1], name)
                    beside.append(f"<figure><figcaption>{name}</figcaption>{block}</figure>")
                    if len(beside) == 2:
                        out.append('<div class="beside">' + "".join(beside) + "</div>")
                        beside = None
                at = end + 1
            elif heading := re.match(r"(#{1,4}) (.*)$", line):
                level, text = len(heading[1]), heading[2].strip()
                anchor, markup = slug(text), self.inline(text)
                self.headings.append((level, anchor, markup))
                out.append(f'<h{level} id="{anchor}">{markup}<a class="anchor" href="#{anchor}" aria-label="Link to this section">#</a></h{level}>')
                at += 1
            elif line.startswith("|"):
                end = at
                while end < len(lines) and lines[end].startswith("|"):
                    end += 1
                out.append(self.table(lines[at:end]))
                at = end
            elif item := re.match(r"([-*]|\d+\.) +", line):
                numbered = item[1][0].isdigit()
                items, current = [], None
                while at < len(lines):
                    match = re.match(r"([-*]|\d+\.) +", lines[at])
                    if match and match[1][0].isdigit() == numbered:
                        current = [lines[at][match.end() :]]
                        items.append(current)
                        width = match.end()
                    elif not lines[at].strip() and at + 1 < len(lines) and (lines[at + 1].startswith("  ") or re.match(r"([-*]|\d+\.) +", lines[at + 1])):
                        current.append("")
                    elif lines[at].startswith("  "):
                        current.append(lines[at][min(width, len(lines[at]) - len(lines[at].lstrip())) :])
                    elif lines[at].strip() and lines[at - 1].strip() and not match:
                        current.append(lines[at])  # a lazy continuation
                    else:
                        break
                    at += 1
                tag = "ol" if numbered else "ul"
                inner = []
                for lines_of_item in items:
                    markup = "".join(self.blocks(lines_of_item))
                    inner.append("<li>" + without_paragraph(markup) + "</li>")
                out.append(f"<{tag}>" + "".join(inner) + f"</{tag}>")
            elif line.startswith("    "):
                end = at
                while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                    end += 1
                out.append(self.code("cpp", "\n".join(line[4:] for line in lines[at:end]).rstrip()))
                at = end
            elif line.startswith(">"):
                end = at
                while end < len(lines) and lines[end].startswith(">"):
                    end += 1
                out.append("<blockquote>" + "".join(self.blocks([line.lstrip("> ") for line in lines[at:end]])) + "</blockquote>")
                at = end
            elif re.match(r"<(?!https?:)/?[a-z]", line):
                raise ValueError(f"HTML is not converted: {line}")
            else:
                end = at
                while end < len(lines) and lines[end].strip() and not re.match(r"```|#{1,4} |\||([-*]|1\.) ", lines[end]):
                    end += 1
                end = max(end, at + 1)
                out.append("<p>" + self.inline(" ".join(part.strip() for part in lines[at:end])) + "</p>")
                at = end
        return out

    def convert(self, text):
        return "\n".join(self.blocks(text.splitlines()))


def without_paragraph(markup):
    """A list item of one paragraph needs no <p>."""
    if markup.startswith("<p>"):
        first, rest = markup[3:].split("</p>", 1)
        return first + rest
    return markup
