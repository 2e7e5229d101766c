"""The profile of lambda: what each strength can do once all else that was searched is tuned to it.

Where a learning rate (or another setting that is not the question) is searched beside lambda, the loss at one lambda
depends on it. The profile of a lambda is the candidate with that lambda that validates best. A sampler hardly tries a
lambda twice, so neighbours share a bin.
"""

from __future__ import annotations

import numpy as np

from search.core.arrays import Array, Index
from search.core.results import Results
from search.penalties import PENALTIES


def settings_searched(results: Results) -> list[str]:
    """The parameters that are neither the penalty's own nor lambda, and of which several values were tried."""
    names: dict[str, set[object]] = {}
    for candidate in results.candidates:
        own = (
            {each.name for each in PENALTIES[candidate.penalty].parameters} if candidate.penalty in PENALTIES else set()
        )
        for name, value in candidate.others.items():
            if name not in own:
                names.setdefault(name, set()).add(value)
    return [name for name, values in names.items() if len(values) > 1]


def profile(results: Results) -> Index | None:
    """The positions of the profile's candidates: one for each bin of each penalty's lambda; None without such settings.

    The best of a bin is decided by validation, so the profile is fixed before a test row is looked at.
    """
    if not settings_searched(results):
        return None
    found = []
    for penalty in sorted(set(results.penalty)):
        own = np.flatnonzero(results.penalty == penalty)
        bins = lambda_bins(results.lambda_[own])
        for each in np.unique(bins):
            members = own[bins == each]
            found.append(members[results.take(members).lowest(results.validation_loss[members])])
    return np.array(found, dtype=np.intp)


def lambda_bins(lambdas: Array) -> Index:
    """The bin of each lambda (candidates,): itself where they repeat, as in a grid, else one of equal log-width.

    About as many bins as a bin has members: their number is the square root of the number of candidates.
    """
    values, place = np.unique(lambdas, return_inverse=True)
    if len(values) <= max(1, len(lambdas) / 2) or values[0] <= 0:
        return np.asarray(place, dtype=np.intp)
    edges = np.geomspace(values[0], values[-1], max(2, round(np.sqrt(len(lambdas)))) + 1)
    return np.asarray(np.clip(np.digitize(lambdas, edges[1:-1]), 0, len(edges) - 2), dtype=np.intp)
