"""Figures: one file each, and this registry, in the order in which a reader asks."""

from __future__ import annotations

from collections.abc import Mapping

from search.report.figures.agreement import AGREEMENT
from search.report.figures.base import Figure
from search.report.figures.curves import CURVES
from search.report.figures.gap import GAP
from search.report.figures.history import HISTORY
from search.report.figures.losses import LOSSES
from search.report.figures.paths import PATHS
from search.report.figures.regret import REGRET
from search.report.figures.rules import RULE_LOSSES
from search.report.figures.selections import SELECTIONS
from search.report.figures.settings_map import SETTINGS_MAP
from search.report.figures.weights import WEIGHTS

FIGURES: Mapping[str, Figure] = {
    figure.name: figure
    for figure in (
        LOSSES,
        SETTINGS_MAP,
        REGRET,
        GAP,
        WEIGHTS,
        PATHS,
        CURVES,
        SELECTIONS,
        RULE_LOSSES,
        HISTORY,
        AGREEMENT,
    )
}

__all__ = ["FIGURES", "Figure"]
