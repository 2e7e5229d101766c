"""One simulated data set, judged: what the verdict said beside the truth, as flat rows."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from laws import data_set

from search.core.evidence import Evidence
from search.core.results import Results
from search.verdict import judge
from search.verdict.inputs import candidates_of
from search.verdict.rotation import picks

TOLERANCES = (0.01, 0.05)
ROUNDING = 1e-9


def judged_rows(law, numbers):
    """A frame with one row for each data set, scope and tolerance."""
    return pd.DataFrame([row for number in numbers for row in _judged_data_set(law, number)])


def _judged_data_set(law, number):
    data = data_set(law, number)
    cases = [(scope, tolerance) for scope in data.risk for tolerance in TOLERANCES]
    return [{"law": law, "data_set": number, **judged(data, *case)} for case in cases]


def judged(data, scope, tolerance):
    """One verdict beside the truth."""
    risk = data.risk[scope]
    started = time.perf_counter()
    verdict = judge(
        data.validation, data.test, data.candidates, tolerance=tolerance, scope=scope, evidence=evidence(data)
    )
    seconds = time.perf_counter() - started
    truth = Truth(data, risk, verdict.selected.trial)
    return {
        "scope": scope,
        "tolerance": tolerance,
        "seconds": seconds,
        "flagged": any(warning.code == "thin_evidence" for warning in verdict.warnings),
        "warnings": " ".join(warning.code for warning in verdict.warnings),
        "regret": truth.regret,
        "relative_regret": truth.relative_regret,
        **coverage(verdict, truth),
        **answers(verdict, truth),
        **optimism(verdict, truth, data.validation),
        **rule_regrets(verdict, truth),
    }


def evidence(data):
    """What makes a data set a rotation."""
    if data.inner is None:
        return None
    return Evidence(inner=Results(candidates_of(data.candidates), data.inner))


class Truth:
    """The true risks (candidates,) seen from the selected candidate; in a rotation from what the turns picked.

    In a rotation a candidate's risk is that of its models, averaged over the turns by their rows.
    """

    def __init__(self, data, risk, selected):
        self.candidates, found = data.candidates, candidates_of(data.candidates)
        self.position = {candidate: place for place, candidate in enumerate(found)}
        if data.inner is None:
            self.risk, self.selected_risk = risk, float(risk[selected])
        else:
            rows = (~np.isnan(data.validation[0])).sum(axis=1)
            picked = picks(Results(found, data.validation), Results(found, data.inner))
            self.risk = risk @ rows / rows.sum()
            self.selected_risk = float(risk[picked, np.arange(len(rows))] @ rows / rows.sum())
        self.best = int(self.risk.argmin())
        # Turns that pick well may do better than any one candidate: that is no regret.
        self.regret = max(0.0, self.selected_risk - float(self.risk.min()))
        self.relative_regret = self.regret / self.selected_risk
        self.none_selected = data.inner is None and data.candidates["penalty"][selected] == "none"
        self.gain = float(self.risk[0]) - self.selected_risk  # candidate 0 is `none`
        self.slack = ROUNDING * self.selected_risk


def coverage(verdict, truth):
    """Whether bounds, confidence set and the interval of the gain hold the truth, and how wide they are."""
    regret, gain = verdict.regret, verdict.does_it_matter.gain_over_none
    members = {trial for part in verdict.confidence_set for trial in part.trials}
    return {
        "lower": regret.lower,
        "upper": regret.upper,
        "at_most": verdict.basis.at_most,
        "lower_holds": regret.lower <= truth.regret + truth.slack,
        "upper_holds": truth.regret <= regret.upper + truth.slack,
        "relative_lower": regret.relative_lower,
        "relative_upper": regret.relative_upper,
        "relative_lower_holds": regret.relative_lower <= truth.relative_regret + ROUNDING,
        "relative_upper_holds": truth.relative_regret <= regret.relative_upper + ROUNDING,
        "set_holds": truth.best in members,
        "set_share": len(members) / len(truth.risk),
        "gain_holds": gain.lower <= truth.gain + truth.slack and truth.gain - truth.slack <= gain.upper,
    }


def answers(verdict, truth):
    """The answers, and whether they are wrong."""
    tolerance, matter = verdict.tolerance, verdict.does_it_matter
    within = truth.relative_regret <= tolerance + ROUNDING
    # where `none` is selected, "it does not matter" means that nothing else would have been better
    lost = truth.relative_regret if truth.none_selected else truth.gain / truth.selected_risk
    return {
        "answer": verdict.answer,
        "wrong_yes": verdict.answer == "yes" and not within,
        "wrong_no": verdict.answer == "no" and within,
        "matter": {True: "true", False: "false", None: "open"}[matter.answer],
        "wrong_matter": matter.answer is not None and matter.answer != (lost > tolerance),
        "indifference": bool(matter.indifference),
        "wrong_indifference": not all(_all_near(interval, tolerance, truth) for interval in matter.indifference),
    }


def _all_near(interval, tolerance, truth):
    """Whether every candidate in the interval is truly within the tolerance of the best one."""
    frame = truth.candidates
    inside = (frame["penalty"] == interval.penalty) & frame["lambda"].between(interval.lambda_low, interval.lambda_high)
    worst = float(truth.risk[inside.to_numpy()].max())
    return worst - float(truth.risk.min()) <= tolerance * truth.selected_risk + truth.slack


def optimism(verdict, truth, validation):
    """Validation losses as shares above the true risk: the selected one, raw and corrected; and the truly best one.

    The truly best candidate is not picked by the validation rows, so its share has mean 0 and carries most of the noise
    of the other two. (Not with k-fold, where the validation rows have trained the judged models.)
    """
    found = verdict.optimism
    return {
        "raw_bias": found.validation_loss / truth.selected_risk - 1,
        "corrected_bias": found.corrected / truth.selected_risk - 1,
        "fixed_bias": float(np.nanmean(validation[truth.best])) / float(truth.risk.min()) - 1,
    }


def rule_regrets(verdict, truth):
    """True regret of what each rule chose, relative to the risk of what it chose."""
    risks = {result.rule: float(truth.risk[truth.position[result.candidate]]) for result in verdict.rules}
    return {f"rule_{rule}": 1 - float(truth.risk.min()) / risk for rule, risk in risks.items()}
