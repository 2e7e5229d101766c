"""What a fitted scikit-learn search has tried: its candidates, its folds, and the scores that it saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from search.core.arrays import Array, Index
from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.folds import Fold
from search.ledger.roles import Roles, find_roles

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True, slots=True)
class Choices:
    """The values that a parameter had: as much of Optuna's categorical distribution as finding its role needs."""

    choices: tuple[Any, ...]


@dataclass(frozen=True)
class Tried:
    """The distinct candidates of a fitted search, with the settings to refit them by and their numbers there.

    `numbers` are rows of `cv_results_`, or Optuna's trials. `selected` is the place of the search's own pick, None
    where it made none.
    """

    search: Any
    candidates: tuple[Candidate, ...]
    settings: tuple[dict[str, Any], ...]
    numbers: Index
    selected: int | None

    @classmethod
    def of(cls, search: Any, strength: str | None) -> Tried:  # noqa: ANN401 - any fitted search
        """Read a fitted search; `UserError` for what is none, and where the strength cannot be told."""
        settings = dict(_settings(search))
        if not settings:
            raise UserError("judge_cv: the search has no candidate that was tried to the end")
        short = _short(list(dict.fromkeys(name for each in settings.values() for name in each)))
        searched = {
            number: {short[name]: _plain(value) for name, value in each.items() if name != _resource(search)}
            for number, each in settings.items()
        }
        roles = _roles(searched.values(), strength if strength is None else short.get(strength, strength))
        found = {number: roles.candidate(each) for number, each in searched.items()}
        first: dict[Candidate, int] = {}
        for number, candidate in found.items():
            first.setdefault(candidate, number)
        own = _picked(search)
        if own is not None:
            first[found[own]] = own
        selected = None if own is None else list(first).index(found[own])
        numbers = list(first.values())
        return cls(search, tuple(first), tuple(settings[number] for number in numbers), np.array(numbers), selected)

    @cached_property
    def scores(self) -> Array | None:
        """The search's scores, (candidates, folds); None where it picked by none, or no plain fit repeats them."""
        search = self.search
        if hasattr(search, "n_resources_") or getattr(search, "enable_pruning", False):
            return None
        name = search.refit if isinstance(search.scorer_, dict) else "score"
        keys = [f"split{fold}_test_{name}" for fold in range(search.n_splits_)]
        if hasattr(search, "trials_"):
            return np.array([[search.trials_[number].user_attrs[key] for key in keys] for number in self.numbers])
        if any(key not in search.cv_results_ for key in keys):
            return None
        return np.array([search.cv_results_[key][self.numbers] for key in keys], dtype=np.float64).T

    @property
    def scorer(self) -> Any:  # noqa: ANN401 - a function of a model and its rows
        """What gave the search its `scores`; None where there are none."""
        scorer = self.search.scorer_
        if self.scores is None:
            return None
        return scorer[self.search.refit] if isinstance(scorer, dict) else scorer

    def folds(self, x: Any, y: Any, groups: Any) -> list[Fold]:  # noqa: ANN401 - as scikit-learn takes them
        """The search's folds drawn again: (train, held out) rows of each. `UserError` where they cannot be."""
        from sklearn.base import is_classifier
        from sklearn.model_selection import check_cv
        from sklearn.utils import _safe_indexing

        cv = self.search.cv
        _refuse_lost(cv)
        used = getattr(self.search, "sample_indices_", np.arange(x.shape[0] if hasattr(x, "shape") else len(x)))
        own = [None if part is None else _safe_indexing(part, used) for part in (x, y, groups)]
        try:
            splitter = check_cv(cv, own[1], classifier=is_classifier(self.search.estimator))
            folds = [(used[train], used[held]) for train, held in splitter.split(*own)]
        except ValueError as error:
            raise UserError(f"judge_cv: the search's folds cannot be drawn again: {error}") from error
        if len(folds) != self.search.n_splits_:
            raise UserError(
                f"judge_cv: cv gives {len(folds)} folds, and the search had {self.search.n_splits_}; give the X, y and "
                "groups that it was fitted on"
            )
        return folds


def _settings(search: Any) -> Iterator[tuple[int, dict[str, Any]]]:  # noqa: ANN401
    """The number and the settings of every candidate; of halving each one's last."""
    if hasattr(search, "trials_"):
        yield from ((trial.number, dict(trial.params)) for trial in search.trials_ if trial.state.name == "COMPLETE")
        return
    params, resource = search.cv_results_["params"], _resource(search)
    if not hasattr(search, "n_resources_"):
        yield from enumerate(params)
        return
    most = {} if resource is None else {resource: search.n_resources_[-1]}
    last = {repr(sorted(_without(each, resource).items())): number for number, each in enumerate(params)}
    yield from ((number, {**params[number], **most}) for number in sorted(last.values()))


def _resource(search: Any) -> str | None:  # noqa: ANN401
    """The parameter that halving raises, which is none that it searches."""
    resource = getattr(search, "resource", "n_samples")
    return None if resource == "n_samples" else str(resource)


def _without(params: dict[str, Any], name: str | None) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != name}


def _picked(search: Any) -> int | None:  # noqa: ANN401
    """The number of the search's pick; None where it made none (several scorings and no refit)."""
    found = getattr(search, "best_index_", None)
    return None if found is None else int(found)


def _short(names: Sequence[str]) -> dict[str, str]:
    """What people call each parameter: its name in its own step of a pipeline, where no other has that too."""
    ends = [name.rpartition("__")[2] for name in names]
    return {name: end if ends.count(end) == 1 else name for name, end in zip(names, ends, strict=True)}


def _roles(searched: Iterable[dict[str, Any]], strength: str | None) -> Roles:
    """Which parameter is the strength, see `ledger.roles`."""
    values: dict[str, dict[str, Any]] = {}
    for each in searched:
        for name, value in each.items():
            values.setdefault(name, {})[repr(value)] = value
    spaces = {name: Choices(tuple(own.values())) for name, own in values.items()}
    return find_roles(cast("dict[str, BaseDistribution]", spaces), strength)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a search tries
    """A number of numpy's as Python's, an object as text."""
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if plain is None or isinstance(plain, str | int | float) else " ".join(repr(plain).split())


def _refuse_lost(cv: Any) -> None:  # noqa: ANN401 - a splitter, a number, a list or an iterator
    """`UserError` for folds that were drawn and cannot be drawn again."""
    if hasattr(cv, "__next__"):
        raise UserError("judge_cv: cv is an iterator, which its search has used up; give the search a list of it")
    drawn = hasattr(cv, "random_state") and getattr(cv, "shuffle", True)
    if drawn and not isinstance(cv.random_state, int | np.integer):
        raise UserError(
            f"judge_cv: cv is {type(cv).__name__} without a fixed random_state, so its folds cannot be drawn again; "
            "give it a random_state such as 0 and fit the search anew"
        )
