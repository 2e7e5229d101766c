"""What sentences call candidates, lambdas and ranges."""

from __future__ import annotations

import math
from collections.abc import Sequence

from search.core.candidate import NO_STRENGTH, PENALTY, STRENGTH, Candidate
from search.core.text import number, words
from search.verdict.record import Choice, Interval, SetPart, Verdict

MOST = 8  # trials that a sentence names
SAME = 1e-6  # ends of two ranges that differ by less, relatively, are the same


def lambdas(verdict: Verdict, parts: Sequence[SetPart | Interval]) -> str:
    """Each part's candidates of one penalty between two lambdas, in words."""
    return "; ".join(_part(strength_name(verdict), part) for part in parts)


def _part(strength: str, part: SetPart | Interval) -> str:
    if isinstance(part, SetPart) and part.penalty == NO_STRENGTH:
        more = f" and {len(part.trials) - MOST} more" if len(part.trials) > MOST else ""
        named = ", ".join(map(str, sorted(part.trials)[:MOST]))
        return f"trial{'s' * (len(part.trials) > 1)} {named}{more}"
    low, high = part.lambda_low, part.lambda_high
    if part.penalty == "none" or low == high:
        return str(Candidate.named(strength, {PENALTY: part.penalty, STRENGTH: low}))
    kind = "" if part.penalty == strength else f"{words(part.penalty)} with "
    return f"{kind}{strength} from {number(low)} to {number(high)}"


def strength_name(verdict: Verdict) -> str:
    """What the study calls lambda."""
    return verdict.selected.candidate.strength


def ranges_differ(verdict: Verdict) -> bool:
    """Whether some penalty was searched between other ends than another one."""
    ends = [ends for penalty, ends in verdict.basis.searched.items() if penalty != "none"]
    return any(not math.isclose(*pair, rel_tol=SAME) for each in ends for pair in zip(each, ends[0], strict=True))


def name_of(choice: Choice) -> str:
    """What a sentence calls a candidate."""
    return str(choice.candidate)


def capital(name: str) -> str:
    """The same to begin a sentence with."""
    return name[0].upper() + name[1:]


def tuned_settings(verdict: Verdict) -> str:
    """The settings that an interval of lambda leaves to be tuned: ", with its lr and dropout tuned"."""
    *first, last = verdict.basis.tuned or ("",)
    names = f"{', '.join(first)} and {last}" if first else last
    return f", with its {names} tuned," if names else ""


def holds(part: Interval, choice: Choice) -> bool:
    """Whether a candidate lies in an interval of lambda."""
    return part.penalty == choice.penalty and part.lambda_low <= choice.lambda_ <= part.lambda_high
