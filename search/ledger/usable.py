"""Which recorded trials can be compared with each other: those that held out the same rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from search.ledger import recorded, trials

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class Usable(NamedTuple):
    """The complete trials that can be compared, in their order, and why others cannot: reason -> how many.

    `with_test`: whether they have test losses, all of one shape.
    """

    trials: list[FrozenTrial]
    with_test: bool
    left_out: Mapping[str, int]


def usable(every: Sequence[FrozenTrial]) -> Usable:
    """The complete trials whose recorded losses are those of the same rows, as most of them have.

    Test losses count where at least half of these have them; the trials without are then left out. No losses are read,
    and the seal stays closed.
    """
    complete = [trial for trial in every if trials.state_of(trial) == "complete"]
    known = [trial for trial in complete if recorded.recorded(trial)]
    left_out = Counter({"without a record": len(complete) - len(known)})
    same = _alike(known, "validation")
    left_out["with other validation rows than most"] = len(known) - len(same)
    tested = [trial for trial in same if recorded.form_of(trial, "test")]
    with_test = bool(tested) and 2 * len(tested) >= len(same)
    if with_test:
        left_out["without test losses"] = len(same) - len(tested)
        same = _alike(tested, "test")
        left_out["with other test rows than most"] = len(tested) - len(same)
    return Usable(same, with_test, {reason: count for reason, count in left_out.items() if count})


def _alike(given: list[FrozenTrial], part: Literal["validation", "test"]) -> list[FrozenTrial]:
    """The trials of the most frequent form; of one that diverged the shape is enough."""
    forms = [recorded.form_of(trial, part) for trial in given]
    most = Counter(forms).most_common(1)[0][0] if forms else None
    return [
        trial
        for trial, own in zip(given, forms, strict=True)
        if own == most or (own and most and own.shape == most.shape and np.isinf(recorded.mean_of(trial).loss))
    ]
