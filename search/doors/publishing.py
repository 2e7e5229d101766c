"""What the dashboard shows of studies that lambda-search did not run: nobody else brings it up to date."""

from __future__ import annotations

from search.core.errors import UserError
from search.doors.study import Study
from search.ledger import Storage, find_study, list_studies


def publish_recorded(storage: Storage, strength: str | None = None) -> list[str]:
    """Bring the studies that somebody else ran and recorded up to date in optuna-dashboard; what kept others out."""
    refused = []
    for each in list_studies(storage):
        if each.recorded:
            try:
                Study(find_study(storage, each.name, strength), None).publish()
            except UserError as error:
                refused.append(str(error))
    return refused
