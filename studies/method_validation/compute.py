"""The method: over 500 data sets, how often validation picks the truly best lambda, and what its misses cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from search.core.arrays import Array
from search.core.means import fit_means
from search.data import load_task
from search.training import train
from studies.common import exact_risks, grid, study_file

STUDY = study_file("method_validation/study.toml")
ROWS = (20, 100, 500)
LAMBDAS = (0.0, *np.geomspace(1.0, 300.0, 13).tolist())
TOLERANCE = 0.01


def answer(draws: int = 500) -> dict[str, object]:
    """For each number of validation rows: how often the best lambda was picked, how far off, and the regret."""
    # The validation rows are the part that is read once, after training: `validation` would be read every epoch.
    settings = STUDY.replace({"data.draws": draws, "data.validation": 1, "data.test": max(ROWS)})
    task = load_task(settings)
    results = train(task, settings, grid("l2", LAMBDAS))
    assert results.test is not None, "these rows are asked for"
    risk = exact_risks(task, results)
    best = risk.argmin(axis=0)
    return {
        "draws": draws,
        "candidates": len(LAMBDAS),
        "step": LAMBDAS[2] / LAMBDAS[1],
        "tolerance": 100 * TOLERANCE,
        "lambda_low": LAMBDAS[1],
        "lambda_high": LAMBDAS[-1],
        "best_lambdas": np.quantile(np.array(LAMBDAS)[best], (0.05, 0.5, 0.95)).tolist(),
        "best_risk": float(risk.min(axis=0).mean()),
        "none_risk": float(risk[0].mean()),
        "fixed_lambda": LAMBDAS[int(risk.mean(axis=1).argmin())],
        "fixed_regret": relative(risk, np.full(draws, risk.mean(axis=1).argmin())).mean().item(),
        "found": [{"rows": rows} | picks(fit_means(results.test[..., :rows]), risk) for rows in ROWS],
    }


def picks(validation: Array, risk: Array) -> dict[str, object]:
    """What picking the lowest validation loss gives; both arrays (candidates, draws)."""
    picked, best = validation.argmin(axis=0), risk.argmin(axis=0)
    regret = relative(risk, picked)
    hits = picked == best
    optimism = risk[picked, np.arange(len(picked))] - validation.min(axis=0)
    return {
        "hit": 100 * float(hits.mean()),
        "hit_error": 100 * float(hits.std(ddof=1) / np.sqrt(len(hits))),
        "neighbour": 100 * float((np.abs(picked - best) <= 1).mean()),
        "regret": float(regret.mean()),
        "regret_error": float(regret.std(ddof=1) / np.sqrt(len(regret))),
        "regret_95": float(np.quantile(regret, 0.95)),
        "within": 100 * float((regret <= 100 * TOLERANCE).mean()),
        "optimism": 100 * float((optimism / risk.min(axis=0)).mean()),
        "regrets": np.quantile(regret, np.linspace(0, 1, 41)).tolist(),
    }


def relative(risk: Array, picked: Array) -> Array:
    """The regret of each data set's pick, in per cent of the pick's own risk."""
    own = risk[picked.astype(int), np.arange(risk.shape[1])]
    return np.asarray(100 * (1 - risk.min(axis=0) / own))


def picture(figures: dict[str, Any]) -> go.Figure:
    """The share of data sets whose regret is at most so much, for each number of validation rows."""
    shares = np.linspace(0, 100, 41)
    figure = go.Figure(
        [
            go.Scatter(x=found["regrets"], y=shares, name=f"{found['rows']} validation rows", mode="lines")
            for found in figures["found"]
        ]
    )
    figure.add_vline(x=figures["tolerance"], line_dash="dot")
    figure.update_xaxes(title="regret, % of the risk", range=[0, 15])
    figure.update_yaxes(title="data sets with at most that, %")
    return figure
