"""Find a regularisation strength, and say with evidence whether it is really the right one.

What a user imports is loaded when it is first asked for: `import search` loads neither torch nor optuna.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.records import Candidate, UserError
    from search.report.load import load
    from search.settings import Settings
    from search.verdict import Verdict, judge

_WHERE = {
    "Candidate": "search.records",
    "UserError": "search.records",
    "Settings": "search.settings",
    "Verdict": "search.verdict",
    "judge": "search.verdict",
    "load": "search.report.load",
}

__all__ = ["Candidate", "Settings", "UserError", "Verdict", "judge", "load"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _WHERE:
        raise AttributeError(f"module 'search' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(_WHERE)
