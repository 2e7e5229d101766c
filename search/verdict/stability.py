"""How much the selection moves from one replicate to the next."""

from __future__ import annotations

import numpy as np
import pandas as pd

from search.records import Array
from search.verdict.record import Stability
from search.verdict.rules import fit_losses, pick_lowest, points

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def stability(validation: Array, candidates: pd.DataFrame, selected: int) -> Stability:
    """What each replicate would have selected by itself.

    For every replicate the candidate with the lowest loss on that replicate's own validation rows, (candidates,
    replicates, rows). `same_penalty` is the share of replicates that select the penalty of candidate `selected`;
    `lambda_quantiles` are the 5, 25, 50, 75 and 95 % quantiles of lambda over those replicates (a lambda of another
    penalty is another quantity), each an evaluated lambda; empty where no replicate selects that penalty. The folds
    of one data set share training rows, so they agree more than new data sets would.
    """
    found = points(candidates)
    picks = pick_lowest(fit_losses(validation).T, found.order)
    same = found.penalty[picks] == found.penalty[selected]
    lambdas = found.lambda_[picks[same]]
    quantiles = np.quantile(lambdas, QUANTILES, method="inverted_cdf").tolist() if same.any() else []
    return Stability(replicates=len(picks), same_penalty=float(same.mean()), lambda_quantiles=tuple(quantiles))
