"""A callback for `study.optimize` that judges the losses which the objective recorded, as the search goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import search
from search.report.answer import answer_of

if TYPE_CHECKING:
    import optuna

__all__ = ["VerdictCallback"]


class VerdictCallback:
    """After every `every` trials: what is selected so far, and how sure that is, as a line and on the dashboard.

    The objective records its losses with `search.record`. The callback never opens the test rows: until
    `lambda-search verdict` opens them, or `search.load(study).judge()` does, it says what validation says alone.

    Parameters
    ----------
    every
        How many finished trials lie between two looks.
    strength
        The parameter that is the strength of the penalty, needed where more than one could be.

    >>> import numpy as np, optuna
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> def objective(trial):
    ...     alpha = trial.suggest_float("alpha", 1e-3, 1e3, log=True)
    ...     return search.record(trial, validation=(np.log(alpha) - 1) ** 2 + np.linspace(0, 1, 50))
    >>> study = optuna.create_study(study_name="plain", sampler=optuna.samplers.RandomSampler(seed=0))
    >>> study.optimize(objective, n_trials=20, callbacks=[VerdictCallback(every=20)])  # doctest: +ELLIPSIS
    plain, 20 trials: Use alpha 2.56: it loses at most ...
    """

    def __init__(self, every: int = 10, strength: str | None = None) -> None:
        if every < 1:
            raise ValueError(f"every is {every}; valid is a number of trials from 1 on")
        self._every, self._strength = every, strength

    def __call__(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        """Look at the study after the trial with this number."""
        if (trial.number + 1) % self._every:
            return
        try:
            found = search.load(study, strength=self._strength)
        except search.UserError as error:  # nothing recorded yet: a search must not end for that
            print(f"{study.study_name}, {trial.number + 1} trials: {error}")
            return
        found.publish()
        print(f"{study.study_name}, {trial.number + 1} trials: {answer_of(found.view).sentence}")
