"""The verdict in words: the answer first, then what it rests on, what would settle it, and the warnings."""

from __future__ import annotations

import math

from search.core.candidate import Candidate
from search.core.text import number, percent, words
from search.verdict.record import Choice, Interval, Verdict


def describe(verdict: Verdict) -> str:
    """The verdict as a person wants to read it: one statement a line, the answer in the first one."""
    lines = [_answer(verdict), *_basis(verdict), *_settle(verdict)]
    return "\n".join(lines + [f"Warning: {warning.message}" for warning in verdict.warnings])


def lambdas(penalty: str, low: float, high: float) -> str:
    """The candidates of one penalty between two lambdas, in words."""
    if penalty == "none" or low == high:
        return str(Candidate(penalty, low))
    return f"{words(penalty)} with lambda from {number(low)} to {number(high)}"


def _answer(verdict: Verdict) -> str:
    """The first sentence."""
    basis = verdict.basis
    if basis.candidates == 1:
        return f"{verdict.answer.capitalize()}: {_name(verdict.selected)} is the only candidate; there is no other."
    if basis.diverged == basis.candidates:
        return "Cannot tell: the training of every candidate diverged or was not finished."
    if verdict.answer == "yes":
        return _yes(verdict)
    return _no(verdict) if verdict.answer == "no" else _open(verdict)


def _yes(verdict: Verdict) -> str:
    within = "no worse than" if verdict.tolerance == 0 else f"within {percent(verdict.tolerance)} of"
    return f"Yes: {_name(verdict.selected)} is {within} the best of {_field(verdict)}{_alternatives(verdict)}."


def _no(verdict: Verdict) -> str:
    lower = verdict.regret.lower
    if not math.isfinite(lower):
        return f"No: {_name(verdict.selected)} diverged in training or was not finished; other candidates did finish."
    by = f", by at least {number(lower)}" if lower > 0 else ""
    best = "" if verdict.best_on_test is None else f"; on the test rows {_name(verdict.best_on_test)} is best"
    more = "lower than" if verdict.tolerance == 0 else f"more than {percent(verdict.tolerance)} lower than"
    return f"No: the best of {_field(verdict)} has a loss that is {more} that of {_name(verdict.selected)}{by}{best}."


def _open(verdict: Verdict) -> str:
    low, high = verdict.regret.relative_lower, verdict.regret.relative_upper
    question = f"Cannot tell whether {_name(verdict.selected)} is within {percent(verdict.tolerance)} of the best of "
    if low is None or high is None or not math.isfinite(high):
        return f"{question}{_field(verdict)}: these rows set no limit to what it loses."
    return f"{question}{_field(verdict)}: it loses between {percent(low)} and {percent(high)} against the best one."


def _name(choice: Choice) -> str:
    return str(choice.candidate)


def _field(verdict: Verdict) -> str:
    where = "" if verdict.basis.on_test else ", judged on the validation rows that also selected it"
    return f"{verdict.basis.candidates} candidates ({percent(verdict.regret.confidence)} confidence{where})"


def _alternatives(verdict: Verdict) -> str:
    """What does as well as the selected candidate: an interval around it."""
    selected = verdict.selected
    around = [part for part in verdict.does_it_matter.indifference if _holds(part, selected)]
    if selected.penalty == "none" or not around or around[0].lambda_low == around[0].lambda_high:
        return ""
    ends = f"{number(around[0].lambda_low)} to {number(around[0].lambda_high)}"
    return f"; any lambda from {ends}{_tuned(verdict)} does as well"


def _tuned(verdict: Verdict) -> str:
    """The settings that an interval of lambda leaves to be tuned: ", with its lr and dropout tuned"."""
    *first, last = verdict.basis.tuned or ("",)
    names = f"{', '.join(first)} and {last}" if first else last
    return f", with its {names} tuned," if names else ""


def _holds(part: Interval, choice: Choice) -> bool:
    return part.penalty == choice.penalty and part.lambda_low <= choice.lambda_ <= part.lambda_high


def _basis(verdict: Verdict) -> list[str]:
    """What the answer rests on, a sentence or two a figure; figures that do not exist are left out."""
    parts = (_rows, _losses, _optimism, _members, _others, _gain, _sweep, _exact)
    return [line for part in parts if (line := part(verdict))]


