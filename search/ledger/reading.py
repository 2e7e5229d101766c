"""A study in a storage, whoever ran it: what doors and reports read it through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from search.core.candidate import STRENGTH, Candidate
from search.core.errors import UserError
from search.core.snapshot import Snapshot
from search.ledger.foreign import ForeignLedger
from search.ledger.identity import known_studies
from search.ledger.storage import Storage
from search.ledger.study import StudyLedger

if TYPE_CHECKING:
    import pandas as pd
    from optuna import Study


class Ledger(Protocol):
    """What can be read of a study of ours, and of somebody else's."""

    @property
    def storage(self) -> Storage: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    def study(self) -> Study: ...  # noqa: D102
    def trials(self) -> pd.DataFrame: ...  # noqa: D102
    def completed(self) -> dict[Candidate, int]: ...  # noqa: D102
    def snapshot(self, *, open_test: bool = False) -> Snapshot: ...  # noqa: D102
    def has_test(self) -> bool: ...  # noqa: D102


def find_study(storage: Storage, name: str, strength: str | None = None) -> StudyLedger | ForeignLedger:
    """The study of that name; `strength` names the parameter of somebody else's study that is it.

    `UserError` for an unknown name, with the known ones, and for a study whose trials recorded nothing.
    """
    if is_foreign(storage, name):
        return ForeignLedger.load(storage, name, strength)
    ledger = StudyLedger.load(storage, name)
    if strength not in (None, STRENGTH):
        raise UserError(
            f"--strength: study {name!r} was run by lambda-search, and its strength is lambda: leave it out"
        )
    return ledger


def is_foreign(storage: Storage, name: str) -> bool:
    """Whether the study of that name is there and was made by somebody else."""
    known = known_studies(storage)
    return name in known and "settings" not in storage.attributes(known[name])
