import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from search.verdict.confidence_set import confidence_set, summarise
from search.verdict.inputs import results_from_arrays
from search.verdict.record import SetPart
from search.verdict.sample import build


def members(losses, confidence=0.95, selected=0):
    return confidence_set(build(losses[:, None], selected, "models"), confidence=confidence)


@pytest.mark.parametrize(("rows", "dof"), [(20, None), (100, None), (50, 3)])
def test_the_set_holds_the_truly_best_candidate(law, holds, rows, dof):
    rng = np.random.default_rng(rows)
    best = law.risk.argmin()
    hits = [members(law.losses(rng, rows, dof=dof))[best] for _ in range(200)]
    assert holds(hits, 0.95)


def test_each_of_many_equally_good_candidates_stays(holds):
    rng = np.random.default_rng(0)
    assert holds([members(rng.normal(size=(20, 60)) ** 2)[7] for _ in range(200)], 0.95)


def test_it_shrinks_to_the_best_with_more_rows(law):
    rng = np.random.default_rng(1)
    few, some, many = (members(law.losses(rng, rows)) for rows in (20, 200, 20_000))
    assert few.sum() > some.sum() > many.sum()
    assert np.flatnonzero(many).tolist() == [law.risk.argmin()]


def test_two_candidates_are_a_one_sided_paired_t_test():
    rng = np.random.default_rng(2)
    for shift in (0.0, 0.2, 0.4, 0.6):
        losses = rng.normal(size=(2, 40)) + np.array([[shift], [0.0]])
        p_value = stats.ttest_rel(losses[0], losses[1], alternative="greater").pvalue
        if abs(p_value - 0.05) > 0.01:  # beyond the share of the error probability that goes into screening
            assert members(losses)[0] == (p_value > 0.05)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 40), count=st.integers(1, 10), ties=st.booleans())
def test_never_empty_and_in_the_order_of_the_candidates(seed, rows, count, ties):
    rng = np.random.default_rng(seed)
    losses = rng.exponential(size=(count, rows)) + rng.random((count, 1))
    losses = np.round(losses) if ties else losses
    found = members(losses)
    assert found[losses.mean(axis=1).argmin()]
    order = rng.permutation(count)
    assert (members(losses[order], selected=int(rng.integers(count))) == found[order]).mean() > 0.85


def test_identical_candidates_share_their_fate():
    losses = np.random.default_rng(3).exponential(size=(4, 50)) + np.array([[0.0], [0.1], [1.0], [0.0]])
    doubled = members(np.repeat(losses, 2, axis=0))
    assert (doubled[::2] == doubled[1::2]).all()
    assert members(np.ones((5, 30))).all()


def test_a_certain_difference_is_certain():
    assert members(np.ones((3, 10)) * np.array([[2.0], [1.0], [3.0]])).tolist() == [False, True, False]


def test_summary_by_penalty():
    frame = pd.DataFrame(
        {"penalty": ["l2", "l1", "l2", "none"], "lambda": [0.1, 3.0, 7.0, 0.0], "trial": [10, 11, 12, 13]}
    )
    results = results_from_arrays(np.ones((4, 1)), None, frame)
    assert summarise(np.array([True, False, True, True]), results) == (
        SetPart("l2", 0.1, 7.0, (10, 12)),
        SetPart("none", 0.0, 0.0, (13,)),
    )


def test_with_few_rivals_the_set_still_holds_the_truly_best_candidate(law, holds, monkeypatch):
    monkeypatch.setattr("search.verdict.sample.RIVALS", 6)
    rng = np.random.default_rng(4)
    best = law.risk.argmin()
    sets = [members(law.losses(rng, 60), selected=int(rng.integers(17))) for _ in range(200)]
    assert holds([each[best] for each in sets], 0.95)
    assert np.mean(sets) < 0.9  # and is worth having
    assert holds([members(rng.normal(size=(40, 60)) ** 2)[7] for _ in range(200)], 0.95)


@pytest.mark.parametrize("spread", [0.0, 0.1, 3.0])
def test_what_is_skipped_would_not_have_changed_the_set(spread):
    """Beside a bootstrap of every candidate against all others, with every degree of freedom: the same set."""
    rng = np.random.default_rng(5)
    path = np.abs(np.linspace(-1, 1, 80))[:, None]
    row = rng.standard_t(6, size=(3, 150))
    losses = (row[0] + path * row[1] + 0.05 * rng.normal(size=(80, 150))) ** 2 + spread * path**2 * row[2] ** 2
    sample = build(losses[:, None], 11, "models")
    assert members(losses, selected=11).tolist() == [by_hand(sample, base) for base in range(80)]


def by_hand(sample, base, alpha=0.05):
    rows = sum(sample.pair_variances(base))[:-1]
    deviation, others = np.sqrt(rows), np.arange(80) != base
    statistic = np.where(others, (sample.gain[:-1] - sample.gain[base]) / np.where(others, deviation, 1.0), 0.0)
    dof = np.where(others, sample.dof(rows, 0 * rows, base), 1.0)
    certain = stats.t.ppf(stats.norm.cdf(stats.norm.ppf(1 - 0.1 * alpha / 80)), dof)
    shift = np.minimum(statistic + certain, 0.0)
    draws = (sample.draws.values - sample.draws.values[base]) / np.where(others, deviation, 1.0)[:, None]
    largest = np.sort((draws + shift[:, None])[others].max(axis=0))
    c = max(stats.norm.ppf(1 - 0.9 * alpha), largest[int(np.ceil((1 - 0.9 * alpha) * len(largest))) - 1])
    return not (statistic > stats.t.ppf(stats.norm.cdf(c), dof)).any()
