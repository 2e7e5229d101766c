"""Q7: a reader's regularisation gains nothing, because inputs of standard deviation 0.01 teach nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from search.records import Array, Candidate
from search.settings import Settings
from search.training import train
from search.training.criteria import baseline_loss
from search.verdict import Verdict
from studies.common import exact_risks, grid, searched, study, task_of, validation_losses

STUDIES = {"tiny": "q7_no_gain", "scaled": "q7_no_gain_scaled"}
STARTS = {"small": 0.01, "large": 1.0}
LAMBDAS = (0.0, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
READERS = (0.0, 1.0, 3.0, 10.0)
FEATURES = 200


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
    verdicts = {name: searched(study(toml))[1] for name, toml in STUDIES.items()}
    return {
        "draws": draws,
        "few": few,
        "lambdas": list(LAMBDAS[1:]),
        "gradient": first_gradient(),
        **{
            name: {start: learned(toml, {"model.init_std": std, "data.draws": draws}) for start, std in STARTS.items()}
            for name, toml in STUDIES.items()
        },
        "verdict": {name: said(verdict) for name, verdict in verdicts.items()},
        "norm": [norm_penalty(lambda_, few) for lambda_ in READERS],
    }


def first_gradient() -> float:
    """Root mean square of the loss's gradient in a weight, at w = 0, over the entries and the data sets."""
    task = task_of(study("q7_no_gain"))

    def gradient(draw: int) -> Tensor:
        rows = task.splits[draw].train
        return rows.x.mT @ (rows.y - rows.y.mean()) / len(rows)

    every = torch.stack([gradient(draw) for draw in range(len(task.splits))])
    return every.square().mean().sqrt().item()


def learned(toml: str, changes: dict[str, Any]) -> dict[str, float]:
    """Over many data sets: the share of the training loss that was learned, and what the best lambda gains."""
    settings = study(toml, {"data.test": 0} | changes)
    task = task_of(settings)
    outcomes = train(task, settings, grid("l2", LAMBDAS))
    risk, validation = exact_risks(task, outcomes), validation_losses(outcomes)
    picked = validation[1:].argmin(axis=0) + 1
    none, best = risk[0], risk[picked, np.arange(len(picked))]
    return {
        "baseline": baseline_loss(task, "mse"),
        "train_none": float(outcomes[0].train_loss.mean()),
        "learned": 100 * (1 - float(outcomes[0].train_loss.mean()) / baseline_loss(task, "mse")),
        "risk_none": float(none.mean()),
        "risk_picked": float(best.mean()),
        "gain": 100 * float((none - best).mean() / none.mean()),
        "gain_error": 100 * float((none - best).std(ddof=1) / math.sqrt(len(none)) / none.mean()),
        "none_lowest": 100 * float((validation[0] < validation[1:].min(axis=0)).mean()),
        "none_beats_3": 100 * float((validation[0] < validation[LAMBDAS.index(3.0)]).mean()),
        "below_training": 100 * float((validation[0] < outcomes[0].train_loss).mean()),
    }


def said(verdict: Verdict) -> dict[str, object]:
    """The verdict's answer, what was selected, and its warnings in its own words."""
    return {
        "answer": verdict.answer,
        "penalty": verdict.selected.penalty,
        "lambda": verdict.selected.lambda_,
        "test_loss": verdict.selected.test_loss,
        "codes": [warning.code for warning in verdict.warnings],
        "messages": [warning.message for warning in verdict.warnings],
    }


def norm_penalty(lambda_: float, draws: int) -> dict[str, float]:
    """The reader's penalty, lambda / 2 times the norm itself: group_lasso with all weights in one group.

    Omega = sqrt(features) ||w||, so the package's lambda is the reader's / (2 sqrt(features)). The reader's training
    loss is 1/2 squared error plus the penalty, the validation loss is without it.
    """
    tables = study("q7_no_gain", {"data.draws": draws, "data.test": 0}).to_dict()
    settings = Settings.parse(tables | {"model": {"kind": "studies.q7_no_gain:WholeNorm"}})
    strength = lambda_ / (2 * math.sqrt(FEATURES))
    candidate = Candidate("group_lasso", strength) if lambda_ else Candidate("none")
    (outcome,) = train(task_of(settings), settings, [candidate])
    penalty = lambda_ / 2 * outcome.weight_norm
    return {
        "lambda": lambda_,
        "norm": float(outcome.weight_norm.mean()),
        "train": float(outcome.train_loss.mean() / 2),
        "train_with_penalty": float((outcome.train_loss / 2 + penalty).mean()),
        "validation": float(outcome.losses.validation.mean() / 2),
        "below_training": 100 * below(outcome.losses.validation, outcome.train_loss / 2 + penalty),
    }


def below(validation: Array, objective: Array) -> float:
    """The share of data sets whose half squared validation error is below that training objective."""
    return float((validation.mean(axis=1) / 2 < objective).mean())
