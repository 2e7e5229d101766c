"""The Frobenius norm of a weight matrix checked three ways; its lambda searched, beside groups and single weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from search.core.arrays import Array
from search.core.results import Results
from search.penalties import make_penalty
from search.settings import Settings
from search.verdict import describe
from studies.common import searched, study_file

ROWS, FEATURES, TARGETS, SHARED, NOISE = 600, 40, 4, 5, 1.0
LINNERUD, SHARED_FEATURES = (study_file(f"q4_frobenius/{name}.toml") for name in ("study", "shared_features"))


def shared_features() -> tuple[Array, Array]:
    """Inputs (600, 40) and four targets: five features matter, each for all of them."""
    random = np.random.default_rng(4)
    inputs = random.standard_normal((ROWS, FEATURES))
    weights = np.zeros((FEATURES, TARGETS))
    weights[:SHARED] = 0.5 * random.standard_normal((SHARED, TARGETS))
    return inputs, inputs @ weights + NOISE * random.standard_normal((ROWS, TARGETS))


def answer() -> dict[str, Any]:
    """The figures of this section: one searched study for each data set."""
    return {
        "linnerud": searched_matrix(LINNERUD),
        "shared_features": searched_matrix(SHARED_FEATURES),
        "shared": SHARED,
    }


def searched_matrix(settings: Settings) -> dict[str, Any]:
    """The verdict, the best lambda of each penalty, and the norms of the selected l2 weight matrix."""
    study = searched(settings)
    verdict, results = study.judge(), study.results
    best = {penalty: best_of(penalty, results) for penalty in settings.space.penalty}
    matrix = weights_of(results)[best["l2"], 0]
    return {
        "text": describe(verdict).splitlines(),
        "answer": verdict.answer,
        "selected": {"penalty": verdict.selected.penalty, "lambda": verdict.selected.lambda_},
        "penalties": [row(results, position) for position in best.values()],
        "norms": norms(matrix),
        "shape": list(matrix.shape),
    }


def best_of(penalty: str, results: Results) -> int:
    """Position of this penalty's candidate with the lowest validation loss."""
    return results.lowest(np.where(results.penalty == penalty, results.validation_loss, np.inf))


def row(results: Results, position: int) -> dict[str, Any]:
    """One penalty's best candidate; features are those with any weight that is not zero, averaged over the fits."""
    nonzero = weights_of(results)[position] != 0
    used = nonzero.any(axis=1).sum(axis=1)  # (fits,)
    return {
        "penalty": results.candidates[position].penalty,
        "lambda": results.candidates[position].lambda_,
        "validation_loss": float(results.validation_loss[position]),
        "test_loss": None if results.test_loss is None else float(results.test_loss[position]),
        "features": float(used.mean()),
        "nonzero": float(nonzero.mean()),
    }


def weights_of(results: Results) -> Array:
    """The weights of every fit, (candidates, fits, outputs, features)."""
    assert results.weights is not None, "linear models keep their weights"
    return results.weights


def norms(weight: Array) -> dict[str, float]:
    """||W||_F^2 as a sum, a trace, by singular values and by the penalty; and how far its gradient is from W."""
    free = torch.from_numpy(weight.astype(np.float64)).requires_grad_()
    half = make_penalty("l2").value(free, torch.ones((), dtype=torch.float64))
    half.backward()  # type: ignore[no-untyped-call]
    gradient = free.grad
    assert gradient is not None, "backward fills it"
    exact = free.detach().numpy()
    return {
        "entries": float((exact**2).sum()),
        "trace": float(np.trace(exact.T @ exact)),
        "singular_values": float((np.linalg.svd(exact, compute_uv=False) ** 2).sum()),
        "penalty": 2 * half.item(),
        "gradient_error": float(np.abs(gradient.numpy() - exact).max()),
    }
