"""Ridge on the diabetes data; the callback says after every tenth trial what is selected and how sure that is."""

import numpy as np
import optuna
import optunahub
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

import search

VerdictCallback = optunahub.load_module("callbacks/lambda_search").VerdictCallback
x, y = load_diabetes(return_X_y=True)


def objective(trial: optuna.Trial) -> float:
    """Record the squared error of every row, held out once."""
    alpha = trial.suggest_float("alpha", 1e-4, 1e2, log=True)
    losses = np.empty(len(y))
    for train, held_out in KFold(5, shuffle=True, random_state=0).split(x):
        losses[held_out] = (Ridge(alpha).fit(x[train], y[train]).predict(x[held_out]) - y[held_out]) ** 2
    return search.record(trial, validation=losses)


if __name__ == "__main__":
    study = optuna.create_study(study_name="ridge")
    study.optimize(objective, n_trials=30, callbacks=[VerdictCallback(every=10)])
    print(search.load(study).judge().to_dict()["answer"])
