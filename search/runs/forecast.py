"""What is ahead of a run, part by part with its price, so that the time left counts all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from search.core.candidate import Candidate
from search.runs.confirming import Confirming, grid_candidates
from search.runs.pace import Job
from search.training import Prices, Training

if TYPE_CHECKING:
    from search.runs.tracker import Stage
    from search.space import SearchSpace

ASKED: Final = 0.004  # seconds of the sampler for a trial, and as many of the ledger
JUDGED: Final = (0.2, 1e-6)  # seconds of a verdict, and for each row of each candidate
DRAWN: Final = 0.5  # seconds of the figures in a dashboard
APART: Final = 1e-9  # between the lambdas of stand-ins, relatively: equal candidates would be trained once
FEW: Final = 8  # candidates from which the price of many is told


@dataclass
class Forecast:
    """Prices what a run will do; the candidates to come are taken to be like those that were asked for last."""

    confirming: Confirming
    space: SearchSpace
    prices: Prices = field(default_factory=Prices)
    _like: list[Candidate] = field(default_factory=list)
    _known: dict[str, Candidate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._like = [Candidate("none")]
        self.met([Candidate(each, _middle(*self.space.strength(each).ends)) for each in self.space.penalties])

    def met(self, candidates: Sequence[Candidate]) -> None:
        """These were asked for; `none` is no example, as it is trained once."""
        self._like = [each for each in candidates if each.penalty != "none"] or self._like
        self._known |= {each.penalty: each for each in candidates}

    def job(self, training: Training) -> Job:
        """A training as a job."""
        return Job(training.kind, training.fits, self.prices.seconds(training))

    def ahead(self, trials: int, unpaired: int, *, confirmed: bool) -> dict[tuple[Stage, str], Job]:
        """All that is ahead of a run with so many trials to come; its end apart, see `verdict` and `page`.

        `unpaired` tried candidates are not trained without two folds yet. `confirmed`: the trials are, as they are.
        """
        found: dict[tuple[Stage, str], Job] = {}
        if trials:
            found = {("search", "asking"): asking(2 * trials), ("search", "search"): self.search(trials)}
        if trials or not confirmed:
            found |= {(stage, stage): job for stage, job in self._confirming(trials + unpaired).items()}
            found["model", "model"] = self.model()
        return found

    def search(self, trials: int) -> Job:
        """The trials to come, batch by batch."""
        batch = min(trials, self.confirming.settings.search.batch)
        return self.job(self._trained(self._stand_ins(batch))).times(trials / batch)

    def model(self) -> Job:
        """One fit on all rows."""
        settings, task = self.confirming.settings, self.confirming.task
        first, unseeded = task.splits[0], {} if settings.training.optimizer == "exact" else {"training.seeds": 1}
        one = Training(replace(task, splits=(first,), refits=()), settings.replace(unseeded), self._like[-1:])
        more = 1.0 if task.truth else 1 + (len(first.validation) + len(first.test)) / len(first.train)
        return Job(one.kind, 1, self.prices.seconds(one) * more)

    def verdict(self, candidates: int) -> Job:
        """Judging so many tried candidates, and the dense grid."""
        task = self.confirming.task
        fixed, each = JUDGED
        return Job("judging", 0, fixed + each * candidates * (task.test_rows or task.validation_rows))

    def _confirming(self, unpaired: int) -> dict[Stage, Job]:
        """What comes after the trials."""
        confirming, best = self.confirming, self._like[-1]
        search = confirming.settings.search
        tried = self.space.grid(search.trials) if search.sampler == "grid" else []
        grid = grid_candidates(self.space, [*tried, *self._known.values()]) if search.confirm else []
        jobs = {stage: self.job(each) for stage, each in confirming.trainings(best, [best], grid).items()}
        if "inner" in jobs:
            jobs["inner"] = self._many(confirming.inner, unpaired)
        return jobs

    def _many(self, training_of: Callable[[Sequence[Candidate]], Training | None], count: int) -> Job:
        """The price of many candidates in one training, which grows with their number as that of few does."""
        few, more = (training_of(self._stand_ins(each)) for each in (FEW, 2 * FEW))
        assert few is not None
        assert more is not None
        each = (self.prices.seconds(more) - self.prices.seconds(few)) / FEW
        seconds = self.prices.seconds(few) + (count - FEW) * each
        return Job(few.kind, few.fits / FEW * count, max(0.0, seconds))

    def _trained(self, candidates: Sequence[Candidate]) -> Training:
        return Training(self.confirming.task, self.confirming.settings, candidates)

    def _stand_ins(self, count: int) -> list[Candidate]:
        """So many candidates like those to come, all different."""
        turns = [(index, self._like[index % len(self._like)]) for index in range(count)]
        return [each.replace(lambda_=each.lambda_ * (1 + APART * index)) for index, each in turns]


def _middle(low: float, high: float) -> float:
    return float(np.sqrt(low * high))


def asking(times: float) -> Job:
    """Asking the sampler, or keeping a trial in the ledger, so many times."""
    return Job("asking", 0, ASKED * times)


def page() -> Job:
    """Drawing what a dashboard shows."""
    return Job("judging", 0, DRAWN)
