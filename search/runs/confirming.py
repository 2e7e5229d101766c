"""What is trained beside the trials for a verdict to rest on, one training a part; `confirm` trains and keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from search.core.candidate import Candidate
from search.runs.tracker import Stage
from search.settings import SETTINGS, Settings, has_exact_solution
from search.training import Training

if TYPE_CHECKING:
    from search.data.task import Task
    from search.space import SearchSpace

GRID: Final = 24
FRESH: Final = 1_000_003  # added to training.seed, so that no seed of the search comes back
FRESH_SEEDS: Final = 5


@dataclass(frozen=True, eq=False)
class Confirming:
    """The trainings that confirm a study's search, each made from the candidates that it is of."""

    settings: Settings
    task: Task

    def trainings(
        self, best: Candidate, unpaired: Sequence[Candidate], grid: Sequence[Candidate]
    ) -> dict[Stage, Training]:
        """All that apply, in their order.

        `best` is the selected candidate, `unpaired` are those that a rotation has not trained without two folds yet,
        `grid` is the dense grid.
        """
        found: dict[Stage, Training | None] = {
            "exact": self.exact(best),
            "inner": self.inner(unpaired),
            "grid": self.grid(grid),
            "seeds": self.seeds(best),
            "plain": self.plain(best),
        }
        return {stage: each for stage, each in found.items() if each is not None and each.candidates}

    def exact(self, best: Candidate) -> Training | None:
        """The exact solution; None where the problem has none."""
        return None if self._exact is None else Training(self.task, self._exact, [best])

    def inner(self, candidates: Sequence[Candidate]) -> Training | None:
        """Training without two folds at a time; None where nothing rotates."""
        return Training(self._pairs, self._unpruned, candidates) if self.task.pairs else None

    def grid(self, candidates: Sequence[Candidate]) -> Training:
        """The dense grid."""
        return Training(self.task, self._unpruned, candidates)

    def seeds(self, best: Candidate) -> Training | None:
        """Training on fresh seeds; None where nothing in a fit is random."""
        return None if self._fresh is None else Training(self._replicates, self._fresh, [best])

    def plain(self, best: Candidate) -> Training | None:
        """Which rows the candidate gets right; None for numbers."""
        return None if self.task.kind == "regression" else Training(self.task, self._counting, [best])

    @cached_property
    def _unpruned(self) -> Settings:
        return self.settings.replace("search.pruner", "none")

    @cached_property
    def _exact(self) -> Settings | None:
        return exact_settings(self._unpruned)

    @cached_property
    def _fresh(self) -> Settings | None:
        if self.settings.training.optimizer == "exact":
            return None
        seed = (self.settings.training.seed + FRESH) % 2**32
        return self._unpruned.replace({"training.seed": seed, "training.seeds": FRESH_SEEDS})

    @cached_property
    def _counting(self) -> Settings:
        return self._unpruned.replace("search.metric", "error_rate")

    @cached_property
    def _pairs(self) -> Task:
        return self.task.in_pairs()

    @cached_property
    def _replicates(self) -> Task:
        return replace(self.task.without_test(), refits=())  # what a seed moves is the validation loss


def grid_candidates(space: SearchSpace, ranked: list[Candidate]) -> list[Candidate]:
    """For each penalty with a lambda a dense grid over the searched range, without those that were tried.

    All else on the grid is as in the penalty's best candidate; `ranked` are the tried candidates, best first. A penalty
    that was tried as densely already needs none.
    """
    best: dict[str, Candidate] = {}
    for candidate in ranked:
        best.setdefault(candidate.penalty, candidate)
    searched = [(candidate, *space.strength(penalty).ends) for penalty, candidate in best.items() if penalty != "none"]
    grid = [
        candidate.replace(lambda_=float(lambda_))
        for candidate, low, high in searched
        if low < high and not _dense(candidate, ranked, low, high)
        for lambda_ in np.geomspace(low, high, GRID)
    ]
    tried = set(ranked)
    return [candidate for candidate in dict.fromkeys(grid) if candidate not in tried]


def _dense(candidate: Candidate, tried: list[Candidate], low: float, high: float) -> bool:
    """Whether lambda was tried from end to end in steps no wider than the grid's, with all else as in the candidate."""
    same = sorted(each.lambda_ for each in tried if each.replace(lambda_=candidate.lambda_) == candidate)
    steps = np.diff(np.log([low, *same, high]))
    return bool(steps.max() <= np.log(high / low) / (GRID - 1) * (1 + 1e-9))


def exact_settings(settings: Settings) -> Settings | None:
    """The same problem solved exactly; None where it is not convex, another objective, or solved exactly already."""
    training = settings.training
    if settings.model.kind != "linear" or training.optimizer == "exact" or training.apply == "decoupled":
        return None
    solvable = [name for name in settings.space.penalty if has_exact_solution(name)]
    if len(solvable) < len(settings.space.penalty) or settings.smooths_labels or training.loss != "default":
        return None
    unsearched = {f"space.{name}": None for name in SETTINGS}
    return settings.replace({"training.optimizer": "exact", **unsearched})
