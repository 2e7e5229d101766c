"""A study's settings as the study file that gives them again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

EMPTY: Final[tuple[object, ...]] = (None, "", [], {})


def study_file(settings: Mapping[str, Any]) -> str:
    """Settings (two levels, as the ledger keeps them) as TOML text, without the keys that say nothing.

    These have no value or an empty one, which means what its absence means: no question, no dropped columns.
    """
    tables = {key: value for key, value in settings.items() if isinstance(value, Mapping)}
    plain = {key: value for key, value in settings.items() if key not in tables}
    parts = [_lines(plain), *([f"[{name}]", *lines] for name, table in tables.items() if (lines := _lines(table)))]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items() if value not in EMPTY]


def _value(value: Any) -> str:  # noqa: ANN401 - whatever JSON has
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_lines(value)) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    # JSON's scalars are TOML's, but for DEL in a text, which JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
