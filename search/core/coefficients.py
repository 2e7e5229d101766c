"""The coefficients of a selected linear model: a record that the computing arm makes and everybody reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from search.core.arrays import Array

if TYPE_CHECKING:
    import pandas as pd

INTERCEPT: Final = "(intercept)"


@dataclass(frozen=True, eq=False)
class Coefficients:
    """What a linear model makes of its inputs, (outputs, inputs) each, the first input being the intercept.

    `kind` is that of the task, `powers` whether products of inputs are inputs too. `outputs` names the targets, or the
    classes; `reference` is the class that the log-odds of two classes are against (else empty). `own_scale` is what one
    unit of the input adds to the output: in the target's unit, or to the log-odds. `standardised` is the same of the
    preprocessed input, which the penalty saw. Over the `fits` of the search, one a replicate: `chosen` is the share
    whose standardised value is not zero, `lowest` and `highest` are the ends of their values on the input's own scale;
    NaN where no fits are known.
    """

    kind: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    own_scale: Array
    standardised: Array
    chosen: Array
    lowest: Array
    highest: Array
    fits: int
    powers: bool
    reference: str = ""

    def frame(self) -> pd.DataFrame:
        """A row for each output and input, with the columns output, input and the arrays by their names."""
        import pandas as pd

        rows = [(output, name) for output in self.outputs for name in self.inputs]
        values = {name: getattr(self, name).ravel() for name in ARRAYS}
        return pd.DataFrame(rows, columns=["output", "input"]).assign(**values)


ARRAYS: Final = ("own_scale", "standardised", "chosen", "lowest", "highest")
