"""Q7: a reader's regularisation gains nothing, because inputs of standard deviation 0.01 teach nothing."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from search.core.means import fit_means
from search.data import load_task
from search.settings import Settings
from search.training import train
from search.training.criteria import baseline_loss
from search.verdict import Verdict
from studies.common import exact_risks, grid, law, searched, study_file

STUDIES = {"tiny": study_file("q7_no_gain/study.toml"), "scaled": study_file("q7_no_gain/scaled.toml")}
STARTS = {"small": 0.01, "large": 1.0}
LAMBDAS = (0.0, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
READERS = (0.0, 1.0, 3.0, 10.0)


class WholeNorm(nn.Module):
    """A linear model whose weight has one column an output, so that group_lasso's groups are whole weight vectors."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.01 * torch.randn(features, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Rows (rows, features) to outputs (rows, outputs)."""
        return x @ self.weight + self.bias


def answer(draws: int = 200, few: int = 10) -> dict[str, object]:
    """What was learned with tiny and with scaled inputs, the verdicts' warnings, and the reader's own penalty."""
    return {
        "draws": draws,
        "few": few,
        "lambdas": list(LAMBDAS[1:]),
        "gradient": first_gradient(),
        **{
            name: {start: learned(study.replace("model.init_std", std), draws) for start, std in STARTS.items()}
            for name, study in STUDIES.items()
        },
        "verdict": {name: said(searched(study).judge()) for name, study in STUDIES.items()},
        "norm": [norm_penalty(lambda_, few) for lambda_ in READERS],
    }


def first_gradient() -> float:
    """Root mean square of the loss's gradient in a weight, at w = 0, over the entries and the data sets."""
    task = load_task(STUDIES["tiny"])

    def gradient(draw: int) -> Tensor:
        rows = task.splits[draw].train
        return rows.x.mT @ (rows.y - rows.y.mean()) / len(rows)

    every = torch.stack([gradient(draw) for draw in range(len(task.splits))])
    return every.square().mean().sqrt().item()


def learned(study: Settings, draws: int) -> dict[str, float]:
    """Over many data sets: the share of the training loss that was learned, and what the best lambda gains."""
    settings = study.replace({"data.test": 0, "data.draws": draws})
    task = load_task(settings)
    results = train(task, settings, grid("l2", LAMBDAS))
    assert results.train_loss is not None, "training measures it"
    risk, validation, train_loss = exact_risks(task, results), fit_means(results.validation), results.train_loss[0]
    picked = validation[1:].argmin(axis=0) + 1
    none, best = risk[0], risk[picked, np.arange(len(picked))]
    return {
        "baseline": baseline_loss(task, "mse"),
        "train_none": float(train_loss.mean()),
        "learned": 100 * (1 - float(train_loss.mean()) / baseline_loss(task, "mse")),
        "risk_none": float(none.mean()),
        "risk_picked": float(best.mean()),
        "gain": 100 * float((none - best).mean() / none.mean()),
        "gain_error": 100 * float((none - best).std(ddof=1) / math.sqrt(len(none)) / none.mean()),
        "none_lowest": 100 * float((validation[0] < validation[1:].min(axis=0)).mean()),
        "none_beats_3": 100 * float((validation[0] < validation[LAMBDAS.index(3.0)]).mean()),
        "below_training": 100 * float((validation[0] < train_loss).mean()),
    }


def said(verdict: Verdict) -> dict[str, object]:
    """The verdict's answer, what was selected, and its warnings in its own words."""
    return {
        "answer": verdict.answer,
        "penalty": verdict.selected.penalty,
        "lambda": verdict.selected.lambda_,
        "test_loss": verdict.selected.test_loss,
        "codes": [warning.code for warning in verdict.warnings],
        "warnings": [f"Warning ({warning.code}): {warning.message}" for warning in verdict.warnings],
    }


def norm_penalty(lambda_: float, draws: int) -> dict[str, float]:
    """The reader's penalty, lambda / 2 times the norm itself: group_lasso with all weights in one group.

    Omega = sqrt(features) ||w||, so the package's lambda is the reader's / (2 sqrt(features)). The reader's training
    loss is 1/2 squared error plus the penalty, the validation loss is without it.
    """
    changes = {"data.draws": draws, "data.test": 0, "model.kind": "studies.q7_no_gain.compute:WholeNorm"}
    settings = STUDIES["tiny"].replace(changes)
    strength = lambda_ / (2 * math.sqrt(law(settings).features))
    results = train(load_task(settings), settings, grid("group_lasso", [strength]))
    assert results.train_loss is not None, "training measures it"
    assert results.weight_norm is not None
    norm, loss, validation = results.weight_norm[0], results.train_loss[0] / 2, fit_means(results.validation)[0] / 2
    printed = loss + lambda_ / 2 * norm
    return {
        "lambda": lambda_,
        "norm": float(norm.mean()),
        "train": float(loss.mean()),
        "train_with_penalty": float(printed.mean()),
        "validation": float(validation.mean()),
        "below_training": 100 * float((validation < printed).mean()),
    }
