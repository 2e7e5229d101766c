"""What the verdict rests on, in words: a sentence or two a figure."""

from __future__ import annotations

import math

from search.core.text import number, percent, rows_right, words
from search.verdict.record import Verdict
from search.verdict.wording import capital, holds, lambdas, name_of, ranges_differ, strength_name, tuned_settings

SEEDS = 3.0  # standard deviations of a seed's effect: what is larger does not hang on the seed
EXPLODED = 2.0  # times the validation loss: a correction that is none


def rests_on(verdict: Verdict) -> list[str]:
    """What the answer rests on, a sentence or two a figure; figures that do not exist are left out."""
    before = (_rows, _picks, _scores, _losses, _optimism)
    parts = (*before, _searched, _members, _others, _gain, _seeds, _exact, _solved, _unswept, _recorded)
    return [line for part in parts if (line := part(verdict))]


def _rows(verdict: Verdict) -> str:
    basis = verdict.basis
    fits = "trained once" if basis.replicates == 1 else f"trained {basis.replicates} times"
    own = "rows" if verdict.groups is None else "groups"
    if verdict.rotation is not None:
        each = "each of them a test row of a search that had not seen it"
        if verdict.groups is not None:
            each = "each of them tested by a search that had seen none of its rows"
        reach = f"the limits hold for searching like this on {own} like these"
        return f"It rests on {_grouped(verdict, 'rows')}, {each}; {reach}."
    rows = _grouped(verdict, f"{'test' if basis.on_test else 'validation'} row{'s' * (basis.rows != 1)}")
    procedure = basis.scope == "procedure" and basis.replicates > 1
    reach = (
        f"for new {own} and for training again"
        if procedure
        else f"for new {own} and these models, not for training again"
    )
    return f"It rests on {rows}, each candidate {fits}; its limits hold {reach}."


def _grouped(verdict: Verdict, kind: str) -> str:
    """The number of judged rows; where they are of groups, that of the groups before it."""
    rows = f"{verdict.basis.rows:,} {kind}"
    return rows if verdict.groups is None else f"{verdict.groups:,} group{'s' * (verdict.groups != 1)} ({rows})"


def _picks(verdict: Verdict) -> str:
    """What the turns of a rotation picked, and the regret of what ships."""
    rotation = verdict.rotation
    if rotation is None:
        return ""
    shown = [f"{pick.candidate} ({percent(pick.share)} of the rows)" for pick in rotation.picks[:3]]
    more = f" and {len(rotation.picks) - 3} more" if len(rotation.picks) > 3 else ""
    high = rotation.shipped.relative_upper
    limited = high is not None and high < 1
    own = f"it alone loses at most {percent(high or 0.0)}" if limited else "for it alone these rows set no limit"
    return (
        f"Without their own rows the searches picked {', '.join(shown)}{more}; all rows pick "
        f"{name_of(verdict.selected)}, and {own} (more cautious, because these rows picked it)."
    )


def _scores(verdict: Verdict) -> str:
    """The loss in units that mean something, beside the plain baseline."""
    scores = verdict.scores
    if scores is None:
        return ""
    name = name_of(verdict.selected)
    own = "It" if verdict.basis.better is None else capital(name)  # the first sentence named another one
    who = "What they picked" if verdict.rotation is not None else own
    if scores.rmse is not None and scores.baseline_rmse is not None and scores.r2 is not None:
        return (
            f"{who} is off by {number(scores.rmse)} (root mean squared error), predicting the mean by "
            f"{number(scores.baseline_rmse)}: R² is {scores.r2:.2f}."
        )
    loss = f"{words(scores.metric)} {number(scores.loss)}"
    if not math.isfinite(scores.baseline):  # a class that no constant had seen
        return f"{who} has a {loss}."
    plain = f"{loss}, predicting a constant {number(scores.baseline)}"
    if scores.accuracy is None or scores.baseline_accuracy is None:
        return f"{who} has a {plain}."
    counted = verdict.rotation is not None and scores.metric == "error_rate"
    return (
        f"{who if counted else capital(name)} gets {rows_right(scores.accuracy)} of the rows right, always naming the "
        f"most frequent class {rows_right(scores.baseline_accuracy)} ({plain})."
    )


def _losses(verdict: Verdict) -> str:
    selected, best = verdict.selected, verdict.best_on_test
    if best is None or selected.test_loss is None or best.test_loss is None or not math.isfinite(best.test_loss):
        return ""
    if verdict.rotation is not None:
        if {pick.candidate for pick in verdict.rotation.picks} == {best.candidate}:
            return f"What they picked has a test loss of {number(selected.test_loss)}, the lowest of all."
        return (
            f"What they picked has a test loss of {number(selected.test_loss)}; the best for all rows, "
            f"{name_of(best)}, {number(best.test_loss)}, owes some of that to luck, which the limits allow for."
        )
    if best.candidate == selected.candidate:
        return f"Its test loss, {number(selected.test_loss)}, is the lowest of all."
    tried = "" if best.trial is not None else " (not tried by the search)"
    named = best.candidate == verdict.basis.better  # by the first sentence, which says to switch
    luck = "" if named else ": do not switch for that alone, the lowest of many is partly luck"
    return (
        f"Its test loss is {number(selected.test_loss)}. The lowest is {number(best.test_loss)}, of {name_of(best)}"
        f"{tried}{luck}."
    )


