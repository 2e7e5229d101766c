import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from search.verdict.bounds import Bounds, contrast, pair_critical_value, regret_bounds, screened_critical_value
from search.verdict.multiplier import DRAWS, Draws, Errors, alike, critical_value, row_draws, t_critical
from search.verdict.sample import build


def bounds(losses, selected, *, relative=False, confidence=0.95):
    return regret_bounds(build(losses[:, None], selected, "models"), confidence=confidence, relative=relative)


@pytest.mark.parametrize(("rows", "dof"), [(20, None), (100, None), (50, 3)])
def test_bounds_hold_in_the_promised_share_of_data_sets(law, holds, rows, dof):
    rng = np.random.default_rng(rows)
    lower, upper, both, relative = [], [], [], []
    for _ in range(200):
        selected = int(law.losses(rng, 15).mean(axis=1).argmin())
        regret = law.risk[selected] - law.risk.min()
        losses = law.losses(rng, rows, dof=dof)
        found, share = bounds(losses, selected), bounds(losses, selected, relative=True)
        lower.append(found.lower <= regret + 1e-12)
        upper.append(regret <= found.upper + 1e-12)
        both.append(lower[-1] and upper[-1])
        relative.append(share.lower <= regret / law.risk[selected] + 1e-12 <= share.upper + 2e-12)
    assert holds(lower, 0.975)
    assert holds(upper, 0.975)
    assert holds(both, 0.95)
    assert holds(relative, 0.95)


@pytest.mark.parametrize("rows", [20, 200])
def test_lower_bound_holds_where_all_candidates_are_equally_good(holds, rows):
    rng = np.random.default_rng(1)
    hits = [bounds(rng.normal(size=(25, rows)) ** 2, 0).lower == 0 for _ in range(250)]
    assert holds(hits, 0.975)


def test_bounds_hold_for_right_or_wrong_losses_on_few_rows(holds):
    rng = np.random.default_rng(2)
    hits = []
    for _ in range(250):
        cut = 0.1 * rng.normal(size=20)
        x = rng.normal(size=30)
        losses = ((x > cut[:, None]) != (x > 0)).astype(float)
        risk = np.abs(stats.norm.cdf(cut) - 0.5)
        found = bounds(losses, 0)
        hits.append(found.lower <= risk[0] - risk.min() <= found.upper)
    assert holds(hits, 0.95)


def test_two_candidates_have_the_bounds_of_a_paired_t_interval(dof_of):
    """With as many degrees of freedom as there are rows that carry the difference, less one."""
    rng = np.random.default_rng(3)
    losses = rng.exponential(size=(2, 18)) + np.array([[1.0], [0.0]])
    difference = losses[0] - losses[1]
    margin = stats.t.ppf(0.975, dof_of(difference)) * stats.sem(difference)
    found = bounds(losses, 0)
    assert found.upper == pytest.approx(difference.mean() + margin)
    assert found.lower == pytest.approx(difference.mean() - margin, rel=0.1)


def test_where_all_rows_deviate_alike_the_bounds_are_scipys_paired_t_interval():
    difference = 1.0 + np.tile([0.3, -0.3], 9)
    losses = np.stack([difference + 1, np.ones(18)])
    interval = stats.ttest_rel(losses[0], losses[1]).confidence_interval(0.95)
    found = bounds(losses, 0)
    assert found.upper == pytest.approx(interval.high)
    assert found.lower == pytest.approx(interval.low, rel=0.1)


def test_relative_bounds_solve_the_test_of_each_ratio(dof_of):
    rng = np.random.default_rng(4)
    losses = rng.exponential(size=(2, 30)) + np.array([[0.4], [0.0]])
    grid = np.linspace(0, 1, 4001)
    # risk(0) - risk(1) - t risk(0) tested at each t by scipy, with the degrees of freedom at that t
    shifted = losses[0] - losses[1] - grid[:, None] * losses[0]
    stands = stats.ttest_1samp(shifted, 0, axis=1).statistic >= -stats.t.ppf(0.975, dof_of(shifted))
    found = bounds(losses, 0, relative=True)
    assert found.upper == pytest.approx(grid[stands].max(), abs=3e-4)


def heavy(seed, count, rows):
    """Losses whose differences are carried by some rows more than by others."""
    rng = np.random.default_rng(seed)
    return rng.exponential(size=(count, rows)) ** 1.5 + 0.3 * rng.random((count, 1)) + 0.1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 60), t=st.floats(0, 1))
