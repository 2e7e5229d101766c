"""The ledger: the durable record of studies, and the only file and database access. Imports core and settings.

Optuna's storage holds the trials; beside it lie the losses of every held-out row, a file for the trials that were
trained together. The losses of the test rows are sealed until a verdict opens them (see `seal`), and every opening is
recorded. A study that somebody else ran keeps its losses in its own trials (see `recorded`).
"""

from search.ledger.artifacts import ArtifactStore, FileArtifacts
from search.ledger.checking import Checked, check
from search.ledger.confirmations import Confirmation
from search.ledger.damage import Damage
from search.ledger.foreign import ForeignLedger
from search.ledger.identity import as_begun
from search.ledger.openings import Opening
from search.ledger.reading import Ledger, find_study, is_foreign
from search.ledger.status import Status, status_of
from search.ledger.storage import Storage, memory_storage, open_storage
from search.ledger.study import StudyLedger, is_own
from search.ledger.summary import StudySummary, list_studies
from search.ledger.workers import LEASE, Worker

__all__ = [
    "LEASE",
    "ArtifactStore",
    "Checked",
    "Confirmation",
    "Damage",
    "FileArtifacts",
    "ForeignLedger",
    "Ledger",
    "Opening",
    "Status",
    "Storage",
    "StudyLedger",
    "StudySummary",
    "Worker",
    "as_begun",
    "check",
    "find_study",
    "is_foreign",
    "is_own",
    "list_studies",
    "memory_storage",
    "open_storage",
    "status_of",
]
