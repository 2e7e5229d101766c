"""The same rows used twice: a quarter set aside as test rows, or a rotation, where every row is a test row once.

What fits and what is lost is somebody else's business: a *source* gives rows, and for any set of training rows the
losses of all candidates on given rows and their true risks.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

FOLDS = 5
TEST_SHARE = 0.25


def folds_of(rng, rows, classes=None):
    """FOLDS parts of the row numbers; each class spread evenly where there are any."""
    order = rng.permutation(rows)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
    part = np.empty(rows, dtype=int)
    part[order] = np.arange(rows) % FOLDS
    return [np.flatnonzero(part == fold) for fold in range(FOLDS)]


def rotation(source, rng):
    """`validation` (candidates, folds, rows), `inner` (candidates, pairs, rows) and `risk` (candidates, folds)."""
    rows = np.arange(source.rows)
    folds = folds_of(rng, source.rows, source.classes)
    pairs = [np.sort(np.concatenate(pair)) for pair in combinations(folds, 2)]
    fits = source.fitted([np.setdiff1d(rows, held) for held in [*folds, *pairs]], [*folds, *pairs])
    losses, risk = _placed(fits, [*folds, *pairs], source.rows)
    return losses[:, :FOLDS], losses[:, FOLDS:], risk[:, :FOLDS]


def split(source, rng):
    """`validation` (candidates, folds, other rows), `test` (candidates, 1, test rows) and `risk` (candidates,)."""
    test = np.sort(rng.permutation(source.rows)[: round(TEST_SHARE * source.rows)])
    rest = np.setdiff1d(np.arange(source.rows), test)
    classes = None if source.classes is None else source.classes[rest]
    folds = [rest[fold] for fold in folds_of(rng, len(rest), classes)]
    fits = source.fitted([*(np.setdiff1d(rest, held) for held in folds), rest], [*folds, test])
    losses, risk = _placed(fits, [*folds, test], source.rows)
    return losses[:, :FOLDS][..., rest], losses[:, FOLDS:][..., test], risk[:, FOLDS]


def _placed(fits, held, rows):
    """Losses (candidates, fits, rows), NaN where a row was not held out, and risks (candidates, fits)."""
    risk = np.stack([risk for _, risk in fits], axis=1)
    losses = np.full((len(risk), len(held), rows), np.nan)
    for place, ((found, _), index) in enumerate(zip(fits, held, strict=True)):
        losses[:, place, index] = found
    return losses, risk
