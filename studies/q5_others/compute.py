"""Q5: remedies against overfitting, each tuned, side by side on the same test rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

from search.core.arrays import Array, Index
from search.core.candidate import Candidate
from search.core.means import fit_means
from search.core.results import Results
from search.data.task import Rows, Split, Task
from search.training import train
from search.verdict.bounds import pair_critical_value
from search.verdict.multiplier import t_critical
from search.verdict.sample import Sample, build
from studies.common import grid, study_file

STUDY = study_file("q5_others/study.toml")
TEST, TRAIN, HELD_OUT, MORE, FOLDS = 897, 150, 50, 800, 5
DRAWS = 16
CONFIDENCE = 0.95
NOBODY: Index = np.empty(0, dtype=np.int64)
# What each remedy may be set to: lambda, the share of units dropped, epochs, hidden units.
REMEDIES = {
    "nothing": [Candidate("none")],
    "weight decay": grid("l2", np.geomspace(1e-4, 0.03, 8)),
    "dropout": [Candidate("none", dropout=share) for share in (0.2, 0.4, 0.6, 0.8)],
    "early stopping": [Candidate("none", epochs=epochs) for epochs in (2, 4, 7, 12, 20, 35)],
    "a smaller network": [Candidate("none", hidden=units) for units in (4, 8, 16, 32)],
}


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
        **compared(losses, {name: remedy.picked for name, remedy in found.items()}),
    }


def remedies(draws: int) -> dict[str, Remedy]:
    """Each remedy alone, tuned on its draws' validation rows (cross-validation: on its folds)."""
    task, more = few_digits(draws=draws), few_digits(MORE, draws=draws)
    alone = {name: train(task, STUDY, candidates) for name, candidates in REMEDIES.items()}
    decay = train(folded(task), STUDY, REMEDIES["weight decay"])
    longer = train(more, STUDY, REMEDIES["nothing"])
    return {
        **{name: chosen(each, picks(each, draws)) for name, each in alone.items()},
        "weight decay, then all rows": chosen(decay, picks(alone["weight decay"], draws)),
        "weight decay by cross-validation": chosen(decay, picks(decay, draws)),
        "more rows": chosen(longer, picks(longer, draws))._replace(picked=[MORE] * draws),
    }


def picks(results: Results, draws: int) -> Index:
    """In every draw the candidate with the lowest validation loss, over the draw's folds where it has any."""
    losses = fit_means(results.validation.reshape(len(results), draws, -1))  # (candidates, draws)
    return np.asarray(losses.argmin(axis=0))


def chosen(results: Results, picked: Index) -> Remedy:
    """In every draw the candidate that was picked."""
    assert results.test is not None, "these tasks have test rows"
    assert results.train_loss is not None, "training measures it"
    draws = np.arange(len(picked))
    fitted = results.train_loss.reshape(len(results), len(draws), -1).mean(axis=2)
    values = [setting(results.candidates[pick]) for pick in picked]
    return Remedy(results.test[picked, draws], values, float(fitted[picked, draws].mean()))


def setting(candidate: Candidate) -> float:
    """The value that its remedy has in a candidate."""
    return float(next(iter(candidate.others.values()), candidate.lambda_))


def compared(losses: Array, picked: dict[str, list[float]]) -> dict[str, object]:
    """Every remedy's loss and gain over doing nothing, and the pairs whose difference is real.

    The test rows and the draws are both samples, so that the bounds speak of new images and of new training rows; they
    hold for all pairs of remedies at once.
    """
    names, sample = list(picked), build(losses, 0, "procedure")
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
        margins.append(t_critical(critical, sample.dof(rows, replicates, base)) * np.sqrt(rows + replicates))
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
