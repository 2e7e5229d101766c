"""A study file as one frozen object: read, checked, and written to the ledger."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator
from pydantic_core import PydanticCustomError

from search.core.errors import UserError
from search.settings.checks import idle_keys, problems
from search.settings.errors import one_line, problems_of
from search.settings.tables import SETTINGS, Study, VerdictSettings

# These cannot change a trial, so they may change between a study's runs; moved data are known by their fingerprint.
FREE_KEYS = (
    "search.trials",
    "search.stop",
    "search.artifacts",
    "search.confirm",
    "search.lease",
    "question",
    "training.device",
    "data.path",
)
FREE_TABLES = ("verdict.", "cluster.")
LARGEST_FILE = 2 * 10**6  # bytes
MOST_PARTS = 100  # of a dotted key: the time to read one grows with their square
KEYS = re.compile(r"[\w.\-\"' \t]+")
PART = re.compile(r"[\w\"'][ \t]*\.")
# What version 0.1 did where its studies name no such key; all other younger keys have a default that changes nothing.
BEFORE = {"clip": False, "rare": 1}


class Settings(Study):
    """A study file whose keys fit each other. Make one with `load` or `parse`, whose errors are for people."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        found = problems(self)
        if found:
            raise PydanticCustomError("checks", "{text}", {"text": one_line(self.name, found), "problems": found})
        return self

    @classmethod
    def load(cls, path: str | Path, *, source: str | None = None) -> Settings:
        """Read a study file (TOML, UTF-8); a relative data path is resolved against the file's folder.

        `source` is that of a file whose [data] names none.
        Raises UserError, in one line with every problem, for a file that cannot be read or is not valid.
        """
        file = Path(path)
        return cls.parse(_read(file), where=str(file), base=file.parent, source=source)

    @classmethod
    def parse(
        cls, mapping: Mapping[str, Any], *, where: str = "study", base: Path | None = None, source: str | None = None
    ) -> Settings:
        """Check a mapping of a study file's form, such as `to_dict` gives; `where` names it in errors.

        `source` is that of a mapping whose [data] names none.
        Raises UserError, in one line with every problem.
        """
        tables = dict(mapping)
        if source is not None and isinstance(tables.get("data", {}), Mapping):
            tables["data"] = {"source": source, **tables.get("data", {})}
        try:
            return cls.model_validate(tables, context={"base": base})
        except ValidationError as error:
            raise UserError(one_line(where, problems_of(error))) from None

    @classmethod
    def stored(cls, mapping: Mapping[str, Any]) -> Settings:
        """The settings of a study that may have been kept by version 0.1, see `BEFORE`."""
        data = mapping.get("data", {})
        of_table = data.get("source") != "synthetic_linear"
        return cls.parse({**mapping, "data": {**(BEFORE if of_table else {}), **data}})

    def continuing(self, version: str) -> Settings:
        """These settings for a study that was begun by a version of this package, see `BEFORE`.

        A key that is younger than the study stays as it was then, unless it is set to something else than its default.
        """
        data, fields = self.to_dict()["data"], type(self.data).model_fields
        younger = [key for key in BEFORE if key in data and data[key] == fields[key].default]
        if not younger or not version.startswith("0.1."):
            return self
        return self.replace({f"data.{key}": BEFORE[key] for key in younger})

    def to_dict(self) -> dict[str, Any]:
        """Every key that applies, as JSON has it and as TOML names it; `parse` gives the same settings back."""
        tables = self.model_dump(mode="json", by_alias=True)
        for key, _ in idle_keys(self):
            table, name = key.split(".")
            tables[table].pop(name, None)
        return tables

    def replace(self, changes: str | Mapping[str, Any], value: Any = None) -> Settings:  # noqa: ANN401
        """The same study with other values, by dotted key: `replace("training.lr", 0.1)`, or a mapping of several.

        What then no longer applies (the momentum of another optimiser, say) is left out. Raises UserError where the
        result is not valid.
        """
        new = dict({changes: value} if isinstance(changes, str) else changes)
        tables = self.to_dict()
        for key, entry in (_others_of_pairs(new) | new).items():
            table, _, name = str(key).rpartition(".")
            holder = tables.setdefault(table, {}) if table else tables
            if not isinstance(holder, dict):
                raise UserError(f"{self.name}: {key}: {table} is no table, a key is written table.key")
            holder[name] = entry
        try:
            return type(self).parse(tables, where=self.name)
        except UserError:
            # Nobody asked for what the changes made idle.
            return type(self).parse(_without_idle(tables, set(new)), where=self.name)


