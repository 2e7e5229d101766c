"""The laws that the verdict is calibrated on: each draws data sets whose candidates' true risks are known."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

import numpy as np
import pandas as pd
import same_rows
from linear_fits import Population, lasso, orthogonal, ridge
from logistic_fits import LogisticPopulation, error_losses, log_losses, logistic_ridge

COUNT = 40
REFERENCE_SETS = 4000
PRIOR_SCALE = 0.3


@dataclass(frozen=True)
class DataSet:
    """What `judge` gets, and the truth that it does not get.

    `validation` and `test` have shape (candidates, replicates, rows); `candidates` is the frame of `judge`; `risk` is
    the true risk (candidates,) of what each scope speaks of: the fitted models, or the procedure. `inner` makes it a
    rotation; its risks are those of each turn, (candidates, turns).
    """

    validation: np.ndarray
    test: np.ndarray | None
    candidates: pd.DataFrame
    risk: dict[str, np.ndarray]
    inner: np.ndarray | None = None


@dataclass(frozen=True)
class Law:
    """`draw(rng)` gives one data set; `goal` is the share of data sets in which bounds and sets must hold."""

    what: str
    draw: Callable[[np.random.Generator], DataSet] = field(repr=False)
    goal: float = 0.95


@dataclass(frozen=True, eq=False)
class Regression:
    """Settings of a linear law: rows of each part, population, fit, and lambda 0 with 40 lambdas from low to high."""

    population: Population
    train: int
    low: float
    high: float
    fit: Callable = ridge
    penalties: tuple[str, ...] = ("l2",)
    validation: int = 100
    test: int = 100

    @property
    def lambdas(self):
        return grid(self.low, self.high)

    def frame(self, fits):
        return frame(self.lambdas, self.penalties).assign(gcv=fits.gcv, evidence=fits.evidence)

    def trained(self, rng):
        """The fits of one training set."""
        return self.fit(*self.population.draw(rng, self.train), self.lambdas)

    def judged(self, fits, rng):
        """The data set of these fits on new validation and test rows."""
        validation, test = (
            fits.losses(*self.population.draw(rng, rows))[:, None] for rows in (self.validation, self.test)
        )
        return DataSet(validation, test, self.frame(fits), {"models": self.population.risk(fits)})


def grid(low, high):
    """Lambda 0, then COUNT lambdas from low to high."""
    return np.append(0.0, np.geomspace(low, high, COUNT))


def frame(lambdas, penalties):
    """The candidates: `none`, then every lambda above 0 of each penalty."""
    rows = [("none", 0.0)] + [(penalty, strength) for penalty in penalties for strength in lambdas[1:]]
    return pd.DataFrame(rows, columns=["penalty", "lambda"])


def holdout(setup, rng):
    """One training set; validation and test rows are new ones."""
    return setup.judged(setup.trained(rng), rng)


def without_test(setup, rng):
    """Judged on the validation rows, which also selected."""
    return replace(holdout(setup, rng), test=None)


def weights_from_prior(setup, rng):
    """The weights are drawn anew for every data set, N(0, PRIOR_SCALE^2) each."""
    weight = PRIOR_SCALE * rng.normal(size=len(setup.population.weight))
    return holdout(replace(setup, population=replace(setup.population, weight=weight)), rng)


def orthogonal_design(setup, rng):
    """l2 and l1 in closed form on a training set with orthogonal inputs; the other rows are ordinary ones."""
    return setup.judged(orthogonal(setup.population, rng, setup.train, setup.lambdas), rng)


def folds_and_refit(setup, folds, rng):
    """k-fold: every row is held out once; the test rows see the models trained once more on all other rows."""
    x, y = setup.population.draw(rng, setup.train)
    part = np.arange(setup.train) % folds
    validation = np.full((COUNT + 1, folds, setup.train), np.nan)
    for fold in range(folds):
        held = part == fold
        validation[:, fold, held] = setup.fit(x[~held], y[~held], setup.lambdas).losses(x[held], y[held])
    return replace(setup.judged(setup.fit(x, y, setup.lambdas), rng), validation=validation)


def several_training_sets(setup, replicates, rng):
    """Each replicate has a training set of its own; all of them meet the same validation and test rows."""
    fits = [setup.trained(rng) for _ in range(replicates)]
    rows = [setup.population.draw(rng, count) for count in (setup.validation, setup.test)]
    validation, test = (np.stack([each.losses(*part) for each in fits], axis=1) for part in rows)
    own = np.mean([setup.population.risk(each) for each in fits], axis=0)
    risk = {"models": own, "procedure": expected_risk(setup)}
    return DataSet(validation, test, frame(setup.lambdas, setup.penalties), risk)


@lru_cache
def expected_risk(setup):
    """Risk averaged over REFERENCE_SETS training sets: what another training set will give, shape (candidates,)."""
    rng = np.random.default_rng(0)
    return np.mean([setup.population.risk(setup.trained(rng)) for _ in range(REFERENCE_SETS)], axis=0)


@dataclass(frozen=True, eq=False)
class LinearRows:
    """Rows of a linear law as a source of `same_rows`."""

    setup: Regression
    x: np.ndarray
    y: np.ndarray
    classes: None = None

    @property
    def rows(self):
        return len(self.y)

    def fitted(self, trained, held):
        """The losses on the rows held out and the true risks, fit by fit."""
        fits = [self.setup.fit(self.x[own], self.y[own], self.setup.lambdas) for own in trained]
        return [
            (fit.losses(self.x[out], self.y[out]), self.setup.population.risk(fit))
            for fit, out in zip(fits, held, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class LogisticRows:
    """Rows of a logistic law as a source of `same_rows`."""

    population: LogisticPopulation
    metric: str
    x: np.ndarray
    y: np.ndarray

    @property
    def rows(self):
        return len(self.y)

    @property
    def classes(self):
        return self.y.astype(int)

    def fitted(self, trained, held):
        """The losses on the rows held out and the true risks, fit by fit."""
        loss, risk = metric_of(self.population, self.metric)
        found = []
        for own, out in zip(trained, held, strict=True):
            weights, biases = logistic_ridge(self.x[own], self.y[own], LOGISTIC)
            found.append((loss(weights @ self.x[out].T + biases[:, None], self.y[out]), risk(weights, biases)))
        return found


def taking_turns(setup, rows, rng):
    """A rotation of so many rows of a linear law."""
    return as_rotation(LinearRows(setup, *setup.population.draw(rng, rows)), frame(setup.lambdas, setup.penalties), rng)


def a_quarter_aside(setup, rows, rng):
    """The same rows as `taking_turns` with the same generator, a quarter of them test rows."""
    return as_split(LinearRows(setup, *setup.population.draw(rng, rows)), frame(setup.lambdas, setup.penalties), rng)


def classes_taking_turns(population, metric, rows, rng):
    """A rotation of so many rows of a logistic law."""
    source = LogisticRows(population, metric, *population.draw(rng, rows))
    return as_rotation(source, frame(LOGISTIC, ["l2"]), rng)


def as_rotation(source, candidates, rng):
    """The data set of `same_rows.rotation`."""
    validation, inner, risk = same_rows.rotation(source, rng)
    return DataSet(validation, None, candidates, {"models": risk}, inner)


def as_split(source, candidates, rng):
    """The data set of `same_rows.split`."""
    validation, test, risk = same_rows.split(source, rng)
    return DataSet(validation, test, candidates, {"models": risk})


def metric_of(population, metric):
    """The losses of scores, and the true risk of fits."""
    return {
        "log_loss": (log_losses, population.log_loss_risk),
        "error_rate": (error_losses, population.error_risk),
    }[metric]


def classification(population, metric, rng, *, train=200, rows=100):
    """Logistic regression with l2; judged by `log_loss` or `error_rate`."""
    weights, biases = logistic_ridge(*population.draw(rng, train), LOGISTIC)
    loss, risk = metric_of(population, metric)
    parts = [population.draw(rng, rows) for _ in range(2)]
    validation, test = (loss(weights @ x.T + biases[:, None], y)[:, None] for x, y in parts)
    return DataSet(validation, test, frame(LOGISTIC, ["l2"]), {"models": risk(weights, biases)})


def spread(features, size, nonzero):
    """Weights of which the first `nonzero` are `size` and the others 0."""
    return size * (np.arange(features) < nonzero)


def textbook(features):
    """Every weight 0.01, bias 0.05, noise 0.01."""
    return Population(np.full(features, 0.01), 0.05, 0.01)


LOGISTIC = grid(1e-4, 10.0)
TEXTBOOK = Regression(textbook(200), train=20, low=1e-2, high=1e2)
PLAIN = Regression(Population(np.full(30, 0.2), 0.5, 1.0), train=50, low=1e-2, high=1e2)
SPARSE = Regression(Population(spread(100, 1.0, 5), 0.5, 1.0), 50, 1e-2, 3.0, fit=lasso, penalties=("l1",))
ORTHOGONAL = Regression(Population(spread(50, 0.5, 15), 0.5, 1.0), 100, 1e-2, 3.0, penalties=("l2", "l1"))
CLASSES = LogisticPopulation(spread(20, 0.7, 8), 0.3)
STUDENT = replace(PLAIN, population=replace(PLAIN.population, dof=3.0))
NOTHING = replace(PLAIN, population=replace(PLAIN.population, weight=np.zeros(30)))

WIDE = Regression(Population(np.full(200, 0.1), 0.5, 1.0), train=0, low=1e-2, high=1e2)
WIDE_STUDENT = replace(WIDE, population=replace(WIDE.population, dof=5.0))
FIVE = Regression(Population(spread(100, 0.5, 5), 0.5, 1.0), 0, 1e-3, 1.0, fit=lasso, penalties=("l1",))

LAWS = {
    "textbook": Law("n=20, p=200, weights 0.01, bias 0.05, noise 0.01", partial(holdout, TEXTBOOK)),
    "textbook_1000": Law("the same with 1,000 test rows", partial(holdout, replace(TEXTBOOK, test=1000))),
    "textbook_30": Law("the same with 30 test rows", partial(holdout, replace(TEXTBOOK, test=30))),
    "textbook_no_test": Law("the same without test rows", partial(without_test, TEXTBOOK)),
    "n100_p200": Law(
        "n=100, p=200, else as textbook", partial(holdout, Regression(textbook(200), train=100, low=1e-3, high=1e2))
    ),
    "n200_p20": Law(
        "n=200, p=20, else as textbook", partial(holdout, Regression(textbook(20), train=200, low=1e-4, high=10.0))
    ),
    "sparse_l1": Law("n=50, p=100, 5 weights 1, noise 1, l1", partial(holdout, SPARSE)),
    "orthogonal": Law("n=100, p=50 orthogonal, 15 weights 0.5, l2 and l1", partial(orthogonal_design, ORTHOGONAL)),
    "prior": Law(
        "n=50, p=50, weights N(0, 0.3^2), noise 1",
        partial(weights_from_prior, Regression(Population(np.zeros(50), 0.5, 1.0), train=50, low=1e-2, high=1e2)),
    ),
    "t_noise": Law("n=50, p=30, weights 0.2, noise t with 3 dof", partial(holdout, STUDENT), goal=0.94),
    "no_signal": Law("n=50, p=30, weights 0, noise 1", partial(holdout, NOTHING)),
    "log_loss": Law("logistic, n=200, p=20, 8 weights 0.7", partial(classification, CLASSES, "log_loss")),
    "error_rate": Law("the same, 0/1 loss", partial(classification, CLASSES, "error_rate")),
    "folds": Law("n=100, p=30, weights 0.2, 5 folds, refit", partial(folds_and_refit, replace(PLAIN, train=100), 5)),
    "wide_split": Law("400 rows, 200 weights of 0.1, l2; a quarter test rows", partial(a_quarter_aside, WIDE, 400)),
    "wide_rotation": Law("the same rows, rotation", partial(taking_turns, WIDE, 400)),
    "wide_t_split": Law("the same with t noise of 5 dof, split", partial(a_quarter_aside, WIDE_STUDENT, 400)),
    "wide_t_rotation": Law("the same rows, rotation", partial(taking_turns, WIDE_STUDENT, 400)),
    "five_l1_split": Law("400 rows, 5 of 100 weights 0.5, l1; split", partial(a_quarter_aside, FIVE, 400)),
    "five_l1_rotation": Law("the same rows, rotation", partial(taking_turns, FIVE, 400)),
    "sparse_l1_rotation": Law("100 rows of sparse_l1, rotation", partial(taking_turns, SPARSE, 100)),
    "no_signal_rotation": Law("100 rows of no_signal, rotation", partial(taking_turns, NOTHING, 100)),
    "log_loss_rotation": Law("300 rows of log_loss, rotation", partial(classes_taking_turns, CLASSES, "log_loss", 300)),
    "error_rate_rotation": Law(
        "300 rows, 0/1 loss, rotation", partial(classes_taking_turns, CLASSES, "error_rate", 300)
    ),
    "replicates": Law("n=50, p=30, weights 0.2, 10 training sets", partial(several_training_sets, PLAIN, 10)),
}


def data_set(law, number):
    """The data set of that number of a law (its name): always the same one, for split and rotation the same rows."""
    if law not in LAWS:
        import real_tables

        return real_tables.data_set(law, number)
    rows = law.removesuffix("_split").removesuffix("_rotation")
    return LAWS[law].draw(np.random.default_rng([zlib.crc32(rows.encode()), number]))
