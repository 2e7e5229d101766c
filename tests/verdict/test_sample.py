import numpy as np
import pytest
from scipy import stats

from search.verdict.sample import build


def variance(sample):
    return (sample.rows[:-1] ** 2).sum(axis=1), (sample.replicates[:-1] ** 2).sum(axis=1)


def test_for_fitted_models_it_is_the_paired_t_test():
    losses = np.random.default_rng(0).exponential(size=(4, 1, 25))
    sample = build(losses, 2, "models")
    for h in (0, 1, 3):
        reference = stats.ttest_rel(losses[2, 0], losses[h, 0])
        assert sample.gain[h] / np.sqrt(variance(sample)[0][h]) == pytest.approx(reference.statistic)
        assert sample.dof(*variance(sample))[h] == reference.df
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


def test_degrees_of_freedom_lie_between_the_two_samples():
    x = layout(np.random.default_rng(0), 4, 50)
    sample = build(np.stack([x, np.zeros_like(x)]), 0, "procedure")
    assert 3 <= sample.dof(*variance(sample))[1] <= 3 + 49
    alone = build(np.stack([x[:1], np.zeros_like(x[:1])]), 0, "procedure")
    assert alone.dof(*variance(alone))[1] == 49


def test_right_or_wrong_losses_keep_a_doubt_where_all_rows_agree():
    losses = np.zeros((2, 1, 50))
    losses[:, 0, :10] = 1
    sample = build(losses, 0, "models")
    assert sample.gain[1] == 0
    assert variance(sample)[0][1] == pytest.approx(2 / 50**2)
