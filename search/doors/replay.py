"""The door of a fitted scikit-learn search: its folds replayed for the loss of every row, and a verdict on its pick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from search.core.arrays import Index
from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.evidence import Evidence, Plain
from search.core.folds import Fold, in_pairs, rounds
from search.core.groups import Groups
from search.core.results import Results
from search.core.text import words
from search.doors.refits import Replay
from search.doors.row_losses import Metric, metric_of, scoring_of, stands_for
from search.doors.tried import Tried
from search.verdict import Comparison, Verdict, verdict_of
from search.verdict.inputs import cleaned
from search.verdict.record import Warning as Doubt

DRAWN_AGAIN = "The estimator draws at random: the replayed scores are not those that the search saw."
MOST_FOLDS = 20  # of a rotation, which fits every candidate once for each pair of them
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
    ('alpha 0.01', 442)
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
    turns = None if test is not None else rounds(folds, _rows(folds), MOST_FOLDS)
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


def _pairs(folds: Sequence[Fold], turns: Sequence[Sequence[int]]) -> list[Fold]:
    """Two folds of a round held out at once, for every two of them."""
    every = _rows(folds)
    return [pair for turn in turns for pair in in_pairs([folds[place] for place in turn], every)]


def _rows(folds: Sequence[Fold]) -> Index:
    """All rows that the search has used."""
    return np.unique(np.concatenate([part for fold in folds for part in fold]))


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
        found["other_rule"] = f"The search made no pick, so that of the lowest {words(metric)} is taken for it."
    elif callable(search.refit):
        found["other_rule"] = f"The search picked by a rule of its own (refit), not by the lowest loss.{turns}"
    if tried.selected is not None and not stands_for(search, metric, picked_lowest=own == lowest):
        scoring, loss = scoring_of(search), words(metric)
        name = (
            "its estimator's own score" if scoring is None else scoring if isinstance(scoring, str) else "its scoring"
        )
        other = "" if own == lowest else f", whose lowest is that of {lowest}"
        found["other_scoring"] = (
            f"The search picked by {name}, and is judged here by the {loss} of each row{other}.{turns}"
        )
    return found
