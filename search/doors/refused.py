"""What the machine refuses (files, disks, databases, memory) as the one line that people are meant to see."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from search.core.errors import UserError
from search.core.text import one_line

KEPT: Final = "; what is finished is kept, and the same command goes on"


@contextmanager
def in_one_line(advice: str = "") -> Iterator[None]:
    """Let no error of the operating system's or the database's out but as a `UserError`, with the advice at its end."""
    try:
        yield
    except (UserError, BrokenPipeError):
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename is not None else ""
        raise UserError(f"{place}{error.strerror or one_line(error)}{advice}") from error
    except MemoryError as error:
        raise UserError(f"not enough memory: {one_line(error) or 'something was too large'}{advice}") from error
    except Exception as error:
        if (said := _of_database(error)) is None:
            raise
        raise UserError(f"the storage failed: {said}{advice}") from error


def _of_database(error: Exception) -> str | None:
    """What a database said; where none was opened, its library is not imported to ask."""
    if "sqlalchemy" not in sys.modules:
        return None
    from search.ledger.database import said_by_database

    return said_by_database(error)
