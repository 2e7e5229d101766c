"""What the regret is made of: identities that must hold, on real ridge fits where there is an exact solution."""

import numpy as np
import pytest

from search.core.candidate import Candidate
from search.core.evidence import Evidence
from search.core.results import Results
from search.verdict import Comparison, verdict_of
from search.verdict.gap import gap as gap_of
from search.verdict.record import Gap

LAMBDAS = np.geomspace(1e-2, 10, 13)
OTHERS = LAMBDAS * 1.0001  # what the search did not evaluate


def of(losses, lambdas=LAMBDAS, *, sealed=False):
    """Results of l2 with these lambdas; `losses` (lambdas, 1, rows) are those of the test rows."""
    candidates = tuple(Candidate("l2", strength) for strength in lambdas)
    return Results(candidates, np.ones((len(losses), 1, 1)), None if sealed else losses)


def gap(results, selected, evidence):
    return gap_of(Comparison(results, selected, evidence=evidence))


@pytest.fixture(scope="module")
def ridge():
    """Test losses (lambdas, 1, rows) of ridge regressions, by 30 gradient steps and by exact solution."""
    generator = np.random.default_rng(0)
    x, x_test = generator.normal(size=(30, 20)), generator.normal(size=(200, 20))
    truth = generator.normal(size=20) * 0.3
    y, y_test = x @ truth + generator.normal(size=30), x_test @ truth + generator.normal(size=200)

    def descend(strength):
        weight = np.zeros(20)
        for _ in range(30):
            weight -= 0.05 * (x.T @ (x @ weight - y) / 30 + strength * weight)
        return weight

    def losses(weights):
        return ((np.stack(weights) @ x_test.T - y_test) ** 2)[:, None, :]

    exact = [np.linalg.solve(x.T @ x / 30 + strength * np.eye(20), x.T @ y / 30) for strength in LAMBDAS]
    return losses([descend(strength) for strength in LAMBDAS]), losses(exact)


def test_each_part_is_its_difference(ridge):
    stopped, exact = ridge
    found = gap(of(stopped), 2, Evidence(grid=of(exact[::2], OTHERS[::2]), exact=of(exact)))
    mean, dense = stopped.mean(axis=(1, 2)), exact[::2].mean(axis=(1, 2))
    assert found.validation == pytest.approx(mean[2] - mean.min())
    assert found.training == pytest.approx(mean[2] - exact[2].mean())
    assert found.search == pytest.approx(mean.min() - min(mean.min(), dense.min()))


def test_the_exact_solution_is_found_by_its_candidate(ridge):
    stopped, exact = ridge
    alone = of(exact[[5]], LAMBDAS[[5]])
    assert gap(of(stopped), 5, Evidence(exact=alone)).training == pytest.approx(stopped[5].mean() - exact[5].mean())
    assert gap(of(stopped), 4, Evidence(exact=alone)).training is None


def test_the_grids_candidates_are_other_ones_in_any_parameter(ridge):
    """One that was tried keeps the losses of its trial."""
    _, exact = ridge
    candidates = [Candidate("l2", 1.0, lr=rate) for rate in (0.1, 0.2)]
    results = Results(tuple(candidates), np.ones((2, 1, 1)), exact[:2])
    grid = Results(
        (candidates[1], Candidate("l2", 1.0, lr=0.3)), np.ones((2, 1, 1)), np.stack([exact[1] - 9, exact[4]])
    )
    case = Comparison(results, 0, evidence=Evidence(grid=grid))
    assert case.compared.candidates == (*candidates, grid.candidates[1])
    assert case.compared.trials.tolist() == [0, 1, -1]
    means = exact.mean(axis=(1, 2))
    assert gap_of(case).search == pytest.approx(means[:2].min() - means[[0, 1, 4]].min())
    assert gap_of(case).search > 0


def test_stopping_early_can_help_and_the_sign_says_so(ridge):
    stopped, exact = ridge
    least = gap(of(stopped), 0, Evidence(exact=of(exact))).training
    assert least is not None
    assert least < 0  # 30 steps regularise more than lambda = 0.01 does


