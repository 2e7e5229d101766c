"""A study's settings as the study file that gives them again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def study_file(settings: Mapping[str, Any]) -> str:
    """Settings (two levels, as the ledger keeps them) as TOML text; keys without a value are left out."""
    plain = {key: value for key, value in settings.items() if not isinstance(value, Mapping)}
    tables = {key: value for key, value in settings.items() if isinstance(value, Mapping) and value}
    parts = ["\n".join(_lines(plain)), *("\n".join([f"[{name}]", *_lines(table)]) for name, table in tables.items())]
    return "\n\n".join(parts) + "\n"


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items() if value is not None]


def _value(value: Any) -> str:  # noqa: ANN401 - whatever JSON has
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_lines(value)) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    # JSON's scalars are TOML's, but for DEL in a text, which JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
