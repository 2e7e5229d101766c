"""The verdict in words: what to do and what is sure, whether that settles it, what would; then what it rests on."""

from __future__ import annotations

import math

from search.core.text import number, percent, words
from search.verdict.basis import rests_on
from search.verdict.record import Verdict
from search.verdict.wording import holds, name_of, ranges_differ, strength_name, tuned_settings

FEW = 10  # rows from which on their number can say how many would settle an answer


def describe(verdict: Verdict) -> str:
    """The verdict as a person wants to read it: one statement a line, what to do and what is sure in the first one."""
    return "\n".join([*sentences(verdict), *(f"Warning: {warning.message}" for warning in verdict.warnings)])


def sentences(verdict: Verdict) -> list[str]:
    """What to do and what is sure, whether that settles the question, what would, and what it rests on; no warnings."""
    return [_advice(verdict), _answer(verdict), *_settle(verdict), *rests_on(verdict)]


# The first sentence: what to do, and what is sure


def _advice(verdict: Verdict) -> str:
    basis, name = verdict.basis, name_of(verdict.selected)
    if basis.candidates == 1:
        return f"Use {name}: it is the only candidate."
    if basis.diverged == basis.candidates:
        return "Use none of these: the training of every candidate diverged or was not finished."
    if not math.isfinite(verdict.regret.lower):
        return f"Do not use {name}: it diverged in training or was not finished, and other candidates did finish."
    if verdict.answer == "no" or basis.better is not None:
        return _other(verdict)
    return f"Use {name}: {_what_loses(verdict)} {_at_most(verdict)}, and {_shown(verdict)}."


def _what_loses(verdict: Verdict) -> str:
    return "it" if verdict.rotation is None else "searching like this"


def _at_most(verdict: Verdict) -> str:
    """How much may be lost, against what."""
    most = verdict.basis.at_most
    if most is None or not math.isfinite(most) or most >= 1:
        if _shareless(verdict):
            return f"loses at most {number(verdict.regret.upper)} against {_field(verdict)}"
        return f"may lose any part of its loss against {_field(verdict)}: these rows set no limit"
    return f"loses at most {percent(most)} against {_field(verdict)}"


def _shareless(verdict: Verdict) -> bool:
    """Whether the loss is not above 0, as a density's log loss may be: of that no share can be said."""
    selected = verdict.selected
    loss = selected.validation_loss if selected.test_loss is None else selected.test_loss
    return loss <= 0 and verdict.regret.relative_upper is None and math.isfinite(verdict.regret.upper)


def _shown(verdict: Verdict) -> str:
    """What is certain on the other side; not beside "yes", whose error probability is all on this one."""
    least = verdict.regret.relative_lower
    if verdict.answer == "yes" or least is None or least <= 0:
        return "nothing is shown to be better"
    if verdict.rotation is not None:  # what is better than the turns' picks may be the very candidate to use
        return f"for certain {percent(least)} or more"
    return f"something else is shown to be better, by {percent(least)} or more"


def _other(verdict: Verdict) -> str:
    """Use the candidate that is surely better, and by how much the selected one loses."""
    regret, name = verdict.regret, name_of(verdict.selected)
    low = percent(regret.relative_lower or 0.0)
    high = regret.relative_upper
    span = f"by {low} or more" if high is None or not high < 1 else f"by {low} to {percent(high)}"
    better = verdict.basis.better
    if better is None:
        return f"Do not rely on {name}: the best of {_field(verdict)} is better {span}."
    if better == verdict.selected.candidate:
        return f"Use {name}, and do not search anew for other rows of this kind: what other rows pick loses {span[3:]}."
    own = "the best is better" if verdict.rotation is None else "what searches like this pick is worse than the best"
    if verdict.answer == "no":
        return f"Use {better} in place of {name}: {own} {span}."
    surely = "it is surely better" if verdict.rotation is None else "it is surely better than what they pick"
    return f"Use {better} in place of {name}: {surely}, by how much is open ({own} {span})."


