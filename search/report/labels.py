"""Words and numbers as figures show them: plain, escaped, and short enough for small files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape as html_escape

import numpy as np

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.metrics import METRICS


def escape(text: object) -> str:
    """Text that came from a user, for plotly, which renders a part of HTML.

    Such text is given as data (`text`, `name`), never as a part of a hover template, where plotly fills in %{...}.
    """
    return html_escape(str(text), quote=False)


def rounded(values: Array | Iterable[float]) -> list[float | None]:
    """Five significant digits, None for what is not finite: enough for any screen, and half the bytes."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in np.asarray(values, float).tolist()]


def tick(value: float) -> str:
    """A tick's text: powers as people write them.

    >>> tick(0.000001), tick(0.5), tick(20000.0)
    ('1e-6', '0.5', '2e4')
    """
    text = f"{value:.4g}" if value == 0 or 1e-2 <= abs(value) < 1e3 else f"{value:.3e}"
    mantissa, sign, exponent = text.partition("e")
    return f"{float(mantissa):g}e{int(exponent)}" if sign else text


def loss_title(kind: str, metric: str | None) -> str:
    """An axis title, such as "test loss (mean squared error)"."""
    return f"{kind} loss" if metric is None else f"{kind} loss<br>({METRICS[metric].label})"


def hover(candidate: Candidate, trial: int | None = None) -> str:
    """All parameters of a candidate, one a line, and its trial, which a candidate of the dense grid does not have."""
    name, *rest = map(escape, candidate.parts())
    lines = [f"<b>{name}</b>", *rest]
    where = [] if trial is None else ["dense grid"] if trial < 0 else [f"trial {trial}"]
    return "<br>".join(lines + where)
