"""The quasi-random sequence is that of the space, in whatever order a storage gives back the parameters of a trial."""

from __future__ import annotations

import warnings

import optuna
import pytest

from search.samplers import SAMPLERS, in_order

NAMES = ["penalty", "lambda", "lr"]


def second_trial(stored: list[str], *, keep: bool) -> dict[str, object]:
    """What is asked after a first trial whose parameters are stored in this order."""
    over = optuna.distributions.FloatDistribution(1e-3, 10.0, log=True)
    spaces = {"penalty": optuna.distributions.CategoricalDistribution(["l1", "l2"]), "lambda": over, "lr": over}
    values = {"penalty": "l1", "lambda": 0.5, "lr": 0.1}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*QMCSampler is experimental")
        sampler = SAMPLERS["qmc"].make(3, 1)
    study = optuna.create_study(sampler=in_order(sampler, NAMES) if keep else sampler)
    study.add_trial(
        optuna.trial.create_trial(
            params={name: values[name] for name in stored},
            distributions={name: spaces[name] for name in stored},
            value=1.0,
        )
    )
    return study.ask(spaces).params


@pytest.mark.parametrize("stored", [["lr", "penalty", "lambda"], ["lambda", "lr", "penalty"]])
def test_the_order_of_a_storage_does_not_matter(stored):
    assert second_trial(stored, keep=True) == second_trial(NAMES, keep=False)
    assert second_trial(stored, keep=False) != second_trial(NAMES, keep=False)  # as Optuna has it
