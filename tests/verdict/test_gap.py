"""What the regret is made of: identities that must hold, on real ridge fits where there is an exact solution."""

import numpy as np
import pytest

from search.core.candidate import Candidate
from search.core.evidence import Evidence
from search.core.results import Results
from search.verdict.gap import gap
from search.verdict.record import Gap

LAMBDAS = np.geomspace(1e-2, 10, 13)
OTHERS = LAMBDAS * 1.0001  # what the search did not evaluate


def of(losses, lambdas=LAMBDAS, *, sealed=False):
    """Results of l2 with these lambdas; `losses` (lambdas, 1, rows) are those of the test rows."""
    candidates = tuple(Candidate("l2", strength) for strength in lambdas)
    return Results(candidates, np.ones((len(losses), 1, 1)), None if sealed else losses)


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
    sweep = of(exact[::2], np.append(LAMBDAS[:6:2], OTHERS[6::2]))  # three finalists, then the dense grid
    found = gap(of(stopped), 2, Evidence(sweep=sweep, exact=of(exact)))
    mean = stopped.mean(axis=(1, 2))
    assert found.validation == pytest.approx(mean[2] - mean.min())
    assert found.training == pytest.approx(mean[2] - exact[2].mean())
    means = exact[::2].mean(axis=(1, 2))
    assert found.search == pytest.approx(means[:3].min() - means[3:].min())


def test_the_exact_solution_is_found_by_its_candidate(ridge):
    stopped, exact = ridge
    alone = of(exact[[5]], LAMBDAS[[5]])
    assert gap(of(stopped), 5, Evidence(exact=alone)).training == pytest.approx(stopped[5].mean() - exact[5].mean())
    assert gap(of(stopped), 4, Evidence(exact=alone)).training is None


def test_finalists_are_the_same_candidates_in_every_parameter(ridge):
    _, exact = ridge
    candidates = [Candidate("l2", 1.0, lr=rate) for rate in (0.1, 0.2)]
    results = Results(tuple(candidates), np.ones((2, 1, 1)), exact[:2])
    sweep = Results((candidates[1], Candidate("l2", 1.0, lr=0.3)), np.ones((2, 1, 1)), exact[3:5])
    found = gap(results, 0, Evidence(sweep=sweep)).search
    assert found == pytest.approx(exact[3].mean() - exact[4].mean())


def test_stopping_early_can_help_and_the_sign_says_so(ridge):
    stopped, exact = ridge
    least = gap(of(stopped), 0, Evidence(exact=of(exact))).training
    assert least is not None
    assert least < 0  # 30 steps regularise more than lambda = 0.01 does


def test_parts_add_up_to_the_way_from_the_selected_to_the_best_dense_one(ridge):
    """Where the sweep's finalists hold the best evaluated candidate with the same fits, the parts telescope."""
    _, exact = ridge
    evaluated = of(exact[::4], LAMBDAS[::4])
    sweep = of(np.concatenate([exact[::4], exact]), np.append(LAMBDAS[::4], OTHERS))
    found = gap(evaluated, 0, Evidence(sweep=sweep))
    assert found.validation + found.search == pytest.approx(exact[0].mean() - exact.mean(axis=(1, 2)).min())


def test_selecting_the_best_leaves_no_validation_gap(ridge):
    _, exact = ridge
    assert gap(of(exact), int(exact.mean(axis=(1, 2)).argmin()), Evidence()).validation == 0


def test_a_coarser_grid_finds_nothing_better_and_keeps_its_sign(ridge):
    _, exact = ridge
    best = int(exact.mean(axis=(1, 2)).argmin())
    sweep = of(np.concatenate([exact[[best]], exact[[0, 12]]]), [LAMBDAS[best], OTHERS[0], OTHERS[12]])
    assert gap(of(exact, sealed=True), 0, Evidence(sweep=sweep)).search < 0


def test_missing_evidence_is_none(ridge):
    _, exact = ridge
    closed = of(exact, sealed=True)
    assert gap(closed, 0, Evidence(exact=of(exact))) == Gap(None, None, None)
    assert gap(of(exact), 0, Evidence()).training is None
    for unsolved in (of(exact[1:], LAMBDAS[1:]), closed):
        assert gap(of(exact), 0, Evidence(exact=unsolved)).training is None
    for swept in (of(exact), of(exact, OTHERS), closed):  # nothing but finalists, no finalist, no test rows
        assert gap(closed, 0, Evidence(sweep=swept)).search is None


def test_infinite_losses_give_none_and_not_infinity(ridge):
    stopped, exact = ridge
    bad = stopped.copy()
    bad[2] = np.inf
    assert gap(of(bad), 2, Evidence(exact=of(exact))) == Gap(None, None, None)
