"""Models whose parameters carry two leading axes, (replicate, candidate), so that many fits train as one.

Imports settings and core.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from search.core.errors import UserError
from search.core.memory import refuse_too_large
from search.models.base import Model, Parameters, TrainingStep
from search.models.chosen import strength_notes, strengths
from search.models.gradient import Gradients, Product, dense
from search.models.per_candidate import PerCandidate
from search.models.perceptron import Perceptron
from search.models.user_module import UserModule, user_module
from search.settings import as_widths

if TYPE_CHECKING:
    from search.core.candidate import Candidate
    from search.settings import Settings


def make_model(
    settings: Settings, candidate: Candidate, features: int, outputs: int, sample: Tensor | None = None
) -> Model:
    """The model that the study file names, in the candidate's shape.

    Parameters
    ----------
    settings
        Its `[model]` says the kind.
    candidate
        Whose hidden layers, where they are searched.
    features, outputs
        The numbers of inputs, and of values that the model returns for a row.
    sample
        Some rows (rows, ...) to try the user's own module on; left out: zeros (2, features).

    Raises UserError where the user's own function does not give one that fits, and for weights that no memory holds.

    >>> from search.core.candidate import Candidate
    >>> from search.settings import Settings
    >>> mlp = Settings.parse({"name": "a", "data": {"source": "digits"}, "model": {"kind": "mlp"}})
    >>> make_model(mlp, Candidate("l2", 0.1, hidden="32-16"), 64, 10).widths
    (64, 32, 16, 10)
    """
    model = settings.model
    if model.own:
        return user_module(model.kind, torch.zeros(2, features) if sample is None else sample, outputs, model.penalised)
    if sample is not None and (sample.ndim != 2 or not sample.is_floating_point()):
        raise UserError(
            f"model.kind: {model.kind} takes rows of numbers, these have the shape {tuple(sample.shape[1:])} and are "
            f"{str(sample.dtype).removeprefix('torch.')}; use a module of your own"
        )
    hidden = as_widths(settings.setting("hidden", candidate)) if model.kind == "mlp" else ()
    widths = (features, *hidden, outputs)
    # With their gradient, in single precision, as many bytes as in double without.
    weights = sum((inside + 1) * outside for inside, outside in pairwise(widths))
    refuse_too_large(
        weights, f"model.{'hidden' if hidden else 'kind'}: one fit's {weights:,} weights", "use fewer units"
    )
    return Perceptron(widths, model.init)


__all__ = [
    "Gradients",
    "Model",
    "Parameters",
    "PerCandidate",
    "Perceptron",
    "Product",
    "TrainingStep",
    "UserModule",
    "dense",
    "make_model",
    "strength_notes",
    "strengths",
]
