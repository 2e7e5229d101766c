"""A script like Optuna's own example of pruning, which maximises accuracy; the line that is marked was added."""

import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

import search

x, y = load_digits(return_X_y=True)
x_train, x_held_out, y_train, y_held_out = train_test_split(x / 16, y, test_size=0.5, random_state=0)


def objective(trial):
    alpha = trial.suggest_float("alpha", 1e-6, 1e0, log=True)
    model = SGDClassifier(loss="log_loss", alpha=alpha, random_state=0)
    for step in range(10):
        model.partial_fit(x_train, y_train, classes=np.unique(y))
        trial.report(model.score(x_held_out, y_held_out), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    search.record(trial, validation=model.predict(x_held_out) != y_held_out)  # the one line that was added
    return model.score(x_held_out, y_held_out)


if __name__ == "__main__":
    study = optuna.create_study(
        study_name="pruning", storage="sqlite:///optuna.db", load_if_exists=True, direction="maximize"
    )
    study.optimize(objective, n_trials=20)
