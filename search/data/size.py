"""How large a table becomes: refused before it is made, where it would not fit the memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pandas import DataFrame

from search.core.errors import UserError
from search.core.memory import refuse_too_large
from search.data.columns import drop_it, is_numeric
from search.data.preprocess import Levels
from search.settings import MOST_FEATURES

if TYPE_CHECKING:
    from search.data.splits import Plan
    from search.data.tables import Table, TableData


def refuse_too_wide(table: Table, data: TableData, plan: Plan) -> None:
    """`UserError` where the features of a table, for all parts of all splits, are too many or do not fit the memory."""
    numbers, levels = features_of_numbers(table.inputs, data.degree), features_of_text(table.inputs, data.rare)
    features = numbers + sum(levels.values())
    made = f"{table.where}: the {table.inputs.shape[1]:,} input columns make {features:,} features"
    advice = _advice(data, numbers, levels)
    if features > MOST_FEATURES:
        raise UserError(f"{made}, and valid are at most {MOST_FEATURES:,}; {advice}")
    rows = sum(len(part) for parts in plan.all for part in (parts.train, parts.validation, parts.test))
    refuse_too_large(features * rows, f"{made}, which for the {rows:,} rows of all splits", advice)


def features_of_numbers(inputs: DataFrame, degree: int) -> int:
    """How many products of up to `degree` numeric columns there are."""
    return math.comb(sum(is_numeric(inputs[name]) for name in inputs) + degree, degree) - 1


def features_of_text(inputs: DataFrame, rare: int) -> dict[str, int]:
    """How many features each text column has at most."""
    return {str(name): len(Levels.fit(inputs[name], rare).features) for name in inputs if not is_numeric(inputs[name])}


def _advice(data: TableData, numbers: int, levels: dict[str, int]) -> str:
    """How to have fewer."""
    if levels and max(levels.values()) > numbers:
        return f"a larger data.rare than {data.rare} makes fewer levels, or leave a column out: {drop_it(*levels)}"
    if data.degree > 1:
        return f"use a smaller data.degree than {data.degree}"
    return "use fewer folds, or name the inputs in data.keep"
