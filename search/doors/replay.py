"""The door of a fitted scikit-learn search: its folds replayed for the loss of every row, and a verdict on its pick."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from search.core.arrays import Array, Index
from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.evidence import Evidence, Plain
from search.core.groups import Groups
from search.core.results import Results
from search.doors.row_losses import Metric, metric_of, row_losses, scoring_of, stands_for
from search.doors.tried import Fold, Tried, rounds
from search.verdict import Comparison, Verdict, verdict_of
from search.verdict.inputs import cleaned
from search.verdict.record import Warning as Doubt

CLOSE = 1e-4  # of scores: what sums in another order may change, never other rows

DRAWN_AGAIN = "The estimator draws at random: the replayed scores are not those that the search saw."
NO_ROTATION = "The folds cannot take turns as test rows: that needs 3 to 20 folds which hold out every row once."


def judge_cv(  # noqa: PLR0913 - the data of a search, and the options of `judge`
    fitted: Any,  # noqa: ANN401 - a search of scikit-learn's or Optuna's
    X: Any,  # noqa: ANN401, N803 - as scikit-learn has it
    y: Any,  # noqa: ANN401
    *,
    test: tuple[Any, ...] | None = None,
    groups: Any = None,  # noqa: ANN401
    strength: str | None = None,
    metric: str | None = None,
    confidence: float = 0.95,
    tolerance: float = 0.01,
) -> Verdict:
    """Is the pick of a fitted search really optimal, and does it matter?

    Every candidate is refitted on every fold of the search (by its `n_jobs`), for the loss of every held-out row. Then,
    with `test`, every candidate is fitted on all of X and judged on the test rows. Without, the rows take turns as test
    rows where the folds hold out each row once: every pair of folds is held out as well, so that each fold has a pick
    that has not seen it (5 folds: 15 fits a candidate). Other folds (shuffled shares, a growing window) are judged on
    the held-out rows alone, and that is said.

    Parameters
    ----------
    fitted
        A fitted `GridSearchCV`, `RandomizedSearchCV`, `HalvingGridSearchCV`, `HalvingRandomSearchCV`, or optuna-
        integration's `OptunaSearchCV`. What was selected is its own `best_index_`. Of halving every candidate is fitted
        with the last round's resources, on all rows.
    X, y, groups
        What it was fitted on, in the same order: frames, arrays, sparse matrices. The replayed scores are held against
        those that the search saw. With `groups` the verdict's sample is the groups, and not their rows.
    test
        A pair (X, y) of rows that the search has not seen, or a triple with their groups.
    strength
        The parameter that is the strength, where its name (`alpha`, `C`, `l2_regularization`, `weight_decay`, ... alone
        or at the end of a pipeline's) does not tell. lambda is its value; of scikit-learn's C, which divides, 1 / C. A
        strength of 0 and the penalty None are no penalty. A search without a strength is judged by its settings.
    metric
        "mse" or "mae" for numbers, "log_loss" or "error_rate" for classes. By default that of the search's scoring (R²
        ranks as squared errors do, accuracy counts errors); where that is no mean over rows, such as an area under a
        curve, squared error, or the log loss (without `predict_proba` the error rate), and a warning says so.
    confidence, tolerance
        As in `judge`.

    Raises `UserError` for folds that cannot be drawn again, and where the search's scores do not come out again.

    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> fitted = GridSearchCV(Ridge(), {"alpha": [0.01, 0.1, 1.0, 10.0]}, scoring="neg_mean_squared_error").fit(X, y)
    >>> verdict = judge_cv(fitted, X, y)
    >>> str(verdict.selected.candidate), verdict.test_rows
    ('alpha 0.1', 442)
    """
    from sklearn.utils import indexable

    if not hasattr(fitted, "cv_results_") or not hasattr(fitted, "estimator"):
        raise UserError(f"judge_cv: {type(fitted).__name__} is no fitted search; valid is a GridSearchCV after fit")
    tried = Tried.of(fitted, strength)
    loss = metric_of(fitted, metric)
    try:
        X, y, groups = indexable(X, y, groups)  # noqa: N806
    except ValueError as error:
        raise UserError(f"judge_cv: {error}") from error
    replay = Replay(tried, X, y, loss)
    folds = tried.folds(X, y, groups)
    validation, scores = replay.losses(folds)
    drawn_again = replay.differs(folds, scores)
    turns = None if test is not None else rounds(folds)
    results = Results(
        tried.candidates,
        validation,
        None if test is None else replay.test_losses(test),
        trial=tried.numbers,
        groups=_groups(groups, test),
    )
    selected = results.lowest(results.validation_loss) if tried.selected is None else tried.selected
    evidence = Evidence(
        inner=None if turns is None else Results(tried.candidates, replay.losses(_pairs(folds, turns))[0]),
        plain=_plain(loss, replay.baseline(folds, test), results, selected),
    )
    verdict = verdict_of(Comparison(cleaned(results), selected, confidence, tolerance, "models", evidence))
    lowest = tried.candidates[results.lowest(results.validation_loss)]
    doubts = {
        **_other_pick(tried, loss, lowest, turned=turns is not None),
        **({"drawn_again": DRAWN_AGAIN} if drawn_again else {}),
        **({"no_rotation": NO_ROTATION} if turns is None and test is None else {}),
    }
    return replace(verdict, warnings=verdict.warnings + tuple(Doubt(*each) for each in doubts.items()))


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
        x, y = _test_rows(test)
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
            pairs = [(y, np.asarray(_test_rows(test)[1]))]
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
            line = " ".join(str(error).split())
            return Fit(np.full(len(np.asarray(truth)), np.inf), np.nan, f"{type(error).__name__}: {line}")


def _pairs(folds: Sequence[Fold], turns: Sequence[Sequence[int]]) -> list[Fold]:
    """Two folds of a round held out at once, for every two of them."""
    found = []
    for turn in turns:
        every = np.unique(np.concatenate([folds[place][1] for place in turn]))
        for one, other in combinations(turn, 2):
            held = np.sort(np.concatenate([folds[one][1], folds[other][1]]))
            found.append((np.setdiff1d(every, held), held))
    return found


def _test_rows(test: tuple[Any, ...]) -> tuple[Any, Any]:
    if not isinstance(test, tuple | list) or len(test) not in (2, 3):
        raise UserError("judge_cv: test must be a pair (X, y), or a triple (X, y, groups)")
    return test[0], test[1]


def _plain(metric: Metric, baseline: float, results: Results, selected: int) -> Plain:
    """What predicting a constant gives; where errors are counted, the share that the selected candidate gets right."""
    if metric != "error_rate":
        return Plain(metric, baseline)
    wrong = results.validation_loss if results.test_loss is None else results.test_loss
    return Plain(metric, baseline, 1 - float(wrong[selected]), 1 - baseline)


def _groups(groups: Any, test: tuple[Any, ...] | None) -> Groups | None:  # noqa: ANN401 - labels
    own = test[2] if test is not None and len(test) == 3 else None
    return None if groups is None and own is None else Groups.of(groups, own)


def _other_pick(tried: Tried, metric: Metric, lowest: Candidate, *, turned: bool) -> dict[str, str]:
    """What to say, by its code, where the search did not pick by the loss that judges it."""
    search, found = tried.search, {}
    own = lowest if tried.selected is None else tried.candidates[tried.selected]
    turns = " Each turn's pick is that of the lowest loss." if turned else ""
    if tried.selected is None:
        found["other_rule"] = "The search made no pick, so the lowest loss is taken for it."
    elif callable(search.refit):
        found["other_rule"] = f"The search picked by a rule of its own (refit), not by the lowest loss.{turns}"
    if not stands_for(search, metric, picked_lowest=own == lowest):
        scoring, loss = scoring_of(search), metric.replace("_", " ")
        name = (
            "its estimator's own score" if scoring is None else scoring if isinstance(scoring, str) else "its scoring"
        )
        other = "" if own == lowest else f", whose lowest is that of {lowest}"
        found["other_scoring"] = (
            f"The search picked by {name}, and is judged here by the {loss} of each row{other}.{turns}"
        )
    return found
