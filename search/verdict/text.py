"""The verdict in words: what to do and what is sure, whether that settles it, what would; then what it rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from search.core.candidate import NO_STRENGTH, PENALTY, STRENGTH, Candidate
from search.core.text import number, percent, rows_right, words
from search.verdict.record import Choice, Interval, SetPart, Verdict

SEEDS = 3.0  # standard deviations of a seed's effect: what is larger does not hang on the seed
FEW = 10  # rows from which on their number can say how many would settle an answer
MOST = 8  # trials that a sentence names
SAME = 1e-6  # ends of two ranges that differ by less, relatively, are the same
EXPLODED = 2.0  # times the validation loss: a correction that is none


def describe(verdict: Verdict) -> str:
    """The verdict as a person wants to read it: one statement a line, what to do and what is sure in the first one."""
    return "\n".join([*sentences(verdict), *(f"Warning: {warning.message}" for warning in verdict.warnings)])


def sentences(verdict: Verdict) -> list[str]:
    """What to do and what is sure, whether that settles the question, what would, and what it rests on; no warnings."""
    return [_advice(verdict), _answer(verdict), *_settle(verdict), *_basis(verdict)]


def lambdas(verdict: Verdict, parts: Sequence[SetPart | Interval]) -> str:
    """Each part's candidates of one penalty between two lambdas, in words."""
    return "; ".join(_lambdas(_strength(verdict), part) for part in parts)


def _lambdas(strength: str, part: SetPart | Interval) -> str:
    if isinstance(part, SetPart) and part.penalty == NO_STRENGTH:
        more = f" and {len(part.trials) - MOST} more" if len(part.trials) > MOST else ""
        named = ", ".join(map(str, sorted(part.trials)[:MOST]))
        return f"trial{'s' * (len(part.trials) > 1)} {named}{more}"
    low, high = part.lambda_low, part.lambda_high
    if part.penalty == "none" or low == high:
        return str(Candidate.named(strength, {PENALTY: part.penalty, STRENGTH: low}))
    kind = "" if part.penalty == strength else f"{words(part.penalty)} with "
    return f"{kind}{strength} from {number(low)} to {number(high)}"


def _strength(verdict: Verdict) -> str:
    """What the study calls lambda."""
    return verdict.selected.candidate.strength


# The first sentence: what to do, and what is sure


def _advice(verdict: Verdict) -> str:
    basis, name = verdict.basis, _name(verdict.selected)
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
    regret, name = verdict.regret, _name(verdict.selected)
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
    own, tried = _strength(verdict), verdict.basis.recorded or verdict.basis.unswept
    *first, last = [penalty if penalty == own else words(penalty) for penalty in searched] + (
        ["no penalty"] if "none" in verdict.basis.searched else []
    )
    if not tried and _ranges_differ(verdict):
        return f"the best of {', '.join(first)} and {last}, each penalty over its own range of {own}"
    low, high = min(low for low, _ in searched.values()), max(high for _, high in searched.values())
    kinds = f" ({', '.join(first)} or {last})" if first else "" if last == own else f" ({last})"
    return f"the best {own}{' tried' * tried} between {number(low)} and {number(high)}{kinds}"


def _ranges_differ(verdict: Verdict) -> bool:
    """Whether some penalty was searched between other ends than another one."""
    ends = [ends for penalty, ends in verdict.basis.searched.items() if penalty != "none"]
    return any(not math.isclose(*pair, rel_tol=SAME) for each in ends for pair in zip(each, ends[0], strict=True))


def _name(choice: Choice) -> str:
    return str(choice.candidate)


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


# The second: whether that settles the question. The third: what would


def _answer(verdict: Verdict) -> str:
    """The answer at the tolerance."""
    basis = verdict.basis
    if basis.candidates == 1:
        return f"{verdict.answer.capitalize()}: there is no other."
    within = _within(verdict)
    subject = _name(verdict.selected) if verdict.rotation is None else "what this search picks"
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
    around = [part for part in verdict.does_it_matter.indifference if _holds(part, selected)]
    if selected.penalty == "none" or not around or around[0].lambda_low == around[0].lambda_high:
        return ""
    ends = f"{number(around[0].lambda_low)} to {number(around[0].lambda_high)}"
    return f"; any {_strength(verdict)} from {ends}{_tuned(verdict)} does as well"


def _tuned(verdict: Verdict) -> str:
    """The settings that an interval of lambda leaves to be tuned: ", with its lr and dropout tuned"."""
    *first, last = verdict.basis.tuned or ("",)
    names = f"{', '.join(first)} and {last}" if first else last
    return f", with its {names} tuned," if names else ""


def _holds(part: Interval, choice: Choice) -> bool:
    return part.penalty == choice.penalty and part.lambda_low <= choice.lambda_ <= part.lambda_high


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


# What it rests on


def _basis(verdict: Verdict) -> list[str]:
    """What the answer rests on, a sentence or two a figure; figures that do not exist are left out."""
    before = (_rows, _picks, _scores, _losses, _optimism)
    parts = (*before, _searched, _members, _others, _gain, _seeds, _exact, _unswept, _recorded)
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
        f"{_name(verdict.selected)}, and {own} (more cautious, because these rows picked it)."
    )


def _scores(verdict: Verdict) -> str:
    """The loss in units that mean something, beside the plain baseline."""
    scores = verdict.scores
    if scores is None:
        return ""
    name = _name(verdict.selected)
    own = "It" if verdict.basis.better is None else _capital(name)  # the first sentence named another one
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
        f"{who if counted else _capital(name)} gets {rows_right(scores.accuracy)} of the rows right, always naming the "
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
            f"{_name(best)}, {number(best.test_loss)}, owes some of that to luck, which the limits allow for."
        )
    if best.candidate == selected.candidate:
        return f"Its test loss, {number(selected.test_loss)}, is the lowest of all."
    tried = "" if best.trial is not None else " (not tried by the search)"
    named = best.candidate == verdict.basis.better  # by the first sentence, which says to switch
    luck = "" if named else ": do not switch for that alone, the lowest of many is partly luck"
    return (
        f"Its test loss is {number(selected.test_loss)}. The lowest is {number(best.test_loss)}, of {_name(best)}"
        f"{tried}{luck}."
    )


def _optimism(verdict: Verdict) -> str:
    optimism = verdict.optimism
    if verdict.rotation is not None or optimism.corrected is None or not math.isfinite(optimism.corrected):
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
    if basis.recorded or basis.unswept or not _ranges_differ(verdict):
        return ""
    own = _strength(verdict)
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
        parts = tuple(part for part in parts if not _holds(part, selected))
    if not parts or verdict.basis.candidates == 1:
        return ""
    ranges = lambdas(verdict, parts)
    return f"Within {percent(verdict.tolerance)} of the best for sure{_tuned(verdict).rstrip(',')}: {ranges}."


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


def _unswept(verdict: Verdict) -> str:
    """What cannot be known without the confirming sweep."""
    if not verdict.basis.unswept:
        return ""
    return (
        f"The confirming sweep was left out ([search] confirm = false): only the {verdict.basis.candidates} candidates "
        f"tried were compared, and what a {_strength(verdict)} between them would gain is not known."
    )


def _recorded(verdict: Verdict) -> str:
    """What cannot be known of a study that somebody else ran."""
    if not verdict.basis.recorded:
        return ""
    return (
        "Known are the losses that its trials recorded: settings between those that were tried, fresh seeds, weights "
        "and training curves are not looked at."
    )
