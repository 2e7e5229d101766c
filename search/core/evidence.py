"""What is known of a study beside its losses: it crosses from the computing to the judging arm as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from search.core.arrays import Array
from search.core.results import Results


@dataclass(frozen=True, eq=False)
class Facts:
    """What the computing arm tells once, when the search has ended.

    `features` names the inputs. `lambda_range` gives the searched (low, high) of each penalty. `baseline_loss` is the
    training loss of predicting one constant. `criteria` are scores in closed form by name, one for each of `trials`;
    `sealed_criteria` are those that the test rows' seal covers.
    """

    features: tuple[str, ...] = ()
    lambda_range: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    baseline_loss: float | None = None
    trials: tuple[int, ...] = ()
    criteria: Mapping[str, Array] = field(default_factory=dict)
    sealed_criteria: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a verdict can use beyond the losses; each part makes one more figure or warning possible.

    `features`, `lambda_range` and `baseline_loss` as in `Facts`. `sweep` are the finalists and a dense grid of lambda
    on fresh seeds, `exact` the exact solution of the selected candidate. `openings` lists how many trials were complete
    at each opening of the test rows, oldest first; `trials` how many are now.
    """

    features: tuple[str, ...] = ()
    lambda_range: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    baseline_loss: float | None = None
    sweep: Results | None = None
    exact: Results | None = None
    openings: tuple[int, ...] = ()
    trials: int = 0
