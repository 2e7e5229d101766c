"""The verdict on the textbook's setting, and the verdict judged by the truth, which is known in closed form."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

import search
from search.core.arrays import Array
from search.core.candidate import Candidate
from search.core.results import Results
from search.data import load_task
from search.report.theme import SELECTED, style_of
from search.settings import Settings
from search.training import train
from search.verdict import Verdict, describe
from studies.common import exact_risks, grid, searched, study_file

STUDY = study_file("weight_decay.toml")
ANSWERS: Final = ("yes", "no", "cannot tell")


def answer(data_sets: int = 200, lambdas: int = 20) -> dict[str, Any]:
    """The figures of this section."""
    study = searched(STUDY)
    verdict, results = study.judge(), study.results
    risk = results.criteria["true_risk"]
    picked = results.position[verdict.selected.candidate]
    return {
        "text": describe(verdict).splitlines(),
        "answer": verdict.answer,
        "tolerance": verdict.tolerance,
        "selected": str(verdict.selected.candidate),
        "truly_best": str(results.candidates[int(risk.argmin())]),
        "true_risk": float(risk[picked]),
        "true_regret": float(1 - risk.min() / risk[picked]),
        "upper": verdict.regret.relative_upper,
        "true_gain": float(risk[results.position[Candidate("none")]] - risk[picked]),
        **{penalty: path(results, risk, penalty) for penalty in ("l1", "l2")},
        "repeated": repeated(STUDY, data_sets, lambdas),
    }


def path(results: Results, risk: Array, penalty: str) -> list[list[float]]:
    """Lambda and exact expected error of one penalty's candidates, in ascending order."""
    own = results.penalty == penalty
    return sorted(map(list, zip(results.lambda_[own].tolist(), risk[own].tolist(), strict=True)))


def repeated(study: Settings, data_sets: int, lambdas: int) -> dict[str, Any]:
    """Many data sets, each judged alone over one grid: the answers, and how often they and their bounds are true."""
    settings = study.replace({"data.draws": data_sets, "data.seed": 1000})
    task, strengths = load_task(settings), np.geomspace(1.0, 3e2, lambdas)
    candidates = grid("l2", [0.0, *strengths])
    results = train(task, settings, candidates)
    assert results.test is not None, "the study has test rows"
    risk, frame = exact_risks(task, results), pd.DataFrame(map(dict, candidates))
    verdicts = [
        search.judge(results.validation[:, each], results.test[:, each], frame, tolerance=settings.verdict.tolerance)
        for each in range(data_sets)
    ]
    selected = [results.position[verdict.selected.candidate] for verdict in verdicts]
    chosen = risk[selected, np.arange(data_sets)]
    true = 1 - risk.min(axis=0) / chosen
    tolerance, near = settings.verdict.tolerance, risk.mean(1) <= 1.05 * risk.mean(1).min()
    pairs = list(zip(verdicts, true.tolist(), strict=True))
    return {
        "data_sets": data_sets,
        "answers": {each: sum(one.answer == each for one in verdicts) / data_sets for each in ANSWERS},
        "right": float(np.mean([judged_right(*pair, tolerance) for pair in pairs])),
        "covered": float(np.mean([inside(*pair) for pair in pairs])),
        "exactly_best": float(np.mean(true == 0)),
        "within_tolerance": float(np.mean(true <= tolerance)),
        "mean_regret": float(true.mean()),
        "gain": float(np.median(risk[0] - chosen)),
        "matters": float(np.mean([verdict.does_it_matter.answer is True for verdict in verdicts])),
        "within_5_percent": [float(strengths[near[1:]].min()), float(strengths[near[1:]].max())],
        "lambdas": quantiles(results.lambda_[selected]),
        "best_lambdas": quantiles(results.lambda_[risk.argmin(0)]),
    }


def quantiles(lambdas: Array) -> list[float]:
    """The 5, 50 and 95 % points."""
    return [float(value) for value in np.quantile(lambdas, (0.05, 0.5, 0.95))]


def judged_right(verdict: Verdict, true: float, tolerance: float) -> bool:
    """Whether a verdict does not contradict the true relative regret; "cannot tell" never does."""
    return verdict.answer == "cannot tell" or (verdict.answer == "yes") == (true <= tolerance)


def inside(verdict: Verdict, true: float) -> bool:
    """Whether the bounds hold the true relative regret."""
    low, high = verdict.regret.relative_lower, verdict.regret.relative_upper
    return low is not None and high is not None and low <= true <= high


def picture(figures: dict[str, Any]) -> go.Figure:
    """The exact expected error of every candidate that the search tried, and the one that validation picked."""
    figure = go.Figure()
    for penalty in ("l1", "l2"):
        style = style_of(penalty)
        x, y = zip(*figures[penalty], strict=True)
        marker = {"color": style.color, "symbol": style.symbol}
        figure.add_scatter(x=x, y=y, mode="lines+markers", line={"color": style.color}, marker=marker, name=penalty)
    picked = next(each for each in figures["l2"] + figures["l1"] if each[1] == figures["true_risk"])
    star = {"color": SELECTED, "size": 14, "symbol": "star"}
    figure.add_scatter(x=picked[:1], y=picked[1:], mode="markers", marker=star, name="picked by validation")
    figure.update_layout(xaxis_title="lambda", yaxis_title="expected squared error")
    return figure.update_xaxes(type="log").update_yaxes(type="log", exponentformat="power")
