"""The verdict and its parts: frozen, plain Python values, ready for JSON.

Everything here is a result; nothing computes. A figure that does not exist (no test rows, no such candidate) is None.
A bound may be infinite (a diverged candidate, a single test row): the record keeps the infinity, `to_dict` says null,
because JSON has no infinity, and a warning names the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from search.core.candidate import NO_STRENGTH, Candidate

Answer = Literal["yes", "no", "cannot tell"]
Scope = Literal["models", "procedure"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One candidate as the verdict names it, with its two losses; `trial` is None for one of the dense grid."""

    trial: int | None
    candidate: Candidate
    validation_loss: float
    test_loss: float | None

    @property
    def penalty(self) -> str:
        """The name of its penalty."""
        return self.candidate.penalty

    @property
    def lambda_(self) -> float:
        """The strength of its penalty."""
        return self.candidate.lambda_


@dataclass(frozen=True, slots=True)
class Regret:
    """Risk of the selected candidate minus that of the best one, with joint bounds at `confidence`.

    `estimate` compares with the best on the judged rows, so it is never negative and too large on average. The
    relative bounds are bounds of regret / risk of the selected candidate, not the absolute ones divided by an
    estimate; they are None where that risk is not above zero. They are made for the answer. With "yes" the upper one is
    the tolerance, with "no" the lower one is just above it; how far beyond the tolerance the regret may be, the
    absolute bounds say.
    """

    estimate: float
    lower: float
    upper: float
    relative_lower: float | None
    relative_upper: float | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Pick:
    """A candidate that some turns of a rotation picked, and the share of the judged rows that were theirs."""

    candidate: Candidate
    share: float


@dataclass(frozen=True, slots=True)
class Rotation:
    """Rows that took turns as test rows: what the turns picked, most frequent first, and what ships.

    The verdict's regret is that of picking like this, averaged over the turns. `agreement` is the share of the rows
    whose turn picked the selected candidate, `same_penalty` its penalty. `shipped` is the regret of the selected
    candidate itself; as the rows that judge it have picked it, its bounds allow for any pick.
    """

    picks: tuple[Pick, ...]
    agreement: float
    same_penalty: float
    shipped: Regret


@dataclass(frozen=True, slots=True)
class SetPart:
    """The confidence set's candidates of one penalty: the range of their lambdas, and the trials among them."""

    penalty: str
    lambda_low: float
    lambda_high: float
    trials: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gain:
    """Risk of `none` minus that of the selected candidate, with a two-sided interval."""

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Interval:
    """Neighbouring lambdas of one penalty, all of them within the tolerance of the best candidate."""

    penalty: str
    lambda_low: float
    lambda_high: float


@dataclass(frozen=True, slots=True)
class Matter:
    """Does regularisation matter here: the gain over `none`, and how wide "as good as the best" is."""

    answer: bool | None
    gain_over_none: Gain | None
    indifference: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Optimism:
    """The selected validation loss, the same without the winner's curse (None: no correction), and the test loss."""

    validation_loss: float
    corrected: float | None
    test_loss: float | None


@dataclass(frozen=True, slots=True)
class Gap:
    """What the regret is made of; None for a part whose evidence was not given.

    `validation` and `search` add up to the regret's estimate.
    """

    validation: float | None
    search: float | None
    training: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    """The judged loss in units that mean something, beside the plain baseline: the best constant prediction.

    `loss` is that of the selected candidate (in a rotation of what the turns picked) and `baseline` that of predicting
    the training rows' mean or class frequencies, both as `metric` has them. For squared errors `rmse` and
    `baseline_rmse` are their roots, in the target's unit, and `r2` = 1 - loss / baseline. For classes `accuracy` is
    the share of rows that the selected candidate gets right (of counted errors 1 - `loss`), `baseline_accuracy` that of
    the most frequent class.
    """

    metric: str
    loss: float
    baseline: float
    rmse: float | None
    baseline_rmse: float | None
    r2: float | None
    accuracy: float | None
    baseline_accuracy: float | None


