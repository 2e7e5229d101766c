"""Does it matter: what regularisation gains over none, and which lambdas do as well as the best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from search.core.arrays import Array, Flags, Index
from search.core.candidate import NO_STRENGTH
from search.core.results import Results
from search.verdict.against import SCREENING_SHARE, Against, against, challenges
from search.verdict.bounds import contrast
from search.verdict.multiplier import Errors, bonferroni, t_critical
from search.verdict.profile import profile
from search.verdict.record import Gain, Interval
from search.verdict.sample import Sample


def gain_over_none(
    sample: Sample, none: int, *, confidence: float, tolerance: float, pairs: float | None = None
) -> tuple[Gain, bool | None]:
    """Risk of candidate `none` minus that of the selected one with a two-sided paired t interval; and is it more?

    True: the gain is above the tolerance, relative to the selected candidate's risk; False: it is not; None: open.
    Each answer is wrong with probability (1 - confidence) / 2 at most. `pairs` as in `regret_bounds`.
    """
    gains = contrast(sample, relative=True)
    estimate = 0.0 - float(gains.gain[none])
    if sample.row_count < 2:
        return Gain(estimate, -np.inf, np.inf), None
    c = t_critical(pairs if pairs is not None else float(ndtri((1 + confidence) / 2)), gains.dof)[none]
    margin = float(c * np.sqrt(gains.variance[none]))
    beyond = -gains.statistic(-tolerance)[none]
    answer = None if abs(beyond) <= c else bool(beyond > 0)
    return Gain(estimate, estimate - margin, estimate + margin), answer


def within_tolerance(
    sample: Sample, *, confidence: float, tolerance: float, pairs: float | None = None, heights: Array | None = None
) -> Flags:
    """Which candidates' regret is at most tolerance * risk(selected): all those named are, with this confidence.

    Candidate k is named when t(k, h) = (tolerance * risk(selected) - (risk(k) - risk(h))) / se is above a critical
    value for every h that may be the best one. A wrong name needs an error of t(k, best) for some k, so the critical
    value is, for each h, the multiplier bootstrap's over all k at once, screened as for the lower regret bound; a part
    of the error probability goes into "may be the best". Shape (candidates,).
    """
    if sample.row_count < 2 or sample.gain[-1] <= 0:
        return np.full(sample.count, sample.count == 1)
    alpha = 1 - confidence
    named, bases = np.ones(sample.count, dtype=bool), np.arange(sample.count)
    if pairs is None:
        heights = challenges(sample, alpha) if heights is None else heights
        bases = np.flatnonzero(heights <= bonferroni(sample.count, SCREENING_SHARE * alpha))
    for base in against(sample, bases[np.argsort(-sample.gain[bases], kind="stable")]):
        places = np.flatnonzero(named)
        named[places] = _near(base, places, tolerance, (1 - SCREENING_SHARE) * alpha, pairs)
        if not named.any():
            break
    return named


def _near(pair: Against, places: Index, tolerance: float, alpha: float, pairs: float | None) -> Flags:
    """For which candidates k risk(k) - risk(h) is surely at most tolerance * risk(selected); h itself is one."""
    sample, h = pair.sample, pair.base
    rows, replicates = (
        np.maximum(part + tolerance**2 * own[-1] + 2 * tolerance * (with_risk[:-1] - with_risk[h]), 0.0)
        for part, own, with_risk in zip((pair.rows, pair.replicates), sample.variances, sample.with_risk, strict=True)
    )
    slack = tolerance * sample.gain[-1] + pair.difference
    slack[h] = np.inf
    near = replace(pair, difference=slack, rows=rows, replicates=replicates)
    if pairs is not None:
        return np.asarray(near.heights(places, pairs) > pairs)
    errors = Errors(sample.draws, sample.draws.values[h] - tolerance * sample.risk_draws, near.deviation)
    return near.beyond(near.heights(places, bonferroni(sample.count, (1 - SCREENING_SHARE) * alpha)), errors, alpha)


def intervals(named: Flags, results: Results) -> tuple[Interval, ...]:
    """For each penalty the neighbouring lambdas that are all named, around the named one with the lowest loss.

    `named` (candidates,) are those within the tolerance. Every evaluated candidate of that penalty from `lambda_low` to
    `lambda_high` is one of them; where other settings are searched too, every one of lambda's profile: what each lambda
    can do once they are tuned to it.
    """
    counts, lambdas, found = np.ones(len(named), dtype=bool), results.lambda_, []
    if (positions := profile(results)) is not None:
        counts = np.isin(np.arange(len(named)), positions)
    for penalty in sorted(set(results.penalty[named & counts]) - {NO_STRENGTH}):
        own = results.penalty == penalty
        holes = lambdas[own & counts & ~named]
        good = own & named & ~np.isin(lambdas, holes)
        if good.any():
            centre = lambdas[good][results.validation_loss[good].argmin()]
            low, high = holes[holes < centre].max(initial=-np.inf), holes[holes > centre].min(initial=np.inf)
            inside = lambdas[good & (lambdas > low) & (lambdas < high)]
            found.append(Interval(penalty, float(inside.min()), float(inside.max())))
    return tuple(found)
