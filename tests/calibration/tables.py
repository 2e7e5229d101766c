"""Simulated rows -> the tables: shares with exact binomial intervals, means with standard errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
from laws import LAWS
from real_tables import GOAL
from scipy.stats import binomtest
from simulate import TOLERANCES

WRONG_GOAL = 0.05
RULES = ("argmin", "one_standard_error", "first_plateau", "tolerance", "gcv", "evidence")


def share(hits):
    """A share in percent with its exact 95 % binomial interval (Clopper and Pearson 1934)."""
    interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="exact")
    return f"{100 * hits.mean():.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def percent(hits):
    """A share in percent."""
    return f"{100 * hits.mean():.1f}"


def mean(values):
    """A mean in percent with its standard error."""
    values = values.dropna()
    return f"{100 * values.mean():.2f} ± {100 * values.std() / np.sqrt(len(values)):.2f}" if len(values) > 1 else ""


def coverage_table(rows):
    """How often what must hold holds."""
    both = rows.lower_holds & rows.upper_holds
    relative = rows.relative_lower_holds & rows.relative_upper_holds
    return {
        "data sets": f"{len(rows):,}",
        "bounds hold": share(both),
        "relative bounds hold": share(relative),
        "set holds": share(rows.set_holds),
        "gain interval holds": share(rows.gain_holds),
    }


def width_table(rows):
    """Which side fails, how wide the bounds are, and what a verdict costs."""
    return {
        "lower fails": percent(~rows.lower_holds),
        "upper fails": percent(~rows.upper_holds),
        "true regret, mean": percent(rows.relative_regret),
        "lower bound, median": f"{100 * rows.relative_lower.median():.1f}",
        "upper bound, median": f"{100 * rows.at_most.median():.1f}",
        "set, mean share of candidates": percent(rows.set_share),
        "milliseconds": f"{1000 * rows.seconds.median():.0f}",
    }


def answer_table(rows):
    """The answers, and how often they are wrong."""
    return {
        "yes": percent(rows.answer == "yes"),
        "no": percent(rows.answer == "no"),
        "cannot tell": share(rows.answer == "cannot tell"),
        "wrong yes": share(rows.wrong_yes),
        "wrong no": share(rows.wrong_no),
        "interval named": percent(rows.indifference),
        "interval wrong": share(rows.wrong_indifference),
        "matter told": percent(rows.matter != "open"),
        "matter wrong": share(rows.wrong_matter),
        "flagged": percent(rows.flagged),
    }


def rotations(rows):
    """Split against rotation of the same rows: median upper bounds, and the share answered at the larger tolerance."""
    wide, answered = {}, {}
    for (law, tolerance), group in rows.groupby(["law", "tolerance"], sort=False):
        wide[law] = 100 * group.at_most.median()
        answered[law, tolerance] = 100 * (group.answer != "cannot tell").mean()
    names = [law.removesuffix("_rotation") for law in wide if law.endswith("_rotation")]
    return pd.DataFrame(
        {
            name: {
                "split, upper bound": f"{wide[f'{name}_split']:.1f}",
                "rotation, upper bound": f"{wide[f'{name}_rotation']:.1f}",
                "share": f"{wide[f'{name}_rotation'] / wide[f'{name}_split']:.2f}",
                "split, answered": f"{answered[f'{name}_split', TOLERANCES[1]]:.0f}",
                "rotation, answered": f"{answered[f'{name}_rotation', TOLERANCES[1]]:.0f}",
            }
            for name in names
            if f"{name}_split" in wide
        }
    ).T


def optimism_table(rows):
    """Bias of the selected validation loss relative to the true risk, and the part of it that is the winner's curse."""
    return {
        "raw": mean(rows.raw_bias),
        "corrected": mean(rows.corrected_bias),
        "raw, less a fixed candidate's": mean(rows.raw_bias - rows.fixed_bias),
        "corrected, less a fixed candidate's": mean(rows.corrected_bias - rows.fixed_bias),
    }


def rule_table(rows):
    """Mean true regret of every rule, relative to the risk of what it chose."""
    return {rule: mean(rows[f"rule_{rule}"]) if f"rule_{rule}" in rows else "" for rule in RULES}


def shortfalls(rows, tolerance):
    """The goals that a law's rows miss; a goal counts as missed when the measured share is short of it."""
    name = rows.law.iloc[0]
    goal = LAWS[name].goal if name in LAWS else GOAL
    rows = rows[~rows.flagged]
    held = {
        "bounds": rows.lower_holds & rows.upper_holds,
        "relative bounds": rows.relative_lower_holds & rows.relative_upper_holds,
        "set": rows.set_holds,
    }
    missed = [
        f"{what} hold in {share(hits)} %, goal {100 * goal:.0f} %" for what, hits in held.items() if hits.mean() < goal
    ]
    wrong = rows.wrong_yes | rows.wrong_no
    if wrong.mean() > WRONG_GOAL:
        missed.append(f"wrong answers at tolerance {tolerance} in {share(wrong)} %, goal {100 * WRONG_GOAL:.0f} %")
    return missed


def report(rows):
    """All tables of all laws, as Markdown."""
    first = rows[rows.tolerance == TOLERANCES[0]]
    parts = [
        _part("Do bounds and sets hold? (% of data sets)", first, coverage_table),
        _part("Which side fails, and how wide are they? (%; bounds relative to the risk)", first, width_table),
        *(
            _part(
                f"Answers at tolerance {tolerance:g} (% of data sets)", rows[rows.tolerance == tolerance], answer_table
            )
            for tolerance in TOLERANCES
        ),
        _table("Split and rotation of the same rows (%; answered at tolerance 0.05)", rotations(rows)),
        _part("Selected validation loss above the true risk (%)", first, optimism_table),
        _part("True regret of each rule (%)", first, rule_table),
        "### Goals missed\n\n" + "\n".join(_missed(rows) or ["none"]),
    ]
    return "\n\n".join(parts)


def _part(title, rows, table):
    return _table(title, pd.DataFrame({_label(key): table(group) for key, group in _groups(rows)}).T)


def _table(title, found):
    lines = [f"| law | {' | '.join(found.columns)} |", "|---" * (len(found.columns) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in zip(found.index, found.to_numpy(), strict=True)]
    return f"### {title}\n\n" + "\n".join(lines)


def _missed(rows):
    return sorted(
        {
            f"- {_label(key)}: {text}"
            for tolerance in TOLERANCES
            for key, group in _groups(rows[rows.tolerance == tolerance])
            for text in shortfalls(group, tolerance)
        }
    )


def _groups(rows):
    return rows.groupby(["law", "scope"], sort=False)


def _label(key):
    law, scope = key
    return law if scope == "models" else f"{law}, {scope}"