@dataclass(frozen=True, slots=True)
class SeedEffect:
    """How far another seed moves the selected candidate's validation loss: the standard deviation over fresh seeds."""

    seeds: int
    deviation: float


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one selection rule would have chosen, and what that costs on the test rows."""

    rule: str
    candidate: Candidate
    test_loss: float | None
    regret: float | None


@dataclass(frozen=True, slots=True)
class Stability:
    """How the selection varies over the replicates: the share that picks the same penalty, and the lambdas picked.

    `lambda_quantiles` are the 5, 25, 50, 75 and 95 % points, none where no replicate picks that penalty;
    None where it has no strength.
    """

    replicates: int
    same_penalty: float
    lambda_quantiles: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Warning:
    """Something that the reader must know before believing the answer: a code for programs, a message for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Basis:
    """What the verdict rests on; for the text, not part of the dictionary.

    `rows` is the number of judged rows: test rows, or validation rows where there is no test (`on_test` false).
    `diverged` of the `candidates` (those tried and those of the dense grid) have an infinite loss, or lack losses that
    others have: worse than all others. `members` of them are in the confidence set. `searched` gives the ends of each
    penalty's lambda among them, where they are dense enough to speak of a range. `tuned` names the settings that were
    searched beside lambda. `at_most` bounds the relative regret from above, by itself, at the verdict's confidence:
    below the tolerance too, where the record's own bound ends. `better` is surely better than the selected candidate,
    where one is. `leads_to` is the answer that `rows_needed` rows would give. `recorded`: whether somebody else ran the
    search, so that the recorded losses are all that is known. `unswept`: whether the study file left the grid out.
    `optimality`: how far the farthest fit is from its optimum at most, where all were solved exactly.
    """

    candidates: int
    members: int
    searched: Mapping[str, tuple[float, float]]
    replicates: int
    rows: int
    scope: Scope
    on_test: bool
    diverged: int
    tuned: tuple[str, ...] = ()
    at_most: float | None = None
    better: Candidate | None = None
    leads_to: Answer | None = None
    recorded: bool = False
    unswept: bool = False
    optimality: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Is the selected candidate really optimal, and does it matter?

    `opened` lists how many trials were complete at each opening of the test rows that was reported, oldest first.
    `groups` is the number of groups of judged rows, where several belong together; `rows_needed` then counts groups.
    """

    answer: Answer
    selected: Choice
    best_on_test: Choice | None
    regret: Regret
    confidence_set: tuple[SetPart, ...]
    does_it_matter: Matter
    optimism: Optimism
    gap: Gap
    rules: tuple[RuleResult, ...]
    stability: Stability
    rows_needed: int | None
    warnings: tuple[Warning, ...]
    tolerance: float
    test_rows: int
    opened: tuple[int, ...]
    rotation: Rotation | None
    scores: Scores | None
    seed: SeedEffect | None
    basis: Basis
    groups: int | None = None

    def to_dict(self) -> dict[str, object]:
        """The verdict as plain JSON values: the keys of the design's section 6, null for what is not finite."""
        return {name: plain(getattr(self, name)) for name in self.__slots__ if name != "basis"}

    def __str__(self) -> str:
        """The sentences that the command line prints."""
        from search.verdict.text import describe

        return describe(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ANN401 - IPython's protocol
        """A notebook shows the sentences too."""
        printer.text(str(self))


def plain(value: object) -> object:
    """Records, tuples and numbers as dictionaries, lists and JSON's own scalars; `lambda_` becomes "lambda".

    A candidate's parameters stand where the candidate does. What has no strength has no penalty and lambda: null.
    """
    if is_dataclass(value) and not isinstance(value, type):
        found: dict[str, object] = {}
        for field in fields(value):
            each = getattr(value, field.name)
            named = each if isinstance(each, Candidate) else {field.name.rstrip("_"): each}
            found |= {name: plain(part) for name, part in named.items()}
        if found.get("penalty") == NO_STRENGTH:
            found |= {name: None for name in found if name.startswith(("penalty", "lambda"))}
        return found
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
