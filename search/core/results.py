"""The table of results: made by training, a foreign study or plain arrays; read by verdict and report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from search.core.arrays import Array, Flags, Index
from search.core.candidate import STRENGTH, Candidate
from search.core.choice import lowest
from search.core.groups import Groups
from search.core.means import candidate_means, replicate_means, standard_errors

if TYPE_CHECKING:
    import pandas as pd

# What an exported frame holds of every candidate; all of them are means over replicates.
MEASURES: Final = (
    "train_loss",
    "validation_loss",
    "validation_se",
    "weight_norm",
    "nonzero",
    "epochs",
    "seconds",
    "nonzero_groups",
)


NO_ARRAYS: Final = frozenset({"candidates", "criteria", "groups"})


@dataclass(frozen=True, eq=False)
class Results:
    """Losses of candidates x replicates x rows, and what else is known of the fits. A row a candidate.

    `validation` (candidates, replicates, rows): NaN where a fit did not hold out a row, infinity where it diverged.
    `test` (candidates, fits that see the test rows, test rows): the replicates' own models, or the refitted ones; None
    as long as the seal is closed, and where there are no test rows. `trial` (candidates,) numbers the trials.

    Known of every fit, (candidates, replicates) each, None where it was not measured: `train_loss`, `weight_norm` (l2),
    `nonzero` (share of the weights), `nonzero_groups` (share of the groups that group_lasso would act on, inputs or
    units, with a weight that is not zero), `epochs` (those that the kept model was trained for), `diverged` (met NaN or
    infinity). The curves (candidates, replicates, epochs) are the losses after the first epoch, the last and some
    between, or all where a pruner or patience looks at them; NaN elsewhere.

    Known of the replicates' and then the refits' fits, (candidates, fits, ...): `converged` (reached the exact solver's
    accuracy), `optimality` (how far an exact fit is from its optimum at most, relative: a duality gap, or for classes a
    gradient; NaN where it was not trained), and of linear models `weights` (..., outputs, features) and `biases`
    (..., outputs).

    Known of every candidate, (candidates,) each: `seconds` of training, whether it was `pruned`, and `criteria`, scores
    in closed form by name (`gcv`, `evidence`, `true_risk`), NaN where one does not exist.

    `groups` says which rows belong together; None where each stands for itself.
    """

    candidates: tuple[Candidate, ...]
    validation: Array
    test: Array | None = None
    trial: Index | None = None
    train_loss: Array | None = None
    weight_norm: Array | None = None
    nonzero: Array | None = None
    nonzero_groups: Array | None = None
    epochs: Array | None = None
    diverged: Flags | None = None
    converged: Flags | None = None
    optimality: Array | None = None
    train_curve: Array | None = None
    validation_curve: Array | None = None
    weights: Array | None = None
    biases: Array | None = None
    seconds: Array | None = None
    pruned: Flags | None = None
    criteria: Mapping[str, Array] = field(default_factory=dict)
    groups: Groups | None = None

    def __post_init__(self) -> None:
        count = len(self.candidates)
        for name, array in self.arrays().items():
            if len(array) != count:
                raise ValueError(f"{name} has {len(array)} rows for {count} candidates")
        if self.validation.ndim != 3 or (self.test is not None and self.test.ndim != 3):
            raise ValueError("losses have three axes: (candidates, replicates, rows)")
        for losses, groups in ((self.validation, self.validation_groups), (self.test, self.test_groups)):
            if losses is not None and groups is not None and len(groups) != losses.shape[2]:
                raise ValueError(f"groups has {len(groups)} entries for {losses.shape[2]} rows")

    def __len__(self) -> int:
        return len(self.candidates)

    def __repr__(self) -> str:
        return f"<results: validation losses {self.validation.shape}; known: {', '.join(self.arrays())}>"

    def arrays(self) -> dict[str, Any]:
        """The arrays that are known, by the name of their field; each has a row a candidate."""
        known = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in NO_ARRAYS}
        return {name: array for name, array in known.items() if array is not None}

    # The candidates

    @cached_property
    def penalty(self) -> Any:  # noqa: ANN401 - an array of text
        """The penalties' names, (candidates,)."""
        return np.array([candidate.penalty for candidate in self.candidates], dtype=object)

    @cached_property
    def lambda_(self) -> Array:
        """The strengths, 0 for `none`, (candidates,)."""
        return np.array([candidate.lambda_ for candidate in self.candidates], dtype=np.float64)

    @property
    def strength(self) -> str:
        """What the study calls lambda; empty where it has no such parameter."""
        return self.candidates[0].strength if self.candidates else STRENGTH

    @cached_property
    def trials(self) -> Index:
        """The trials' numbers, the positions where none were given, (candidates,)."""
        return np.arange(len(self)) if self.trial is None else self.trial

    @cached_property
    def position(self) -> dict[Candidate, int]:
        """Where each candidate stands: its first row."""
        places: dict[Candidate, int] = {}
        for place, candidate in enumerate(self.candidates):
            places.setdefault(candidate, place)
        return places

    def parameters(self) -> list[str]:
        """The names of all parameters, in the order in which they are met."""
        return list(dict.fromkeys(name for candidate in self.candidates for name in candidate))

    # Their losses

    @property
    def validation_groups(self) -> Index | None:
        """The groups of the validation rows, (rows,); None where each row stands for itself."""
        return None if self.groups is None else self.groups.validation

    @property
    def test_groups(self) -> Index | None:
        """The groups of the test rows, (test rows,); None where each row stands for itself."""
        return None if self.groups is None else self.groups.test

    @cached_property
    def validation_loss(self) -> Array:
        """Mean over replicates and the rows they held out, (candidates,): the values that Optuna sees."""
        return candidate_means(self.validation)

    @cached_property
    def validation_se(self) -> Array:
        """Standard error of the validation loss, rows (or their groups) being the sample, (candidates,)."""
        return standard_errors(self.validation, self.validation_groups)

    @cached_property
    def test_loss(self) -> Array | None:
        """Mean over the fits that see the test rows, and over these rows, (candidates,)."""
        return None if self.test is None else candidate_means(self.test)

    @cached_property
    def test_se(self) -> Array | None:
        """Standard error of the test loss, (candidates,)."""
        return None if self.test is None else standard_errors(self.test, self.test_groups)

    def lowest(self, losses: Array) -> int:
        """Position of the lowest of these losses (candidates,); ties go to the larger lambda."""
        return int(lowest(losses, self.lambda_))

    def measure(self, name: str) -> Array | None:
        """One of `MEASURES` of every candidate, the mean over its replicates, (candidates,); None where not known."""
        value = getattr(self, name)
        if value is None:
            return None
        return replicate_means(value) if np.ndim(value) == 2 else np.asarray(value, dtype=np.float64)

    # Parts and wholes

    def take(self, positions: Iterable[int] | Flags) -> Self:
        """Some of the candidates, in the order of `positions`; or those that are flagged."""
        listed = np.asarray(positions if isinstance(positions, np.ndarray) else list(positions))
        chosen = np.flatnonzero(listed) if listed.dtype == np.bool_ else listed.astype(np.intp)
        arrays = {name: array[chosen] for name, array in self.arrays().items()}
        criteria = {name: values[chosen] for name, values in self.criteria.items()}
        return replace(self, candidates=tuple(self.candidates[i] for i in chosen), criteria=criteria, **arrays)

    def distinct(self, trial: int | None = None) -> Self:
        """Each candidate once, by its first row, or by that of the given trial."""
        places = dict(self.position)
        if trial is not None and trial in self.trials:
            own = int(np.flatnonzero(self.trials == trial)[0])
            places[self.candidates[own]] = own
        return self if len(places) == len(self) else self.take(places.values())

    def frame(self) -> pd.DataFrame:
        """One row a candidate: its trial, its parameters, and the means over replicates that are known.

        Where `epochs` is searched, the column of that name holds what was asked, and `trained_epochs` what was kept.
        """
        import pandas as pd

        columns: dict[str, Any] = {"trial": self.trials}
        columns |= {name: [each.get(name) for each in self.candidates] for name in self.parameters()}
        for name in MEASURES:
            if (value := self.measure(name)) is not None:
                columns[f"trained_{name}" if name in columns else name] = value
        return pd.DataFrame(columns)


