"""Data: from settings to a `Task` of tensors with disjoint rows, with the losses beside it in `search.data.loss`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.data.task import Task
    from search.settings import Settings


def load_task(settings: Settings) -> Task:
    """The data of a study, split and preprocessed; the same settings and data give the same task, bit for bit.

    Raises `UserError` for data that cannot be used, naming the file and the column or key.
    """
    # Each kind of data imports what it needs itself: drawn data need neither pandas nor scikit-learn.
    from search.settings import SyntheticLinear

    if isinstance(settings.data, SyntheticLinear):
        from search.data.synthetic import synthetic_linear

        return synthetic_linear(settings.data)
    from search.data.build import load_table

    return load_table(settings.data, settings.split)
