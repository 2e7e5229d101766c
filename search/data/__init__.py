"""Data: from settings to a `Task` of tensors with disjoint rows, with the training loss beside it.

Imports settings, metrics and core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.data.task import Task
    from search.settings import Settings


def load_task(settings: Settings, frame: object = None) -> Task:
    """The data of a study, split and preprocessed; the same settings and data give the same task, bit for bit.

    `frame`, a pandas frame or a pair (X, y), is the data of a study whose source is "frame". Raises `UserError` for
    data that cannot be used, naming the file and the column or key.
    """
    # Each kind of data imports what it needs itself: drawn data need neither pandas nor scikit-learn.
    from search.core.errors import UserError
    from search.settings import FrameData, SyntheticLinear

    if (frame is None) == isinstance(settings.data, FrameData):
        raise UserError(
            'data.source: "frame" needs its data from Python: search.run(..., data=frame)'
            if frame is None
            else f'data: was given, and the study names source = "{settings.data.source}" too; write source = "frame"'
        )
    if isinstance(settings.data, SyntheticLinear):
        from search.data.synthetic import synthetic_linear

        return synthetic_linear(settings.data)
    from search.data.build import load_table

    return load_table(settings.data, settings.split, frame)
