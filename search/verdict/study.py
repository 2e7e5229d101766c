"""The verdict of a study: what its ledger holds, judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from search.records import Array, Outcome, UserError
from search.verdict.evidence import Evidence, Sweep
from search.verdict.judge import judge
from search.verdict.record import Verdict

if TYPE_CHECKING:
    from search.ledger import StudyLedger


def judge_study(ledger: StudyLedger, *, confidence: float, tolerance: float) -> Verdict:
    """Open the test losses (the ledger records it) and judge the completed trials, each candidate once."""
    selected = ledger.selected()  # before the frame, which then holds it, while the study runs too
    if selected is None:
        raise UserError(f"study {ledger.name!r} has no complete trial yet; run it first")
    frame, validation = ledger.validation()
    numbers = frame["trial"].tolist()
    test = ledger.open_test(numbers)
    kept = distinct(frame, selected)
    candidates = frame.iloc[kept].reset_index(drop=True)
    outcomes = ledger.outcomes(candidates["trial"].tolist())
    facts = ledger.facts
    candidates = candidates.assign(
        converged=[float(outcome.converged.mean()) for outcome in outcomes], **_criteria(candidates, facts)
    )
    position = int(np.flatnonzero(candidates["trial"] == selected)[0])
    return judge(
        validation[kept],
        None if test is None else test[kept],
        candidates,
        selected=position,
        confidence=confidence,
        tolerance=tolerance,
        evidence=_evidence(ledger, facts, outcomes, len(frame), (position, None if test is None else test[kept])),
    )


def distinct(frame: pd.DataFrame, selected: int | None) -> list[int]:
    """Positions of the distinct candidates of a frame of trials: the first trial of each, or the selected trial."""
    positions: dict[tuple[object, ...], int] = {}
    ratios = frame["l1_ratio"].astype(object).where(frame["l1_ratio"].notna(), None)
    for position, key in enumerate(zip(frame["penalty"], frame["lambda"], ratios, strict=True)):
        if key not in positions or frame["trial"].iloc[position] == selected:
            positions[key] = position
    return list(positions.values())


def _criteria(candidates: pd.DataFrame, facts: dict[str, Any]) -> dict[str, pd.Series[float]]:
    """The columns gcv and evidence, where the study has them."""
    trials = facts.get("trials", [])
    return {
        name: candidates["trial"].map(dict(zip(trials, values, strict=True))).astype(float)
        for name, values in facts.get("criteria", {}).items()
    }


def _evidence(
    ledger: StudyLedger,
    facts: dict[str, Any],
    outcomes: list[Outcome],
    complete: int,
    judged: tuple[int, Array | None],
) -> Evidence:
    openings = tuple(opening.complete for opening in ledger.openings)
    ranges = facts.get("lambda_range")
    return Evidence(
        sweep=_sweep(ledger.confirmation("sweep")),
        exact_test=_exact_test(
            [each for each in ledger.confirmation("exact") if each.candidate == outcomes[judged[0]].candidate], *judged
        ),
        openings=openings,
        trials=complete,
        lambda_range=None if ranges is None else {penalty: (low, high) for penalty, (low, high) in ranges.items()},
        train_curves=_curves(outcomes),
        baseline_loss=facts.get("baseline_loss"),
    )


def _sweep(outcomes: list[Outcome]) -> Sweep | None:
    losses = [outcome.losses.test for outcome in outcomes if outcome.losses.test is not None]
    if not losses:
        return None
    rows = [outcome.candidate for outcome in outcomes]
    candidates = pd.DataFrame(
        {
            "penalty": [row.penalty for row in rows],
            "lambda": [row.lambda_ for row in rows],
            "l1_ratio": [np.nan if row.l1_ratio is None else row.l1_ratio for row in rows],
        }
    )
    return Sweep(np.stack(losses), candidates)


def _exact_test(outcomes: list[Outcome], selected: int, test: Array | None) -> Array | None:
    """The selected candidate's exact solution among NaN; one solution stands for all seeds of its split."""
    if test is None or not outcomes or outcomes[0].losses.test is None:
        return None
    solved = outcomes[0].losses.test
    exact = np.full(test.shape, np.nan)
    exact[selected] = np.repeat(solved, test.shape[1] // len(solved), axis=0)
    return exact


def _curves(outcomes: list[Outcome]) -> Array | None:
    """Training loss after each epoch, averaged over replicates, (candidates, epochs); None for exact solutions."""
    curves = [outcome.train_curve.mean(axis=0) for outcome in outcomes]
    return np.stack(curves) if len(curves[0]) else None
