"""Covariance matrix adaptation."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from search.core.errors import UserError
from search.samplers.base import Sampler, SpaceShape

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

STATE: Final = "cma:optimizer:"  # Optuna's attributes of a trial: pieces of a pickle as hexadecimal text
ARRAYS: Final = frozenset({"_reconstruct", "scalar", "ndarray", "dtype", "_frombuffer"})


def make(seed: int, asked: int) -> BaseSampler:
    """Optuna's CMA-ES, which keeps its own state from batch to batch.

    It is a pickle in the storage, and unpickling runs what is in it. So nothing is unpickled that is not made of the
    optimiser and numpy's arrays alone: a ledger of a stranger's holds no code that would run.
    """
    from optuna.samplers import CmaEsSampler

    class Checked(CmaEsSampler):
        """Looks at every state before Optuna unpickles it."""

        def __init__(self) -> None:
            super().__init__(seed=seed)
            self._checked: set[int] = set()

        def sample_relative(
            self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
        ) -> dict[str, Any]:
            for each in study.get_trials(deepcopy=False):
                if each.number not in self._checked:
                    _refuse_code(each.number, each.system_attrs)
                if each.state.is_finished():
                    self._checked.add(each.number)
            return super().sample_relative(study, trial, search_space)

    return Checked()


class _Arrays(pickle.Unpickler):
    """Finds the optimiser's class and what numpy's arrays are made of, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as the library has it
        if (module, name) == ("cmaes._cma", "CMA") or (module.partition(".")[0] == "numpy" and name in ARRAYS):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


def _refuse_code(number: int, attributes: Mapping[str, Any]) -> None:
    """`UserError` where a trial's state of the optimiser is no such state."""
    pieces = {name.removeprefix(STATE): text for name, text in attributes.items() if name.startswith(STATE)}
    if not pieces:
        return
    try:
        text = "".join(pieces[str(place)] for place in range(len(pieces)))
        _Arrays(io.BytesIO(bytes.fromhex(text))).load()
    except Exception as error:  # whatever a damaged or a prepared pickle raises
        raise UserError(
            f"trial {number}: the optimiser's state in the storage is damaged, or holds code ({error}): use another "
            "storage, or run the study under another name"
        ) from error


def refusal(space: SpaceShape) -> str | None:
    """Needs two or more continuous parameters and no others."""
    parameters = next(iter(space.parameters.values()))
    if len(space.parameters) == 1 and len(parameters) > 1 and space.continuous.issuperset(parameters):
        return None
    return (
        '"cmaes" needs one penalty with two or more continuous parameters and no others, such as penalty = '
        '["elastic_net"] with ranges for lambda and l1_ratio, or ["l2"] with ranges for lambda and lr: else use "tpe"'
    )


CMAES = Sampler("cmaes", make, refusal)
