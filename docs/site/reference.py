"""Reads the exported declarations of module interfaces and their `///` comments."""

import pathlib
import re
import textwrap
from dataclasses import dataclass, field


@dataclass
class Entry:
    """One comment, and the declarations that it documents."""

    name: str
    kind: str  # class, concept, function, …
    namespace: str
    code: list = field(default_factory=list)
    comment: str = ""
    members: list = field(default_factory=list)
    module: str = ""
    also: list = field(default_factory=list)  # names of further declarations


# Skips whitespace, preprocessor lines and `//` comments from `at`, and collects `///` comments.
def skip(text, at):
    comment, blank = [], False
    while at < len(text):
        if text[at] in " \t":
            at += 1
        elif text[at] == "\n":
            at += 1
            line_end = text.find("\n", at)
            if not text[at : line_end if line_end >= 0 else len(text)].strip():
                blank = True
                if comment:
                    comment = []  # a comment of its own
        elif text.startswith("///", at) and not text.startswith("///<", at):
            end = text.find("\n", at)
            comment.append(text[at + 3 : end].removeprefix(" "))
            at = end
        elif text.startswith("//", at) or text[at] == "#":
            at = text.find("\n", at)
        elif text.startswith("/*", at):
            at = text.index("*/", at) + 2
        else:
            break
    return at, "\n".join(comment), blank


STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'')


def matching(text, at):
    """The place after the bracket that closes the one at `at`."""
    depth = 0
    while True:
        if text.startswith("//", at):
            at = text.index("\n", at)
        elif (text[at] == '"' or (text[at] == "'" and not text[at - 1].isalnum())) and (match := STRING.match(text, at)):
            at = match.end()
            continue
        elif text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1


def statement(text, at):
    """(end, declaration without a body, start and end of a body or None) of the declaration at `at`."""
    start, body, cut = at, None, None
    while True:
        if text.startswith("//", at):
            at = text.index("\n", at)
        elif text[at] in "([":
            at = matching(text, at)
        elif text[at] == "{":
            end = matching(text, at)
            rest = text[end:].lstrip()
            declared = text[start:at].strip()
            if re.match(r"(export )?(inline )?namespace\b[\w: ]*$", declared):
                return end, declared, (at + 1, end - 1)
            if rest[:1] == ";" or rest[:1] not in (",", "{", "&", "|", ")"):
                body = (at + 1, end - 1)
                finish = text.index(";", end) + 1 if rest[:1] == ";" else end
                return finish, text[start : cut or at].strip(), body
            at = end
        elif text[at] == ";":
            return at + 1, text[start:at].strip(), None
        elif text[at] == ":" and text[at - 1] != ":" and text[at + 1] != ":" and cut is None and ")" in text[start:at] and not re.match(
                r"(export )?(template\b.*)?\b(class|struct|enum)\b", text[start:at].strip(), re.S):
            cut = at  # the initializers of a constructor
            at += 1
        else:
            at += 1


def name_of(declared):
    text = re.sub(r"\[\[.*?\]\]", "", declared, flags=re.S)
    plain = re.sub(r"^(export\s+)?", "", text)
    while (match := re.match(r"template\s*<", plain)):
        depth, at = 0, match.end() - 1
        while True:
            if plain[at] == "<":
                depth += 1
            elif plain[at] == ">" and plain[at - 1] != "-":
                depth -= 1
                if depth == 0:
                    break
            elif plain[at] == "(":
                at = matching(plain, at) - 1
            at += 1
        plain = plain[at + 1 :].strip()
        if plain.startswith("requires"):
            # up to the declaration itself, which begins on a line of its own
            match = re.search(r"\n\s*(?![&|)\s])(?=\S)", plain)
            plain = plain[match.end() :] if match else plain
    if match := re.match(r"(class|struct|union|enum(?: class)?|concept|using)\s+(?:\w+\s+)*?(\w+)\s*(?:final\b|:|=|$|<|\{)", plain):
        return match[1].replace("enum class", "enum").replace("using", "type"), match[2]
    if match := re.search(r"(operator\s*(?:\"\"\s*\w+|\(\)|\[\]|[^\s\w(]+|[\w:<>]+))\s*\(", plain):
        return "function", re.sub(r"\s+", " ", match[1])
    head = plain
    # The name stands before the first parenthesis that is not part of a type or of an attribute.
    if match := re.search(r"(~?\w+)\s*\(", re.sub(r"\b(noexcept|decltype|requires|alignas|explicit)\s*\(", r"\1[", head)):
        return "function", match[1]
    if match := re.search(r"(\w+)\s*(?:=|\{|\[|$)", plain):
        return "value", match[1]
    return "value", plain


