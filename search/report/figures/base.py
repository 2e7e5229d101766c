"""What a figure is: its numbers, its drawing, and the question that it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import plotly.graph_objects as go

from search.report.theme import Theme
from search.report.view import StudyView


class Figure(NamedTuple):
    """One figure: `compute` gives its numbers, None where it does not apply, and `draw` draws them.

    `needs` says, where the figure is left out, what it would take.
    """

    name: str
    compute: Callable[[StudyView], Any]
    draw: Callable[[Any, Theme], go.Figure]
    title: str
    question: str
    needs: str
