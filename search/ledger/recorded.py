"""The losses of a trial that somebody else ran, kept in the trial itself: there is nothing beside Optuna's storage.

They are system attributes, which dashboards do not list: an npz file in base64, in pieces that fit every database's
text column. The first piece says how many there are and what can be known without reading them; it is written last, so
that a process that is killed in between leaves no record. The test losses are sealed. The seal's key is the same for
all studies: a copied or renamed study can still be read, and it is a seal against accidents all the same.
"""

from __future__ import annotations

import hashlib
import io
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from search.core.arrays import Array
from search.core.means import candidate_means, standard_errors
from search.ledger.agreement import agree
from search.ledger.npz import DamagedError, from_npz, to_npz
from search.ledger.seal import break_seal, close_seal

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

RECORD: Final = "lambda_search:losses"
PIECE: Final = 60_000  # characters; MySQL's text columns hold 65,535 bytes
KEY: Final = hashlib.sha256(b"losses recorded by lambda_search").hexdigest()


@dataclass(frozen=True, eq=False)
class Losses:
    """What a trial recorded: `validation` (replicates, rows), `test` (fits, test rows), None where there is none."""

    validation: Array
    test: Array | None


class Mean(NamedTuple):
    """The mean validation loss of a recorded trial, infinite where it diverged, and its standard error."""

    loss: float
    error: float


class Form(NamedTuple):
    """The shape of losses, and a digest of which of them are held out: trials of one form are of the same rows."""

    shape: tuple[int, ...]
    held: str


def keep(storage: BaseStorage, trial_id: int, losses: Losses) -> None:
    """Keep a running trial's losses in it, in the place of what it recorded before."""
    body = _encode(losses)
    pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
    for place, piece in reversed(list(enumerate(pieces))[1:]):
        storage.set_trial_system_attr(trial_id, f"{RECORD}:{place}", piece)
    mean = candidate_means(losses.validation[None])[0], standard_errors(losses.validation[None])[0]
    head: dict[str, Any] = {
        "pieces": len(pieces),
        "mean": [float(value) if np.isfinite(value) else None for value in mean],  # JSON has no NaN and no infinity
        "validation": _form(losses.validation),
        "test": None if losses.test is None else _form(losses.test),
    }
    storage.set_trial_system_attr(trial_id, RECORD, {**head, "body": pieces[0]})


def recorded(trial: FrozenTrial) -> bool:
    """Whether a trial holds losses."""
    return RECORD in trial.system_attrs


def mean_of(trial: FrozenTrial) -> Mean:
    """The mean validation loss of a recorded trial; its losses are not read for it."""
    loss, error = trial.system_attrs[RECORD]["mean"]
    return Mean(np.inf if loss is None else loss, np.nan if error is None else error)


def form_of(trial: FrozenTrial, part: Literal["validation", "test"]) -> Form | None:
    """The form of a recorded trial's losses, None where it has no such part; the seal stays closed."""
    kept = trial.system_attrs[RECORD][part]
    return None if kept is None else Form(tuple(kept[0]), kept[1])


def read(trial: FrozenTrial, *, with_test: bool) -> Losses:
    """The losses of a recorded trial; test losses only `with_test`. `DamagedError` where they are not what was kept."""
    with from_npz(io.BytesIO(_body(trial))) as arrays:
        test = None
        if with_test and "sealed" in arrays:
            test = np.load(io.BytesIO(break_seal(arrays["sealed"].tobytes(), KEY)))
        losses = Losses(arrays["validation"], test)
        if not agree(mean_of(trial).loss, float(candidate_means(losses.validation[None])[0])):
            raise DamagedError("its mean is another one")
        if _form(losses.validation) != form_of(trial, "validation"):
            raise DamagedError("its rows are others")
        return losses


def _body(trial: FrozenTrial) -> bytes:
    try:
        head: Mapping[str, Any] = trial.system_attrs[RECORD]
        rest = (trial.system_attrs[f"{RECORD}:{place}"] for place in range(1, head["pieces"]))
        return b64decode("".join([head["body"], *rest]))
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError("a piece of it is missing, or is no text") from error


def _encode(losses: Losses) -> str:
    arrays: dict[str, Any] = {"validation": losses.validation}
    if losses.test is not None:
        plain = io.BytesIO()
        np.save(plain, losses.test)
        arrays["sealed"] = np.frombuffer(close_seal(plain.getvalue(), KEY), np.uint8)
    return b64encode(to_npz(arrays, compressed=True)).decode()


def _form(losses: Array) -> Form:
    return Form(losses.shape, hashlib.sha256(np.packbits(~np.isnan(losses)).tobytes()).hexdigest()[:16])
