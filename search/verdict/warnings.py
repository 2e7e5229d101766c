"""What the reader must know before believing the verdict: one small check a warning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from search.records import Array, held_out_se
from search.verdict.record import Scope, Warning
from search.verdict.rules import fit_losses, mean_losses, points

EDGE_SHARE = 0.05
TRAINED_BELOW = 0.95
STEEP_SHARE = 0.05
FEW_ROWS = 30
FEW_REPLICATES = 5
CONTENDERS = 4


@dataclass(frozen=True, slots=True)
class Case:
    """What the checks look at.

    `validation` and `test` have shape (candidates, replicates, rows), `candidates` one row each, `selected` is an index
    into them. `in_confidence_set` counts the candidates that cannot be told from the best. Columns of `candidates` that
    are used where they are there: `train_loss`, `nonzero` (share of weights), `converged` (share of fits).
    `lambda_range` gives the searched (low, high) of each penalty; without it the evaluated lambdas stand for it.
    `train_curves` (candidates, epochs) is the training loss after each epoch, `baseline_loss` the training loss of
    predicting one constant. `openings` lists how many trials were complete at each earlier opening of the test rows,
    `trials` how many are now.
    """

    validation: Array
    test: Array | None
    candidates: pd.DataFrame
    selected: int
    in_confidence_set: int
    scope: Scope = "models"
    lambda_range: Mapping[str, tuple[float, float]] | None = None
    train_curves: Array | None = None
    baseline_loss: float | None = None
    openings: tuple[int, ...] = ()
    trials: int = 0

    def column(self, name: str) -> Array | None:
        """That column of the candidates as numbers, NaN where missing; None where there is no such column."""
        if name not in self.candidates:
            return None
        values: Array = self.candidates[name].to_numpy(dtype=np.float64, na_value=np.nan)
        return values

    def judged(self) -> Array:
        """The losses that the verdict rests on: the test rows', or where there are none the validation rows'."""
        return self.validation if self.test is None else self.test


def find_warnings(case: Case) -> tuple[Warning, ...]:
    """All warnings that apply: first what makes the answer void, last what only limits it."""
    found = [check(case) for check in CHECKS]
    return tuple(warning for warning in found if warning is not None)


def not_trained(case: Case) -> Warning | None:
    """The training moved hardly anything, or stopped while it still moved."""
    message = _above_constant(case) or _unconverged(case) or _still_falling(case)
    return None if message is None else Warning("not_trained", message)


def _above_constant(case: Case) -> str | None:
    """Even the best fitted candidate's training loss is within 5 % of predicting one constant for every row."""
    losses = case.column("train_loss")
    if losses is None or case.baseline_loss is None or not np.isfinite(losses).any():
        return None
    lowest = float(losses[np.isfinite(losses)].min())
    if lowest <= TRAINED_BELOW * case.baseline_loss:
        return None
    return (
        f"Hardly anything was learned: the lowest training loss of all candidates is {lowest:.3g}, and predicting one "
        f"constant for every row gives {case.baseline_loss:.3g}. Likely causes are inputs that are tiny (scale them to "
        "standard deviation 1), a learning rate that is too low, too few epochs, or inputs that say nothing about the "
        "target."
    )


def _unconverged(case: Case) -> str | None:
    """The exact solver reports fits that missed its accuracy (column `converged`, share of a candidate's fits)."""
    converged = case.column("converged")
    if converged is None or not np.nanmin(converged, initial=1.0) < 1:
        return None
    short = int((converged < 1).sum())
    return (
        f"{short} of {len(converged)} candidates have fits that did not reach the exact solution's stated accuracy, "
        "so their losses are those of unfinished fits."
    )


