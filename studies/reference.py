"""The reference of the study file, written from its JSON schema: it cannot say anything else than the program does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from search.settings import json_schema

PAGE: Final = Path(__file__).parent / "guide" / "study_file.md"
HEAD: Final = """# The study file: every key

One study file is one question. Every key has a default but `name` and `[data] source`; an unknown key is an error that
names the nearest known one. Three complete files to start from stand in
[studies/](../README.md#study-files-to-start-from), and `lambda-search new` writes one for your own table. This page
is written from `lambda-search schema`.

"""
TABLES: Final = ("split", "model", "training", "space", "search", "verdict", "cluster")
Schema = Mapping[str, Any]


def reference() -> str:
    """The whole page."""
    schema = json_schema()
    kinds = schema["$defs"]
    top = {key: value for key, value in schema["properties"].items() if key not in {"data", *TABLES}}
    parts = [_section("At the top", "", top, schema["required"], kinds)]
    for option in schema["properties"]["data"]["oneOf"]:
        kind = _resolved(option, kinds)
        source = kind["properties"]["source"]
        named = [source["const"]] if "const" in source else source.get("enum", ["package.module:function"])
        title = " or ".join(f'"{each}"' for each in named)
        own = {key: value for key, value in kind["properties"].items() if key != "source"}
        parts.append(
            _section(f"[data] with source = {title}", kind["description"], own, kind.get("required", []), kinds)
        )
    for name in TABLES:
        kind = _resolved(schema["properties"][name], kinds)
        parts.append(_section(f"[{name}]", kind["description"], kind["properties"], kind.get("required", []), kinds))
    return HEAD + "\n".join(parts)


def _section(title: str, text: str, keys: Schema, required: list[str], kinds: Schema) -> str:
    rows = [
        f"| `{key}` | {'required' if key in required else _toml(value.get('default'))} | {_valid(value, kinds)} "
        f"| {_cell(value.get('description', ''))} |"
        for key, value in keys.items()
    ]
    head = ["| key | default | valid | what it is |", "|---|---|---|---|"]
    return "\n".join([f"## {title}\n", *([f"{text}\n"] if text else []), *head, *rows, ""])


def _valid(value: Schema, kinds: Schema) -> str:
    """What a key may be: its choices, its range, or its type."""
    value = _resolved(value, kinds)
    if "const" in value:
        return _toml(value["const"])
    if "enum" in value:
        return ", ".join(_toml(each) for each in value["enum"])
    options = [each for each in (*value.get("anyOf", ()), *value.get("oneOf", ())) if each.get("type") != "null"]
    if options:
        return " or ".join(dict.fromkeys(_valid(each, kinds) for each in options))
    if value.get("type") == "array":
        return f"list of: {_valid(value['items'], kinds)}" if "items" in value else "list"
    if value.get("type") == "object":
        return "`{ low = ..., high = ... }`" if "low" in value.get("properties", {}) else "table"
    names = {"string": "text", "boolean": "`true` or `false`", "integer": "whole number", "number": "number"}
    return " ".join([names.get(value.get("type", ""), "text"), *_ends(value)])


def _ends(value: Schema) -> list[str]:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    return [f"{word} {value[key]:.12g}" for key, word in words.items() if key in value]


def _resolved(value: Schema, kinds: Schema) -> Schema:
    """A schema with what its reference points to."""
    if "$ref" not in value:
        return value
    found: Schema = kinds[value["$ref"].rpartition("/")[2]]
    return {**found, **{key: each for key, each in value.items() if key != "$ref"}}


def _toml(value: object) -> str:
    """A value as it stands in a study file; nothing for a key that is left out by default."""
    if value is None or (isinstance(value, dict) and "low" not in value):
        return "left out" if value is None else ""
    if isinstance(value, dict):
        return f"`{{ low = {value['low']:g}, high = {value['high']:g} }}`"
    return f"`{json.dumps(value)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
