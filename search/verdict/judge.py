"""Losses in, verdict out: the one place where the parts of a verdict meet."""

from __future__ import annotations

import numpy as np
import pandas as pd

from search.records import Array, Flags, UserError
from search.verdict.bounds import Bounds, regret_bounds
from search.verdict.confidence_set import confidence_set, summarise
from search.verdict.evidence import Evidence, finalists
from search.verdict.gap import gap
from search.verdict.judged import Judged
from search.verdict.losses import clean_candidates, clean_losses
from search.verdict.matter import gain_over_none, intervals, within_tolerance
from search.verdict.optimism import optimism
from search.verdict.record import Answer, Basis, Choice, Gain, Gap, Matter, Regret, Scope, Verdict
from search.verdict.rows_needed import rows_needed
from search.verdict.rules import argmin, compare_rules, mean_losses
from search.verdict.sample import build
from search.verdict.stability import stability
from search.verdict.warnings import Case, find_warnings


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
        One row each, with at least the columns `penalty` and `lambda`; used where present: `trial` (its number,
        otherwise the position), `l1_ratio`, `train_loss`, `nonzero`, `converged`, `gcv`, `evidence`.
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
    """
    _check_shares(confidence, tolerance, scope)
    frame = clean_candidates(candidates)
    held_out = clean_losses("validation", validation, len(frame))
    tested = None if test is None else clean_losses("test", test, len(frame))
    if selected is None:
        selected = argmin(mean_losses(held_out), frame)
    elif not 0 <= selected < len(frame):
        raise UserError(f"judge: selected is {selected}; valid are the positions 0 to {len(frame) - 1} of candidates")
    case = Judged(held_out, tested, frame, selected, confidence, tolerance, scope)
    return _verdict(case, evidence or Evidence())


def _check_shares(confidence: float, tolerance: float, scope: str) -> None:
    if not 0.5 <= confidence < 1:
        raise UserError(f"judge: confidence is {confidence}; valid is a share from 0.5 to below 1, such as 0.95")
    if not 0 <= tolerance < 1:
        raise UserError(f"judge: tolerance is {tolerance}; valid is a share from 0 to below 1, such as 0.01")
    if scope not in ("models", "procedure"):
        raise UserError(f'judge: scope is "{scope}"; valid are "models" and "procedure"')


def _verdict(case: Judged, evidence: Evidence) -> Verdict:
    comparable = bool(case.finite[case.selected])
    regret = _regret(case) if comparable else _infinite_regret(case)
    answer = _answer(regret, case.tolerance)
    members = _members(case)
    return Verdict(
        answer=answer,
        selected=_choice(case, case.selected),
        best_on_test=None if case.test is None else _choice(case, case.best),
        regret=regret,
        confidence_set=summarise(members, case.candidates),
        does_it_matter=_matter(case, answer) if comparable else Matter(None, None, ()),
        optimism=optimism(case.validation, case.test, case.candidates, case.selected),
        gap=_gap(case, evidence),
        rules=compare_rules(case.validation, case.test, case.candidates, tolerance=case.tolerance),
        stability=stability(case.validation, case.candidates, case.selected),
        rows_needed=_rows_needed(case) if comparable and answer == "cannot tell" else None,
        warnings=find_warnings(_warning_case(case, evidence, int(members.sum()))),
        tolerance=case.tolerance,
        test_rows=0 if case.test is None else case.test.shape[2],
        opened=evidence.openings,
        basis=_basis(case),
    )


def _regret(case: Judged) -> Regret:
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


def _relative_bounds(case: Judged) -> Bounds:
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


def _infinite_regret(case: Judged) -> Regret:
    """The regret of a selected candidate that diverged: infinite, or unknown where every candidate did."""
    lower = np.inf if case.finite.any() else 0.0
    return Regret(np.inf, lower, np.inf, lower, np.inf, case.confidence)


def _answer(regret: Regret, tolerance: float) -> Answer:
    if regret.relative_lower is None or regret.relative_upper is None:
        return "cannot tell"
    if regret.relative_upper <= tolerance:
        return "yes"
    return "no" if regret.relative_lower > tolerance else "cannot tell"


def _members(case: Judged) -> Flags:
    """The confidence set: all candidates where none can be compared."""
    if not case.finite.any():
        return np.ones(len(case.finite), dtype=bool)
    sample = case.sample if case.finite[case.selected] else build(case.losses[case.contenders], 0, case.scope)
    return case.spread(confidence_set(sample, confidence=case.bound_confidence))


def _matter(case: Judged, answer: Answer) -> Matter:
    """The gain is over the `none` with the lowest validation loss; where `none` itself is selected, it is zero."""
    named = within_tolerance(case.sample, confidence=case.bound_confidence, tolerance=case.tolerance, pairs=case.pairs)
    same = intervals(case.spread(named), case.validation_loss, case.candidates)
    none = (case.candidates["penalty"].to_numpy() == "none") & case.finite
    if none[case.selected]:
        return Matter(False if answer == "yes" else None, Gain(0.0, 0.0, 0.0), same)
    if not none.any():
        return Matter(None, None, same)
    reference = int(np.where(none, case.validation_loss, np.inf).argmin())
    pair = build(case.losses[[case.selected, reference]], 0, case.scope)
    gain, more = gain_over_none(pair, 1, confidence=case.confidence, tolerance=case.tolerance, pairs=case.pairs)
    return Matter(True if case.hopeless[reference] else more, gain, same)


def _rows_needed(case: Judged) -> int | None:
    return rows_needed(case.sample, confidence=case.confidence, tolerance=case.tolerance)


def _gap(case: Judged, evidence: Evidence) -> Gap:
    sweep = evidence.sweep
    return gap(
        case.test,
        case.selected,
        sweep_test=None if sweep is None else sweep.test,
        finalists=None if sweep is None else finalists(sweep.candidates, case.candidates),
        exact_test=evidence.exact_test,
    )


def _warning_case(case: Judged, evidence: Evidence, in_set: int) -> Case:
    return Case(
        validation=case.validation,
        test=case.test,
        candidates=case.candidates,
        selected=case.selected,
        in_confidence_set=in_set,
        scope=case.scope,
        lambda_range=evidence.lambda_range,
        train_curves=evidence.train_curves,
        baseline_loss=evidence.baseline_loss,
        openings=evidence.openings,
        trials=evidence.trials,
    )


def _choice(case: Judged, position: int) -> Choice:
    row = case.candidates.iloc[position]
    test_loss = None if case.test is None else float(case.risk[position])
    return Choice(
        int(row["trial"]), str(row["penalty"]), float(row["lambda"]), float(case.validation_loss[position]), test_loss
    )


def _basis(case: Judged) -> Basis:
    return Basis(
        candidates=len(case.finite),
        replicates=case.losses.shape[1],
        rows=case.losses.shape[2],
        scope=case.scope,
        on_test=case.test is not None,
        diverged=int((~case.finite).sum()),
    )
