"""How the selection moves over replicates, against a plain loop."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.verdict.inputs import results_from_arrays
from search.verdict.stability import picks, stability


def stable(validation, candidates, selected):
    return stability(results_from_arrays(validation, None, candidates), selected)


def folds(generator, candidates, rows=30, count=5):
    """K-fold losses: every row held out by exactly one replicate."""
    losses = np.full((candidates, count, rows), np.nan)
    for row in range(rows):
        losses[:, row % count, row] = generator.exponential(size=candidates)
    return losses


def frame(generator, count):
    penalty = ["none", *generator.choice(["l1", "l2"], size=count - 1)]
    return pd.DataFrame({"penalty": penalty, "lambda": np.append(np.nan, np.geomspace(0.1, 10, count - 1))})


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_is_each_replicates_own_argmin(seed):
    generator = np.random.default_rng(seed)
    candidates, validation = frame(generator, 8), folds(generator, 8)
    picked = [min(range(8), key=lambda c: np.nanmean(validation[c, r])) for r in range(5)]
    selected = picked[0]
    same = [pick for pick in picked if candidates["penalty"][pick] == candidates["penalty"][selected]]
    found = stable(validation, candidates, selected)
    assert picks(results_from_arrays(validation, None, candidates)).tolist() == picked
    assert found.replicates == 5
    assert found.same_penalty == pytest.approx(len(same) / 5)
    lambdas = np.nan_to_num(candidates["lambda"].to_numpy())[same]
    assert set(found.lambda_quantiles) <= set(lambdas)
    assert list(found.lambda_quantiles) == sorted(found.lambda_quantiles)
    assert (lambdas <= found.lambda_quantiles[2]).mean() >= 0.5 <= (lambdas >= found.lambda_quantiles[2]).mean()


def test_no_noise_means_no_movement():
    candidates = pd.DataFrame({"penalty": "l2", "lambda": [0.1, 1.0, 10.0]})
    validation = np.broadcast_to(np.array([2.0, 1.0, 3.0])[:, None, None], (3, 7, 4))
    found = stable(validation, candidates, 1)
    assert (found.replicates, found.same_penalty, found.lambda_quantiles) == (7, 1.0, (1.0,) * 5)


def test_the_quantiles_are_those_promised():
    lambdas = np.geomspace(0.1, 10, 100)
    own_winner = 1.0 - np.eye(100)[:, :, None]  # replicate r is won by candidate r
    found = stable(own_winner, pd.DataFrame({"penalty": "l2", "lambda": lambdas}), 0)
    assert found.lambda_quantiles == tuple(lambdas[[4, 24, 49, 74, 94]])


def test_another_penalty_than_selected_leaves_no_lambdas():
    candidates = pd.DataFrame({"penalty": ["l1", "l2"], "lambda": [0.1, 1.0]})
    validation = np.stack([np.zeros((3, 4)), np.ones((3, 4))])
    found = stable(validation, candidates, 1)
    assert (found.same_penalty, found.lambda_quantiles) == (0.0, ())


def test_a_diverged_fit_is_not_picked_and_an_empty_replicate_does_not_count():
    candidates = pd.DataFrame({"penalty": "l2", "lambda": [0.1, 1.0]})
    validation = np.ones((2, 3, 4))
    validation[1] = 2.0
    validation[0, 0, 2] = np.inf
    validation[:, 2] = np.nan
    found = stable(validation, candidates, 0)
    assert found.replicates == 2
    assert found.lambda_quantiles[0] == 0.1
    assert found.lambda_quantiles[-1] == 1.0


def test_a_flatter_valley_moves_the_selection_more():
    generator = np.random.default_rng(0)
    lambdas = np.geomspace(0.01, 100, 41)
    candidates = pd.DataFrame({"penalty": "l2", "lambda": lambdas})
    noise = generator.normal(size=(41, 200, 20))

    def width(curvature):
        quantiles = stable(curvature * np.log(lambdas)[:, None, None] ** 2 + noise, candidates, 20).lambda_quantiles
        return np.log(quantiles[-1] / quantiles[0])

    assert width(0.01) > 2 * width(1.0) > 0
