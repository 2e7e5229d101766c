"""The default sampler reads what has ended once a batch; what it proposes is Optuna's own, to the bit."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from search.samplers import SAMPLERS
from search.samplers.base import batch_seed
from search.space import SearchSpace

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

PLAIN = {"space.penalty": ["l1", "l2"], "space.lambda": {"low": 1e-3, "high": 10.0}}
MIXED = PLAIN | {
    "space.penalty": ["none", "l2", "elastic_net"],
    "space.momentum": [0.0, 0.9],
    "space.epochs": {"low": 5, "high": 50},
    "data.source": "digits",
}
OWN_RANGES = PLAIN | {"space.penalty": ["none", "l1", "l2"], "space.lambda": "auto"}
BATCH = 8


def optunas(seed, start):
    return optuna.samplers.TPESampler(seed=batch_seed(seed, start), multivariate=True, group=True, constant_liar=True)


def end(study, trial, number):
    """Most trials complete, some are pruned, some fail, some go on for ever, as another worker's do."""
    if number % 11 == 10:
        return
    state = {7: TrialState.FAIL, 8: TrialState.PRUNED}.get(number % 10, TrialState.COMPLETE)
    trial.report(number / 100, number % 3)
    loss = abs(np.log(trial.params.get("lambda", 0.0) + 0.1)) + trial.params.get("momentum", 0.0)
    study.tell(trial, None if state != TrialState.COMPLETE else loss, state)


def asked(space, make, batches):
    """Parameters of all trials, asked in batches of a sampler each; in the last batch trials end while it is asked."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    for batch in range(batches):
        study.sampler = space.sampler_within(make(3, batch * BATCH))
        trials = []
        for _ in range(BATCH):
            trials.append(study.ask())
            space.suggest(trials[-1])
            if batch == batches - 1:
                end(study, trials[-1], trials[-1].number)
        if batch < batches - 1:
            for trial in trials:
                end(study, trial, trial.number)
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("keys", [PLAIN, MIXED, OWN_RANGES], ids=["plain", "mixed", "own ranges"])
def test_its_candidates_are_optunas_own(make_task, make_settings, keys):
    space = SearchSpace.from_settings(make_settings(**keys), make_task())
    ours = asked(space, SAMPLERS["tpe"].make, 8)
    assert ours == asked(space, optunas, 8)
    assert len({tuple(each.items()) for each in ours}) > 4 * BATCH