def shown(declared):
    text = re.sub(r"\bexport\s+|\binline\s+|\[\[nodiscard\]\]\s*|\[\[clang::\w+\]\]\s*|\[\[unlikely\]\]\s*", "", declared)
    text = text.replace("///<", "//")
    lines = text.splitlines()
    if len(lines) > 1:
        text = lines[0].strip() + "\n" + textwrap.dedent("\n".join(lines[1:]))
        text = "\n".join([text.splitlines()[0], *("    " + line for line in text.splitlines()[1:])])
        if text.startswith("template"):
            text = text.replace("\n    ", "\n")
    return text.strip()


def clean(comment):
    comment = re.sub(r"@file\b.*", "", comment)
    comment = re.sub(r"@see\s+(.*?)\.?$", lambda match: f"\nSee also: {match[1]}.", comment, flags=re.M)
    comment = re.sub(r"@(name|\{|\})[ ]?", "", comment)
    return comment.strip()


def members(text, access, of):
    out, at, group = [], 0, None
    inside_group = False
    while True:
        at, comment, blank = skip(text, at)
        if "@}" in comment:
            inside_group = False
        if at >= len(text):
            return out
        if label := re.compile(r"(public|private|protected)\s*:(?!:)").match(text, at):
            access, at, group = label[1], label.end(), None
            continue
        if text[at] in ";}":
            at += 1
            continue
        end, declared, body = statement(text, at)
        # `///<` after a member.
        line_end = text.find("\n", end)
        trailing = re.match(r"[ \t]*///<[ ]?(.*)", text[end : line_end if line_end >= 0 else len(text)])
        if trailing:
            comment = comment or trailing[1]
        at = end
        if access != "public" or re.match(r"(static_assert|friend (class|struct|\w+;)|using \w+::)", declared) or re.match(
                r"friend (?!constexpr|inline|bool|std|auto)", declared):
            continue
        if re.search(r"=\s*delete$", declared) or re.match(r"(inline )?~", declared) or "virtual" in declared:
            continue
        if not comment and re.search(r"=\s*default$", declared):
            continue
        kind, name = name_of(declared)
        if not comment and group is not None and (not blank or inside_group):
            group.code.append(shown(declared))
            group.also.append(name)
            continue
        if not comment and name == of and "(" in declared and ("&&" in declared or f"const {of}&" in declared):
            continue  # copying and moving
        entry = Entry(name, kind, "", [shown(declared)], clean(comment))
        if kind in ("class", "struct", "union") and body:
            entry.members = members(text[slice(*body)], "private" if kind == "class" else "public", name)
        elif kind == "enum" and body:
            entry.code = [shown(declared) + " {\n" + textwrap.indent(textwrap.dedent(text[slice(*body)]).strip("\n"), "    ").replace("///<", "//") + "\n}"]
        if re.match(r"#|\}", declared):
            continue
        out.append(entry)
        group = entry
        inside_group = inside_group or "@{" in comment


def declarations(text, namespace, module, out):
    at, group = 0, None
    while True:
        at, comment, blank = skip(text, at)
        if at >= len(text):
            return
        if text[at] in ";}":
            at += 1
            continue
        end, declared, body = statement(text, at)
        if match := re.match(r"(?:export )?(?:inline )?namespace\s*([\w: ]*?)\s*$", declared):
            if body:
                inner = "::".join(part for part in (namespace, match[1].replace("inline ", "")) if part)
                declarations(text[slice(*body)], inner, module, out)
            at, group = end, None
            continue
        at = end
        if not re.match(r"(template\b.*?)?export\b", declared, re.S) or re.match(r"export (module|import)\b", declared):
            group = group if not re.match(r"(static_assert|template|class|struct|enum)", declared) else None
            continue
        if comment.startswith("Internal"):  # exported for other modules of the library
            group = None
            continue
        kind, name = name_of(declared)
        if not comment:
            if group is not None and not blank:
                group.code.append(shown(declared))
            continue
        entry = Entry(name, kind, namespace, [shown(declared)], clean(comment), [], module)
        if kind in ("class", "struct", "union") and body:
            entry.members = members(text[slice(*body)], "private" if kind == "class" else "public", name)
        elif kind == "enum" and body:
            entry.code = [shown(declared) + " {\n" + textwrap.indent(textwrap.dedent(text[slice(*body)]).strip("\n"), "    ").replace("///<", "//") + "\n}"]
        elif kind == "concept" and body:  # the requirements are the documentation
            entry.code = [shown(declared) + " " + text[body[0] - 1 : end - 1]]
        out.append(entry)
        group = entry


def read(path):
    """The module's name, the comment of the file, and its entries."""
    text = pathlib.Path(path).read_text()
    module = re.search(r"^export module ([\w.]+);", text, re.M)
    about = re.match(r"(?:///[^\n]*\n)+", text)
    comment = clean("\n".join(line[3:].removeprefix(" ") for line in about[0].splitlines())) if about else ""
    entries = []
    start = module.end() if module else 0
    text = re.sub(r"^(export )?import [\w.]+;", "", text[start:], flags=re.M)
    declarations(text, "", module[1] if module else "", entries)
    return module[1] if module else "", comment, entries
