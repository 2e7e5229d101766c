"""What is to be said of single columns: those that may be meant in another way, and those that say nothing or too much.

A remark's text goes on from the column's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

import numpy as np
from pandas import DataFrame, Series

from search.data.columns import MOSTLY, ROWS_PER_LEVEL, as_numbers, drop_it, few, first_row, is_numeric
from search.data.dates import other_dates
from search.data.preprocess import Levels
from search.data.targets import Targets
from search.settings import MOST_LEVELS

# What pandas and R write in front of the columns: the place or the name of each row.
INDEX_NAMES: Final = ("", "Unnamed: 0", "rownames", "row.names")
LEAST_NAMED: Final = 10  # rows: of fewer, a column may well differ in all
MANY_LEVELS: Final = 100
SAME_ORDER: Final = 0.999

Code = Literal[
    "words", "row number", "in order", "identifier", "constant", "many levels", "date", "dates as text", "copy", "empty"
]


class Remark(NamedTuple):
    """What a column may be, in a few words for a table (`short`) and as a sentence; `noted`: every run says it."""

    code: Code
    short: str
    text: str
    noted: bool = True


def remarks_on(column: Series, rare: int) -> tuple[Remark, ...]:
    """What a tidy column is likely to be beside an input; levels with fewer than `rare` rows are one."""
    return tuple(remark for check in CHECKS if (remark := check(column, rare)) is not None)


def copies(inputs: DataFrame, targets: Targets) -> Iterator[tuple[str, Remark]]:
    """The columns that tell the target: (name, remark).

    A number whose rank correlation with a target is 1 but for `SAME_ORDER`; and a column each of whose values, at least
    five rows each on average, goes with one class alone.
    """
    if len(inputs) < LEAST_NAMED:
        return
    for name, column in ((str(name), inputs[name]) for name in inputs):
        if targets.kind != "regression":
            if _determines(column, targets):
                yield name, Remark("copy", "tells the class: a copy?", "", noted=False)
        elif is_numeric(column) and max(_rank_correlation(column, y) for y in targets.y.T) >= SAME_ORDER:
            yield name, Remark("copy", "in the target's order: a copy?", "", noted=False)


def _words(column: Series, rare: int) -> Remark | None:
    """Numbers but for a few words."""
    if is_numeric(column):
        return None
    bad = as_numbers(column).isna() & column.notna()
    if not bad.any() or not few(bad, column):
        return None
    words = column[bad]
    where = first_row(column == words.iloc[0])
    return Remark(
        "words",
        f'numbers and words ("{words.iloc[0]}" in {where}), taken as levels',
        f'holds numbers and words ("{words.iloc[0]}" in {where}): taken as a category with {column.nunique()} levels',
    )


def _order(column: Series, rare: int) -> Remark | None:
    """Whole numbers that count the rows, or rise from each to the next; of a column without a name, all that differ."""
    if len(column) < LEAST_NAMED or not is_numeric(column) or column.isna().any() or not (column % 1 == 0).all():
        return None
    steps = column.diff().iloc[1:]
    if (steps == 1).all():
        text = f"counts the rows, and is an input; if it only numbers them: {drop_it(column.name)}"
        return Remark("row number", "counts the rows", text)
    if (steps > 0).all() or (column.name in INDEX_NAMES and column.is_unique):
        return Remark("in order", "a row number?", "", noted=False)
    return None


def _levels(column: Series, rare: int) -> Remark | None:
    """Text that becomes one level, or nearly one a row."""
    if is_numeric(column):
        return None
    levels, distinct = Levels.fit(column, rare), column.nunique()
    names = _names_rows(column)
    code: Code = "identifier" if names else "constant"
    if len(levels.features) == 1 and levels.rare:
        why = f"none of its {distinct:,} levels has {rare} rows"
        short = "an identifier?" if names else f"{why}: says nothing"
        return Remark(code, short, f"says nothing: {why}, so that they become one (rare = {rare})")
    if len(levels.features) == 1:
        return Remark("constant", "the same in every row", f'is "{levels.levels[0]}" in every row: it says nothing')
    if names:
        text = f"differs in nearly every row: no model can learn from it; to leave it out: {drop_it(column.name)}"
        return Remark(code, "an identifier?", text)
    return None


def _names_rows(column: Series) -> bool:
    """Whether nearly every row has a value of its own."""
    return len(column) >= LEAST_NAMED and column.nunique() >= MOSTLY * len(column)


def _many_levels(column: Series, rare: int) -> Remark | None:
    """Text that becomes very many inputs, or would without a limit."""
    if is_numeric(column):
        return None
    features = len(Levels.fit(column, rare).features)
    frequent = int((column.value_counts(dropna=False) >= rare).sum())
    if frequent > MOST_LEVELS:
        text = f"has {frequent:,} levels: the {MOST_LEVELS:,} most frequent become inputs, the others one together"
        return Remark("many levels", f"{frequent:,} levels, cut to {MOST_LEVELS:,}", text)
    if features > MANY_LEVELS and not _names_rows(column):
        text = f"becomes {features:,} inputs, one a level; a larger data.rare than {rare} makes fewer"
        return Remark("many levels", f"becomes {features:,} inputs", text)
    return None


def _same_number(column: Series, rare: int) -> Remark | None:
    if is_numeric(column) and column.nunique() == 1 and not column.isna().any():
        return Remark("constant", "the same in every row", "", noted=False)
    return None


def _dates_as_text(column: Series, rare: int) -> Remark | None:
    if is_numeric(column) or not other_dates(column):
        return None
    example = column.dropna().iloc[0]
    return Remark(
        "dates as text",
        f'dates ("{example}") as text? write 2024-12-31',
        f'looks like dates ("{example}") and is taken as text: write them as 2024-12-31',
    )


CHECKS: Final[tuple[Callable[[Series, int], Remark | None], ...]] = (
    _words,
    _order,
    _levels,
    _many_levels,
    _same_number,
    _dates_as_text,
)


def _determines(column: Series, targets: Targets) -> bool:
    """Whether each value of a column goes with one class, and values come again often enough for that to be no luck."""
    distinct, there = column.nunique(), column.notna().to_numpy()
    if distinct < 2 or there.sum() < ROWS_PER_LEVEL * distinct:
        return False
    classes = Series(targets.y[there]).groupby(column[there].to_numpy())
    return bool(classes.nunique().max() == 1)


def _rank_correlation(column: Series, y: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Spearman's, its sign taken away; 0 where either is constant."""
    there = column.notna().to_numpy()
    ranks = [Series(values).rank().to_numpy() for values in (column[there].to_numpy(), y[there])]
    if len(ranks[0]) < LEAST_NAMED or any(np.ptp(each) == 0 for each in ranks):
        return 0.0
    return abs(float(np.corrcoef(ranks[0], ranks[1])[0, 1]))
