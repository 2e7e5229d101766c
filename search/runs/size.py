"""How large the results of a batch become: refused before a study is made, where they would not fit the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from search.core.memory import refuse_too_large
from search.settings import Range

if TYPE_CHECKING:
    from search.data.task import Task
    from search.settings import Settings

COPIES: Final = 4  # training and validation, while they are trained and as they are kept


def refuse_long_curves(settings: Settings, task: Task) -> None:
    """`UserError` where the learning curves of a batch, a loss a fit and epoch, do not fit the memory."""
    if settings.training.optimizer == "exact":
        return
    candidates = min(settings.search.batch, settings.search.trials)
    replicates = (len(task.splits) + len(task.refits)) * settings.training.seeds
    epochs = most_epochs(settings)
    what = f"the learning curves of {candidates:,} candidates on {replicates:,} replicates for {epochs:,} epochs"
    advice = "use fewer epochs or seeds, or a smaller search.batch"
    refuse_too_large(COPIES * candidates * replicates * epochs, f"training.epochs: {what}", advice)


def most_epochs(settings: Settings) -> int:
    """Epochs of the longest training."""
    over = settings.space.searched().get("epochs", (settings.training.epochs,))
    return int(over.high if isinstance(over, Range) else max(over))
