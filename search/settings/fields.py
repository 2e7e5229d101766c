"""The kinds of values that a study file holds: ranges, strengths, names, paths. Each refuses early, in plain words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationInfo
from pydantic_core import PydanticCustomError

T = TypeVar("T")
FUNCTION_PATH = "package.module:function"
SHOWN = 60  # letters of a value in a message
LONGEST_NAME = 200  # letters: a longer name is compared with nothing
LONGEST_STRENGTH = 100  # letters of a group's name; databases cut the names of parameters
MOST = 10**9  # of what is counted: it is an integer on every device
MOST_FEATURES = 10**6
MOST_LEVELS = 1000  # of a text column that are features of their own
MOST_VALUES = 10_000  # of a list that is searched
MOST_UNITS = 10**6  # of a hidden layer
MOST_LAYERS = 100
NEGATIVE = "a negative penalty rewards weight: the objective has no minimum"


class Section(BaseModel):
    """A table of the study file: frozen, no unknown keys, no silent conversions, no NaN, no infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Range(Section):
    """A closed interval to search."""

    low: float = Field(description="lower end")
    high: float = Field(description="upper end, above low")


def refuse(text: str) -> NoReturn:
    """Refuse a value; the text stands after the key in the one line that the user reads."""
    whole = text.encode(errors="backslashreplace").decode()  # a text of Python's may hold half a character
    raise PydanticCustomError("refused", "{text}", {"text": whole})


def show(value: object) -> str:
    """A value as the user wrote it, cut to what fits on a line."""
    try:
        text = str(value) if isinstance(value, float) else json.dumps(value, default=str, ensure_ascii=False)
    except (RecursionError, TypeError, ValueError):  # nested without end, or a number of thousands of digits
        return "what cannot be shown"
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def limit(bound: object) -> str:
    """A limit as a message has it."""
    return f"{bound:g}" if isinstance(bound, float) else f"{bound:,}" if isinstance(bound, int) else str(bound)


def nearest(name: object, known: list[str]) -> str:
    """`, did you mean X?`, or nothing where no known name is close."""
    close = get_close_matches(name, known, n=1) if isinstance(name, str) and len(name) <= LONGEST_NAME else []
    return f", did you mean {close[0]}?" if close else ""


def numbers(value: Range | tuple[float, ...] | str) -> tuple[float, ...]:
    """The ends of a range, the values of a list, nothing for a word."""
    if isinstance(value, Range):
        return (value.low, value.high)
    return value if isinstance(value, tuple) else ()


def range_or_values(value: object) -> str:
    """The tag of the form in which a searched value is written."""
    if isinstance(value, str):
        return "<auto>"
    return "<values>" if isinstance(value, list | tuple) else "<range>"


def written_as(valid: str, *words: str) -> Callable[[object], object]:
    """A check, before parsing, that a value is a range, a list or one of the words."""

    def check(value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool):
            reason = f", {NEGATIVE}" if value < 0 else f", a single value is written [{show(value)}]"
            refuse(f"must be {valid}, found {show(value)}{reason}")
        if value in words or isinstance(value, list | tuple | dict | Range):
            return value
        return refuse(f"must be {valid}, found {show(value)}")

    return check


def not_empty(values: tuple[T, ...]) -> tuple[T, ...]:
    """Refuse an empty list."""
    return values or refuse("must not be an empty list")


def unique(values: tuple[T, ...]) -> tuple[T, ...]:
    """Refuse an empty list and duplicates."""
    seen: set[T] = set()
    for value in not_empty(values):
        if value in seen:
            refuse(f"{show(value)} stands in the list twice, once is enough")
        seen.add(value)
    return values


