"""The one-standard-error rule."""

from __future__ import annotations

import numpy as np

from search.core.means import standard_errors
from search.core.results import Results
from search.verdict.rules.base import Options, Rule, most_penalised, trained


def pick(results: Results, options: Options) -> int | None:
    """The most penalised candidate whose validation loss is within one standard error of the lowest.

    The standard error is that of the lowest loss itself, over rows (Breiman, Friedman, Olshen, Stone 1984; Hastie,
    Tibshirani, Friedman 2009, section 7.10). The rule moves along `heavier` alone, so never to less penalty.
    With one row there is no standard error, and the rule is argmin.
    """
    if not trained(results):
        return None
    best = results.lowest(results.validation_loss)
    [error] = standard_errors(results.validation[[best]], results.validation_groups)
    return most_penalised(results, float(np.nan_to_num(error)))


ONE_STANDARD_ERROR = Rule("one_standard_error", "one standard error", pick)
