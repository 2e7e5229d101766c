"""What the dashboard shows of a storage's studies, those that lambda-search did not run among them."""

from __future__ import annotations

from search.core.errors import UserError
from search.doors.study import Study, study_in
from search.ledger import Storage, is_foreign, list_studies


def shown(storage: Storage, name: str, strength: str | None) -> Study:
    """A study as the dashboard shows it; `strength` is meant for those that somebody else ran."""
    return study_in(storage, name, strength if is_foreign(storage, name) else None)


def publish_recorded(storage: Storage, strength: str | None = None) -> list[str]:
    """Bring the studies that somebody else ran and recorded up to date in optuna-dashboard; what kept others out."""
    refused = []
    for each in list_studies(storage):
        if each.recorded:
            try:
                shown(storage, each.name, strength).publish()
            except UserError as error:
                refused.append(str(error))
    return refused
