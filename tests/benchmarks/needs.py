"""What the benchmarks are to reach, case by case: the figures of the issue that asked for them."""

from __future__ import annotations

from typing import NamedTuple


class Need(NamedTuple):
    """A bound on what a case's sizes (those that begin with `size`) take.

    `peer` begins the names of those to compare with, "" stands for all, and the fastest counts. Without a peer `unit`
    says what is bounded. "faster": the peer's seconds (a fit) over ours, to be at least `needed`; "times": ours over
    the peer's, at most; "s": our seconds, at most; "slope": of seconds over size, both as logarithms, at most.
    """

    case: str
    size: str
    peer: str
    unit: str
    needed: float | None
    aim: float | None = None


OURS = "lambda-search"
NEEDS = (
    Need("S0", "", "imports", "times", 4, 1.5),
    Need("S1", "", "plain loop", "faster", 250, 600),
    Need("S2", "", "plain loop", "faster", 5, 8),
    Need("S2", "", "matrix product", "faster", 0.5, 0.8),
    Need("S3", "", "Optuna and SQLite", "faster", 100, 250),
    Need("S4", "", "", "faster", 1, 2),
    Need("S5", "", "bare Optuna", "times", 1.2, 0.5),
    Need("S6", "report", "", "s", 5, 0.5),
    Need("S6", "", "", "s", 2, 0.5),
    Need("S7", "linear", "plain loop", "faster", 200, 1000),
    Need("S7", "perceptron", "plain loop", "faster", 50),
    Need("S7", "perceptron", "matrix product", "faster", None, 0.5),
    Need("S7", "convolution", "plain loop", "faster", 20),
    Need("S8", "", "", "slope", 1.1),  # linear at worst; a tenth for the noise
    Need("S9", "import search", "", "s", 0.3),
    Need("S9", "--help", "", "s", 0.5),
    Need("S9", "list", "", "s", 2),
    Need("S9", "verdict", "", "s", 3),
    Need("S10", "", "one process", "faster", 1.7),
)


def needs_of(case, size):
    """The bounds of a case's size: those with the longest beginning of its name. "S4 wide" is bounded as S4."""
    own = [each for each in NEEDS if each.case == case.split()[0] and size.startswith(each.size)]
    closest = max((len(each.size) for each in own), default=0)
    return [each for each in own if len(each.size) == closest]
