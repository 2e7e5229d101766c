"""When more trials promise nothing that matters, and when they still may."""

import numpy as np
import pytest

import search
from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.results import Results
from search.runs.settled import settled
from search.settings import Settings

TRIALS, BATCH = 32, 8


def results(levels, noise=0.1, penalties=("l2",), seed=0):
    """Candidates with these mean validation losses, in the order of the trials; the rows' noise is shared."""
    rng = np.random.default_rng(seed)
    rows = 1 + noise * rng.normal(size=400)
    own = noise / 100 * rng.normal(size=(len(levels), 400))
    candidates = tuple(Candidate(penalties[place % len(penalties)], 0.01 * (place + 1)) for place in range(len(levels)))
    return Results(candidates, (np.asarray(levels)[:, None] * rows + own)[:, None])


def test_a_second_half_that_brings_nothing_settles_it_and_says_so():
    reason = settled(results([2.0, 1.0] + [1.5] * (TRIALS - 2)), 0.01, BATCH)
    assert reason is not None
    assert "settled after 32 trials" in reason
    assert "0 %" in reason


def test_a_second_half_that_improves_by_more_than_the_tolerance_does_not():
    assert settled(results([2.0, 1.0] + [1.5] * (TRIALS - 3) + [0.9]), 0.01, BATCH) is None


def test_an_improvement_below_the_tolerance_settles_it():
    levels = [2.0, 1.0] + [1.5] * (TRIALS - 3) + [0.97]
    assert settled(results(levels), 0.01, BATCH) is None
    assert settled(results(levels), 0.05, BATCH) is not None


def test_an_improvement_within_its_standard_error_settles_it():
    levels, rng = np.append(1.0, [1.2] * (TRIALS - 1)), np.random.default_rng(1)
    noisy = results(levels)
    better = noisy.validation[0] + rng.normal(-0.02, 3.0, size=400)  # by 2 %, with a standard error of 15 %
    validation = noisy.validation.copy()
    validation[-1] = better - better.mean() + noisy.validation[0].mean() - 0.02
    reason = settled(Results(noisy.candidates, validation), 0.01, BATCH)
    assert reason is not None
    assert "standard error" in reason


def test_two_batches_are_the_least():
    assert settled(results([1.0] * (2 * BATCH - 1)), 0.01, BATCH) is None
    assert settled(results([1.0] * (2 * BATCH)), 0.01, BATCH) is not None


def test_every_penalty_has_its_chance_unless_it_is_clearly_worse():
    levels = np.full(TRIALS, 1.0)
    few = results(levels, penalties=("l2",) * 15 + ("l1",))  # two trials of l1
    assert settled(few, 0.01, BATCH) is None
    levels[[15, 31]] = 3.0
    assert settled(results(levels, penalties=("l2",) * 15 + ("l1",)), 0.01, BATCH) is not None


def test_nothing_is_settled_where_everything_diverged():
    assert settled(results(np.full(TRIALS, np.inf)), 0.01, BATCH) is None


def test_it_needs_no_test_row():
    """The same decision whatever the test losses: they are not looked at."""
    base = results([2.0, 1.0] + [1.5] * (TRIALS - 2))
    with_test = Results(base.candidates, base.validation, np.random.default_rng(2).normal(size=(TRIALS, 1, 9)) ** 2)
    assert settled(base, 0.01, BATCH) == settled(with_test, 0.01, BATCH)


def test_a_run_ends_early_says_why_and_stays_ended(tmp_path, capsys):
    study = {
        "name": "a",
        "data": {"source": "synthetic_linear", "features": 5},
        "training": {"optimizer": "exact"},
        "space": {"penalty": ["none", "l2"]},
        "search": {"trials": 60, "batch": 8, "stop": "settled", "sampler": "random"},
        "verdict": {"tolerance": 0.05},
    }
    first = search.run(study, storage=str(tmp_path / "l.journal"), progress=True)
    assert 16 <= len(first.trials) < 60
    assert "settled after" in capsys.readouterr().err
    again = search.run(study, storage=str(tmp_path / "l.journal"), progress=False)
    assert len(again.trials) == len(first.trials)
    assert again.ran.fits == 0


def test_a_grid_is_not_stopped():
    study = {"name": "a", "data": {"source": "digits"}, "search": {"sampler": "grid", "stop": "settled"}}
    with pytest.raises(UserError, match="another sampler"):
        Settings.parse(study)