def join(parts: Sequence[Results]) -> Results:
    """The rows of several tables below each other; what one of them does not know, the whole does not know.

    Curves of fewer epochs are filled up with NaN. Version 0.1 did not know whether refits converged.
    """
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return parts[0] if parts else empty_results()
    known = [part.arrays() for part in parts]
    shared = [name for name in known[0] if all(name in each for each in known)]
    scores = [name for name in parts[0].criteria if all(name in part.criteria for part in parts)]
    arrays: dict[str, Any] = {
        name: np.concatenate(_equally_long(name, [each[name] for each in known])) for name in shared
    }
    return Results(
        candidates=tuple(candidate for part in parts for candidate in part.candidates),
        groups=parts[0].groups,
        criteria={name: np.concatenate([part.criteria[name] for part in parts]) for name in scores},
        **arrays,
    )


def empty_results() -> Results:
    """No candidate yet."""
    return Results((), np.empty((0, 0, 0)))


def _equally_long(name: str, arrays: Sequence[Array]) -> Sequence[Array]:
    if name == "converged":
        fits = min(array.shape[1] for array in arrays)
        return [array[:, :fits] for array in arrays]
    if not name.endswith("_curve"):
        return arrays
    longest = max(array.shape[2] for array in arrays)
    return [np.pad(array, ((0, 0), (0, 0), (0, longest - array.shape[2])), constant_values=np.nan) for array in arrays]
