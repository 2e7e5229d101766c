"""How figures look: the penalties' own colours, markers and dashes, and a light and a dark template.

Whatever depends on the theme is in the template, and nothing else is, so a page can switch a finished figure with
`Plotly.relayout(figure, {template: ...})`. The colours are of Okabe and Ito's palette (2008), which colour-blind
readers can tell apart; those that are taken stand out from white and from black by a contrast of 3 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import plotly.graph_objects as go

from search.penalties import PENALTIES, Style

FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
NEUTRAL: Final = "#7f7f7f"
SELECTED: Final = "#f0e442"


# Penalties that come with somebody else's losses have no style of their own.
FOREIGN: Final = Style("#7b5ea7", "hexagon", "solid")


def style_of(penalty: str) -> Style:
    """How a penalty is drawn."""
    return PENALTIES[penalty].style if penalty in PENALTIES else FOREIGN


def in_order(penalties: Iterable[str]) -> list[str]:
    """Penalties, each once, as a legend lists them: as they are registered, and somebody else's behind them."""
    found = set(penalties)
    return [name for name in PENALTIES if name in found] + sorted(found - PENALTIES.keys())


class Theme(NamedTuple):
    """The colours of text, grid and hover labels; the background is the page's own."""

    name: str
    text: str
    grid: str
    raised: str

    def template(self) -> go.layout.Template:
        """The theme as plotly's template."""
        axis = {
            "gridcolor": self.grid,
            "linecolor": self.grid,
            "tickcolor": self.grid,
            "zerolinecolor": self.grid,
            "zerolinewidth": 1,
            "automargin": True,
            "title": {"standoff": 8},
            "exponentformat": "e",
            "minexponent": 5,  # 100,000 and 0.0001, as the texts have them
            "separatethousands": True,
            "tickangle": 0,
        }
        slider = {
            "bgcolor": self.grid,
            "bordercolor": self.grid,
            "activebgcolor": NEUTRAL,
            "currentvalue": {"font": {"color": self.text, "size": 13}},
        }
        return go.layout.Template(
            layout={
                "paper_bgcolor": "rgba(0,0,0,0)",
                "plot_bgcolor": "rgba(0,0,0,0)",
                "font": {"family": FONT, "size": 13, "color": self.text},
                "hoverlabel": {"bgcolor": self.raised, "bordercolor": NEUTRAL, "font": {"color": self.text}},
                "hovermode": "closest",
                "legend": {
                    "orientation": "h",
                    "yanchor": "bottom",
                    "y": 1.02,
                    "xanchor": "left",
                    "x": 0,
                    "font": {"size": 12},
                },
                "margin": {"l": 48, "r": 12, "t": 24, "b": 40},
                "xaxis": axis | {"ticklabelstandoff": 7},  # clear of the lowest tick beside it
                "yaxis": axis,
                "sliderdefaults": slider,
                "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": NEUTRAL, "activecolor": self.text},
            }
        )


LIGHT: Final = Theme("light", text="#1f2328", grid="#e3e5e8", raised="#ffffff")
DARK: Final = Theme("dark", text="#e6e6e6", grid="#3a3f45", raised="#22262b")
EITHER: Final = Theme("either", text="#7d7d7d", grid="rgba(127,127,127,0.25)", raised="#f5f5f5")
"""For a place whose ground is not known: legible on white and on black alike."""


def translucent(color: str, opacity: float) -> str:
    """A `#rrggbb` colour with an opacity, as CSS."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
