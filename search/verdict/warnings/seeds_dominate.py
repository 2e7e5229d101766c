"""Seeds move the differences between candidates more than the candidates do."""

from __future__ import annotations

import math

import numpy as np

from search.core.arrays import Array
from search.core.means import fit_means
from search.core.text import percent
from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check

CONTENDERS = 4


def message(case: Comparison) -> str | None:
    """Among the better half of the candidates, what seeds leave of noise in the means is more than their spread.

    Only replicates that hold out the same rows are compared: they differ in their seeds (or training rows) alone, while
    folds differ in their rows, which the bounds allow for. Two-way layout of mean losses, replicate means removed, as
    candidates are compared within replicates. The noise of a mean is the variance over such replicates by their number.
    It counts where it is also more than the tolerance: below that the pick may be luck, and it does not matter.
    """
    means = fit_means(case.results.validation)
    used = ~np.isnan(means).all(axis=0)
    means = means[:, used]
    better = means[np.argsort(means.mean(axis=1), kind="stable")[: (len(means) + 1) // 2]]
    groups = _same_rows(case.results.validation[0][used])
    if len(better) < CONTENDERS or not groups or not np.isfinite(better).all():
        return None
    paired = better - better.mean(axis=0)
    within = np.mean([paired[:, group].var(axis=1, ddof=1).mean() for group in groups])
    noise = float(within) / paired.shape[1]
    between = max(0.0, float(paired.mean(axis=1).var(ddof=1)) - noise)
    loss = float(better.mean())
    if noise <= between or math.sqrt(noise) <= case.tolerance * loss:
        return None
    other = case.results.strength or "setting"
    return (
        f"Among the better half of the candidates the seeds alone leave the differences uncertain by about "
        f"{percent(math.sqrt(noise) / loss)} of the loss, and another {other} changes it by about "
        f"{percent(math.sqrt(between) / loss)}. More seeds (training.seeds) would tell more than more trials."
    )


def _same_rows(losses: Array) -> list[list[int]]:
    """The replicates that hold out the same rows, where there are several; `losses` (replicates, rows)."""
    groups: dict[bytes, list[int]] = {}
    for replicate, held in enumerate(~np.isnan(losses)):
        groups.setdefault(held.tobytes(), []).append(replicate)
    return [group for group in groups.values() if len(group) > 1]


SEEDS_DOMINATE = Check("seeds_dominate", message)
