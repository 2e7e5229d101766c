"""Warnings: one file each, and this registry, first what makes the answer void, last what only limits it."""

from __future__ import annotations

from search.verdict.comparison import Comparison
from search.verdict.record import Warning
from search.verdict.warnings.base import Check
from search.verdict.warnings.diverged import DIVERGED
from search.verdict.warnings.edge_of_range import EDGE_OF_RANGE
from search.verdict.warnings.few_replicates import FEW_REPLICATES
from search.verdict.warnings.few_test_rows import FEW_TEST_ROWS
from search.verdict.warnings.flat import FLAT
from search.verdict.warnings.no_test_rows import NO_TEST_ROWS
from search.verdict.warnings.not_trained import NOT_TRAINED
from search.verdict.warnings.opened_before import TEST_OPENED_BEFORE
from search.verdict.warnings.other_objective import OTHER_OBJECTIVE
from search.verdict.warnings.partly_recorded import PARTLY_RECORDED
from search.verdict.warnings.seeds_dominate import SEEDS_DOMINATE
from search.verdict.warnings.setting_at_edge import SETTING_AT_EDGE
from search.verdict.warnings.thin_evidence import THIN_EVIDENCE
from search.verdict.warnings.validation_below_training import VALIDATION_BELOW_TRAINING

CHECKS: tuple[Check, ...] = (
    NOT_TRAINED,
    DIVERGED,
    EDGE_OF_RANGE,
    SETTING_AT_EDGE,
    OTHER_OBJECTIVE,
    PARTLY_RECORDED,
    TEST_OPENED_BEFORE,
    NO_TEST_ROWS,
    FEW_TEST_ROWS,
    THIN_EVIDENCE,
    FLAT,
    SEEDS_DOMINATE,
    VALIDATION_BELOW_TRAINING,
    FEW_REPLICATES,
)


def find_warnings(case: Comparison) -> tuple[Warning, ...]:
    """All warnings that apply."""
    found = [(check.code, check.message(case)) for check in CHECKS]
    return tuple(Warning(code, message) for code, message in found if message is not None)


__all__ = ["CHECKS", "Check", "find_warnings"]