def _field(verdict: Verdict) -> str:
    """What the selected candidate is held against: the searched range, or where it is not dense the candidates."""
    searched = {penalty: ends for penalty, ends in verdict.basis.searched.items() if penalty != "none"}
    if not searched:
        return f"the best of {verdict.basis.candidates} candidates"
    own, tried = strength_name(verdict), verdict.basis.recorded or verdict.basis.unswept
    *first, last = [penalty if penalty == own else words(penalty) for penalty in searched] + (
        ["no penalty"] if "none" in verdict.basis.searched else []
    )
    if not tried and ranges_differ(verdict):
        return f"the best of {', '.join(first)} and {last}, each penalty over its own range of {own}"
    low, high = min(low for low, _ in searched.values()), max(high for _, high in searched.values())
    kinds = f" ({', '.join(first)} or {last})" if first else "" if last == own else f" ({last})"
    return f"the best {own}{' tried' * tried} between {number(low)} and {number(high)}{kinds}"


# The second: whether that settles the question. The third: what would


def _answer(verdict: Verdict) -> str:
    """The answer at the tolerance."""
    basis = verdict.basis
    if basis.candidates == 1:
        return f"{verdict.answer.capitalize()}: there is no other."
    within = _within(verdict)
    subject = name_of(verdict.selected) if verdict.rotation is None else "what this search picks"
    where = "" if basis.on_test else ", judged on the validation rows that also selected it"
    sure = f"with {percent(verdict.regret.confidence)} confidence{where}"
    if verdict.answer == "yes":
        return f"Yes, {subject} is {within}, {sure}{_alternatives(verdict)}."
    if verdict.answer == "no":
        return f"No, {subject} is not {within}, {sure}."
    return f"Cannot tell {sure}{'' if basis.on_test else ','} whether {subject} is {within}{_span(verdict)}."


def _within(verdict: Verdict) -> str:
    return "the best one" if verdict.tolerance == 0 else f"within {percent(verdict.tolerance)} of the best"


def _span(verdict: Verdict) -> str:
    """The interval that is left open."""
    low, high = verdict.regret.relative_lower, verdict.regret.relative_upper
    if low is None or high is None or not math.isfinite(high) or high >= 1:
        return ""
    return f": it loses between {percent(low)} and {percent(high)}"


def _alternatives(verdict: Verdict) -> str:
    """What does as well as the selected candidate: an interval around it."""
    selected = verdict.selected
    around = [part for part in verdict.does_it_matter.indifference if holds(part, selected)]
    if selected.penalty == "none" or not around or around[0].lambda_low == around[0].lambda_high:
        return ""
    ends = f"{number(around[0].lambda_low)} to {number(around[0].lambda_high)}"
    return f"; any {strength_name(verdict)} from {ends}{tuned_settings(verdict)} does as well"


def _settle(verdict: Verdict) -> list[str]:
    """What would settle an open answer, and how."""
    basis = verdict.basis
    if verdict.answer != "cannot tell" or basis.diverged == basis.candidates:
        return []
    if _shareless(verdict):
        return ["Nothing would settle it: the loss is not above 0, and a share of such a loss means nothing."]
    count, kind = basis.rows if verdict.groups is None else verdict.groups, _kind(verdict)
    if count == 1:
        return [f"A single {kind[:-1]} cannot even say how many would settle it."]
    if verdict.rows_needed is None:
        return [f"More {kind} alone would not settle it; more replicates or a larger tolerance might."]
    if count < FEW:
        return [f"{count} {kind} are too few to guess how many would settle it."]
    shown = f"that it is {'' if basis.leads_to == 'yes' else 'not '}{_within(verdict)}"
    return [
        f"About {verdict.rows_needed:,} {kind} in place of these {count:,} would settle it, and show {shown}, "
        "if the differences stay as they look now."
    ]


def _kind(verdict: Verdict) -> str:
    """What the sample is made of."""
    if verdict.groups is not None:
        return "groups"
    if verdict.rotation is not None:
        return "rows"
    return "test rows" if verdict.basis.on_test else "validation rows"
