"""Settings that may be searched: each is declared once, where it is defined, by `Searched` among its annotations."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag
from pydantic.fields import FieldInfo

from search.penalties import PARAMETERS, Parameter
from search.settings.fields import (
    MOST_UNITS,
    Range,
    Section,
    layers,
    limit,
    numbers,
    ordered,
    range_or_values,
    refuse,
    show,
    written_as,
)

Values = tuple[Any, ...]
Searchable = Range | Values
BOUNDS: Final = (
    ("gt", "above", operator.gt),
    ("ge", "at least", operator.ge),
    ("lt", "below", operator.lt),
    ("le", "at most", operator.le),
)


@dataclass(frozen=True)
class Searched:
    """Marks a setting that [space] may search.

    A range is sampled by the logarithm where `log`. Where `stacked`, fits with different values train in one stack;
    where not, the setting shapes the model or the minibatch, and each value has a stack of its own.
    """

    log: bool = False
    stacked: bool = True


@dataclass(frozen=True)
class Setting:
    """A setting that may be searched: where it is defined, and what it accepts."""

    name: str
    table: str
    field: FieldInfo
    searched: Searched

    @property
    def key(self) -> str:
        """Its dotted key in a study file, where it is fixed."""
        return f"{self.table}.{self.name}"

    @property
    def integer(self) -> bool:
        """Whether its values are whole numbers, or lists of them."""
        return self.field.annotation is not float

    @property
    def listed(self) -> bool:
        """Whether a value is itself a list of whole numbers (`hidden`); a single number stands for a list of one."""
        return self.field.annotation not in (int, float)

    def broken(self, value: float) -> str | None:
        """What is wrong with a value; None where it is valid."""
        if self.integer and value != int(value):
            return f"must be a whole number, found {show(value)}"
        bounds = [
            (getattr(rule, name, None), word, holds) for rule in self.field.metadata for name, word, holds in BOUNDS
        ]
        if self.listed:
            bounds = [(1, "at least", operator.ge), (MOST_UNITS, "at most", operator.le)]
        wrong = [
            f"{word} {limit(bound)}" for bound, word, holds in bounds if bound is not None and not holds(value, bound)
        ]
        return f"must be {wrong[0]}, found {show(value)}" if wrong else None


# 64 stands for [64].
WIDTHS: Final = Annotated[
    tuple[int, ...],
    Field(strict=False),
    AfterValidator(layers),
    BeforeValidator(lambda entry: [entry] if isinstance(entry, int) else entry),
]


def settings_of(**tables: type[Section]) -> dict[str, Setting]:
    """The searchable settings of these tables, by name, in the order of their definition."""
    return {
        name: Setting(name, table, field, mark)
        for table, section in tables.items()
        for name, field in section.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, Searched)
    }


def space_fields(settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Pydantic's fields of [space] for the penalties' own parameters and for the searchable settings."""
    own = {name: (_annotation(_penalty_check(each)), _penalty_default(each)) for name, each in PARAMETERS.items()}
    return own | {
        name: (_annotation(_setting_check(each), each) | None, _unset(each)) for name, each in settings.items()
    }


def as_value(entry: Any) -> int | float | str:  # noqa: ANN401 - an entry of a list in [space]
    """A listed value as a candidate holds it: a list of widths as text, 128-64."""
    if isinstance(entry, tuple | list):
        return int(entry[0]) if len(entry) == 1 else "-".join(map(str, entry))
    return entry  # type: ignore[no-any-return]


def as_widths(value: Any) -> tuple[int, ...]:  # noqa: ANN401 - a candidate's value, or the settings'
    """The inverse of `as_value` for a list of widths."""
    if isinstance(value, str):
        return tuple(map(int, value.split("-")))
    return tuple(value) if isinstance(value, tuple) else (int(value),)


def _annotation(check: Any, setting: Setting | None = None) -> Any:  # noqa: ANN401
    listed = setting is not None and setting.listed
    entry: Any = WIDTHS if listed else int if setting is not None and setting.integer else float
    values = Annotated[tuple[entry, ...], Field(strict=False)]
    example = "a list of values" if setting is None or not listed else "a list such as [64, [128, 64]]"
    return Annotated[
        Annotated[
            Annotated[Range, Tag("<range>")] | Annotated[values, Tag("<values>")], Discriminator(range_or_values)
        ],
        AfterValidator(ordered),
        AfterValidator(check),
        BeforeValidator(written_as("{ low = ..., high = ... } or " + example)),
    ]


def _penalty_default(parameter: Parameter) -> Any:  # noqa: ANN401
    given = parameter.default
    default = given if len(given) == 1 else Range(low=given[0], high=given[1])
    return Field(default=default, description=parameter.description)


def _unset(setting: Setting) -> Any:  # noqa: ANN401
    text = f"search {setting.key}: a range{' (logarithmic)' if setting.searched.log else ''} or a list of values"
    return Field(default=None, description=text)


def _penalty_check(parameter: Parameter) -> Any:  # noqa: ANN401
    def check(value: Searchable) -> Searchable:
        for number in numbers(value):
            if not parameter.accepts(number):
                refuse(f"must be {parameter.valid}, found {show(number)}")
        return value

    return check


def _setting_check(setting: Setting) -> Any:  # noqa: ANN401
    def check(value: Searchable) -> Searchable:
        entries = numbers(value)
        for number in [width for entry in entries for width in as_widths(entry)] if setting.listed else entries:
            if (wrong := setting.broken(number)) is not None:
                refuse(wrong)
        if isinstance(value, Range) and setting.searched.log and value.low <= 0:
            refuse(f"must be above 0 as a range, which is logarithmic, found {show(value.low)}, give a list of values")
        return value

    return check