def _rows(verdict: Verdict) -> str:
    basis = verdict.basis
    rows = f"{basis.rows:,} {'test' if basis.on_test else 'validation'} row{'s' * (basis.rows != 1)}"
    models = "1 fit" if basis.replicates == 1 else f"{basis.replicates} fits (splits and seeds)"
    procedure = basis.scope == "procedure" and basis.replicates > 1
    reach = "on new rows and with the next seed and split" if procedure else "on new rows, with the models as fitted"
    return f"It rests on {rows} and {models} of each candidate; the bounds say what holds {reach}."


def _losses(verdict: Verdict) -> str:
    selected, best = verdict.selected, verdict.best_on_test
    if best is None or selected.test_loss is None or best.test_loss is None or not math.isfinite(best.test_loss):
        return ""
    if best.trial == selected.trial:
        return f"Its test loss, {number(selected.test_loss)}, is the lowest of all."
    return (
        f"Its test loss is {number(selected.test_loss)}; the lowest one, {number(best.test_loss)} of {_name(best)}, "
        "was picked by its luck on these rows too, which the bounds allow for."
    )


def _optimism(verdict: Verdict) -> str:
    optimism = verdict.optimism
    if optimism.corrected is None or not math.isfinite(optimism.corrected):
        return ""
    return (
        f"Its validation loss, {number(optimism.validation_loss)}, was picked as the lowest; "
        f"corrected for that it is {number(optimism.corrected)}."
    )


def _members(verdict: Verdict) -> str:
    parts = verdict.confidence_set
    count = sum(len(part.trials) for part in parts)
    if verdict.basis.candidates in (1, verdict.basis.diverged):
        return ""
    ranges = "; ".join(lambdas(part.penalty, part.lambda_low, part.lambda_high) for part in parts)
    return f"{count} of {verdict.basis.candidates} candidates may be the best one: {ranges}."


def _others(verdict: Verdict) -> str:
    """What else is as good: the intervals that the first sentence has not named."""
    selected = verdict.selected
    parts = verdict.does_it_matter.indifference
    if verdict.answer == "yes":
        parts = tuple(part for part in parts if not _holds(part, selected))
    if not parts or verdict.basis.candidates == 1:
        return ""
    ranges = "; ".join(lambdas(part.penalty, part.lambda_low, part.lambda_high) for part in parts)
    return f"Within {percent(verdict.tolerance)} of the best for sure{_tuned(verdict).rstrip(',')}: {ranges}."


def _gain(verdict: Verdict) -> str:
    matter = verdict.does_it_matter
    gain = matter.gain_over_none
    if gain is None or verdict.selected.penalty == "none" or not math.isfinite(gain.upper):
        return ""
    # True with an interval that spans zero: see `Comparison.exploding`.
    certain = "a few rows carry that loss, but without their excess it is higher for certain, so the penalty matters"
    ends = {
        True: "so the penalty matters" if gain.lower > 0 else certain,
        False: "so the penalty hardly matters",
        None: "so whether the penalty matters is open",
    }
    more = "higher" if gain.estimate >= 0 else "lower"
    return (
        f"With no penalty the loss is {number(abs(gain.estimate))} {more} "
        f"(gain between {number(gain.lower)} and {number(gain.upper)}), {ends[matter.answer]}."
    )


def _sweep(verdict: Verdict) -> str:
    """What the confirming sweep says of the search."""
    search, loss = verdict.gap.search, verdict.selected.test_loss
    if search is None or not loss:
        return ""
    found = "holds nothing better" if search <= 0 else f"holds a test loss that is {percent(search / loss)} lower"
    return f"The confirming sweep, a dense grid of lambda on fresh seeds, {found} than the best that were tried."


def _exact(verdict: Verdict) -> str:
    """What stopping short of the optimum changes."""
    training, loss = verdict.gap.training, verdict.selected.test_loss
    if training is None or not loss:
        return ""
    if abs(training) < 0.0005 * loss:
        return "Solved exactly, its test loss is the same."
    return f"Solved exactly, its test loss is {percent(abs(training) / loss)} {'lower' if training > 0 else 'higher'}."


def _settle(verdict: Verdict) -> list[str]:
    """What would settle an open answer."""
    if verdict.answer != "cannot tell" or verdict.basis.diverged == verdict.basis.candidates:
        return []
    kind = "test" if verdict.basis.on_test else "validation"
    if verdict.basis.rows == 1:
        return [f"A single {kind} row cannot even say how many would settle it."]
    if verdict.rows_needed is None:
        return [f"More {kind} rows alone would not settle it; more replicates or a larger tolerance might."]
    return [f"About {verdict.rows_needed:,} {kind} rows would settle it, if the differences stay as they look now."]