def test_degrees_of_freedom_of_a_ratio_are_those_of_its_own_rows(seed, rows, t):
    losses = heavy(seed, 5, rows)
    sample = build(losses[:, None], 0, "models")
    gains = contrast(sample, relative=True)
    assert np.allclose(gains.dof_at(0.0), gains.dof)
    shifted = losses[0] - losses[1:] - t * losses[0]
    squares = (shifted - shifted.mean(axis=1, keepdims=True)) ** 2
    direct = np.clip(squares.sum(axis=1) ** 2 / (squares**2).sum(axis=1) - 1, min(2, rows - 1), rows - 1)
    assert np.allclose(gains.dof_at(t)[1:], direct, rtol=1e-6)
    assert np.allclose(gains.dof_at(np.full(5, t)), gains.dof_at(t))  # one number, or one of each candidate
    assert gains.dof_at(0.0)[0] == rows - 1  # the selected candidate's difference from itself


def test_degrees_of_freedom_of_a_ratio_are_for_rows_alone():
    losses = np.random.default_rng(13).exponential(size=(3, 4, 20))
    assert contrast(build(losses, 0, "models"), relative=False).dof_at is None
    assert contrast(build(losses, 0, "procedure"), relative=True).dof_at is None
    assert contrast(build(losses, 0, "models"), relative=True).dof_at is not None


@pytest.mark.parametrize("confidence", [0.6, 0.95, 0.99])
@pytest.mark.parametrize("seed", range(12))
def test_the_relative_upper_bound_is_the_last_ratio_that_a_dense_scan_does_not_reject(seed, confidence):
    gains = contrast(build(heavy(seed, 4, 4 + 5 * seed)[:, None], 0, "models"), relative=True)
    normal = float(stats.norm.ppf(confidence))
    found = gains.high(normal)
    grid = np.linspace(0, 1, 2001)
    c = stats.t.ppf(confidence, np.array([gains.dof_at(t) for t in grid]))
    stands = np.array(
        [gains.gain - t * gains.scale + each * gains.deviation(t) > 0 for t, each in zip(grid, c, strict=True)]
    )
    for h in range(1, 4):
        if not stands[0, h]:  # surely no better
            assert found[h] == 0
        elif stands[-1, h]:
            assert found[h] == np.inf
        else:
            assert found[h] == pytest.approx(grid[stands[:, h]].max(), abs=6e-4)
    assert found[0] == 0  # the selected candidate loses nothing against itself


def test_the_upper_bound_is_that_of_the_capped_losses_and_the_lower_one_that_of_the_losses():
    rng = np.random.default_rng(14)
    losses = rng.exponential(size=(4, 80)) + np.array([0.5, 0.0, 0.1, 0.2])[:, None]
    losses[3, 7] = 1e6
    sample, capped = (build(each[:, None], 0, "models") for each in (losses, np.minimum(losses, losses[0] + 2)))
    for relative in (False, True):
        plain, alone = (regret_bounds(each, confidence=0.95, relative=relative) for each in (sample, capped))
        found = regret_bounds(sample, confidence=0.95, relative=relative, capped=capped)
        assert (found.lower, found.upper) == (plain.lower, alone.upper)
        assert found.upper < plain.upper


def test_many_clearly_worse_candidates_do_not_widen_the_bounds():
    rng = np.random.default_rng(5)
    pair = rng.normal(1.0, 0.1, size=(2, 200)) + np.array([[0.05], [0.0]])
    worse = rng.normal(3.0, 0.1, size=(200, 200))
    alone, crowded = bounds(pair, 0), bounds(np.concatenate([pair, worse]), 0)
    assert crowded.upper == alone.upper
    assert crowded.lower == pytest.approx(alone.lower, rel=0.2)
    assert crowded.lower > 0


def test_screening_spares_every_candidate_that_noise_could_have_moved():
    influence = np.random.default_rng(12).normal(size=(30, 400)) / 20
    errors = Errors(
        Draws(row_draws(influence), alike(influence)),
        np.zeros(DRAWS, dtype=np.float32),
        np.sqrt((influence**2).sum(axis=1)),
    )
    dof = np.full(30, 399.0)
    unscreened = t_critical(critical_value(errors, np.zeros(30), 1 - 0.9 * 0.05), dof)
    assert np.allclose(screened_critical_value(errors, np.full(30, -2.0), dof, 0.05), unscreened)
    far = np.r_[0.0, np.full(29, -20.0)]
    assert (screened_critical_value(errors, far, dof, 0.05) < 0.8 * unscreened).all()


def test_upper_bound_is_below_that_of_simultaneous_intervals():
    rng = np.random.default_rng(6)
    losses = rng.normal(1.0, 0.1, size=(30, 100))
    sample = build(losses[:, None], 0, "models")
    gains = contrast(sample, relative=False)
    simultaneous = (gains.gain + stats.norm.ppf(0.975 ** (1 / 29)) * np.sqrt(gains.variance)).max()
    assert bounds(losses, 0).upper < simultaneous


