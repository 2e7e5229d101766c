"""The Frobenius norm of a weight matrix checked three ways; its lambda searched, beside groups and single weights."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch

from search.penalties import make_penalty
from search.records import Array, Outcome
from search.runner import Run
from search.verdict import describe
from studies.common import fitted_weights, searched, study

ROWS, FEATURES, TARGETS, SHARED, NOISE = 600, 40, 4, 5, 1.0
STUDIES: Final = ("q4_frobenius", "q4_shared_features")


def shared_features() -> tuple[Array, Array]:
    """Inputs (600, 40) and four targets: five features matter, each for all of them."""
    random = np.random.default_rng(4)
    inputs = random.standard_normal((ROWS, FEATURES))
    weights = np.zeros((FEATURES, TARGETS))
    weights[:SHARED] = 0.5 * random.standard_normal((SHARED, TARGETS))
    return inputs, inputs @ weights + NOISE * random.standard_normal((ROWS, TARGETS))


def answer(trials: int = 61) -> dict[str, Any]:
    """The figures of this section: one searched study for each data set."""
    return {name.removeprefix("q4_"): searched_matrix(name, trials) for name in STUDIES} | {"shared": SHARED}


def searched_matrix(name: str, trials: int) -> dict[str, Any]:
    """The verdict, the best lambda of each penalty, and the norms of the selected l2 weight matrix."""
    settings = study(name, {"search.trials": trials, "search.batch": trials})
    run, verdict = searched(settings)
    best = {penalty: best_trial(run, penalty) for penalty in settings.space.penalty}
    test = run.ledger.open_test(list(best.values()))
    assert test is not None, "these studies have test rows"
    outcomes = {penalty: run.ledger.outcome(number) for penalty, number in best.items()}
    return {
        "text": describe(verdict).splitlines(),
        "answer": verdict.answer,
        "selected": {"penalty": verdict.selected.penalty, "lambda": verdict.selected.lambda_},
        "penalties": [
            row(outcome, float(losses.mean())) for outcome, losses in zip(outcomes.values(), test, strict=True)
        ],
        "norms": norms(matrix(outcomes["l2"])),
        "shape": list(matrix(outcomes["l2"]).shape),
    }


def best_trial(run: Run, penalty: str) -> int:
    """The trial of this penalty with the lowest validation loss."""
    own = [number for candidate, number in run.ledger.done().items() if candidate.penalty == penalty]
    return min(own, key=run.ledger.validation_loss)


def row(outcome: Outcome, test_loss: float) -> dict[str, Any]:
    """One penalty's best candidate; features are those with any weight that is not zero, averaged over the fits."""
    nonzero = fitted_weights(outcome) != 0
    used = nonzero.any(axis=1).sum(axis=1)  # (fits,)
    return {
        "penalty": outcome.candidate.penalty,
        "lambda": outcome.candidate.lambda_,
        "validation_loss": outcome.losses.validation_loss(),
        "test_loss": test_loss,
        "features": float(used.mean()),
        "nonzero": float(nonzero.mean()),
    }


def matrix(outcome: Outcome) -> Array:
    """The weight matrix (outputs, features) of the first fit."""
    return np.asarray(fitted_weights(outcome)[0])


def norms(weight: Array) -> dict[str, float]:
    """||W||_F^2 as a sum, a trace, by singular values and by the penalty; and how far its gradient is from W."""
    free = torch.from_numpy(weight.astype(np.float64)).requires_grad_()
    half = make_penalty("l2").value(free)
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
