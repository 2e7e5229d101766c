"""Selection rules: their definitions by brute force, their direction, and the reader's own table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from search.core.evidence import Evidence
from search.penalties import PENALTIES
from search.verdict.comparison import Comparison
from search.verdict.inputs import results_from_arrays
from search.verdict.rules import RULES, Options, compare_rules
from search.verdict.rules.base import heavier
from search.verdict.rules.base import path as path_of

READER = np.array(
    [1.914223, 0.035403, 0.018138, 0.017133, 0.017512, 0.017590, 0.017622, 0.017295, 0.017984, 0.017798, 0.017654]
)
PENALISED = [penalty for penalty in PENALTIES if penalty != "none"]


def of(validation, candidates):
    """Results of these candidates; `validation` are losses of one row where it has one axis."""
    losses = np.asarray(validation)
    return results_from_arrays(losses[:, None] if losses.ndim == 1 else losses, None, candidates)


def pick(rule, results, tolerance=0.01):
    return RULES[rule].pick(results, Options(tolerance))


def path(penalty, lambdas):
    """The candidates of one penalty; every other parameter it has is 0.5."""
    return pd.DataFrame({"penalty": penalty, "lambda": lambdas}).assign(
        **{each.name: 0.5 for each in PENALTIES[penalty].parameters}
    )


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


def standard_error(losses):
    """That of the mean of one candidate's losses (replicates, rows)."""
    rows = losses.mean(axis=0)
    return rows.std(ddof=1) / np.sqrt(len(rows))


def test_the_registry_names_each_rule_once():
    assert list(RULES) == [
        *("argmin", "one_standard_error", "paired_standard_error", "first_plateau", "tolerance", "gcv", "evidence")
    ]
    assert all(name == rule.name and rule.label for name, rule in RULES.items())


