"""Regret against lambda: is any other candidate surely better, or could one be, by more than the tolerance?"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import plotly.graph_objects as go
from scipy.special import ndtri

from search.core.arrays import Array
from search.core.text import number
from search.report.draw import add_candidates, add_mark, add_patch, lambda_panels, set_focus
from search.report.figures.base import Figure
from search.report.focus import Focus
from search.report.placed import HOVER_POINTS, Placed, Spread, placed, thin
from search.report.theme import NEUTRAL, Theme, translucent
from search.report.view import StudyView
from search.verdict.bounds import Contrast, contrast
from search.verdict.comparison import Comparison
from search.verdict.multiplier import Errors, critical_value, t_critical
from search.verdict.sample import Sample

FOCUS: Final = 3.0


class RegretCurve(NamedTuple):
    """What every candidate loses more than the selected one, as a share of the selected candidate's risk.

    `excess` has the bounds as its band: `low`, at most how much better a candidate could be, is what the verdict's
    upper bound of the regret is made of (beyond the tolerance, where that ends); `high`, whether it is better for
    sure, holds for all candidates at once. A mean is infinite for a candidate that diverged, whose bounds are NaN; one
    that explodes has no `high`. `lower` and `upper` bound the regret as in the verdict, in a rotation that of what the
    turns picked, which stands in the place of the selected one.
    """

    points: Placed
    excess: Spread
    selected: int
    best: int | None
    tolerance: float
    lower: float
    upper: float
    confidence: float
    on_test: bool
    rotated: bool


def regret(view: StudyView) -> RegretCurve | None:
    """The candidates' losses relative to the selected one; None without a verdict whose regret is bounded."""
    verdict, case = view.verdict, view.comparison
    if verdict is None or case is None or case.units < 2:
        return None
    lower, upper = verdict.regret.relative_lower, verdict.regret.relative_upper
    if lower is None or upper is None or not case.comparable or case.own_risk <= 0:
        return None
    return RegretCurve(
        points=placed(case.compared),
        excess=_excess(case),
        selected=case.selected,
        best=case.best if case.on_test else None,
        tolerance=verdict.tolerance,
        lower=lower,
        upper=upper,
        confidence=verdict.regret.confidence,
        on_test=verdict.basis.on_test,
        rotated=case.rotated,
    )


def _excess(case: Comparison) -> Spread:
    """Minus the relative gains, with the bounds turned round; no bound where the verdict has none."""
    gains = contrast(case.sample, relative=True)
    single, joint = _critical_values(case, case.sample, gains)
    low, high = np.full((2, len(case.risk)), np.nan)
    capped = contrast(case.capped, relative=True)
    deepest = capped.high(single)
    lowest = np.where(deepest > 0, -deepest, -fieller(capped, t_critical(single, capped.dof))[1])
    # In a rotation what was picked stands before the candidates.
    low[case.finite] = lowest[-int(case.finite.sum()) :]
    high[case.contenders] = -fieller(gains, t_critical(joint, gains.dof))[0][-int(case.contenders.sum()) :]
    return Spread(case.risk / case.own_risk - 1, low, high)


def _critical_values(case: Comparison, sample: Sample, gains: Contrast) -> tuple[float, float]:
    """Of one candidate by itself, and of all candidates at once, each side as the verdict's relative bounds have it."""
    level = case.bound_confidence
    if case.pairs is not None:
        return case.pairs, case.pairs
    errors = Errors(sample.draws, np.zeros_like(sample.risk_draws), gains.deviation(0.0))
    return float(ndtri(level)), critical_value(errors, np.zeros(sample.count), level)


def fieller(gains: Contrast, c: Array) -> tuple[Array, Array]:
    """Bounds of gain / scale: between which t |gain - t * scale| <= c * its standard error (Fieller 1954).

    Minus and plus infinity where the scale may be zero. Shape (candidates,) each.
    """
    a = gains.scale**2 - c**2 * gains.scale_variance
    b = gains.gain * gains.scale - c**2 * gains.covariance
    d = gains.gain**2 - c**2 * gains.variance
    root = np.sqrt(np.maximum(b * b - a * d, 0.0))
    bounded = a > 0
    low = np.divide(b - root, a, out=np.full_like(d, -np.inf), where=bounded)
    high = np.divide(b + root, a, out=np.full_like(d, np.inf), where=bounded)
    return low, high