def layers(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Refuse no hidden layer, and more than a network can have."""
    if len(widths) > MOST_LAYERS:
        refuse(f"must have at most {MOST_LAYERS} layers, found {len(widths):,}")
    return not_empty(widths)


def ordered(value: T) -> T:
    """Refuse a range whose ends are not in order, a list that is empty or without end, and duplicates."""
    if isinstance(value, Range) and value.low >= value.high:
        refuse(f"low = {show(value.low)} must be below high = {show(value.high)}, a single value is written as a list")
    if isinstance(value, tuple):
        if len(value) > MOST_VALUES:
            refuse(f"must be a list of at most {MOST_VALUES:,} values, found {len(value):,}")
        unique(value)
    return value


def _strengths(value: Range | tuple[float, ...] | str) -> Range | tuple[float, ...] | str:
    for number in numbers(value):
        if number < 0:
            refuse(f"must be above 0, found {show(number)}, {NEGATIVE}")
        if number == 0:
            refuse('must be above 0, found 0, no penalty at all is "none" in space.penalty')
    return value


def _study_name(name: str) -> str:
    if not name.strip() or len(name) > LONGEST_NAME:
        refuse(f"must have 1 to {LONGEST_NAME} characters, found {len(name.strip())}")
    if "/" in name or "\\" in name or not name.isprintable():
        refuse(f"must have no slashes and no unprintable characters, found {show(name)}")
    return name


def _group_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z]\w*", name) or len(name) > LONGEST_STRENGTH:
        refuse(f"must be a word of at most {LONGEST_STRENGTH} letters, digits and underscores, found {show(name)}")
    return name


def named_or_function(*names: str) -> AfterValidator:
    """A text that is one of the names, or the import path of the user's own function."""

    def check(text: str) -> str:
        if text in names or re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", text):
            return text
        valid = " or ".join([", ".join(names), f'"{FUNCTION_PATH}"'] if names else [f'"{FUNCTION_PATH}"'])
        return refuse(f"must be {valid}, found {show(text)}{nearest(text, [*names])}")

    return AfterValidator(check)


def _no_patterns(value: object) -> NoReturn:
    refuse(f'must be a list such as ["conv*.weight"] or "{FUNCTION_PATH}", found {show(value)}')


def no_nul(text: Any) -> Any:  # noqa: ANN401 - a path, or what names a place
    """Refuse what no file can be called."""
    return refuse(f"must have no NUL, which no path has, found {show(str(text))}") if "\0" in str(text) else text


def _against_base(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    try:
        return path if base is None else (base / path).resolve()
    except (OSError, RuntimeError):  # links that lead to each other
        return refuse(f"leads to no file, found {show(str(path))}")


_Range = Annotated[Range, Tag("<range>")]
_Values = Annotated[tuple[float, ...], Field(strict=False), Tag("<values>")]
_Auto = Annotated[Literal["auto"], Tag("<auto>")]

Strength = Annotated[
    Annotated[_Range | _Values, Discriminator(range_or_values)],
    AfterValidator(ordered),
    AfterValidator(_strengths),
    BeforeValidator(written_as("{ low = 1e-4, high = 1e2 } or a list of values")),
]
Lambda = Annotated[
    Annotated[_Range | _Values | _Auto, Discriminator(range_or_values)],
    AfterValidator(ordered),
    AfterValidator(_strengths),
    BeforeValidator(written_as('{ low = 1e-4, high = 1e2 }, a list of values or "auto"', "auto")),
]
Patterns = Annotated[
    Annotated[
        Annotated[tuple[str, ...], Field(strict=False), AfterValidator(unique), Tag("<values>")]
        | Annotated[str, named_or_function(), Tag("<auto>")],
        Discriminator(range_or_values),
    ],
    BeforeValidator(lambda value: value if isinstance(value, str | list | tuple) else _no_patterns(value)),
]
Grouped = Annotated[str, AfterValidator(_group_name)]
StudyName = Annotated[str, AfterValidator(_study_name)]
DataPath = Annotated[Path, Field(strict=False), AfterValidator(no_nul), AfterValidator(_against_base)]
Place = Annotated[str, Field(min_length=1), AfterValidator(no_nul)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrNone = Annotated[int, Field(ge=0, le=MOST)]
Units = Annotated[int, Field(ge=1, le=MOST_UNITS)]
