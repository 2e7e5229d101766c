"""From pydantic's errors to plain words: each with its dotted key, what was found, and what would be valid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from search.settings.data_tables import SOURCES, FunctionData
from search.settings.fields import Range, Section, limit, nearest, show
from search.settings.tables import Study

TEXTS: Mapping[str, str] = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "path_type": "must be a path in quotes",
    "model_type": "must be a table of keys",
    "dict_type": "must be a table of keys",
    "finite_number": "must be a finite number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "literal_error": "must be {expected}",
    "invalid_key": "is no key, a key is text",
}
MOST_TOLD = 20
LONGEST_KEY = 100
_TABLES: tuple[type[Section], ...] = (*SOURCES.values(), FunctionData)
_TAGGED = {f"<{kind.__name__}>": kind for kind in _TABLES} | {"<range>": Range}
_TAGS = {*_TAGGED, "<values>", "<auto>"}


def _fields(kind: type[Section]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in kind.model_fields.items()}


def _table(location: tuple[int | str, ...]) -> type[Section]:
    """The table that holds the last key of a location."""
    kind: type[Section] = Study
    for part in location[:-1]:
        field = _fields(kind).get(str(part))
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            kind = field.annotation
        kind = _TAGGED.get(str(part), kind)
    return kind


def dotted(location: tuple[int | str, ...]) -> str:
    """`space.penalty[0]` from a location; the tags of unions are no keys."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location if part not in _TAGS]
    key = "".join(parts).removeprefix(".")
    return key if len(key) <= LONGEST_KEY else key[:LONGEST_KEY] + "..."


def _unknown(location: tuple[int | str, ...]) -> str:
    known = list(_fields(_table(location)))
    return "is not a known key" + (nearest(location[-1], known) or f", the keys here are {', '.join(known)}")


def _missing(location: tuple[int | str, ...]) -> str:
    return f"is missing ({_fields(_table(location))[str(location[-1])].description})"


def _text(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "refused":
        return str(context["text"])
    if kind == "extra_forbidden":
        return _unknown(error["loc"])
    if kind == "missing":
        return _missing(error["loc"])
    bounds = {name: limit(bound) for name, bound in context.items()}
    text = TEXTS.get(kind, "is not valid").format(**bounds).replace("'", '"') + f", found {show(error['input'])}"
    names = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    return text + nearest(error["input"], names)


def _telling(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the errors of [data] that only follow from a source that is missing or wrong."""
    of_data = [detail for detail in details if detail["loc"][:1] == ("data",)]
    if not any(detail["loc"][-1] == "source" for detail in of_data):
        return details
    return [detail for detail in details if detail not in of_data or detail["loc"][-1] == "source"]


def problems_of(error: ValidationError) -> list[tuple[str, str]]:
    """(dotted key, text) of every error; checks between keys bring their own."""
    found: list[tuple[str, str]] = []
    details = _telling(error.errors(include_url=False))
    for detail in details[:MOST_TOLD]:
        context: dict[str, Any] = detail.get("ctx", {})
        found += context.get("problems") or [(dotted(detail["loc"]), _text(detail))]
    if len(details) > MOST_TOLD:
        found.append(("", f"and {len(details) - MOST_TOLD:,} more"))
    return found


def one_line(where: str, problems: list[tuple[str, str]]) -> str:
    """The line that the user reads: the file, then each key with its problem."""
    text = "; ".join(f"{key}: {text}" if key else text for key, text in problems)
    return " ".join(f"{where}: {text}".splitlines())