def _still_falling(case: Case) -> str | None:
    """The last tenth of the epochs brought more than 5 % of the selected candidate's whole drop in training loss.

    For an exponential decay that is fewer than about 1.2 time constants. A drop below 5 % of the first epoch's loss is
    not looked at: it is mostly noise.
    """
    if case.train_curves is None or case.train_curves.shape[1] < 10:
        return None
    curve = case.train_curves[case.selected]
    if not np.isfinite(curve).all():
        return None
    drop, late = curve[0] - curve[-1], curve[-1 - len(curve) // 10] - curve[-1]
    if not (drop > STEEP_SHARE * curve[0] and late > STEEP_SHARE * drop):
        return None
    return (
        f"The selected candidate was still learning when its training ended: the last tenth of the epochs brought "
        f"{late / drop:.0%} of the whole drop in training loss. More epochs or a higher learning rate may change the "
        "answer."
    )


def diverged(case: Case) -> Warning | None:
    """Fits that ended in NaN or infinity."""
    fits = np.isposinf(fit_losses(case.validation))
    if not fits.any():
        return None
    return Warning(
        "diverged",
        f"{fits.sum()} of {fits.size} fits ({fits.mean():.0%}), in {fits.any(axis=1).sum()} of {len(fits)} candidates, "
        "diverged and count as infinitely bad. A lower learning rate may turn them into contenders.",
    )


def edge_of_range(case: Case) -> Warning | None:
    """The selected lambda is the last one tried on its side, or within 5 % (of the log range) of the range's end.

    Not where lambda is 0, nor at the upper end where every weight is zero already: beyond it nothing changes.
    """
    found = points(case.candidates)
    selected, penalty = float(found.lambda_[case.selected]), str(found.penalty[case.selected])
    tried = found.lambda_[(found.penalty == penalty) & (found.lambda_ > 0)]
    if not selected > 0:
        return None
    low, high = (case.lambda_range or {}).get(penalty, (float(tried.min()), float(tried.max())))
    if not low < high:
        return None
    margin = EDGE_SHARE * math.log(high / low)
    if selected >= tried.max() or math.log(high / selected) <= margin:
        nonzero = case.column("nonzero")
        all_zero = nonzero is not None and nonzero[case.selected] == 0
        return None if all_zero else _edge(penalty, selected, "upper", high)
    if selected <= tried.min() or math.log(selected / low) <= margin:
        return _edge(penalty, selected, "lower", low)
    return None


def _edge(penalty: str, selected: float, side: str, end: float) -> Warning:
    return Warning(
        "edge_of_range",
        f"The selected lambda of {penalty}, {selected:.3g}, lies at the {side} end of the searched range ({end:.3g}). "
        "The best one may lie beyond it: widen the range.",
    )


def test_opened_before(case: Case) -> Warning | None:
    """Trials were added after somebody had looked at the test rows."""
    if not case.openings or case.openings[0] >= case.trials:
        return None
    return Warning(
        "test_opened_before",
        f"The test rows were opened before, first after {case.openings[0]} trials, and there are {case.trials} now. "
        "What was seen there may have guided the search, so the bounds may be too optimistic.",
    )


def no_test_rows(case: Case) -> Warning | None:
    """Judged on the rows that picked the candidate."""
    if case.test is not None:
        return None
    return Warning(
        "no_test_rows",
        "There are no test rows: the verdict rests on the same validation rows that picked the candidate, and they "
        "favour it.",
    )


def few_test_rows(case: Case) -> Warning | None:
    """Too few rows for bounds that hold for many rows."""
    rows = 0 if case.test is None else int((~np.isnan(case.test[0]).all(axis=0)).sum())
    if case.test is None or rows >= FEW_ROWS:
        return None
    return Warning(
        "few_test_rows",
        f"There are only {rows} test rows. The bounds are made for many rows and are rough below about {FEW_ROWS}.",
    )


def heavy_tail(case: Case) -> Warning | None:
    """One row carries much of the selected candidate's mean loss: more than a fifth, and than 12 / rows.

    A mean with one such row is far from normal, and the bounds assume that it is close. Squared normal errors exceed
    these shares in at most 1.5 % of samples, whatever the number of rows; squared errors of Student's t with 3
    degrees of freedom do in 50 % of samples of 50 rows and in 12 % of 1,000.
    """
    losses = case.judged()[case.selected]
    held = ~np.isnan(losses)
    count = held.sum(axis=0)
    rows = np.sort(losses.sum(axis=0, where=held)[count > 0] / count[count > 0])
    if len(rows) < 2 or not np.isfinite(rows[-1]) or rows[-1] <= rows[-2] or rows[0] < 0:
        return None
    share = rows[-1] / rows.sum()
    if share <= max(0.2, 12 / len(rows)):
        return None
    return Warning(
        "heavy_tail",
        f"A single row carries {share:.0%} of the selected candidate's loss over {len(rows)} rows. Means and bounds "
        "hang on that row: look at it, or judge by the absolute error.",
    )


def flat(case: Case) -> Warning | None:
    """Nothing can be told apart."""
    count = len(case.candidates)
    if count < 2 or case.in_confidence_set < count:
        return None
    return Warning(
        "flat",
        f"None of the {count} candidates can be told from the best one on these rows: the losses differ by no more "
        "than noise.",
    )


def seeds_dominate(case: Case) -> Warning | None:
    """Among the better half of the candidates, the replicate moves a loss more than the candidate does.

    Two-way layout of mean losses m (candidates, replicates), replicate means removed, as candidates are compared
    within replicates: m - mean over candidates. Compared are the variance over replicates (mean over candidates) and
    the variance of the candidates' means less the part of it that the replicates' noise makes by itself.
    """
    means = fit_losses(case.validation)
    better = means[np.argsort(means.mean(axis=1), kind="stable")[: (len(means) + 1) // 2]]
    if min(better.shape[0] - CONTENDERS, better.shape[1] - 2) < 0 or not np.isfinite(better).all():
        return None
    paired = better - better.mean(axis=0)
    within = float(paired.var(axis=1, ddof=1).mean())
    between = max(0.0, float(paired.mean(axis=1).var(ddof=1)) - within / paired.shape[1])
    if within <= between:
        return None
    return Warning(
        "seeds_dominate",
        f"Among the better half of the candidates another seed or split moves a candidate's loss by about "
        f"{math.sqrt(within):.2g}, another lambda by about {math.sqrt(between):.2g}. More seeds or folds would tell "
        "more than more trials.",
    )


def validation_below_training(case: Case) -> Warning | None:
    """The selected validation loss is below its training loss by more than two standard errors."""
    train = case.column("train_loss")
    if train is None:
        return None
    losses = case.validation[case.selected]
    loss, error = float(mean_losses(losses[None])[0]), held_out_se(losses)
    if not loss + 2 * error < train[case.selected]:
        return None
    return Warning(
        "validation_below_training",
        f"The selected candidate's validation loss, {loss:.3g}, is below its training loss, "
        f"{train[case.selected]:.3g}. Usual causes: too little training, a training loss that counts dropout or the "
        "penalty, validation rows that are easier, or rows that are in both.",
    )


def few_replicates(case: Case) -> Warning | None:
    """Bounds for the procedure need replicates to be resampled."""
    replicates = case.judged().shape[1]
    if case.scope == "models" or replicates >= FEW_REPLICATES:
        return None
    return Warning(
        "few_replicates",
        f"The bounds are to speak of the next seed and split as well, but rest on {replicates} of them. Below about "
        f"{FEW_REPLICATES} they are rough, and with one they speak of the fitted models alone.",
    )


CHECKS = (
    not_trained,
    diverged,
    edge_of_range,
    test_opened_before,
    no_test_rows,
    few_test_rows,
    heavy_tail,
    flat,
    seeds_dominate,
    validation_below_training,
    few_replicates,
)
