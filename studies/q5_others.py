"""Q5: remedies against overfitting, each tuned, side by side on the same test rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

from search.data.task import Rows, Split, Task
from search.records import Array, Candidate, Outcome
from search.settings import Settings
from search.training import train
from search.verdict.bounds import pair_critical_value
from search.verdict.multiplier import student
from search.verdict.sample import Sample, build
from studies.common import grid, study

Index = NDArray[np.intp]

TEST, TRAIN, HELD_OUT, MORE, FOLDS = 897, 150, 50, 800, 5
DRAWS = 16
CONFIDENCE = 0.95
NOBODY: Index = np.empty(0, dtype=np.int64)
LAMBDAS = tuple(np.geomspace(1e-4, 0.03, 8).tolist())
DROPOUTS = (0.2, 0.4, 0.6, 0.8)
EPOCHS = (2, 4, 7, 12, 20, 35)
WIDTHS = (4, 8, 16, 32)


class Remedy(NamedTuple):
    """A remedy's test losses (draws, test rows), the value picked in each draw, and the mean training loss."""

    losses: Array
    picked: list[float]
    train_loss: float


@cache
def all_images() -> tuple[Array, Index]:
    """The bundled images, (1797, 64) from 0 to 16, and their digits."""
    data = load_digits()
    return data.data, data.target


def few_digits(train: int = TRAIN, held_out: int = HELD_OUT, draws: int = DRAWS) -> Task:
    """Images of digits, pixels from 0 to 1: a fixed test part, and for each draw training and validation rows."""
    pool = np.random.default_rng(0).permutation(1797)
    test, rest = pool[:TEST], pool[TEST:]
    splits = []
    for draw in range(draws):
        own = np.random.default_rng((1, draw)).permutation(rest)
        # The validation rows come first, so that a study with more training rows keeps them.
        splits.append(cut(own[held_out : held_out + train], own[:held_out], test, draw=draw))
    return as_task(splits, [])


def folded(task: Task, folds: int = FOLDS) -> Task:
    """The same rows for cross-validation: each draw's training and validation rows in folds, and refitted on all."""
    splits, refits = [], []
    for split in task.splits:
        whole = np.sort(torch.cat([split.train.ids, split.validation.ids]).numpy())
        labels = all_images()[1][whole]
        for fold, (kept, held) in enumerate(StratifiedKFold(folds, shuffle=True, random_state=0).split(whole, labels)):
            splits.append(cut(whole[kept], whole[held], NOBODY, draw=split.draw, fold=fold))
        refits.append(cut(whole, NOBODY, split.test.ids.numpy(), draw=split.draw))
    return as_task(splits, refits)


def cut(train: Index, held_out: Index, test: Index, *, draw: int, fold: int = 0) -> Split:
    """A split of the images with these numbers."""
    return Split(images(train), images(held_out), images(test, np.arange(len(test))), draw=draw, fold=fold)


def images(index: Index, place: Index | None = None) -> Rows:
    """The images with these numbers; a row's place on the axis of losses is its number, or the one given."""
    ids = torch.from_numpy(index)
    pixels, digits = all_images()
    x, y = torch.from_numpy(pixels[index] / 16), torch.from_numpy(digits[index])
    return Rows(x, y, ids=ids, place=ids if place is None else torch.from_numpy(place))


def as_task(splits: Sequence[Split], refits: Sequence[Split]) -> Task:
    """A task of ten classes; with refits only they see the test rows."""
    classes = tuple(map(str, range(10)))
    pixels = tuple(f"pixel_{number}" for number in range(64))
    return Task("multiclass", 10, pixels, ("digit",), classes, tuple(splits), tuple(refits), 1797, TEST, "few digits")


def answer(draws: int = DRAWS) -> dict[str, object]:
    """Every remedy's test loss, its gain over doing nothing, and which differences are real."""
    found = remedies(draws)
    losses = np.stack([remedy.losses for remedy in found.values()])  # (remedies, draws, test rows)
    return {
        "draws": draws,
        "train": TRAIN,
        "held_out": HELD_OUT,
        "more": MORE,
        "test": TEST,
        "folds": FOLDS,
        "confidence": 100 * CONFIDENCE,
        "train_loss": found["nothing"].train_loss,
        **compared(losses, list(found), {name: remedy.picked for name, remedy in found.items()}),
    }