def test_pairs_bound_holds_where_the_same_rows_selected(holds):
    rng = np.random.default_rng(7)
    hits = []
    for _ in range(200):
        losses = rng.normal(size=(10, 40)) ** 2
        losses[0] += 0.05
        sample = build(losses[:, None], int(losses.mean(axis=1).argmin()), "models")
        regret = 0.05 if sample.selected == 0 else 0.0
        found = regret_bounds(sample, confidence=0.95, relative=False, pairs=pair_critical_value(sample, 0.025))
        hits.append(found.lower <= regret <= found.upper)
    assert holds(hits, 0.95)


def test_pair_critical_value_is_that_of_the_studentised_range():
    rows, count = 4000, 6
    losses = np.random.default_rng(8).normal(size=(count, 1, rows))
    c = pair_critical_value(build(losses, 0, "models"), 0.05)
    level = stats.studentized_range.cdf(np.sqrt(2) * c, count, np.inf)
    assert abs(level - 0.95) < 3 * np.sqrt(0.95 * 0.05 / DRAWS)


def test_no_other_candidate_and_a_single_row():
    one = np.random.default_rng(9).exponential(size=(1, 20))
    assert bounds(one, 0) == Bounds(0.0, 0.0)
    assert bounds(np.array([[1.0], [2.0]]), 0) == Bounds(0.0, np.inf)


def test_identical_candidates_have_no_regret():
    losses = np.repeat(np.random.default_rng(10).exponential(size=(1, 20)), 5, axis=0)
    for relative in (False, True):
        assert bounds(losses, 3, relative=relative) == Bounds(0.0, 0.0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 60), count=st.integers(2, 12), scale=st.floats(1e-6, 1e6))
def test_invariances(seed, rows, count, scale):
    rng = np.random.default_rng(seed)
    losses = rng.exponential(size=(count, rows)) + 0.3 * rng.random((count, 1))
    found, share = bounds(losses, 0), bounds(losses, 0, relative=True)
    assert 0 <= found.lower <= losses[0].mean() - losses.mean(axis=1).min() + 1e-12 <= found.upper + 2e-12
    # a unit of the loss
    scaled, scaled_share = bounds(scale * losses, 0), bounds(scale * losses, 0, relative=True)
    assert scaled.lower == pytest.approx(scale * found.lower, rel=1e-4, abs=1e-9 * scale)
    assert scaled.upper == pytest.approx(scale * found.upper, rel=1e-6)
    assert scaled_share.upper == pytest.approx(share.upper, rel=1e-6)
    # the order of the candidates
    order = rng.permutation(count)
    moved = bounds(losses[order], int(np.flatnonzero(order == 0)[0]))
    assert moved.upper == pytest.approx(found.upper, rel=1e-9)
    assert moved.lower == pytest.approx(found.lower, rel=1e-4, abs=1e-9)
    # what every candidate loses on a row
    shifted = bounds(losses + rng.exponential(size=rows), 0)
    assert shifted.upper == pytest.approx(found.upper, rel=1e-9)
    assert shifted.lower == pytest.approx(found.lower, rel=1e-4, abs=1e-9)
    # the order of the rows: exact for the upper bound, to the bootstrap's noise for the lower one
    mixed = bounds(losses[:, rng.permutation(rows)], 0)
    assert mixed.upper == pytest.approx(found.upper, rel=1e-9)


def test_more_confidence_is_never_narrower(law):
    losses = law.losses(np.random.default_rng(11), 80)
    narrow, wide = bounds(losses, 3, confidence=0.8), bounds(losses, 3, confidence=0.99)
    assert wide.lower <= narrow.lower <= narrow.upper <= wide.upper


def test_the_error_of_a_gain_minus_the_whole_risk_is_that_of_the_other_candidates_own_risk():
    """With rows and replicates both: gain(h) - risk(selected) = -risk(h), whoever is selected."""
    losses = (
        np.random.default_rng(6).exponential(size=(3, 5, 40)) + np.random.default_rng(7).normal(size=(3, 5, 1)) ** 2
    )
    first, *others = (contrast(build(losses, selected, "procedure"), relative=True) for selected in range(3))
    for selected, own in enumerate(others, 1):
        assert own.scale_variance == pytest.approx(float(first.deviation(1.0)[selected]) ** 2)
        assert own.scale == pytest.approx(losses[selected].mean())


def test_where_the_selected_risk_may_be_zero_the_relative_bound_is_infinite():
    noisy = np.random.default_rng(8).normal(0.01, 1.0, size=(2, 4, 12)) + np.array([0.5, 0.0])[:, None, None]
    gains = contrast(build(noisy, 1, "procedure"), relative=True)
    high = gains.high(1.96)
    assert not np.isnan(high).any()
    assert high[0] == np.inf
