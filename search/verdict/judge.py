"""Losses in, verdict out: the one place where the parts of a verdict meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from search.core.arrays import Array, Index
from search.core.evidence import Evidence
from search.verdict.bounds import Bounds, contrast, regret_bounds
from search.verdict.comparison import Comparison
from search.verdict.confidence_set import summarise
from search.verdict.gap import gap
from search.verdict.inputs import picks_of_rows, position_of, results_from_arrays
from search.verdict.matter import gain_over_none, intervals, within_tolerance
from search.verdict.optimism import optimism
from search.verdict.profile import settings_searched
from search.verdict.record import Answer, Basis, Choice, Gain, Matter, Pick, Regret, Rotation, Scope, Verdict
from search.verdict.rotation import shares
from search.verdict.rows_needed import rows_needed
from search.verdict.rules import compare_rules
from search.verdict.sample import Sample
from search.verdict.scores import scores, seed_effect
from search.verdict.stability import stability
from search.verdict.warnings import find_warnings

DENSE = 8  # lambdas of a penalty from which on its range counts as searched

if TYPE_CHECKING:
    import pandas as pd

    from search.core.results import Results


def judge(  # noqa: PLR0913 - the signature that the design promises
    validation: Array,
    test: Array | None,
    candidates: pd.DataFrame,
    *,
    selected: int | Index | None = None,
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
        bounds hold for any choice made without the test rows. Or an integer array (test rows,): for each test row the
        position that was picked without it, as nested cross-validation gives (rotation). The regret is then that of
        picking like this, and the candidate with the lowest validation loss is the one that ships.
    confidence, tolerance
        Of the bounds and sets; and the regret, relative to the selected candidate's risk, that does not matter.
    scope
        "models": the bounds speak of these fitted models on new rows. "procedure": replicates are a sample too, and
        the bounds speak of the next seed and split as well.
    evidence
        Further material: a dense grid, exact solutions, earlier openings of the test rows, which rows belong together.

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
    results = results_from_arrays(validation, test, candidates, None if evidence is None else evidence.groups)
    given = None
    if selected is not None and np.ndim(selected) == 1:
        given, selected = picks_of_rows(np.asarray(selected), test, len(results)), None
    position = results.lowest(results.validation_loss) if selected is None else position_of(selected)
    return verdict_of(Comparison(results, position, confidence, tolerance, scope, evidence or Evidence(), given))


def verdict_of(case: Comparison) -> Verdict:
    """The verdict on a comparison."""
    results, evidence = case.results, case.evidence
    regret, one_sided = _infinite_regret(case), None
    if case.comparable:
        regret, one_sided = _regret(case, case.sample, case.capped, case.pairs)
    answer = "cannot tell" if case.thin is not None else _answer(regret, case.tolerance)
    needed, leads_to = _rows_needed(case) if answer == "cannot tell" and case.comparable else (None, None)
    return Verdict(
        answer=answer,
        selected=_choice(case, case.selected, case.own_risk),
        best_on_test=_choice(case, case.best, float(case.risk[case.best])) if case.on_test else None,
        regret=regret,
        confidence_set=summarise(case.members, case.compared),
        does_it_matter=_matter(case, answer) if case.comparable else Matter(None, None, ()),
        optimism=optimism(results, case.selected, case.own_risk if case.on_test else None),
        gap=gap(case),
        rules=compare_rules(case),
        stability=stability(results, case.selected),
        rows_needed=needed,
        warnings=find_warnings(case),
        tolerance=case.tolerance,
        test_rows=case.losses.shape[2] if case.on_test else 0,
        opened=evidence.openings,
        rotation=_rotation(case),
        scores=scores(case),
        seed=seed_effect(case),
        basis=_basis(case, answer, leads_to, one_sided),
        groups=None if case.groups is None else case.units,
    )


def _regret(case: Comparison, sample: Sample, capped: Sample, pairs: float | None) -> tuple[Regret, Bounds | None]:
    """The regret with its bounds, and those of the relative regret of which each has all of the error probability."""
    bounds = regret_bounds(sample, confidence=case.confidence, relative=False, pairs=pairs, capped=capped)
    relative: Bounds | None = None
    one_sided: Bounds | None = None
    if bounds.upper == 0:
        relative = Bounds(0.0, 0.0)
    elif sample.gain[-1] > 0:
        one_sided = _one_sided(case, sample, capped, pairs)
        relative = _ended_at_tolerance(one_sided, case.tolerance)
    regret = Regret(
        # A rotation may do better than every fixed candidate: that is no regret.
        estimate=max(0.0, float(sample.gain[:-1].max())),
        lower=bounds.lower,
        upper=bounds.upper,
        relative_lower=None if relative is None else relative.lower,
        relative_upper=None if relative is None else relative.upper,
        confidence=case.confidence,
    )
    return regret, one_sided


def _rotation(case: Comparison) -> Rotation | None:
    """What the turns picked, and the regret of what ships."""
    if case.picked is None:
        return None
    found = shares(case.picked, case.losses)
    results = case.results
    own = results.penalty[case.selected]
    return Rotation(
        picks=tuple(Pick(results.candidates[position], share) for position, share in found.items()),
        agreement=found.get(case.selected, 0.0),
        same_penalty=sum(share for position, share in found.items() if results.penalty[position] == own),
        shipped=_regret(case, case.fixed, case.fixed_capped, case.fixed_pairs)[0]
        if case.finite[case.selected]
        else _infinite_regret(case),
    )


def _one_sided(case: Comparison, sample: Sample, capped: Sample, pairs: float | None) -> Bounds:
    """Bounds of the relative regret, each by itself: all of the error probability is on its side.

    A loss that is never negative cannot be regretted by more than all of it.
    """
    bounds = regret_bounds(sample, confidence=2 * case.confidence - 1, relative=True, pairs=pairs, capped=capped)
    most = np.inf if (case.losses < 0).any() else 1.0
    return Bounds(min(bounds.lower, most), min(bounds.upper, most))


def _ended_at_tolerance(one_sided: Bounds, tolerance: float) -> Bounds:
    """The relative regrets that a test of each does not reject, all of the error probability on the side that counts.

    A regret within the tolerance is rejected by the lower bound alone, one above it by the upper bound alone; so each
    bound may have the whole error probability, and what is left is one confidence set that ends at the tolerance where
    the answer is settled. (Two tests of disjoint hypotheses: at most one of them is true.)
    """
    return Bounds(min(one_sided.lower, float(np.nextafter(tolerance, np.inf))), max(one_sided.upper, tolerance))


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
    """The gain is over the `none` with the lowest validation loss; where `none` itself is selected, it is zero.

    In a rotation it is what picking gains over that one candidate.
    """
    named = within_tolerance(
        case.fixed,
        confidence=case.bound_confidence,
        tolerance=case.tolerance,
        pairs=case.pairs,
        heights=case.challenges,
    )
    same = intervals(case.from_contenders(named), case.compared)
    none = (case.compared.penalty == "none") & case.finite
    if none[case.selected] and not case.rotated:
        return Matter(False if answer == "yes" else None, Gain(0.0, 0.0, 0.0), same)
    if not none.any():
        return Matter(None, None, same)
    tried = np.flatnonzero(none)
    reference = int(tried[case.compared.validation_loss[tried].argmin()])
    pair = case.sample_of(np.concatenate([case.own_losses, case.pooled[[reference]]]), 0)
    gain, more = gain_over_none(pair, 1, confidence=case.confidence, tolerance=case.tolerance, pairs=case.pairs)
    return Matter(True if case.exploding[reference] else more, gain, same)


def _rows_needed(case: Comparison) -> tuple[int | None, Answer | None]:
    return rows_needed(case.capped, confidence=case.confidence, tolerance=case.tolerance)


def _choice(case: Comparison, position: int, test_loss: float) -> Choice:
    """A compared candidate; `test_loss` counts where there are test rows."""
    trial = int(case.compared.trials[position])
    return Choice(
        trial=None if trial < 0 else trial,
        candidate=case.compared.candidates[position],
        validation_loss=float(case.compared.validation_loss[position]),
        test_loss=test_loss if case.on_test else None,
    )


def _basis(case: Comparison, answer: Answer, leads_to: Answer | None, one_sided: Bounds | None) -> Basis:
    compared = case.compared
    tried = {penalty: compared.lambda_[compared.penalty == penalty] for penalty in dict.fromkeys(compared.penalty)}
    dense = all(penalty == "none" or len(set(own)) >= DENSE for penalty, own in tried.items()) and len(compared) > DENSE
    return Basis(
        candidates=len(compared),
        members=int(case.members.sum()),
        searched={penalty: (float(own.min()), float(own.max())) for penalty, own in tried.items()} if dense else {},
        replicates=case.losses.shape[1],
        rows=case.losses.shape[2],
        scope="procedure" if case.rotated else case.scope,
        on_test=case.on_test,
        diverged=int((~case.finite).sum()),
        tuned=tuple(settings_searched(case.results)),
        at_most=_at_most(case, one_sided) if case.comparable else None,
        better=case.surely_better() if case.comparable and case.thin is None and answer != "yes" else None,
        leads_to=leads_to,
        recorded=case.evidence.recording is not None,
        unswept=case.evidence.unswept,
        optimality=_optimality(compared),
    )


def _optimality(compared: Results) -> float | None:
    """The worst of all fits; None where they were not solved exactly."""
    errors = compared.optimality
    if errors is None or np.isnan(errors).all():
        return None
    return float(np.nanmax(errors))


def _at_most(case: Comparison, one_sided: Bounds | None) -> float | None:
    """The upper bound of the relative regret by itself; where that has none, 0 where nothing may be better."""
    if one_sided is not None:
        return one_sided.upper
    return 0.0 if contrast(case.capped, relative=False).high(float(ndtri(case.confidence))).max() == 0 else None
