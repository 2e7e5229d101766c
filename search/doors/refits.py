"""The candidates of a fitted scikit-learn search fitted once more, for the loss of every row that a fit did not see."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from search.core.arrays import Array, Index
from search.core.errors import UserError
from search.core.folds import Fold
from search.core.text import one_line
from search.doors.row_losses import Metric, row_losses
from search.doors.tried import Tried

CLOSE = 1e-4  # of scores: what sums in another order may change, never other rows


class Fit(NamedTuple):
    """The losses and the score of one fit on the rows that it did not see; `failure` where it raised."""

    losses: Array
    score: float
    failure: str = ""


@dataclass(frozen=True)
class Replay:
    """A search's candidates fitted once more on any rows of its data."""

    tried: Tried
    x: Any
    y: Any
    metric: Metric

    def losses(self, folds: Sequence[Fold]) -> tuple[Array, Array]:
        """Losses (candidates, folds, rows), NaN where a row is not held out, and scores (candidates, folds).

        A fit that fails has infinite losses; `UserError` where all do.
        """
        jobs = [(place, fold) for place in range(len(self.tried.candidates)) for fold in folds]
        fits = self._run(self._held_out(place, train, held) for place, (train, held) in jobs)
        if fits and all(fit.failure for fit in fits):
            raise UserError(f"judge_cv: no candidate can be fitted again: {fits[0].failure}")
        losses = np.full((len(self.tried.candidates), len(folds), self.rows), np.nan)
        for number, ((place, (_, held)), fit) in enumerate(zip(jobs, fits, strict=True)):
            losses[place, number % len(folds), held] = fit.losses
        return losses, np.array([fit.score for fit in fits]).reshape(len(self.tried.candidates), -1)

    def test_losses(self, test: tuple[Any, ...]) -> Array:
        """Losses (candidates, 1, test rows) of the candidates fitted on all rows."""
        x, y = rows_of_test(test)
        fits = self._run((place, self.x, self.y, x, y) for place in range(len(self.tried.candidates)))
        if all(fit.failure for fit in fits):
            raise UserError(f"judge_cv: no candidate can be judged on the test rows: {fits[0].failure}")
        return np.stack([fit.losses for fit in fits])[:, None]

    def differs(self, folds: Sequence[Fold], scores: Array) -> bool:
        """Whether the scores are others than the search saw because the estimator draws at random.

        `UserError` where it does not draw: then these are other rows, other folds, or fits with weights.
        """
        known = self.tried.scores
        if known is None:
            return False
        both = np.isfinite(scores) & np.isfinite(known)
        apart = both & ~np.isclose(scores, known, rtol=CLOSE, atol=CLOSE**2)
        if not apart.any():
            return False
        place, fold = (int(each[0]) for each in np.nonzero(apart))
        [again] = self._run([self._held_out(place, *folds[fold])])
        if not np.isclose(again.score, scores[place, fold], rtol=CLOSE, atol=CLOSE**2):
            return True
        raise UserError(
            f"judge_cv: {self.tried.candidates[place]} scores {scores[place, fold]:.6g} on fold {fold}, and in the "
            f"search {known[place, fold]:.6g}; give the X, y and groups that it was fitted on (sample weights "
            "cannot be replayed)"
        )

    def baseline(self, folds: Sequence[Fold], test: tuple[Any, ...] | None) -> float:
        """The mean loss of the best constant on the judged rows, by the training rows of each fit."""
        from sklearn.dummy import DummyClassifier, DummyRegressor

        dummy = {
            "mse": DummyRegressor(strategy="mean"),
            "mae": DummyRegressor(strategy="median"),
            "log_loss": DummyClassifier(strategy="prior"),
            "error_rate": DummyClassifier(strategy="most_frequent"),
        }[self.metric]
        y = np.asarray(self.y)
        pairs = [(y[train], y[held]) for train, held in folds]
        if test is not None:
            pairs = [(y, np.asarray(rows_of_test(test)[1]))]
        losses = [
            row_losses(dummy.fit(np.zeros((len(own), 1)), own), np.zeros((len(other), 1)), other, self.metric)
            for own, other in pairs
        ]
        return float(np.concatenate(losses).mean())

    @property
    def rows(self) -> int:
        """The number of rows of the data."""
        return len(np.asarray(self.y))

    def _held_out(self, place: int, train: Index, held: Index) -> tuple[Any, ...]:
        from sklearn.utils.metaestimators import _safe_split

        own = _safe_split(self.tried.search.estimator, self.x, self.y, train)
        return (place, *own, *_safe_split(self.tried.search.estimator, self.x, self.y, held, train))

    def _run(self, jobs: Iterable[tuple[Any, ...]]) -> list[Fit]:
        """Fit each job's candidate (its place) on (X, y) and take its losses on (X', y')."""
        from sklearn.base import clone
        from sklearn.utils.parallel import Parallel, delayed

        tried, run = self.tried, Parallel(n_jobs=self.tried.search.n_jobs)
        made = [clone(tried.search.estimator).set_params(**clone(each, safe=False)) for each in tried.settings]
        return list(run(delayed(_fit)(clone(made[place]), self.metric, tried.scorer, *rows) for place, *rows in jobs))


def _fit(model: Any, metric: Metric, scorer: Any, *rows: Any) -> Fit:  # noqa: ANN401 - X, y, and those to judge on
    """One fit. Warnings were the search's to give; a failure is a fit that diverged."""
    x, y, other, truth = rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(x, y)
            score = np.nan if scorer is None else float(scorer(model, other, truth))
            return Fit(row_losses(model, other, truth, metric), score)
        except Exception as error:  # whatever somebody's estimator raises
            failure = f"{type(error).__name__}: {one_line(error)}"
            return Fit(np.full(len(np.asarray(truth)), np.inf), np.nan, failure)


def rows_of_test(test: tuple[Any, ...]) -> tuple[Any, Any]:
    """X and y of the test rows; `UserError` for what is no pair and no triple."""
    if not isinstance(test, tuple | list) or len(test) not in (2, 3):
        raise UserError("judge_cv: test must be a pair (X, y), or a triple (X, y, groups)")
    return test[0], test[1]
