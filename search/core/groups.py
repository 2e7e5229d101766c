"""Rows that belong together, such as several of one patient: they are not independent, and count as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from search.core.arrays import Array, Flags, Index
from search.core.errors import UserError


@dataclass(frozen=True, eq=False)
class Groups:
    """A number for each row on the axes of the losses: rows with the same number belong together.

    `validation` (validation rows,), `test` (test rows,); None where each row stands for itself.
    """

    validation: Index | None = None
    test: Index | None = None

    @classmethod
    def of(cls, validation: Any = None, test: Any = None) -> Groups:  # noqa: ANN401 - labels of any kind
        """From labels, one a row: numbers, text, or what else can be told apart; `UserError` where one is missing.

        >>> Groups.of(["Ann", "Bob", "Ann"]).validation.tolist()
        [0, 1, 0]
        """
        return cls(*(None if labels is None else numbered(labels) for labels in (validation, test)))

    def take(self, validation: Flags, test: Flags | None) -> Groups:
        """The groups of the rows that are flagged; None stands for all test rows."""
        kept = self.test if self.test is None or test is None else self.test[test]
        return Groups(None if self.validation is None else self.validation[validation], kept)


def numbered(labels: Any) -> Index:  # noqa: ANN401
    """A number for each row, by its label, in the order in which labels are met; `UserError` where one is missing."""
    import pandas as pd

    numbers = pd.factorize(np.asarray(labels, dtype=object).reshape(-1))[0]
    if (numbers < 0).any():
        raise UserError(f"groups: is missing in row {int((numbers < 0).argmax()) + 1}; every row needs a group")
    return np.asarray(numbers, dtype=np.intp)


def summed(values: Array, groups: Index) -> Array:
    """Sums over the rows of each group, (..., rows) -> (..., groups), the groups in the order of their numbers."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=groups.min() - 1))
    return np.asarray(np.add.reduceat(values[..., order], starts, axis=-1))
