"""What is known of a study beside its losses: it crosses from the computing to the judging arm as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from search.core.arrays import Array
from search.core.groups import Groups
from search.core.results import Results


@dataclass(frozen=True, slots=True)
class Plain:
    """What the judged rows say without any candidate's losses: covered by the seal.

    `metric` names the evaluation loss, `baseline` is the best constant prediction's. For classes `accuracy` is the
    share of rows that the selected candidate gets right, `baseline_accuracy` that of the most frequent class.
    """

    metric: str
    baseline: float
    accuracy: float | None = None
    baseline_accuracy: float | None = None


@dataclass(frozen=True, eq=False)
class Facts:
    """What the computing arm tells once, when the search has ended.

    `features` names the inputs. `lambda_range` gives the searched (low, high) of each penalty. `baseline_loss` is the
    training loss of predicting one constant. `seed_losses` are the selected candidate's mean validation losses on
    fresh seeds, none where nothing in a fit is random. `criteria` are scores in closed form by name, one for each of
    `trials`; `sealed_criteria` are those that the test rows' seal covers, and so is `plain`.
    """

    features: tuple[str, ...] = ()
    lambda_range: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    baseline_loss: float | None = None
    seed_losses: tuple[float, ...] = ()
    trials: tuple[int, ...] = ()
    criteria: Mapping[str, Array] = field(default_factory=dict)
    sealed_criteria: Mapping[str, Array] = field(default_factory=dict)
    plain: Plain | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """What is known of a study of somebody else's, whose trials recorded their losses.

    `left_out` says why complete trials are not compared, and how many each time. `objective` says what the study
    optimises where that is not the recorded validation loss. `best` is then Optuna's best trial, where there is one.
    """

    left_out: Mapping[str, int] = field(default_factory=dict)
    objective: str | None = None
    best: int | None = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a verdict can use beyond the losses; each part makes one more figure or warning possible.

    `features`, `lambda_range`, `baseline_loss`, `seed_losses` and `plain` as in `Facts`. `grid` is a dense grid of
    lambda on the trials' own replicates: its candidates are compared like those that were tried; `unswept` says that
    the study file left it out. `inner` makes a study
    a rotation: the tried candidates trained without two folds at a time, so that every fold has a pick that was made
    without it. `exact` is the exact solution of the selected candidate. `openings` lists how many trials were complete
    at each opening of the test rows, oldest first; `trials` how many are now. `recording` is there where somebody else
    ran the search. `groups` says which rows of arrays that are handed to `judge` belong together: groups and not rows
    are then the sample.
    """

    features: tuple[str, ...] = ()
    lambda_range: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    baseline_loss: float | None = None
    seed_losses: tuple[float, ...] = ()
    plain: Plain | None = None
    grid: Results | None = None
    inner: Results | None = None
    exact: Results | None = None
    openings: tuple[int, ...] = ()
    trials: int = 0
    recording: Recording | None = None
    groups: Groups | None = None
    unswept: bool = False
