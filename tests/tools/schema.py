"""Checks JSON against a schema: schema.py SCHEMA NAME < DOCUMENTS

NAME is a definition of the schema. The input is one document, or with a definition whose name ends in _line one on each
line. Knows the keywords that docs/probe.schema.json uses, and rejects others.
"""

import json
import re
import sys

known = {"$ref", "type", "const", "enum", "pattern", "minimum", "properties", "required", "additionalProperties", "items", "oneOf"}
types = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None), "object": dict, "array": list}


def is_of_type(value, name):
    if isinstance(value, bool) and name != "boolean":
        return False
    return isinstance(value, types[name])


def problems(value, schema, root, path):
    """Sentences on what is wrong with `value`."""
    assert not set(schema) - known, set(schema) - known
    if "$ref" in schema:
        yield from problems(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, path)
        return
    if "oneOf" in schema:
        tried = [list(problems(value, one, root, path)) for one in schema["oneOf"]]
        fitting = sum(not found for found in tried)
        if fitting != 1:
            yield f"{path}: fits {fitting} of {len(tried)} shapes; " + "; ".join(min(tried, key=len) or [])
        return
    if "const" in schema and value != schema["const"]:
        yield f"{path}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(is_of_type(value, name) for name in names):
        yield f"{path}: {value!r} is not of type {' or '.join(names)}"
        return
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{path}: {value!r} is below {schema['minimum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    if isinstance(value, dict):
        members = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in value:
                yield f"{path}: no {name}"
        for name, member in value.items():
            if name in members:
                yield from problems(member, members[name], root, f"{path}.{name}")
            elif schema.get("additionalProperties") is False:
                yield f"{path}: {name} is not documented"
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            yield from problems(item, schema["items"], root, f"{path}[{i}]")


root = json.load(open(sys.argv[1]))
name = sys.argv[2]
text = sys.stdin.read()
documents = [json.loads(line) for line in text.splitlines()] if name.endswith("_line") else [json.loads(text)]
assert documents, "no document"
found = []
for document in documents:
    found += problems(document, {"$ref": f"#/$defs/{name}"}, root, "$")
    # A document matches exactly one schema, so that a reader can distinguish them.
    found += problems(document, {"oneOf": root["oneOf"]}, root, "$")
for problem in found:
    print(problem)
sys.exit(1 if found else 0)
