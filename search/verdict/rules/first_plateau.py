"""A reader's rule: the first lambda after which the loss stagnates."""

from __future__ import annotations

import numpy as np

from search.core.choice import preference
from search.core.results import Results
from search.verdict.rules.base import Options, Rule, path, trained

PLATEAU_SHARE = 0.05


def pick(results: Results, options: Options) -> int | None:
    """The first lambda, in ascending order, at which the loss has dropped and stagnates from there on.

    Stagnates: what is left of the drop is at most 5 % of the whole drop,
    loss(lambda) - lowest <= 0.05 * (loss(least lambda) - lowest), along the penalty with the lowest loss, starting at
    `none` where it was tried. Shares of the whole drop, not steps between neighbours, so that the rule does not depend
    on how finely lambda was tried. Where the least penalty is already the best, it is the answer.
    """
    means = results.validation_loss
    if not trained(results):
        return None
    ascending = preference(results.lambda_)[::-1]
    ascending = ascending[(path(results, means) & np.isfinite(means))[ascending]]
    left = means[ascending] - means[ascending].min()
    return int(ascending[(left <= PLATEAU_SHARE * left[0]).argmax()])


FIRST_PLATEAU = Rule("first_plateau", "first plateau", pick)