@pytest.mark.parametrize("penalty", PENALISED)
def test_one_standard_error_moves_towards_more_penalty(penalty):
    lambdas = np.geomspace(0.01, 100, 41)
    validation = bowl(np.random.default_rng(0), lambdas)
    results, means = of(validation, path(penalty, lambdas)), validation.mean(axis=(1, 2))
    best, chosen = pick("argmin", results), pick("one_standard_error", results)
    assert lambdas[best] == pytest.approx(1)
    assert lambdas[chosen] > lambdas[best]
    limit = means[best] + standard_error(validation[best])
    assert means[chosen] <= limit < means[chosen + 1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_the_paired_rule_is_the_heaviest_within_the_error_of_the_difference(seed, count):
    candidates, validation = mixed(np.random.default_rng(seed), count)
    results = of(validation, candidates)
    best = pick("argmin", results)
    more = validation.mean(axis=1) - validation[best].mean(axis=0)
    near = np.array([each.mean() <= stats.sem(each) for each in more]) | (np.arange(count) == best)
    onward = heavier(results, best)
    if results.penalty[best] == "none":
        onward = path_of(results, results.validation_loss)
    assert results.lambda_[pick("paired_standard_error", results)] == results.lambda_[near & onward].max()


def test_the_paired_rule_moves_less_far_where_rows_are_hard_for_all():
    lambdas = np.geomspace(0.01, 100, 41)
    rows = 3 * np.random.default_rng(2).normal(size=(1, 1, 40)) ** 2
    results = of(1 + 0.05 * np.log(lambdas)[:, None, None] ** 2 + rows, path("l2", lambdas))
    assert pick("paired_standard_error", results) == pick("argmin", results)
    assert pick("one_standard_error", results) > pick("argmin", results)


@pytest.mark.parametrize("penalty", PENALISED)
@pytest.mark.parametrize("reverse", [False, True])
def test_direction_does_not_depend_on_the_order_of_candidates(penalty, reverse):
    lambdas = np.geomspace(0.01, 100, 41)[:: -1 if reverse else 1]
    results = of(bowl(np.random.default_rng(1), lambdas), path(penalty, lambdas))
    assert lambdas[pick("one_standard_error", results)] > 1
    assert lambdas[pick("tolerance", results, 0.02)] > 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_no_rule_towards_more_penalty_ever_moves_to_less(seed, count):
    candidates, validation = mixed(np.random.default_rng(seed), count)
    results, means = of(validation, candidates), validation.mean(axis=(1, 2))
    lambdas, best = results.lambda_, pick("argmin", results)
    limits = {
        pick("one_standard_error", results): means[best] + standard_error(validation[best]),
        pick("tolerance", results, 0.1): means[best] * 1.1,
    }
    for chosen, limit in limits.items():
        assert lambdas[chosen] >= lambdas[best]
        assert means[chosen] <= limit
        if candidates["penalty"][best] != "none":
            further = heavier(results, best) & (means <= limit)
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
    flags = heavier(of(np.ones(12), candidates), 0)
    assert flags[0]
    assert on_every[flags].all()
    larger_parts = (lambdas * ratios > lambdas[0] * ratios[0] * 1.01) & (
        lambdas * (1 - ratios) > lambdas[0] * (1 - ratios[0]) * 1.01
    )
    assert flags[larger_parts].all()


def test_a_penalty_that_nobody_registered_is_heavier_by_its_lambda():
    candidates = pd.DataFrame({"penalty": ["ours", "ours", "ours", "l2"], "lambda": [1.0, 0.5, 2.0, 3.0]})
    assert heavier(of(np.ones(4), candidates), 0).tolist() == [True, False, True, False]


def test_elastic_nets_of_which_one_lacks_its_ratio_are_judged_all_the_same():
    candidates = pd.DataFrame({"penalty": "elastic_net", "lambda": [1.0, 2.0, 3.0], "l1_ratio": [0.5, np.nan, 0.5]})
    results = of([1.0, 1.001, 1.001], candidates)
    assert heavier(results, 0).tolist() == [True, False, True]
    assert heavier(results, 1).tolist() == [False, True, False]
    assert pick("tolerance", results) == 2


def test_the_readers_table():
    candidates = path("l2", np.arange(11.0))
    assert pick("first_plateau", of(READER, candidates)) == 1
    assert pick("argmin", of(READER, candidates)) == 3
    shuffle = np.random.default_rng(0).permutation(11)
    assert shuffle[pick("first_plateau", of(READER[shuffle], candidates.iloc[shuffle]))] == 1


def test_the_readers_table_with_none_in_place_of_zero():
    candidates = pd.DataFrame({"penalty": ["none"] + ["l2"] * 10, "lambda": [np.nan, *np.arange(1.0, 11)]})
    assert pick("first_plateau", of(READER, candidates)) == 1


@pytest.mark.parametrize("count", [13, 49, 193])
def test_plateau_does_not_depend_on_how_finely_lambda_was_tried(count):
    lambdas = np.geomspace(1e-3, 1e3, count)
    losses = 1 + 1 / (1 + lambdas**2)  # 95 % of the drop is reached at lambda = sqrt(19)
    chosen = lambdas[pick("first_plateau", of(losses, path("l2", lambdas)))]
    step = lambdas[1] / lambdas[0]
    assert np.sqrt(19) * 0.99 <= chosen <= np.sqrt(19) * step * 1.01


def test_plateau_where_no_penalty_is_best():
    candidates = pd.DataFrame({"penalty": ["none", "l2", "l2"], "lambda": [0.0, 0.1, 1.0]})
    assert pick("first_plateau", of([1.0, 1.2, 2.0], candidates)) == 0


def test_plateau_starts_at_the_first_fit_that_did_not_diverge():
    losses = [np.inf, 10.0, 5.0, 1.2, 1.0, 1.1]
    assert pick("first_plateau", of(losses, path("l1", np.geomspace(0.01, 1, 6)))) == 3


def test_none_counts_as_lambda_zero():
    candidates = pd.DataFrame({"penalty": ["none", "l1", "l1", "l2", "l2"], "lambda": [5.0, 0.1, 3.0, 0.2, 4.0]})
    results = of([1.0, 1.01, 1.5, 1.02, 1.03], candidates)
    assert results.lambda_[0] == 0
    assert pick("argmin", results) == 0
    # From `none` on, along the penalty with the lowest loss (l1), never to the l2 with a larger lambda.
    assert pick("tolerance", results, 0.05) == 1
    only = results.take([0])
    assert pick("tolerance", only, 0.05) == pick("first_plateau", only) == 0


def test_ties_go_to_more_penalty():
    candidates = path("l1", [0.1, 10.0, 1.0])
    assert pick("argmin", of([0.5, 0.5, 0.5], candidates)) == 1
    assert pick("argmin", of([0.5, 0.5 * (1 + 1e-15), 0.6], candidates)) == 1
    assert pick("argmin", of([0.5, 0.5 * (1 + 1e-9), 0.6], candidates)) == 0


def test_every_rule_with_its_regret():
    generator = np.random.default_rng(5)
    candidates, validation = mixed(generator, 20)
    test = generator.exponential(size=(20, 2, 50))
    gcv = generator.exponential(size=20)
    candidates["gcv"] = np.where(candidates["penalty"] == "l2", gcv, np.nan)
    candidates["evidence"] = -gcv
    results = results_from_arrays(validation, test, candidates)
    found = {result.rule: result for result in compare_rules(Comparison(results, pick("argmin", results)))}
    assert list(found) == list(RULES)
    risk = test.mean(axis=(1, 2))
    for rule, result in found.items():
        place = results.candidates.index(result.candidate)
        assert place == pick(rule, results)
        assert result.test_loss == pytest.approx(risk[place])
        assert result.regret == pytest.approx(risk[place] - risk.min())
    assert found["gcv"].candidate.penalty == "l2"
    assert found["gcv"].candidate == results.candidates[candidates["gcv"].idxmin()]
    assert found["evidence"].candidate == results.candidates[gcv.argmin()]


def test_a_rules_regret_is_over_the_tried_candidates_and_not_over_the_dense_grid():
    generator = np.random.default_rng(9)
    candidates, validation = mixed(generator, 8)
    test = generator.exponential(size=(8, 2, 50))
    results = results_from_arrays(validation, test, candidates)
    grid = results_from_arrays(validation[:2], 0.01 * test[:2], path("l2", [7777.0, 7778.0]))
    for tolerance in (0.0, 0.3):
        plain = compare_rules(Comparison(results, 2, tolerance=tolerance))
        assert plain == compare_rules(Comparison(results, 2, tolerance=tolerance, evidence=Evidence(grid=grid)))
        (found,) = [each for each in plain if each.rule == "tolerance"]
        assert found.candidate == results.candidates[pick("tolerance", results, tolerance)]


def test_rules_from_a_formula_apply_where_there_is_one():
    candidates, validation = mixed(np.random.default_rng(8), 6)
    assert pick("gcv", of(validation, candidates)) is None
    assert pick("evidence", of(validation, candidates.assign(evidence=np.nan))) is None


def test_without_test_rows_there_is_no_regret():
    candidates, validation = mixed(np.random.default_rng(6), 8)
    found = compare_rules(Comparison(of(validation, candidates), 3))
    assert [result.rule for result in found] == [name for name in RULES if name not in {"gcv", "evidence"}]
    for result in found:
        assert result.test_loss is None
        assert result.regret is None


def test_where_everything_diverged_only_argmin_is_left():
    losses = np.full((2, 1, 3), np.inf)
    (only,) = compare_rules(Comparison(results_from_arrays(losses, losses, path("l2", [0.1, 1.0])), 0))
    assert (only.rule, only.candidate.lambda_, only.regret) == ("argmin", 1.0, None)


def test_one_row_has_no_standard_error_and_the_rule_is_argmin():
    lambdas = np.geomspace(0.01, 100, 11)
    results = of(bowl(np.random.default_rng(7), lambdas, rows=1), path("l2", lambdas))
    assert pick("one_standard_error", results) == pick("argmin", results)
