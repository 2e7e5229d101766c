"""When the test losses of a study were opened: attributes of the study in Optuna's storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from search.ledger.storage import Storage

OPENED: Final = "test losses opened "


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of the test losses: when (ISO 8601, UTC), and how many trials were complete by then."""

    when: str
    complete: int


def openings_in(attributes: Mapping[str, Any]) -> list[Opening]:
    """Every opening that a study's attributes tell of, first to last: a clock may jump, the trials only grow."""
    opened = [value for name, value in attributes.items() if name.startswith(OPENED)]
    return sorted((Opening(**value) for value in opened), key=lambda opening: (opening.complete, opening.when))


def still_sealed(openings: list[Opening], complete: int) -> bool:
    """Whether some of these complete trials were never opened; true also without trials."""
    return not openings or openings[-1].complete < complete


def note_opening(storage: Storage, study_id: int, complete: int) -> None:
    """Record in the study that its test losses are opened now."""
    opening = Opening(now(), complete)
    storage.optuna.set_study_user_attr(study_id, OPENED + opening.when, asdict(opening))


def now() -> str:
    """The time as ISO 8601, UTC."""
    return datetime.now(UTC).isoformat()
