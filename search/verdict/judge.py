"""Losses in, verdict out: the one place where the parts of a verdict meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.core.arrays import Array
from search.core.evidence import Evidence
from search.verdict.bounds import Bounds, regret_bounds
from search.verdict.comparison import Comparison
from search.verdict.confidence_set import summarise
from search.verdict.gap import gap
from search.verdict.inputs import results_from_arrays
from search.verdict.matter import gain_over_none, intervals, within_tolerance
from search.verdict.optimism import optimism
from search.verdict.profile import settings_searched
from search.verdict.record import Answer, Basis, Choice, Gain, Matter, Regret, Scope, Verdict
from search.verdict.rows_needed import rows_needed
from search.verdict.rules import compare_rules
from search.verdict.sample import build
from search.verdict.stability import stability
from search.verdict.warnings import find_warnings

if TYPE_CHECKING:
    import pandas as pd


def judge(  # noqa: PLR0913 - the signature that the design promises
    validation: Array,
    test: Array | None,
    candidates: pd.DataFrame,
    *,
    selected: int | None = None,
    confidence: float = 0.95,
    tolerance: float = 0.01,
    scope: Scope = "models",
    evidence: Evidence | None = None,
) -> Verdict:
    """Is the selected candidate really optimal, and does it matter?

    Parameters
    ----------
    validation, test
        Loss of every held-out row, shape (candidates, replicates, rows), or (candidates, rows) for one replicate. NaN:
        that fit did not hold out that row. Infinity: the fit diverged. A candidate with any infinite loss, or without
        a loss that other candidates have, counts as worse than all others, whatever its other replicates did: a
        setting that diverges on some seeds is not one to ship. Without test rows (None) the validation rows are
        judged, with bounds that allow for their having selected the candidate, and a warning.
    candidates
        One row each, with at least the columns `penalty` and `lambda`. Used where present: `trial` (its number,
        otherwise the position), `train_loss`, `weight_norm`, `nonzero`, `epochs`, `converged`, `gcv`, `evidence`, and
        other measures that an export holds. Every other column is a further parameter, such as `l1_ratio` or `lr`.
    selected
        Position of the selected candidate; by default the lowest validation loss, ties to the larger lambda. The
        bounds hold for any choice made without the test rows.
    confidence, tolerance
        Of the bounds and sets; and the regret, relative to the selected candidate's risk, that does not matter.
    scope
        "models": the bounds speak of these fitted models on new rows. "procedure": replicates are a sample too, and
        the bounds speak of the next seed and split as well.
    evidence
        Further material: confirming sweep, exact solutions, earlier openings of the test rows.

    Raises `UserError` where an argument is not of this form.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> lambdas = np.geomspace(0.01, 100, 20)
    >>> level = 1 + 0.1 * np.log(lambdas / 3) ** 2  # the truth: lambda = 3 is best
    >>> validation = level[:, None] * rng.normal(size=100) ** 2
    >>> test = level[:, None] * rng.normal(size=1000) ** 2
    >>> verdict = judge(validation, test, pd.DataFrame({"penalty": "l2", "lambda": lambdas}))
    >>> verdict.answer, round(verdict.selected.lambda_, 2)
    ('yes', 3.36)
    """
    results = results_from_arrays(validation, test, candidates)
    if selected is None:
        selected = results.lowest(results.validation_loss)
    return verdict_of(Comparison(results, selected, confidence, tolerance, scope, evidence or Evidence()))


def verdict_of(case: Comparison) -> Verdict:
    """The verdict on a comparison."""
    results, evidence = case.results, case.evidence
    comparable = bool(case.finite[case.selected])
    regret = _regret(case) if comparable else _infinite_regret(case)
    answer = _answer(regret, case.tolerance)
    settled = answer != "cannot tell"
    return Verdict(
        answer=answer,
        selected=_choice(case, case.selected),
        best_on_test=_choice(case, case.best) if case.on_test else None,
        regret=regret,
        confidence_set=summarise(case.members, results),
        does_it_matter=_matter(case, answer) if comparable else Matter(None, None, ()),
        optimism=optimism(results, case.selected),
        gap=gap(results, case.selected, evidence),
        rules=compare_rules(results, tolerance=case.tolerance),
        stability=stability(results, case.selected),
        rows_needed=None if settled or not comparable else _rows_needed(case),
        warnings=find_warnings(case),
        tolerance=case.tolerance,
        test_rows=case.losses.shape[2] if case.on_test else 0,
        opened=evidence.openings,
        basis=_basis(case),
    )


def _regret(case: Comparison) -> Regret:
    """The regret with its bounds."""
    sample = case.sample
    bounds = regret_bounds(sample, confidence=case.bound_confidence, relative=False, pairs=case.pairs)
    relative: Bounds | None = None
    if bounds.upper == 0:
        relative = Bounds(0.0, 0.0)
    elif sample.gain[-1] > 0:
        relative = _relative_bounds(case)
    return Regret(
        estimate=float(sample.gain[:-1].max()),
        lower=bounds.lower,
        upper=bounds.upper,
        relative_lower=None if relative is None else relative.lower,
        relative_upper=None if relative is None else relative.upper,
        confidence=case.confidence,
    )


def _relative_bounds(case: Comparison) -> Bounds:
    """The relative regrets that a test of each does not reject, all of the error probability on the side that counts.

    A regret within the tolerance is rejected by the lower bound alone, one above it by the upper bound alone; so each
    bound may have the whole error probability, and what is left is one confidence set that ends at the tolerance where
    the answer is settled. (Two tests of disjoint hypotheses: at most one of them is true.) A loss that is never
    negative cannot be regretted by more than all of it.
    """
    one_sided = regret_bounds(case.sample, confidence=2 * case.bound_confidence - 1, relative=True, pairs=case.pairs)
    most = np.inf if (case.losses < 0).any() else 1.0
    lower, upper = min(one_sided.lower, most), min(one_sided.upper, most)
    beyond = float(np.nextafter(case.tolerance, np.inf))
    return Bounds(min(lower, beyond), max(upper, case.tolerance))


def _infinite_regret(case: Comparison) -> Regret:
    """The regret of a selected candidate that diverged: infinite, or unknown where every candidate did."""
    lower = np.inf if case.finite.any() else 0.0
    return Regret(np.inf, lower, np.inf, lower, np.inf, case.confidence)


def _answer(regret: Regret, tolerance: float) -> Answer:
    if regret.relative_lower is None or regret.relative_upper is None:
        return "cannot tell"
    if regret.relative_upper <= tolerance:
        return "yes"
    return "no" if regret.relative_lower > tolerance else "cannot tell"


def _matter(case: Comparison, answer: Answer) -> Matter:
    """The gain is over the `none` with the lowest validation loss; where `none` itself is selected, it is zero."""
    named = within_tolerance(case.sample, confidence=case.bound_confidence, tolerance=case.tolerance, pairs=case.pairs)
    same = intervals(case.from_contenders(named), case.results)
    none = (case.results.penalty == "none") & case.finite
    if none[case.selected]:
        return Matter(False if answer == "yes" else None, Gain(0.0, 0.0, 0.0), same)
    if not none.any():
        return Matter(None, None, same)
    tried = np.flatnonzero(none)
    reference = int(tried[case.results.validation_loss[tried].argmin()])
    pair = build(case.losses[[case.selected, reference]], 0, case.scope)
    gain, more = gain_over_none(pair, 1, confidence=case.confidence, tolerance=case.tolerance, pairs=case.pairs)
    return Matter(True if case.exploding[reference] else more, gain, same)


def _rows_needed(case: Comparison) -> int | None:
    return rows_needed(case.sample, confidence=case.confidence, tolerance=case.tolerance)


def _choice(case: Comparison, position: int) -> Choice:
    results = case.results
    return Choice(
        trial=int(results.trials[position]),
        candidate=results.candidates[position],
        validation_loss=float(results.validation_loss[position]),
        test_loss=None if results.test_loss is None else float(results.test_loss[position]),
    )


def _basis(case: Comparison) -> Basis:
    return Basis(
        candidates=len(case.results),
        replicates=case.losses.shape[1],
        rows=case.losses.shape[2],
        scope=case.scope,
        on_test=case.on_test,
        diverged=int((~case.finite).sum()),
        tuned=tuple(settings_searched(case.results)),
    )