def draw_regret(numbers: RegretCurve, theme: Theme) -> go.Figure:
    """What the selected candidate loses against each one, in per cent, on the range where the question is."""
    whose = "what the turns picked" if numbers.rotated else "the selected candidate"
    loss = "test loss" if numbers.on_test else "validation loss"
    title = f"{loss} of {whose}<br>above that of each candidate, %"
    figure = lambda_panels(theme, [title], numbers.points.axis, height=380)
    shown = thin(numbers.points.x, [numbers.selected, numbers.best], HOVER_POINTS)
    shown = shown[np.isfinite(numbers.excess.mean[shown])]
    lost = Spread(-100 * numbers.excess.mean, -100 * numbers.excess.high, -100 * numbers.excess.low)
    low, high = focus(numbers)
    worse = int((lost.mean < low).sum())
    view = set_focus(figure, Focus(low, high, log=False, above=0, below=worse))
    drawn = numbers.points._replace(smooth=frozenset(), text=_with_bounds(numbers.points.text, lost))
    add_candidates(figure, drawn, clipped(lost, low, high), shown, row=1, what="regret against it, %:", view=view)
    for mark, index in (("best on test", numbers.best), ("selected", numbers.selected)):
        if index is not None:
            add_mark(figure, mark, drawn.x[index], lost.mean[index], drawn.text[index])
    _add_verdict(figure, numbers)
    return figure


def _with_bounds(text: list[str], percent: Spread) -> list[str]:
    """The hover texts with the bounds, where there are any."""
    return [
        own if np.isnan(high) else f"{own}<br>bounds {number(low)} to {number(high)} %"
        for own, low, high in zip(text, percent.low, percent.high, strict=True)
    ]


def focus(numbers: RegretCurve) -> tuple[float, float]:
    """The range of the vertical axis, in per cent: up to the regret's upper bound and downwards as far again."""
    finite = numbers.excess.low[np.isfinite(numbers.excess.low)]
    highest = max(numbers.tolerance, -float(finite.min(initial=0.0)))
    near = numbers.excess.mean[np.isfinite(numbers.excess.mean)]
    lowest = min(float(near.max(initial=0.0)) + 0.1 * highest, FOCUS * max(highest, numbers.tolerance))
    return -100 * max(lowest, highest), 125 * highest


def clipped(percent: Spread, low: float, high: float) -> Spread:
    """Bounds that leave the picture are drawn to its far outside: plotly has no infinite bars."""
    reach = 10 * (high - low)
    lower = np.minimum(np.maximum(percent.low, low - reach), percent.mean)
    return Spread(percent.mean, lower, np.minimum(percent.high, high + reach))


def _add_verdict(figure: go.Figure, numbers: RegretCurve) -> None:
    """The regret's interval in grey, and the line above which a candidate is better by more than the tolerance."""
    sure = f"{100 * numbers.confidence:.3g} %"
    figure.add_hrect(
        100 * numbers.lower, 100 * numbers.upper, fillcolor=translucent(NEUTRAL, 0.18), line_width=0, layer="below"
    )
    add_patch(figure, f"regret ({sure})", translucent(NEUTRAL, 0.4))
    figure.add_scatter(x=[None], y=[None], mode="lines", name=f"bounds ({sure})", line={"color": NEUTRAL, "width": 1})
    figure.add_hline(0, line={"color": NEUTRAL, "width": 1})
    if numbers.tolerance > 0:
        line = {"color": NEUTRAL, "width": 2, "dash": "dash"}
        figure.add_hline(100 * numbers.tolerance, line=line)
        name = f"tolerance, {100 * numbers.tolerance:.3g} %"
        figure.add_scatter(x=[None], y=[None], mode="lines", name=name, line=line)


REGRET = Figure(
    "regret",
    regret,
    draw_regret,
    title="Regret",
    question="Is another candidate surely better than the selected one, or could one be, by more than the tolerance?",
    needs="It needs a verdict whose bounds are finite.",
)
