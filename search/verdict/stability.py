"""How much the selection moves from one replicate to the next."""

from __future__ import annotations

import numpy as np

from search.core.arrays import Index
from search.core.candidate import NO_STRENGTH
from search.core.choice import lowest
from search.core.means import fit_means
from search.core.results import Results
from search.verdict.record import Stability

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def picks(results: Results) -> Index:
    """What each replicate would have selected by itself, (replicates that held out rows,)."""
    losses = fit_means(results.validation)
    used = ~np.isnan(losses).all(axis=0)
    return np.asarray(lowest(losses[:, used].T, results.lambda_))


def stability(results: Results, selected: int) -> Stability:
    """How far the replicates agree in what they would have selected.

    `same_penalty` is the share of replicates that select the penalty of candidate `selected`; `lambda_quantiles` are
    the 5, 25, 50, 75 and 95 % quantiles of lambda over those replicates (a lambda of another penalty is another
    quantity), each an evaluated lambda; empty where no replicate selects that penalty, None where it has no strength.
    The folds of one data set share training rows, so they agree more than new data sets would.
    """
    picked = picks(results)
    same = results.penalty[picked] == results.penalty[selected]
    lambdas = results.lambda_[picked[same]]
    quantiles = np.quantile(lambdas, QUANTILES, method="inverted_cdf").tolist() if same.any() else []
    return Stability(
        replicates=len(picked),
        same_penalty=float(same.mean()),
        lambda_quantiles=None if results.penalty[selected] == NO_STRENGTH else tuple(quantiles),
    )
