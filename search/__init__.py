"""Find a regularisation strength, and say with evidence whether it is really the right one.

What a user imports is loaded when it is first asked for: `import search` loads neither torch nor optuna.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.core.candidate import Candidate
    from search.core.errors import UserError
    from search.core.results import Results
    from search.doors.estimator import LambdaSearchClassifier, LambdaSearchRegressor
    from search.doors.recording import record
    from search.doors.replay import judge_cv
    from search.doors.study import Study, load, run
    from search.settings import Settings
    from search.verdict import Verdict, judge

    __version__: str

_WHERE = {
    "Candidate": "search.core.candidate",
    "LambdaSearchClassifier": "search.doors.estimator",
    "LambdaSearchRegressor": "search.doors.estimator",
    "Results": "search.core.results",
    "Settings": "search.settings",
    "Study": "search.doors.study",
    "UserError": "search.core.errors",
    "Verdict": "search.verdict",
    "judge": "search.verdict",
    "judge_cv": "search.doors.replay",
    "load": "search.doors.study",
    "record": "search.doors.recording",
    "run": "search.doors.study",
}

__all__ = [
    "Candidate",
    "LambdaSearchClassifier",
    "LambdaSearchRegressor",
    "Results",
    "Settings",
    "Study",
    "UserError",
    "Verdict",
    "__version__",
    "judge",
    "judge_cv",
    "load",
    "record",
    "run",
]


if not TYPE_CHECKING:  # which knows the names above, and so sees one that is not there

    def __getattr__(name: str) -> object:
        """What stands under the name, loaded now; imports are late so that an editor completes our names alone."""
        from importlib import import_module, metadata

        if name == "__version__":
            return metadata.version("lambda-search")
        if name not in _WHERE:
            raise AttributeError(f"module 'search' has no attribute {name!r}")
        return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
