"""Rules that pick one candidate: one file each, this registry, and what each of them costs on test rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from search.core.arrays import Array
from search.core.results import Results
from search.verdict.record import RuleResult
from search.verdict.rules.argmin import ARGMIN
from search.verdict.rules.base import Options, Rule
from search.verdict.rules.evidence import EVIDENCE
from search.verdict.rules.first_plateau import FIRST_PLATEAU
from search.verdict.rules.gcv import GCV
from search.verdict.rules.one_standard_error import ONE_STANDARD_ERROR
from search.verdict.rules.paired_standard_error import PAIRED_STANDARD_ERROR
from search.verdict.rules.tolerance import TOLERANCE

RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        ARGMIN,
        ONE_STANDARD_ERROR,
        PAIRED_STANDARD_ERROR,
        FIRST_PLATEAU,
        TOLERANCE,
        GCV,
        EVIDENCE,
    )
}


def compare_rules(results: Results, *, tolerance: float) -> tuple[RuleResult, ...]:
    """Every rule that applies, with its candidate, that candidate's test loss, and its regret.

    The regret is the plain difference of mean test losses to the candidate with the lowest one, so it is never negative
    and, as that one was picked by its luck on the test rows too, a little too large. Test loss and regret are None
    without test rows.
    """
    picks = {name: rule.pick(results, Options(tolerance)) for name, rule in RULES.items()}
    return tuple(_result(name, results, position) for name, position in picks.items() if position is not None)


def _result(rule: str, results: Results, position: int) -> RuleResult:
    """The rule's candidate with its test loss; no regret where no candidate's test loss is finite."""
    risk: Array | None = results.test_loss
    test_loss = None if risk is None else float(risk[position])
    regret = None if risk is None or not np.isfinite(risk).any() else float(risk[position] - risk.min())
    return RuleResult(rule, results.candidates[position], test_loss, regret)


__all__ = ["RULES", "Options", "Rule", "compare_rules"]
