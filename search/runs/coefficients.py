"""The coefficients of a linear model by name, and how far they differ between the fits of the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from search.core.coefficients import INTERCEPT, Coefficients
from search.data.own_scale import Linear, on_features, own_scale
from search.training import linear_fits

if TYPE_CHECKING:
    from search.core.arrays import Array
    from search.core.candidate import Candidate
    from search.core.results import Results
    from search.data.preprocess import Preprocessor
    from search.data.task import Task
    from search.runs.model import FittedModel
    from search.settings import Settings

Pair = tuple[Linear, Linear]  # on the inputs' own scale, and standardised


def coefficients_of(model: FittedModel, replicates: Sequence[Pair] = ()) -> Coefficients:
    """The coefficients of a linear model; `replicates` are those of the fits of the search, see `replicates_of`.

    `UserError` for models that are not linear.
    """
    targets, known = model.targets, model.preprocessor
    standardised, own = (_with_intercept(Linear(*model.weights(original=each))) for each in (False, True))
    nothing = np.full(own.shape, np.nan)
    scaled, plain = (np.array([_with_intercept(each[place]) for each in replicates]) for place in (0, 1))
    return Coefficients(
        kind=targets.kind,
        outputs=targets.of_outputs,
        inputs=(INTERCEPT, *model.features),
        own_scale=own,
        standardised=standardised,
        chosen=(plain != 0).mean(axis=0) if replicates else nothing,
        lowest=scaled.min(axis=0) if replicates else nothing,
        highest=scaled.max(axis=0) if replicates else nothing,
        fits=len(replicates),
        powers=known is not None and known.numbers.degree > 1,
        reference=str(targets.labels[0]) if targets.kind == "binary" else "",
    )


def replicates_of(
    model: FittedModel, settings: Settings, task: Task, candidate: Candidate, results: Results
) -> list[Pair]:
    """The coefficients of every replicate of the candidate, in the places of the model's features.

    `results` are the candidate's own, which hold the weights; where splits differ in their columns they do not, and the
    candidate is trained on the replicates once more.
    """
    if results.weights is None or results.biases is None:
        fits = linear_fits(task, settings.replace("search.pruner", "none"), candidate)
    else:
        fits = list(zip(results.weights[0], results.biases[0], strict=True))
    splits = [split for split in task.splits for _ in range(settings.training.seeds)]
    return [
        _in_place(Linear(weight.astype(np.float64), bias.astype(np.float64)), split.preprocessor, model.preprocessor)
        for split, (weight, bias) in zip(splits, fits, strict=False)  # the replicates first, then the refits
    ]


def _in_place(plain: Linear, known: Preprocessor | None, wanted: Preprocessor | None) -> Pair:
    if known is None or wanted is None:
        return plain, plain

    def moved(each: Linear) -> Linear:
        return Linear(on_features(known, each.weight, wanted), each.bias)

    return moved(own_scale(known, plain)), moved(plain)


def _with_intercept(each: Linear) -> Array:
    return np.column_stack([each.bias, each.weight])
