from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from search.verdict.sample import DEPENDENCE, build, degrees_of_freedom


def variance(sample):
    rows, replicates = sample.variances
    return rows[:-1], replicates[:-1]


def test_for_fitted_models_it_is_the_paired_t_test(dof_of):
    losses = np.random.default_rng(0).exponential(size=(4, 1, 25))
    sample = build(losses, 2, "models")
    for h in (0, 1, 3):
        reference = stats.ttest_rel(losses[2, 0], losses[h, 0])
        assert sample.gain[h] / np.sqrt(variance(sample)[0][h]) == pytest.approx(reference.statistic)
        assert sample.dof(*variance(sample))[h] == pytest.approx(dof_of(losses[2, 0] - losses[h, 0]))
    assert np.allclose(sample.risk, losses.mean(axis=(1, 2)))


def test_replicates_are_averaged_row_by_row_for_fitted_models():
    losses = np.random.default_rng(0).exponential(size=(3, 5, 30))
    several, one = build(losses, 0, "models"), build(losses.mean(axis=1, keepdims=True), 0, "models")
    assert np.allclose(several.gain, one.gain)
    assert np.allclose(several.rows, one.rows)


def test_rows_held_out_once_per_repeat_enter_once():
    rng = np.random.default_rng(0)
    full, folds = rng.exponential(size=(3, 12)), np.arange(12) % 4
    kfold = np.where(folds == np.arange(4)[:, None], full[:, None], np.nan)  # (candidates, folds, rows)
    assert np.allclose(build(kfold, 1, "models").rows, build(full[:, None], 1, "models").rows)


def test_covariances_of_pairs_are_those_of_their_differences():
    losses = np.random.default_rng(0).exponential(size=(6, 1, 40))
    rows, replicates = build(losses, 0, "models").pair_variances(4)
    direct = (losses[4, 0] - losses[:, 0]).var(axis=1, ddof=1) / 40
    assert np.allclose(rows[:-1], direct)
    assert rows[4] == 0
    assert (replicates == 0).all()


def test_candidates_with_the_same_losses_do_not_differ_at_all():
    losses = np.random.default_rng(0).exponential(size=(3, 1, 40))
    losses[2] = losses[1]
    sample = build(losses, 0, "models")
    assert sample.pair_variances(1)[0][2] == 0
    assert sample.gain[1] == sample.gain[2]


def layout(rng, replicates, rows, *, spread=(0.3, 1.0, 2.0)):
    """One candidate's loss minus another's: effects of the replicate, of the row, and of the entry."""
    by_replicate, by_row = rng.normal(size=(replicates, 1)), rng.normal(size=(1, rows))
    return spread[0] * by_replicate + spread[1] * by_row + spread[2] * rng.normal(size=(replicates, rows))


def test_pigeonhole_bootstrap_has_owens_variance_and_ours_has_one_interaction_less():
    rng = np.random.default_rng(0)
    replicates, rows = 15, 60
    x = layout(rng, replicates, rows)
    weights_r = rng.multinomial(replicates, np.full(replicates, 1 / replicates), size=40_000)
    weights_i = rng.multinomial(rows, np.full(rows, 1 / rows), size=40_000)
    brute = np.einsum("br,ri,bi->b", weights_r, x, weights_i, optimize=True).var() / (replicates * rows) ** 2
    centred = x - x.mean()
    by_row, by_replicate = centred.mean(axis=0), centred.mean(axis=1)
    # Owen 2007, exactly, for a full layout: the bootstrap's variance given the data
    owen = (
        (1 - 1 / rows) * (by_replicate**2).sum() / replicates**2
        + (1 - 1 / replicates) * (by_row**2).sum() / rows**2
        + (centred**2).sum() / (replicates * rows) ** 2
    )
    assert brute == pytest.approx(owen, rel=0.04)
    sample = build(np.stack([x + 5, np.full_like(x, 5.0)]), 0, "procedure")
    ours = sum(part[1] for part in variance(sample))
    main = by_replicate.var(ddof=1) / replicates + by_row.var(ddof=1) / rows
    assert ours == pytest.approx(main)
    entries = ((centred - by_row - by_replicate[:, None]) ** 2).sum() / ((rows - 1) * (replicates - 1))
    assert owen - ours == pytest.approx(entries / (replicates * rows), rel=0.35)


def test_procedure_variance_is_the_truth_plus_one_interaction_on_average():
    rng = np.random.default_rng(0)
    replicates, rows, draws = 6, 20, 3000
    means, variances = np.empty(draws), np.empty(draws)
    for draw in range(draws):
        x = layout(rng, replicates, rows)
        sample = build(np.stack([x, np.zeros_like(x)]), 0, "procedure")
        means[draw], variances[draw] = sample.gain[1], sum(part[1] for part in variance(sample))
    truth = 0.09 / replicates + 1.0 / rows + 4.0 / (replicates * rows)
    assert means.var() == pytest.approx(truth, rel=0.1)
    assert variances.mean() == pytest.approx(truth + 4.0 / (replicates * rows), rel=0.03)


