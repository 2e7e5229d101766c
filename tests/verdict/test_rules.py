"""Selection rules: their definitions by brute force, their direction, and the reader's own table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.records import PENALTIES, held_out_se
from search.verdict.rules import (
    argmin,
    compare_rules,
    first_plateau,
    mean_losses,
    one_standard_error,
    points,
    within_tolerance,
)

READER = np.array(
    [1.914223, 0.035403, 0.018138, 0.017133, 0.017512, 0.017590, 0.017622, 0.017295, 0.017984, 0.017798, 0.017654]
)
PENALISED = [penalty for penalty in PENALTIES if penalty != "none"]


def path(penalty, lambdas):
    frame = pd.DataFrame({"penalty": penalty, "lambda": lambdas})
    return frame.assign(l1_ratio=0.5) if penalty == "elastic_net" else frame


def bowl(generator, lambdas, rows=40):
    """Losses of a smooth valley over log lambda with its minimum at 1, and noise that candidates share."""
    return np.abs(1 + 0.05 * np.log(lambdas)[:, None, None] ** 2 + 0.5 * generator.normal(size=(1, 1, rows)))


def mixed(generator, count):
    """Random candidates of all penalties, `none` among them, with random losses (candidates, 2, 12)."""
    penalty = np.append(generator.choice(PENALISED, size=count - 1), "none")
    lambdas = np.where(penalty == "none", np.nan, 10 ** generator.uniform(-3, 2, size=count))
    ratio = np.where(penalty == "elastic_net", generator.uniform(size=count), np.nan)
    frame = pd.DataFrame({"penalty": penalty, "lambda": lambdas, "l1_ratio": ratio})
    return frame, generator.exponential(size=(count, 2, 12))


@pytest.mark.parametrize("penalty", PENALISED)
def test_one_standard_error_moves_towards_more_penalty(penalty):
    lambdas = np.geomspace(0.01, 100, 41)
    candidates = path(penalty, lambdas)
    validation = bowl(np.random.default_rng(0), lambdas)
    means = mean_losses(validation)
    best, chosen = argmin(means, candidates), one_standard_error(validation, means, points(candidates))
    assert lambdas[best] == pytest.approx(1)
    assert lambdas[chosen] > lambdas[best]
    limit = means[best] + held_out_se(validation[best])
    assert means[chosen] <= limit < means[chosen + 1]


@pytest.mark.parametrize("penalty", PENALISED)
@pytest.mark.parametrize("reverse", [False, True])
def test_direction_does_not_depend_on_the_order_of_candidates(penalty, reverse):
    lambdas = np.geomspace(0.01, 100, 41)[:: -1 if reverse else 1]
    validation = bowl(np.random.default_rng(1), lambdas)
    means = mean_losses(validation)
    assert lambdas[one_standard_error(validation, means, points(path(penalty, lambdas)))] > 1
    assert lambdas[within_tolerance(means, points(path(penalty, lambdas)), 0.02)] > 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 25))
def test_no_rule_towards_more_penalty_ever_moves_to_less(seed, count):
    candidates, validation = mixed(np.random.default_rng(seed), count)
    means, lambdas = mean_losses(validation), points(candidates).lambda_
    best = argmin(means, candidates)
    limits = {
        one_standard_error(validation, means, points(candidates)): means[best] + held_out_se(validation[best]),
        within_tolerance(means, points(candidates), 0.1): means[best] * 1.1,
    }
    for chosen, limit in limits.items():
        assert lambdas[chosen] >= lambdas[best]
        assert means[chosen] <= limit
        if candidates["penalty"][best] != "none":
            further = points(candidates).heavier(best) & (means <= limit)
            assert lambdas[chosen] == lambdas[further].max()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_heavier_means_more_penalty_on_every_weight_vector(seed):
    generator = np.random.default_rng(seed)
    lambdas, ratios = 10 ** generator.uniform(-1, 1, size=12), generator.uniform(size=12)
    candidates = pd.DataFrame({"penalty": "elastic_net", "lambda": lambdas, "l1_ratio": ratios})
    weights = generator.normal(size=(100, 5)) * np.geomspace(1e-6, 1e6, 100)[:, None]
    l1, l2 = np.abs(weights).sum(1), 0.5 * (weights**2).sum(1)
    values = lambdas[:, None] * (ratios[:, None] * l1 + (1 - ratios[:, None]) * l2)
    on_every = (values >= values[0] * (1 - 1e-9)).all(axis=1)
    flags = points(candidates).heavier(0)
    assert flags[0]
    assert on_every[flags].all()
    larger_parts = (lambdas * ratios > lambdas[0] * ratios[0] * 1.01) & (
        lambdas * (1 - ratios) > lambdas[0] * (1 - ratios[0]) * 1.01
    )
    assert flags[larger_parts].all()


def test_the_readers_table():
    candidates = path("l2", np.arange(11.0))
    assert first_plateau(READER, points(candidates)) == 1
    assert argmin(READER, candidates) == 3
    shuffle = np.random.default_rng(0).permutation(11)
    assert shuffle[first_plateau(READER[shuffle], points(candidates.iloc[shuffle]))] == 1


def test_the_readers_table_with_none_in_place_of_zero():
    candidates = pd.DataFrame({"penalty": ["none"] + ["l2"] * 10, "lambda": [np.nan, *np.arange(1.0, 11)]})
    assert first_plateau(READER, points(candidates)) == 1


@pytest.mark.parametrize("count", [13, 49, 193])
def test_plateau_does_not_depend_on_how_finely_lambda_was_tried(count):
    lambdas = np.geomspace(1e-3, 1e3, count)
    losses = 1 + 1 / (1 + lambdas**2)  # 95 % of the drop is reached at lambda = sqrt(19)
    chosen = lambdas[first_plateau(losses, points(path("l2", lambdas)))]
    step = lambdas[1] / lambdas[0]
    assert np.sqrt(19) * 0.99 <= chosen <= np.sqrt(19) * step * 1.01


def test_plateau_where_no_penalty_is_best():
    candidates = pd.DataFrame({"penalty": ["none", "l2", "l2"], "lambda": [0.0, 0.1, 1.0]})
    assert first_plateau(np.array([1.0, 1.2, 2.0]), points(candidates)) == 0


def test_plateau_starts_at_the_first_fit_that_did_not_diverge():
    losses = np.array([np.inf, 10.0, 5.0, 1.2, 1.0, 1.1])
    assert first_plateau(losses, points(path("l1", np.geomspace(0.01, 1, 6)))) == 3


def test_none_counts_as_lambda_zero():
    candidates = pd.DataFrame({"penalty": ["none", "l1", "l1", "l2", "l2"], "lambda": [5.0, 0.1, 3.0, 0.2, 4.0]})
    means = np.array([1.0, 1.01, 1.5, 1.02, 1.03])
    assert points(candidates).lambda_[0] == 0
    assert argmin(means, candidates) == 0
    # From `none` on, along the penalty with the lowest loss (l1), never to the l2 with a larger lambda.
    assert within_tolerance(means, points(candidates), 0.05) == 1
    only = candidates.iloc[[0]]
    assert within_tolerance(means[:1], points(only), 0.05) == first_plateau(means[:1], points(only)) == 0


def test_ties_go_to_more_penalty():
    candidates = path("l1", [0.1, 10.0, 1.0])
    assert argmin(np.array([0.5, 0.5, 0.5]), candidates) == 1
    assert argmin(np.array([0.5, 0.5 * (1 + 1e-15), 0.6]), candidates) == 1
    assert argmin(np.array([0.5, 0.5 * (1 + 1e-9), 0.6]), candidates) == 0


def test_every_rule_with_its_regret():
    generator = np.random.default_rng(5)
    candidates, validation = mixed(generator, 20)
    test = generator.exponential(size=(20, 2, 50))
    gcv = generator.exponential(size=20)
    candidates["gcv"] = np.where(candidates["penalty"] == "l2", gcv, np.nan)
    candidates["evidence"] = -gcv
    found = {result.rule: result for result in compare_rules(validation, test, candidates, tolerance=0.01)}
    assert set(found) == {"argmin", "one_standard_error", "first_plateau", "tolerance", "gcv", "evidence"}
    risk = test.mean(axis=(1, 2))
    for result in found.values():
        matches = (candidates["penalty"] == result.penalty) & (points(candidates).lambda_ == result.lambda_)
        assert result.test_loss == pytest.approx(risk[matches][0])
        assert result.regret == pytest.approx(risk[matches][0] - risk.min())
    assert found["gcv"].penalty == "l2"
    assert found["gcv"].lambda_ == candidates["lambda"][candidates["gcv"].idxmin()]
    assert found["evidence"].lambda_ == points(candidates).lambda_[gcv.argmin()]


def test_without_test_rows_there_is_no_regret():
    candidates, validation = mixed(np.random.default_rng(6), 8)
    for result in compare_rules(validation, None, candidates, tolerance=0.01):
        assert result.test_loss is None
        assert result.regret is None


def test_where_everything_diverged_only_argmin_is_left():
    candidates = path("l2", [0.1, 1.0])
    (only,) = compare_rules(np.full((2, 1, 3), np.inf), np.full((2, 1, 3), np.inf), candidates, tolerance=0.01)
    assert (only.rule, only.lambda_, only.regret) == ("argmin", 1.0, None)


def test_one_row_has_no_standard_error_and_the_rule_is_argmin():
    lambdas = np.geomspace(0.01, 100, 11)
    validation = bowl(np.random.default_rng(7), lambdas, rows=1)
    means = mean_losses(validation)
    candidates = path("l2", lambdas)
    assert one_standard_error(validation, means, points(candidates)) == argmin(means, candidates)