def remedies(draws: int) -> dict[str, Remedy]:
    """Each remedy alone, tuned on its draws' validation rows (cross-validation: on its folds)."""
    settings, task = study("q5_others"), few_digits(draws=draws)
    decay = grid("l2", LAMBDAS)
    more = few_digits(MORE, draws=draws)
    refitted = folded(task)
    both = train(refitted, settings, decay)
    weight_decay = train(task, settings, decay)
    held_out = per_draw(weight_decay, draws)
    return {
        "nothing": tuned(train(task, settings, [Candidate("none")]), [0.0], draws),
        "weight decay": tuned(weight_decay, LAMBDAS, draws),
        "dropout": varied(task, settings, "model.dropout", DROPOUTS),
        "early stopping": varied(task, settings, "training.epochs", EPOCHS),
        "a smaller network": varied(task, settings, "model.hidden", WIDTHS),
        "weight decay, then all rows": chosen(both, LAMBDAS, held_out.argmin(axis=0)),
        "weight decay by cross-validation": chosen(both, LAMBDAS, per_draw(both, draws).argmin(axis=0)),
        "more rows": tuned(train(more, settings, [Candidate("none")]), [MORE], draws),
    }


def varied(task: Task, settings: Settings, key: str, values: Sequence[float]) -> Remedy:
    """The remedy that changes one key of the study file, tuned over these values; no penalty."""
    outcomes = [train(task, changed(settings, key, value), [Candidate("none")])[0] for value in values]
    return tuned(outcomes, values, len(task.splits))


def changed(settings: Settings, key: str, value: float) -> Settings:
    """The settings with one key changed; hidden takes a list."""
    tables = settings.to_dict()
    table, name = key.split(".")
    tables[table][name] = [value] if name == "hidden" else value
    return Settings.parse(tables)


def tuned(outcomes: Sequence[Outcome], values: Sequence[float], draws: int) -> Remedy:
    """In every draw the alternative with the lowest validation loss."""
    return chosen(outcomes, values, per_draw(outcomes, draws).argmin(axis=0))


def chosen(outcomes: Sequence[Outcome], values: Sequence[float], picks: Index) -> Remedy:
    """In every draw the alternative that was picked."""
    test = np.stack([np.asarray(outcome.losses.test) for outcome in outcomes])  # (alternatives, draws, rows)
    draws = np.arange(len(picks))
    fitted = np.stack([outcome.train_loss.reshape(len(draws), -1).mean(axis=1) for outcome in outcomes])
    return Remedy(test[picks, draws], [float(values[pick]) for pick in picks], float(fitted[picks, draws].mean()))


def per_draw(outcomes: Sequence[Outcome], draws: int) -> Array:
    """Mean validation loss of every draw, over its folds where it has any, (alternatives, draws)."""
    losses = np.stack([outcome.losses.validation for outcome in outcomes])
    means: Array = np.nanmean(losses.reshape(len(losses), draws, -1), axis=2)
    return means


def compared(losses: Array, names: list[str], picked: dict[str, list[float]]) -> dict[str, object]:
    """Every remedy's loss and gain over doing nothing, and the pairs whose difference is real.

    The test rows and the draws are both samples, so that the bounds speak of new images and of new training rows; they
    hold for all pairs of remedies at once.
    """
    sample = build(losses, 0, "procedure")
    critical = pair_critical_value(sample, 1 - CONFIDENCE)
    difference, margin = all_pairs(sample, critical)  # risk of the row less that of the column
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "loss": float(sample.risk[index]),
            "gain": float(difference[0, index]),
            "lower": float(difference[0, index] - margin[0, index]),
            "upper": float(difference[0, index] + margin[0, index]),
            "picked": float(np.median(picked[name])),
        }
        for index, name in enumerate(names)
    ]
    order = sorted(range(len(names)), key=lambda index: rows[index]["loss"])
    open_pairs = [[names[a], names[b]] for a, b in combinations(order, 2) if abs(difference[a, b]) <= margin[a, b]]
    return {
        "remedies": [rows[index] for index in order],
        "critical": critical,
        "pairs": len(names) * (len(names) - 1) // 2,
        "open_pairs": open_pairs,
    }


def all_pairs(sample: Sample, critical: float) -> tuple[Array, Array]:
    """Differences of risk between all remedies and the margins of their intervals, each (remedies, remedies)."""
    margins = []
    for base in range(sample.count):
        rows, replicates = (part[:-1] for part in sample.pair_variances(base))
        margins.append(student(critical, sample.dof(rows, replicates)) * np.sqrt(rows + replicates))
    return sample.risk[:, None] - sample.risk, np.stack(margins)


def picture(figures: dict[str, Any]) -> go.Figure:
    """Each remedy's gain over doing nothing with its interval."""
    rows = [row for row in reversed(figures["remedies"]) if row["name"] != "nothing"]
    gains = [row["gain"] for row in rows]
    figure = go.Figure(
        go.Scatter(
            x=gains,
            y=[row["name"] for row in rows],
            mode="markers",
            error_x={"type": "data", "array": [row["upper"] - row["gain"] for row in rows]},
        )
    )
    figure.add_vline(x=0, line_dash="dot")
    figure.update_xaxes(title="test log loss gained over doing nothing")
    figure.update_yaxes(automargin=True)
    return figure
