"""The door for somebody else's Optuna script: one line in its objective keeps the losses of every held-out row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from search.core.arrays import Array
from search.core.errors import UserError
from search.core.means import candidate_means
from search.ledger.recorded import Losses, keep

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

FORM = "valid are losses of shape (rows,) or (replicates, rows)"


def record(trial: BaseTrial, validation: object, test: object = None) -> float:
    """Keep the losses of a trial's held-out rows in the trial, and return the mean validation loss.

    Call it in an Optuna objective, once the trial's losses are known: `return search.record(trial, validation=losses)`,
    or before the objective returns something else or prunes. The study can then be judged: `search.load`,
    `lambda-search verdict`. Recorded twice, the later losses count.

    Parameters
    ----------
    trial
        The trial that the objective was given. A `FixedTrial` keeps nothing: the objective can be tried by hand.
    validation
        The loss of every validation row, an array or a tensor of shape (rows,) or (replicates, rows): replicates are
        folds or seeds, the same for every trial. NaN: that replicate did not hold out that row. Infinity: the fit
        diverged.
    test
        The same of the test rows, where there are any; they stay sealed until a verdict opens them. The number of fits
        that see them may be another one than that of the replicates.

    Returns the mean of the held-out entries of `validation`, infinity where one is infinite. Raises `UserError`, in one
    line, for losses of another form and for a trial that is finished.

    >>> import optuna, search
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> def objective(trial):
    ...     alpha = trial.suggest_float("alpha", 1e-3, 1e3, log=True)
    ...     losses = (np.log(alpha) - 1) ** 2 + np.linspace(0, 1, 50)  # of 50 validation rows
    ...     return record(trial, validation=losses)
    >>> study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    >>> study.optimize(objective, n_trials=20)
    >>> found = search.load(study)
    >>> found.selected
    <alpha 2.56>
    """
    losses = Losses(_losses("validation", validation), None if test is None else _losses("test", test))
    mean = float(candidate_means(losses.validation[None])[0])
    if hasattr(trial, "suggest_float") and not hasattr(trial, "_trial_id"):
        return mean  # Optuna's FixedTrial
    storage, number = getattr(trial, "storage", None), getattr(trial, "number", None)
    if storage is None:
        raise UserError(
            f"record: trial is a {type(trial).__name__}; valid is the trial that Optuna hands to an objective"
        )
    from optuna.exceptions import UpdateFinishedTrialError

    try:
        keep(storage, trial._trial_id, losses)  # type: ignore[attr-defined]
    except UpdateFinishedTrialError as error:
        raise UserError(f"record: trial {number} is finished; record it before the objective returns") from error
    return mean


def _losses(name: str, given: object) -> Array:
    """The losses as floating-point numbers of shape (replicates, rows)."""
    array = _as_array(name, given)
    if array.ndim not in (1, 2):
        raise UserError(f"record: {name} has shape {array.shape}; {FORM}")
    if np.isnan(array).all():
        raise UserError(f"record: {name} holds no loss; valid is at least one row with a loss that is not NaN")
    if np.isneginf(array).any():
        raise UserError(
            f"record: {name} holds minus infinity; valid are finite losses, and infinity for a diverged fit"
        )
    return array if array.ndim == 2 else array[None]


def _as_array(name: str, given: Any) -> Array:  # noqa: ANN401 - whatever frameworks make
    """Any array as numpy's: a tensor with a gradient or on an accelerator too, and whole numbers, as 0/1 losses are."""
    for step in ("detach", "cpu"):
        given = getattr(given, step)() if hasattr(given, step) else given
    if str(getattr(given, "dtype", "")) == "torch.bfloat16":  # which numpy does not have
        given = given.float()
    try:
        array = np.asarray(given)
        if array.dtype == object:
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"record: {name} is not an array of numbers; {FORM}") from error
    if array.dtype.kind not in "fiub":
        raise UserError(f"record: {name} holds {array.dtype.name}; {FORM}")
    return array.astype(np.float32 if array.dtype.itemsize <= 4 and array.dtype.kind == "f" else np.float64)