@pytest.mark.parametrize("selected", range(4))
def test_parts_add_up_to_the_way_from_the_selected_to_the_best_dense_one(ridge, selected):
    """That is the regret's estimate."""
    _, exact = ridge
    evaluated = of(exact[::4], LAMBDAS[::4])
    case = Comparison(evaluated, selected, evidence=Evidence(grid=of(exact, OTHERS)))
    found, means = gap_of(case), exact.mean(axis=(1, 2))
    assert found.validation + found.search == pytest.approx(means[4 * selected] - means.min())
    assert found.validation + found.search == pytest.approx(verdict_of(case).regret.estimate)


def test_selecting_the_best_leaves_no_validation_gap(ridge):
    _, exact = ridge
    assert gap(of(exact), int(exact.mean(axis=(1, 2)).argmin()), Evidence()).validation == 0


def test_a_grid_that_holds_nothing_better_leaves_no_search_gap(ridge):
    _, exact = ridge
    grid = of(exact[[0, 12]] + 0.01, OTHERS[[0, 12]])
    assert gap(of(exact), 0, Evidence(grid=grid)).search == 0


def test_missing_evidence_is_none(ridge):
    _, exact = ridge
    closed = of(exact, sealed=True)
    assert gap(closed, 0, Evidence(exact=of(exact), grid=of(exact, OTHERS))) == Gap(None, None, None)
    assert gap(of(exact), 0, Evidence()).training is None
    assert gap(of(exact), 0, Evidence()).search is None
    for unsolved in (of(exact[1:], LAMBDAS[1:]), closed):
        assert gap(of(exact), 0, Evidence(exact=unsolved)).training is None
    # only what was tried, no test rows, other replicates
    others = Results(of(exact, OTHERS).candidates, np.ones((13, 2, 1)), exact)
    for grid in (of(exact), of(exact, OTHERS, sealed=True), others):
        assert gap(of(exact), 0, Evidence(grid=grid)).search is None


def test_infinite_losses_give_none_and_not_infinity(ridge):
    stopped, exact = ridge
    bad = stopped.copy()
    bad[2] = np.inf
    assert gap(of(bad), 2, Evidence(exact=of(exact))) == Gap(None, None, None)
    found = gap(of(bad), 3, Evidence(exact=of(exact), grid=of(np.full_like(exact, np.inf), OTHERS)))
    others = np.delete(stopped, 2, axis=0).mean(axis=(1, 2))
    assert found.validation == pytest.approx(stopped[3].mean() - others.min())
    assert found.search == 0
    assert gap(of(np.full_like(bad, np.inf)), 3, Evidence(grid=of(exact, OTHERS))) == Gap(None, None, None)


def turns(rng):
    """Three folds of eight rows: all but one held out in pairs of folds too, and a rotation of them."""
    fold = np.arange(24) % 3
    losses = rng.exponential(size=(13, 24)) + 1
    split = np.where(fold == np.arange(3)[:, None], losses[:, None], np.nan)
    pairs = np.where(fold != np.arange(3)[:, None], rng.exponential(size=(13, 3, 24)) + 1, np.nan)
    return of(split, sealed=True), split, pairs


def test_in_a_rotation_the_loss_is_that_of_what_the_turns_picked():
    rng = np.random.default_rng(1)
    for _ in range(10):
        results, split, pairs = turns(rng)
        results, inner = (Results(results.candidates, each) for each in (split, pairs))
        grid = Results(of(split, OTHERS).candidates, rng.permutation(split))
        exact = Results(results.candidates, split - 0.25)
        case = Comparison(results, 4, evidence=Evidence(grid=grid, inner=inner, exact=exact))
        found, verdict = gap_of(case), verdict_of(case)
        means = np.nanmean(split, axis=(1, 2))
        assert found.validation == pytest.approx(case.own_risk - means.min())
        assert max(0.0, found.validation + found.search) == pytest.approx(verdict.regret.estimate)
        assert found.training == pytest.approx(0.25)  # that of what ships
