"""A worker's log on standard error, for a cluster to collect: a line an event, plain or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

KNOWN: Final = ("study", "worker", "trials", "seconds")  # what an event may tell beside its words
LOGGER: Final = "search.runs"


class Plain(logging.Formatter):
    """Time, worker, words and trials."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback where there is one."""
        told = _told(record)
        numbers = told.pop("trials", None)
        words = [_when(record), *map(str, told.values()), record.getMessage()]
        line = " ".join(words) + ("" if numbers is None else f" {_ranges(numbers)}")
        return line if record.exc_info is None else f"{line}\n{self.formatException(record.exc_info)}"


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The event with all that it tells."""
        line = {"time": _when(record), "level": record.levelname.lower(), "event": record.getMessage(), **_told(record)}
        if record.exc_info is not None:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


FORMATS: Final = {"plain": Plain, "json": Json}


def log_to_stderr(kind: str) -> None:
    """Write what workers do from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATS[kind]())
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _told(record: logging.LogRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in KNOWN if hasattr(record, name)}


def _ranges(numbers: object) -> str:
    """Trial numbers, neighbours as a range.

    >>> _ranges([3, 4, 5, 9])
    '3-5, 9'
    """
    found: list[list[int]] = []
    for number in numbers if isinstance(numbers, list) else []:
        if found and number == found[-1][-1] + 1:
            found[-1][1:] = [number]
        else:
            found.append([number])
    return ", ".join("-".join(map(str, each)) for each in found)