def _optimism(verdict: Verdict) -> str:
    optimism = verdict.optimism
    if verdict.rotation is not None or optimism.corrected is None:
        return ""
    if verdict.basis.candidates == 1:
        return ""
    loss = number(optimism.validation_loss)
    if optimism.corrected > EXPLODED * abs(optimism.validation_loss):
        return (
            f"Its validation loss, {loss}, hangs on few rows: without them another candidate would have been picked, "
            f"which fails on them ({number(optimism.corrected)} on average)."
        )
    corrected = number(optimism.corrected)
    if corrected == loss:
        return f"Its validation loss, {loss}, is the lowest of many, and owes hardly any of that to luck."
    return (
        f"Its validation loss, {loss}, looks low because it is the lowest of many; without that luck it is {corrected}."
    )


def _searched(verdict: Verdict) -> str:
    """The range of each penalty's lambda, where the first sentence could not name one for all."""
    basis = verdict.basis
    if basis.recorded or basis.unswept or not ranges_differ(verdict):
        return ""
    own = strength_name(verdict)
    ranges = [
        f"{number(low)} to {number(high)} for {words(penalty)}"
        for penalty, (low, high) in basis.searched.items()
        if penalty != "none"
    ]
    return f"The ranges of {own} that were searched: {', '.join(ranges)}."


def _members(verdict: Verdict) -> str:
    parts, basis = verdict.confidence_set, verdict.basis
    if basis.candidates in (1, basis.diverged):
        return ""
    ranges = lambdas(verdict, parts)
    if basis.members == 1:
        return f"The best of the {basis.candidates} candidates is {ranges}."
    which = f"one of {basis.members} of the {basis.candidates} candidates, these rows cannot show which"
    return f"The best is {which}: {ranges}."


def _others(verdict: Verdict) -> str:
    """What else is as good: the intervals that the answer has not named."""
    selected = verdict.selected
    parts = verdict.does_it_matter.indifference
    if verdict.answer == "yes":
        parts = tuple(part for part in parts if not holds(part, selected))
    if not parts or verdict.basis.candidates == 1:
        return ""
    ranges = lambdas(verdict, parts)
    return f"Within {percent(verdict.tolerance)} of the best for sure{tuned_settings(verdict).rstrip(',')}: {ranges}."


def _gain(verdict: Verdict) -> str:
    matter = verdict.does_it_matter
    gain = matter.gain_over_none
    if gain is None or verdict.selected.penalty == "none" or not math.isfinite(gain.upper):
        return ""
    if gain.lower == gain.estimate == gain.upper == 0:
        return "With no penalty the loss is the same."
    change = f"With no penalty the loss is {_changed(gain.estimate)}"
    low = number(abs(gain.lower)) if gain.lower * gain.upper > 0 else _changed(gain.lower)
    ends = f"{low} to {_changed(gain.upper)}"
    span = f" ({percent(verdict.regret.confidence)} limits: {ends})"
    if matter.answer is None:
        unknown = "chance" if gain.lower <= 0 else f"more than {percent(verdict.tolerance)}"
        return f"{change}{span}: these rows cannot show whether that is {unknown}{_of_these_fits(verdict)}."
    if matter.answer and gain.lower <= 0:  # see `Comparison.exploding`
        return (
            f"{change}, mostly on a few rows; with those toned down it is still higher for certain, so the penalty "
            f"matters{_of_these_fits(verdict)}."
        )
    ends = "matters" if matter.answer else "does not help" if gain.upper < 0 else "hardly matters"
    return f"{change}{span}, so the penalty {ends}{_of_these_fits(verdict)}."


def _changed(value: float) -> str:
    return f"{number(abs(value))} {'higher' if value >= 0 else 'lower'}"


def _of_these_fits(verdict: Verdict) -> str:
    """Where training is random, one seed cannot speak of the next."""
    seed, gain = verdict.seed, verdict.does_it_matter.gain_over_none
    if verdict.basis.replicates > 1 or seed is None or gain is None or abs(gain.estimate) > SEEDS * seed.deviation:
        return ""
    return " (for these fits: another seed changes it by as much)"


def _seeds(verdict: Verdict) -> str:
    """What another seed changes, whatever the lambda."""
    seed, loss = verdict.seed, verdict.selected.validation_loss
    if seed is None or not loss > 0:
        return ""
    return (
        f"Another seed moves its validation loss by about {percent(seed.deviation / loss)} (standard deviation over "
        f"{seed.seeds} fresh seeds); all lambdas were compared on the same seeds."
    )


def _exact(verdict: Verdict) -> str:
    """What stopping short of the optimum changes: another question than which lambda."""
    training, loss = verdict.gap.training, verdict.selected.test_loss
    if training is None or not loss:
        return ""
    if abs(training) < 0.0005 * loss:
        return "Solved exactly, its test loss is the same."
    change = f"{percent(abs(training) / loss)} {'lower' if training > 0 else 'higher'}"
    return f"Solved exactly, with this same lambda, its test loss is {change}: that is for the training to mend."


def _solved(verdict: Verdict) -> str:
    """The worst certificate of fits that were solved exactly."""
    worst = verdict.basis.optimality
    if worst is None:
        return ""
    return f"The solver is exact: the fit farthest from its optimum is off by at most {number(worst)} (relative)."


def _unswept(verdict: Verdict) -> str:
    """What cannot be known without the confirming sweep."""
    if not verdict.basis.unswept:
        return ""
    return (
        f"The confirming sweep was left out ([search] confirm = false): only the {verdict.basis.candidates} candidates "
        f"tried were compared, and what a {strength_name(verdict)} between them would gain is not known."
    )


def _recorded(verdict: Verdict) -> str:
    """What cannot be known of a study that somebody else ran."""
    if not verdict.basis.recorded:
        return ""
    return (
        "Known are the losses that its trials recorded: settings between those that were tried, fresh seeds, weights "
        "and training curves are not looked at."
    )
