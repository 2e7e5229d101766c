"""Rules that pick one candidate: one file each, this registry, and what each of them costs on test rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from search.core.arrays import Array
from search.core.candidate import NO_STRENGTH
from search.core.means import candidate_means
from search.verdict.record import RuleResult
from search.verdict.rotation import picked_losses, picks
from search.verdict.rules.argmin import ARGMIN
from search.verdict.rules.base import Options, Rule
from search.verdict.rules.evidence import EVIDENCE
from search.verdict.rules.first_plateau import FIRST_PLATEAU
from search.verdict.rules.gcv import GCV
from search.verdict.rules.one_standard_error import ONE_STANDARD_ERROR
from search.verdict.rules.paired_standard_error import PAIRED_STANDARD_ERROR
from search.verdict.rules.tolerance import TOLERANCE

if TYPE_CHECKING:
    from search.verdict.comparison import Comparison

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


def compare_rules(case: Comparison) -> tuple[RuleResult, ...]:
    """Every rule that applies, with its candidate, that candidate's test loss, and its regret.

    The regret is the plain difference of mean test losses to the tried candidate with the lowest one, a little too
    large, as that one was picked by its luck on the test rows too. Test loss and regret are None without test rows.

    In a rotation the candidate is the one that the rule picks on all rows, and its test loss that of picking like this:
    each turn's pick on the rows of that turn. A rule that needs more than validation losses has none.
    """
    # Of candidates without a strength none is said to be penalised more than another.
    sound = [ARGMIN] if NO_STRENGTH in case.results.penalty else RULES.values()
    found = {rule.name: rule.pick(case.results, Options(case.tolerance)) for rule in sound}
    return tuple(_result(case, name, position) for name, position in found.items() if position is not None)


def _result(case: Comparison, rule: str, position: int) -> RuleResult:
    """The rule's candidate with its test loss; no regret where no candidate's test loss is finite."""
    candidate = case.results.candidates[position]
    risk: Array = case.risk[: len(case.results)]
    loss = _rotated_loss(case, rule) if case.rotated else float(risk[position])
    if not case.on_test or loss is None:
        return RuleResult(rule, candidate, None, None)
    return RuleResult(rule, candidate, loss, float(loss - risk.min()) if np.isfinite(risk).any() else None)


def _rotated_loss(case: Comparison, rule: str) -> float | None:
    """The loss of picking by this rule on each turn; None where it cannot be said."""
    if case.inner is None:
        return None
    picked = picks(case.results, case.inner, lambda seen: RULES[rule].pick(seen, Options(case.tolerance)))
    return None if picked is None else float(candidate_means(picked_losses(case.losses, picked[:, None]))[0])


__all__ = ["RULES", "Options", "Rule", "compare_rules"]
