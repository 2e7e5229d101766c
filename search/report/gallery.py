"""The figures that apply to a study, computed and drawn when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import plotly.graph_objects as go

from search.report.figures import FIGURES, Figure
from search.report.theme import LIGHT, Theme
from search.report.view import StudyView


class Gallery(Mapping[str, go.Figure]):
    """Name -> figure, in the order in which a reader asks; a figure that does not apply is not in it."""

    def __init__(self, view: StudyView, theme: Theme = LIGHT) -> None:
        self._view = view
        self._theme = theme

    def __getitem__(self, name: str) -> go.Figure:
        if name not in self._numbers:
            raise KeyError(self._absent(name))
        return FIGURES[name].draw(self._numbers[name], self._theme)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, name: object) -> bool:
        return name in self._numbers  # the inherited one would draw it

    def _ipython_key_completions_(self) -> list[str]:
        """What a notebook completes after `figures["`."""
        return list(self)

    def __repr__(self) -> str:
        return f"<figures: {', '.join(self)}>"

    def entry(self, name: str) -> Figure:
        """A figure's entry, worded for the study: lambda by the name that it has there."""
        entry, strength = FIGURES[name], self._view.placed.axis.name
        title, question = (text.replace("lambda", strength) for text in (entry.title, entry.question))
        return entry._replace(title=title, question=question)

    def numbers(self, name: str) -> Any:  # noqa: ANN401 - each figure has its own
        """What a figure draws, computed once; None where it does not apply."""
        return self._numbers.get(name)

    def left_out(self) -> dict[str, Figure]:
        """The figures that do not apply; each entry's `needs` says what they would take."""
        return {name: self.entry(name) for name in FIGURES if name not in self._numbers}

    @cached_property
    def _numbers(self) -> dict[str, Any]:
        every = {name: entry.compute(self._view) for name, entry in FIGURES.items()}
        return {name: numbers for name, numbers in every.items() if numbers is not None}

    def _absent(self, name: str) -> str:
        if name in FIGURES:
            return f"the figure {name!r} does not apply to this study. {FIGURES[name].needs}"
        return f"no figure {name!r}; there are: {', '.join(self)}"
