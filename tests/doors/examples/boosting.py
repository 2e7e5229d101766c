"""Gradient boosting on a table with missing values; the line that is marked is all that was changed."""

import numpy as np
import optuna
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

import search

x, y = load_breast_cancer(return_X_y=True)
x[np.random.default_rng(0).random(x.shape) < 0.1] = np.nan
x, x_test, y, y_test = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
x_train, x_held_out, y_train, y_held_out = train_test_split(x, y, test_size=0.4, random_state=0, stratify=y)


def objective(trial):
    model = HistGradientBoostingClassifier(
        l2_regularization=trial.suggest_float("l2_regularization", 1e-3, 1e3, log=True),
        max_leaf_nodes=trial.suggest_int("max_leaf_nodes", 3, 15),
        max_iter=15,
    )
    model.fit(x_train, y_train)

    def log_loss(rows, labels):  # of every row
        return -np.log(model.predict_proba(rows)[np.arange(len(labels)), labels])

    # was: return log_loss(x_held_out, y_held_out).mean()
    return search.record(trial, validation=log_loss(x_held_out, y_held_out), test=log_loss(x_test, y_test))


if __name__ == "__main__":
    study = optuna.create_study(study_name="boosting", storage="sqlite:///optuna.db", load_if_exists=True)
    study.optimize(objective, n_trials=20)