def verdict_settings(asked: Mapping[str, Any], where: str) -> VerdictSettings:
    """How a study without a study file is judged; `UserError` for values that are not valid."""
    try:
        return VerdictSettings.model_validate(asked)
    except ValidationError as error:
        raise UserError(one_line(where, problems_of(error))) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as body:
            found = body.read(LARGEST_FILE + 1)
        if len(found) > LARGEST_FILE:
            raise UserError(f"{file}: is larger than {LARGEST_FILE:,} bytes, give the path of a study file (TOML)")
        text = found.decode("utf-8-sig")  # some editors put a byte order mark first
        if any(len(PART.findall(key)) > MOST_PARTS for key in KEYS.findall(text) if key.count(".") > MOST_PARTS):
            raise RecursionError
        return tomllib.loads(text)
    except FileNotFoundError:
        reason = "no such file, give the path of a study file (TOML)"
    except IsADirectoryError:
        reason = "is a folder, give the path of a study file (TOML)"
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 text (byte {error.start}), save the study file as UTF-8"
    except tomllib.TOMLDecodeError as error:
        reason = f"is not valid TOML, {error}"
    except RecursionError:
        reason = "is not valid as a study file, brackets or keys are nested too deeply"
    except ValueError:  # Python's own limits
        reason = "cannot be read, a path has no NUL, and a number no thousands of digits"
    except OSError as error:
        reason = f"cannot be read, {error.strerror}"
    raise UserError(one_line(str(file), [("", reason)]))


def changed_keys(stored: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """The dotted keys that differ between two `Settings.to_dict`, but for those that cannot change a trial.

    A key that is younger than what is stored had its default then, or what `Settings.stored` says.
    """
    before, after = _flat(_completed(stored)), _flat(settings)
    differ = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return [key for key in differ if key not in FREE_KEYS and not key.startswith(FREE_TABLES)]


def _completed(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return Settings.stored(stored).to_dict()
    except UserError:  # written by a version whose keys are not known here
        return stored


def _others_of_pairs(changes: Mapping[str, Any]) -> dict[str, Any]:
    """A setting is fixed or searched: whoever changes one of the two takes the other back."""
    fixed = {each.key: (f"space.{name}", None) for name, each in SETTINGS.items()}
    searched = {f"space.{name}": (each.key, each.field.default) for name, each in SETTINGS.items()}
    pairs = [pair for key, value in changes.items() if value is not None and (pair := (fixed | searched).get(key))]
    return {key: list(value) if isinstance(value, tuple) else value for key, value in pairs}


def _without_idle(tables: Mapping[str, Any], kept: set[str]) -> dict[str, Any]:
    """The tables without the keys that do not apply, but for those to be `kept`."""
    try:
        study = Study.model_validate(dict(tables))
    except ValidationError:  # for `parse` to tell
        return dict(tables)
    idle = {key for key, _ in idle_keys(study)} - kept
    return {
        name: {key: value for key, value in table.items() if f"{name}.{key}" not in idle}
        if isinstance(table, Mapping)
        else table
        for name, table in tables.items()
    }


def _flat(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key -> value, two levels deep: a range is one value."""
    flat: dict[str, Any] = {}
    for name, table in tables.items():
        flat |= (
            {f"{name}.{key}": value for key, value in table.items()} if isinstance(table, Mapping) else {name: table}
        )
    return flat


def json_schema() -> dict[str, Any]:
    """The JSON schema of a study file."""
    return Settings.model_json_schema(by_alias=True)
