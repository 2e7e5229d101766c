"""Rules that pick one candidate: one file each, this registry, and what each of them costs on test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from search.core.arrays import Array
from search.core.candidate import NO_STRENGTH
from search.core.means import candidate_means
from search.verdict.record import RuleResult
from search.verdict.rotation import Pick, picked_losses, picks_of
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
    tried = {rule: rule.pick(case.results, Options(case.tolerance)) for rule in sound}
    found = {rule: position for rule, position in tried.items() if position is not None}
    risk: Array = case.risk[: len(case.results)]
    losses = _rotated_losses(case, list(found)) if case.rotated else [float(risk[each]) for each in found.values()]
    return tuple(_result(case, *each, loss) for each, loss in zip(found.items(), losses, strict=True))


def _result(case: Comparison, rule: Rule, position: int, loss: float | None) -> RuleResult:
    """The rule's candidate with its test loss; no regret where no candidate's test loss is finite."""
    candidate = case.results.candidates[position]
    risk: Array = case.risk[: len(case.results)]
    if not case.on_test or loss is None:
        return RuleResult(rule.name, candidate, None, None)
    return RuleResult(rule.name, candidate, loss, float(loss - risk.min()) if np.isfinite(risk).any() else None)


def _rotated_losses(case: Comparison, rules: Sequence[Rule]) -> list[float | None]:
    """The loss of picking by each rule on each turn; None where it cannot be said."""
    if case.inner is None:
        return [None] * len(rules)

    def picker(rule: Rule) -> Pick:
        return lambda seen: rule.pick(seen, Options(case.tolerance))

    picked = picks_of(case.results, case.inner, [picker(rule) for rule in rules])
    return [
        None if own is None else float(candidate_means(picked_losses(case.losses, own[:, None]))[0]) for own in picked
    ]


__all__ = ["RULES", "Options", "Rule", "compare_rules"]