def test_degrees_of_freedom_lie_between_the_two_samples(dof_of):
    x = layout(np.random.default_rng(0), 4, 50)
    sample = build(np.stack([x, np.zeros_like(x)]), 0, "procedure")
    by_row, by_replicate = dof_of(x.mean(axis=0)), 3
    found = sample.dof(*variance(sample))[1]
    assert min(by_row, by_replicate) <= found <= by_row + by_replicate
    # Satterthwaite 1946
    own = x.mean(axis=0).var(ddof=1) / 50, x.mean(axis=1).var(ddof=1) / 4
    assert found == pytest.approx(sum(own) ** 2 / (own[0] ** 2 / by_row + own[1] ** 2 / by_replicate))
    alone = build(np.stack([x[:1], np.zeros_like(x[:1])]), 0, "procedure")
    assert alone.dof(*variance(alone))[1] == pytest.approx(dof_of(x[0]))


@pytest.mark.parametrize("rows", [4, 50, 1000])
def test_rows_that_deviate_alike_all_count(rows):
    difference = np.tile([1.0, -1.0], rows // 2)
    sample = build(np.stack([difference, np.zeros(rows)])[:, None], 0, "models")
    assert sample.effective_rows()[1] == pytest.approx(rows)
    assert sample.dof(*variance(sample))[1] == pytest.approx(rows - 1)
    assert degrees_of_freedom(np.array([float(rows)]), rows) == rows - 1


@pytest.mark.parametrize("rows", [50, 1000])
def test_a_mean_that_one_row_carries_has_two_degrees_of_freedom(rows):
    difference = 2.5 * np.eye(rows)[3]  # losses of 0 and 1 get two more rows
    sample = build(np.stack([difference, np.zeros(rows)])[:, None], 0, "models")
    assert sample.effective_rows()[1] == pytest.approx(1, abs=5 / rows)
    assert sample.dof(*variance(sample))[1] == 2
    assert degrees_of_freedom(np.array([1.0]), rows) == 2


def test_degrees_of_freedom_are_never_more_than_two_or_three_rows_have():
    assert degrees_of_freedom(np.array([1.0, 2.0]), 2).tolist() == [1, 1]
    assert degrees_of_freedom(np.array([1.0, 3.0]), 3).tolist() == [2, 2]


def test_normal_deviations_count_a_third():
    x = np.random.default_rng(1).normal(size=(2, 1, 100_000))
    assert build(x, 0, "models").effective_rows()[1] == pytest.approx(100_000 / 3, rel=0.03)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 3), st.floats(1e-6, 1e6))
def test_effective_rows_are_kishs_size_of_the_squared_deviations(seed, rows, replicates, scale):
    losses = np.random.default_rng(seed).exponential(size=(5, replicates, rows)) ** 2
    sample = build(losses, 1, "models")
    for base, reference in ((None, 1), (3, 3)):
        difference = (losses[reference] - losses).mean(axis=1)
        weight = (difference - difference.mean(axis=1, keepdims=True)) ** 2
        found = sample.effective_rows(base)
        for h in range(5):
            expected = rows if h == reference else weight[h].sum() ** 2 / (weight[h] ** 2).sum()
            assert found[h] == pytest.approx(expected, rel=1e-6)
        assert ((found > 1 - 1e-9) & (found < rows + 1e-9)).all()
    assert np.allclose(build(scale * losses, 1, "models").effective_rows(), sample.effective_rows())
    shuffled = np.random.default_rng(0).permutation(rows)
    assert np.allclose(build(losses[:, :, shuffled], 1, "models").effective_rows(), sample.effective_rows())


def test_a_rotation_widens_every_standard_error_and_changes_no_difference():
    losses = np.random.default_rng(2).exponential(size=(4, 3, 20))
    for scope in ("models", "procedure"):
        plain, turned = build(losses, 1, scope), build(losses, 1, scope, rotated=True)
        assert (plain.gain == turned.gain).all()
        for one, other in zip(variance(plain), variance(turned), strict=True):
            assert np.allclose(other, DEPENDENCE**2 * one)
        assert np.allclose(plain.dof(*variance(plain)), turned.dof(*variance(turned)))
    assert DEPENDENCE > 1


def test_right_or_wrong_losses_keep_a_doubt_where_all_rows_agree():
    losses = np.zeros((2, 1, 50))
    losses[:, 0, :10] = 1
    sample = build(losses, 0, "models")
    assert sample.gain[1] == 0
    assert variance(sample)[0][1] == pytest.approx(2 / 50**2)


@pytest.mark.parametrize("groups", [None, np.repeat(np.arange(20), 2)])
def test_rows_of_doubt_count_like_rows_that_are_written_down(groups):
    wrong = (np.random.default_rng(6).random((5, 1, 40)) < 0.3).astype(float)
    sample = build(wrong, 2, "models", groups=groups)
    plain = replace(sample, doubt=0.0)
    own = sample.doubt * np.eye(5)
    doubts = np.concatenate([own[2] - own, own[[2]]])
    written = replace(plain, rows=np.concatenate([plain.rows, doubts], axis=1))
    for name in ("variances", "with_risk", "powers"):
        for one, other in zip(getattr(sample, name), getattr(written, name), strict=True):
            assert np.allclose(one, other)
    assert np.allclose(sample.covariances(np.arange(5))[0], written.covariances(np.arange(5))[0])
    assert np.allclose(sample.draws.values, written.draws.values, atol=1e-6)
    assert np.allclose(sample.risk_draws, written.risk_draws, atol=1e-6)
    for base in (None, 2, 4):
        assert np.allclose(sample.effective_rows(base), written.effective_rows(base))
