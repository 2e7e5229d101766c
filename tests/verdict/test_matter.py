import numpy as np
import pandas as pd
import pytest
from scipy import stats

from search.verdict.inputs import results_from_arrays
from search.verdict.matter import gain_over_none, intervals, within_tolerance
from search.verdict.record import Interval
from search.verdict.sample import build


def named(losses, tolerance, selected=0):
    sample = build(losses[:, None], selected, "models")
    return within_tolerance(sample, confidence=0.95, tolerance=tolerance)


@pytest.mark.parametrize(("rows", "tolerance"), [(40, 0.3), (300, 0.05), (300, 0.15)])
def test_all_named_candidates_are_within_the_tolerance(law, holds, rows, tolerance):
    rng = np.random.default_rng(rows)
    hits, sizes = [], []
    for _ in range(200):
        selected = int(law.losses(rng, 30).mean(axis=1).argmin())
        found = named(law.losses(rng, rows), tolerance, selected)
        truly = law.risk - law.risk.min() <= tolerance * law.risk[selected]
        hits.append(not (found & ~truly).any())
        sizes.append(found.sum())
    assert holds(hits, 0.95)
    assert max(sizes) > 0


def test_with_many_rows_just_those_within_the_tolerance_are_named(law):
    found = named(law.losses(np.random.default_rng(0), 20_000), 0.12, int(law.risk.argmin()))
    assert (found == (law.risk - law.risk.min() <= 0.12 * law.risk.min())).all()


def test_many_candidates_just_beyond_the_tolerance_are_rarely_named(holds):
    """Each by itself would be named in 5 % of the data sets, one of the 40 in most of them."""
    rng = np.random.default_rng(4)
    mean = np.r_[1.0, np.full(40, 1.1)]
    hits = [not named(rng.normal(mean[:, None], 0.5, size=(41, 100)), 0.1)[1:].any() for _ in range(200)]
    assert holds(hits, 0.95)


@pytest.mark.parametrize("correlation", [-0.8, 0.8])
def test_two_candidates_are_a_one_sided_t_test_of_the_tolerance(correlation):
    rng = np.random.default_rng(5)
    selected, noise = rng.normal(5.0, 1.0, size=50), rng.normal(0.0, 0.3, size=50)
    for shift in np.linspace(0.5, 2.5, 21):
        other = selected + shift + correlation * (selected - 5) + noise
        room = 0.4 * selected - (other - selected)
        p_value = stats.ttest_1samp(room, 0, alternative="greater").pvalue
        if not 0.035 < p_value < 0.055:  # shares of the error probability go into screening, draws have noise
            assert named(np.stack([selected, other]), 0.4)[1] == (p_value < 0.05)


def test_degenerate_cases():
    losses = np.random.default_rng(1).exponential(size=(1, 30))
    assert named(losses, 0.01).tolist() == [True]
    assert not named(np.random.default_rng(1).exponential(size=(3, 1)), 0.01).any()
    assert named(np.repeat(losses, 4, axis=0), 0.01).all()
    assert not named(-np.random.default_rng(1).exponential(size=(3, 30)), 0.01).any()


def test_gain_is_a_paired_t_interval(dof_of):
    losses = np.random.default_rng(2).exponential(size=(3, 25))
    gain, _ = gain_over_none(build(losses[:, None], 1, "models"), 2, confidence=0.9, tolerance=0.01)
    difference = losses[2] - losses[1]
    reference = stats.t.interval(0.9, dof_of(difference), difference.mean(), stats.sem(difference))
    assert gain.estimate == pytest.approx(difference.mean())
    assert (gain.lower, gain.upper) == pytest.approx(reference)


def test_where_all_rows_deviate_alike_the_gain_has_scipys_paired_t_interval():
    losses = np.stack([np.ones(24), 1.5 + np.tile([0.2, -0.2], 12)])
    gain, _ = gain_over_none(build(losses[:, None], 0, "models"), 1, confidence=0.9, tolerance=0.01)
    reference = stats.ttest_rel(losses[1], losses[0]).confidence_interval(0.9)
    assert (gain.lower, gain.upper) == pytest.approx((reference.low, reference.high))


@pytest.mark.parametrize(("gain", "answer"), [(0.5, True), (0.0, False), (0.1, None), (-0.3, False)])
def test_it_matters_when_the_gain_is_surely_above_the_tolerance(gain, answer):
    rng = np.random.default_rng(3)
    selected = rng.normal(1.0, 0.1, size=200)
    none = selected + gain + rng.normal(0, 0.1, size=200)
    sample = build(np.stack([selected, none])[:, None], 0, "models")
    assert gain_over_none(sample, 1, confidence=0.95, tolerance=0.1)[1] is answer


def test_a_single_row_says_nothing_about_the_gain():
    sample = build(np.array([[[1.0]], [[2.0]]]), 0, "models")
    gain, answer = gain_over_none(sample, 1, confidence=0.95, tolerance=0.1)
    assert (gain.lower, gain.upper, answer) == (-np.inf, np.inf, None)


def found(flags, loss, frame):
    """The intervals of candidates with these mean validation losses."""
    return intervals(flags, results_from_arrays(loss[:, None], None, frame))


def test_intervals_are_runs_without_holes_around_the_lowest_validation_loss():
    frame = pd.DataFrame({"penalty": ["l2"] * 6 + ["l1", "none"], "lambda": [6.0, 1.0, 2.0, 3.0, 4.0, 5.0, 1.0, 0.0]})
    flags = np.array([True, True, False, True, True, True, False, True])
    loss = np.array([3.0, 0.0, 9.0, 2.0, 1.0, 3.0, 0.0, 5.0])
    assert found(flags, loss, frame) == (Interval("l2", 1.0, 1.0), Interval("none", 0.0, 0.0))
    loss[1] = 1.5
    assert found(flags, loss, frame)[0] == Interval("l2", 3.0, 6.0)


def test_a_lambda_counts_only_if_every_candidate_with_it_is_named():
    frame = pd.DataFrame({"penalty": "elastic_net", "lambda": [1.0, 2.0, 2.0, 3.0]})
    assert found(np.array([True, True, False, True]), np.array([0.0, -1.0, 0.0, 1.0]), frame) == (
        Interval("elastic_net", 1.0, 1.0),
    )


def test_named_candidates_whose_validation_diverged_make_an_interval_all_the_same():
    frame = pd.DataFrame({"penalty": "l2", "lambda": [9.0, 1.0, 2.0, 3.0]})
    assert found(np.array([False, True, True, False]), np.array([0.0, np.inf, np.inf, 1.0]), frame) == (
        Interval("l2", 1.0, 2.0),
    )


@pytest.mark.parametrize("tolerance", [0.1, 0.5, 1.0])
def test_whether_it_is_more_is_a_paired_t_test_beyond_the_tolerance(tolerance):
    """Of loss(none) - (1 + tolerance) * loss(selected): the risk that the tolerance is a share of is uncertain too."""
    draw, answers = np.random.default_rng(0), set()
    for shift in np.linspace(-0.5, 1.5, 60):
        losses = draw.exponential(size=(2, 200)) + np.array([[1.0], [1.0 + tolerance + shift]])
        beyond = losses[1] - (1 + tolerance) * losses[0]
        t, c = beyond.mean() / (beyond.std(ddof=1) / 200**0.5), stats.t.ppf(0.975, 199)
        if abs(abs(t) - c) > 0.05:
            _, more = gain_over_none(build(losses[:, None], 0, "models"), 1, confidence=0.95, tolerance=tolerance)
            assert more == (None if abs(t) < c else t > 0)
            answers.add(more)
    assert answers == {True, False, None}
