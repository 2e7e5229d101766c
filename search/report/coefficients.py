"""The page's table of coefficients: what an input does, on its own scale and on the one that the penalty saw."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from search.core.coefficients import INTERCEPT, Coefficients
from search.core.text import number
from search.report.tables import DIGITS, MOST_ROWS, Column, Table
from search.report.view import StudyView

# By kind of task: what a coefficient is, and what its rows are of where there are several outputs.
MEANING: Final = {
    "regression": "What one unit of the input adds to the prediction, in the target's unit",
    "binary": "What one unit of the input adds to the log-odds of {output} against {reference}",
    "multiclass": "What one unit of the input adds to the class's score; differences of two scores are log-odds",
}
OUTPUT: Final = {"regression": "target", "multiclass": "class"}


def coefficients_table(view: StudyView) -> Table | None:
    """The selected model's coefficients: the intercepts, then the largest that are not zero; None without any."""
    found = view.study.coefficients
    if found is None:
        return None
    measures = {name: values for name, values in _measures(found).items() if values is not None}
    several = len(found.outputs) > 1
    listed = _listed(found)
    names = [name for name, there in ((OUTPUT.get(found.kind, ""), several), ("input", True)) if there]
    rows = []
    for place in listed[:MOST_ROWS]:
        output, name = divmod(place, len(found.inputs))
        texts = (*[found.outputs[output]] * several, found.inputs[name])
        rows.append((*texts, *(number(float(values.ravel()[place]), DIGITS) for values in measures.values())))
    return Table(
        "coefficients-table",
        "Coefficients",
        " ".join(_caption(view, found, listed)),
        (*(Column(name, numeric=False) for name in names), *map(Column, measures)),
        tuple(rows),
    )


def _measures(found: Coefficients) -> dict[str, Any]:
    """Heading -> values (outputs, inputs); None for what says nothing."""
    return {
        "own scale": found.own_scale,
        "standardised": found.standardised if _scaled(found) else None,
        "chosen, %": 100 * found.chosen if found.fits > 1 else None,
        "lowest": found.lowest if found.fits > 1 else None,
        "highest": found.highest if found.fits > 1 else None,
    }


def _scaled(found: Coefficients) -> bool:
    return not np.array_equal(found.own_scale, found.standardised)


def _listed(found: Coefficients) -> list[int]:
    """Positions in the raveled arrays: the intercepts, then what is not zero by its standardised size.

    An input without a weight of its own still has a slope where a product holds it.
    """
    intercept = np.broadcast_to(np.array(found.inputs) == INTERCEPT, found.standardised.shape).ravel()
    size = np.where(intercept, np.inf, np.abs(found.standardised).ravel())
    there = intercept | (found.standardised != 0).ravel() | (found.own_scale != 0).ravel()
    return [place for place in np.argsort(-size, kind="stable").tolist() if there[place]]


def _caption(view: StudyView, found: Coefficients, listed: list[int]) -> Iterator[str]:
    scaled = "; standardised: of the input as the penalty saw it" if _scaled(found) else ""
    yield f"{MEANING[found.kind].format(output=found.outputs[0], reference=found.reference)}{scaled}."
    if found.powers:
        yield "Where there are powers or products, an input's own row is its slope where all inputs are 0."
    if found.fits > 1:
        yield f"Chosen: in how many of the {found.fits} {view.repeated} it is not zero; lowest and highest: over these."
    total = found.standardised.size
    if zeros := total - len(listed):
        yield f"{zeros} of {total - len(found.outputs)} are zero and not listed."
    if len(listed) > MOST_ROWS:
        yield f"The {MOST_ROWS} largest are listed."
    command = shlex.join(["lambda-search", "export", view.study.name, "--coefficients", "-o", "coefficients.csv"])
    yield f"All of them as a file: {command}"
