"""What became of a study's trials, whatever befell its workers: counted, and added up over several runs."""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from search.ledger import StudyLedger

MISFORTUNES: Final = int(os.environ.get("MISFORTUNES", "6"))  # of each kind of run
SEED: Final = os.environ.get("MISFORTUNE_SEED", "0")
TRIALS: Final = 200  # of a run


class Fate(NamedTuple):
    """Candidates of the grid that no trial completed, completed trials too many, trials that nobody ended."""

    lost: int
    doubled: int
    stuck: int


def fate(ledger: StudyLedger) -> Fate:
    """The fate of the trials of a finished study on a grid; the losses of each agree with its value, or this raises."""
    frame = ledger.trials()
    complete = frame.query("state == 'complete'")["trial"].tolist()
    candidates = {ledger.candidate(number) for number in complete}
    assert len(ledger.results(complete)) == len(complete)
    open_ = ~frame["state"].isin(["complete", "failed"])
    return Fate(TRIALS - len(candidates), len(complete) - len(candidates), int(open_.sum()))


@dataclass
class Count:
    """Misfortunes of several runs by kind, and what became of the trials of all of them."""

    name: str
    runs: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    fates: list[Fate] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.name} {SEED}")

    @property
    def enough(self) -> bool:
        return self.kinds.total() >= MISFORTUNES

    def end(self, ledger: StudyLedger) -> None:
        """A run has ended, with what confirms it."""
        self.runs += 1
        self.fates.append(fate(ledger))
        assert ledger.confirmed()

    def tell(self, more: str = "") -> None:
        """Print the figures, and fail where anything was lost, doubled or stuck."""
        lost, doubled, stuck = map(sum, zip(*self.fates, strict=True))
        kinds = ", ".join(f"{count} x {kind}" for kind, count in sorted(self.kinds.items()))
        figures = f"{lost} lost, {doubled} doubled, {stuck} stuck"
        print(f"\n{self.name}, seed {SEED}: {self.runs} runs of {TRIALS} trials; {kinds}{more}: {figures}")
        assert (lost, doubled, stuck) == (0, 0, 0)
