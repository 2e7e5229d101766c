"""The page's tables of single candidates: what each lost, what each turn picked, and the selected one's weights."""

from __future__ import annotations

import numpy as np

from search.core.arrays import Array
from search.core.candidate import PENALTY, STRENGTH, Candidate
from search.core.results import Results
from search.core.text import NOTHING, number, words
from search.report.coefficients import coefficients_table
from search.report.figures.regret import RegretCurve
from search.report.tables import DIGITS, MOST_ROWS, Column, Table
from search.report.view import StudyView
from search.verdict import Comparison
from search.verdict.rotation import inner_views

CANDIDATES = (
    "What every candidate lost{grid}. Regret: the {loss} of {whose} above this one's, in % of its own, "
    "so above 0 this one did better; with bounds at {confidence:.3g} %."
)
PICKS = (
    "Each fold's search saw none of the fold's rows. The loss of its pick on these rows, and that of the selected "
    "candidate, which all rows picked."
)


def judged_tables(view: StudyView, curve: RegretCurve | None) -> list[Table]:
    """Those of the tables that apply to the study; `curve` is what the figure of the regret draws."""
    every = (candidates_table(view, curve), picks_table(view), coefficients_table(view))
    return [table for table in every if table is not None]


def candidates_table(view: StudyView, curve: RegretCurve | None) -> Table | None:
    """All compared candidates by their validation loss, at most `MOST_ROWS`; None without a verdict."""
    case, verdict = view.comparison, view.verdict
    if case is None or verdict is None:
        return None
    results = case.compared
    names = _names(view, results)
    measures = _measures(case, curve)
    order = np.argsort(results.validation_loss, kind="stable")[:MOST_ROWS].tolist()
    rows = [
        (
            str(results.trials[place]) if results.trials[place] >= 0 else "grid",
            *(_parameter(results.candidates[place], name) for name in names),
            *(number(float(values[place]), DIGITS) for values in measures.values()),
            "yes" if case.members[place] else NOTHING,
        )
        for place in order
    ]
    texts = {"penalty", "may be best"}
    headings = ("trial", *(view.placed.axis.name if name == STRENGTH else words(name) for name in names))
    headings = (*headings, *measures, "may be best")
    grid = "" if view.evidence.grid is None else ", the dense grid's too"
    whose = "what the turns picked" if case.rotated else "the selected candidate"
    loss = "test loss" if case.on_test else "validation loss"
    return Table(
        "candidates-table",
        "What every candidate lost",
        CANDIDATES.format(grid=grid, loss=loss, whose=whose, confidence=100 * verdict.regret.confidence),
        tuple(Column(heading, numeric=heading not in texts) for heading in headings),
        tuple(rows),
        sorted_by=headings.index("validation loss"),
        marked=order.index(case.selected) if case.selected in order else None,
    )


def _measures(case: Comparison, curve: RegretCurve | None) -> dict[str, Array]:
    """Heading -> a number a compared candidate."""
    train = case.compared.measure("train_loss")
    found: dict[str, Array] = {} if train is None else {"train loss": train}
    found["validation loss"] = case.compared.validation_loss
    if case.on_test and not case.rotated:  # there every row is a validation row too, and the two are the same
        found["test loss"] = case.risk
    if curve is not None:
        mean, low, high = (np.where(np.isfinite(each), -100 * each, np.nan) for each in curve.excess)
        found |= {"regret, %": mean, "at least": high, "at most": low}
    return found


def _names(view: StudyView, results: Results) -> list[str]:
    """The parameters to show: of somebody else's study no penalty that only repeats the strength's name."""
    penalties = set(results.penalty)
    silent = {PENALTY} if penalties == {results.strength} else set()
    if not results.strength:
        silent = {PENALTY, STRENGTH}
    return [name for name in results.parameters() if name not in silent]


def _parameter(candidate: Candidate, name: str) -> str:
    value = candidate.get(name)
    if value is None or (name == STRENGTH and candidate.penalty == "none"):
        return NOTHING
    if name == PENALTY:
        return words(str(value))
    return number(value, DIGITS) if isinstance(value, float) else str(value)


def picks_table(view: StudyView) -> Table | None:
    """What each turn of a rotation picked, and what that lost on the turn's rows; None without a rotation."""
    case = view.comparison
    if case is None or case.inner is None or case.picked is None:
        return None
    picked, losses = case.picked, case.results.validation
    rows = []
    for place, (turn, seen) in enumerate(inner_views(case.results, case.inner), start=1):
        pick = int(picked[turn[0], 0])
        own, shipped = (losses[each][turn] for each in (pick, case.selected))
        means = (seen.validation_loss[pick], np.nanmean(own), np.nanmean(shipped))
        count = int((~np.isnan(own[0])).sum())
        shown = [number(float(each), DIGITS) for each in means]
        rows.append((str(place), str(count), str(case.results.candidates[pick]), *shown))
    headings = ("fold", "rows", "picked", "validation loss", "test loss", "the selected one's")
    columns = tuple(Column(heading, numeric=heading != "picked") for heading in headings)
    return Table("picks-table", "What each fold picked", PICKS, columns, tuple(rows), sorted_by=0)
