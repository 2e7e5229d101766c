"""Words and numbers as figures show them: plain, escaped, and short enough for small files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape as html_escape
from typing import Final

import numpy as np
import pandas as pd

from search.records import Array, Candidate

METRICS: Final = {
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "log_loss": "log loss, nats",
    "error_rate": "share of wrong rows",
}


def escape(text: object) -> str:
    """Text that came from a user, for plotly, which renders a part of HTML.

    Such text is given as data (`text`, `name`), never as a part of a hover template, where plotly fills in %{...}.
    """
    return html_escape(str(text), quote=False)


def short(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}"


def rounded(values: Array | Iterable[float]) -> list[float | None]:
    """Five significant digits, None for what is not finite: enough for any screen, and half the bytes."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in np.asarray(values, float).tolist()]


def penalty_name(penalty: str) -> str:
    """A penalty in words."""
    return penalty.replace("_", " ")


def loss_title(kind: str, metric: str | None) -> str:
    """An axis title, such as "test loss (mean squared error)"."""
    return f"{kind} loss" if metric is None else f"{kind} loss<br>({METRICS[metric]})"


def candidates_of(frame: pd.DataFrame) -> list[Candidate]:
    """The candidates of a frame with the columns penalty, lambda and l1_ratio."""
    rows = zip(frame["penalty"], frame["lambda"], frame["l1_ratio"], strict=True)
    return [Candidate(penalty, lambda_, None if np.isnan(ratio) else ratio) for penalty, lambda_, ratio in rows]


def hover(candidate: Candidate, trial: int | None = None) -> str:
    """All parameters of a candidate, one a line, and its trial."""
    lines = [f"<b>{'no penalty' if candidate.penalty == 'none' else penalty_name(candidate.penalty)}</b>"]
    if candidate.penalty != "none":
        lines.append(f"lambda {candidate.lambda_:.4g}")
    if candidate.l1_ratio is not None:
        lines.append(f"l1_ratio {candidate.l1_ratio:.3g}")
    return "<br>".join(lines if trial is None else [*lines, f"trial {trial}"])
