"""CMA-ES keeps its state as a pickle in the storage; no pickle but its own is ever loaded."""

from __future__ import annotations

import os
import pickle

import optuna
import pytest

from search.core.errors import UserError
from search.samplers import SAMPLERS

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def objective(trial):
    return trial.suggest_float("a", 0, 1) ** 2 + trial.suggest_float("b", 1e-3, 1, log=True)


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = optuna.create_study(sampler=SAMPLERS["cmaes"].make(0, 0))
    made.optimize(objective, n_trials=20)
    return made


class Command:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_it_samples_as_optunas_own(study):
    theirs = optuna.create_study(sampler=optuna.samplers.CmaEsSampler(seed=0))
    theirs.optimize(objective, n_trials=20)
    assert [trial.params for trial in study.trials] == [trial.params for trial in theirs.trials]
    assert any(name.startswith("cma:optimizer:") for trial in study.trials for name in trial.system_attrs)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_prepared_state_runs_nothing(study, tmp_path, protocol):
    trap = tmp_path / "it ran"
    state = pickle.dumps(Command(trap), protocol=protocol).hex()
    study._storage.set_trial_system_attr(study.ask()._trial_id, "cma:optimizer:0", state)
    study.sampler = SAMPLERS["cmaes"].make(0, 20)
    with pytest.raises(UserError, match="trial 20: the optimiser's state in the storage is damaged, or holds code"):
        study.ask().suggest_float("a", 0, 1)
    assert not trap.exists()
    pickle.loads(bytes.fromhex(state))  # the trap would have worked
    assert trap.exists()


@pytest.mark.parametrize("state", ["zz", "80", pickle.dumps([1]).hex()[:-4]])
def test_a_damaged_state_is_said(study, state):
    study._storage.set_trial_system_attr(study.ask()._trial_id, "cma:optimizer:0", state)
    with pytest.raises(UserError, match="trial 20"):
        study.ask().suggest_float("a", 0, 1)
