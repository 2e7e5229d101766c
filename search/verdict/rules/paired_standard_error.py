"""The one-standard-error rule with the error of the difference."""

from __future__ import annotations

import numpy as np

from search.core.arrays import Array, blocks
from search.core.means import errors_over_rows, row_means
from search.core.results import Results
from search.verdict.rules.base import Options, Rule, most_penalised, trained


def pick(results: Results, options: Options) -> int | None:
    """The most penalised candidate whose loss exceeds the lowest by at most one standard error of that difference.

    All candidates are scored on the same rows, and a hard row is hard for all of them: so a difference is far less
    noisy than the loss itself, which the usual rule takes for its measure (Chen, Yang 2021, Stats 4, 868-892, find that
    measure off by 50 to 100 %). Like that rule it only moves towards more penalty.
    """
    return most_penalised(results, paired_errors(results)) if trained(results) else None


def paired_errors(results: Results) -> Array:
    """The standard error of every candidate's difference from the lowest loss, (candidates,); 0 where there is none.

    Rows, each averaged over its fits, are the sample, or their groups.
    """
    best = results.lowest(results.validation_loss)
    finite = np.flatnonzero(np.isfinite(results.validation_loss))
    [own] = row_means(results.validation[[best]])
    errors = np.zeros(len(results))
    for block in blocks(len(finite), results.validation[:1].size):
        more = row_means(results.validation[finite[block]]) - own
        errors[finite[block]] = errors_over_rows(more, results.validation_groups)
    return np.nan_to_num(errors)


PAIRED_STANDARD_ERROR = Rule("paired_standard_error", "one standard error, paired", pick)
