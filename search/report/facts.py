"""What a page says of a study at its head, and the verdict's figures beside what each is held against."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from search.core.text import duration, number, percent, rows_right, words
from search.metrics import METRICS
from search.report.view import StudyView
from search.verdict.record import Scores, Verdict


def facts_of(view: StudyView) -> dict[str, str]:
    """Data, target, rows, inputs, dropped columns, task, model, search, device, time: what is known of them."""
    settings = view.study.settings
    data, task = settings.get("data", {}), None if view.metric is None else METRICS[view.metric].task
    found = {
        "data": file_name(data["path"]) if data.get("path") else data.get("source"),
        "target": ", ".join(data.get("target") or ()),
        "rows": _rows(view),
        "inputs of the model": str(len(view.evidence.features) or ""),
        "left out": ", ".join(data.get("drop") or ()),
        "task": data.get("task") or task,
        "model": settings.get("model", {}).get("kind"),
        "search": _search(view),
        "device": _device(view),
        "time": _time(view),
    }
    return {name: str(value) for name, value in found.items() if value}


def file_name(path: str) -> str:
    """The last part of a path or an address: where the rest lies is nobody's business who reads the page."""
    return PurePath(path.replace("\\", "/")).name


def _rows(view: StudyView) -> str:
    results = view.results
    if not len(results):
        return ""
    validation = results.validation.shape[2]
    if view.repeated == "folds":
        return f"{validation:,}, each a test row once"
    test = "" if results.test is None else f", {results.test.shape[2]:,} test"
    return f"{validation:,} validation{test}"


def _search(view: StudyView) -> str:
    count, grid = len(view.study.trials), view.evidence.grid
    dense = "" if grid is None else f", and a dense grid of {len(grid)}"
    return f"{count} trials of {len(view.results)} candidates{dense}" if count else ""


def _device(view: StudyView) -> str:
    """As the study file names it; else that of a torch that knows no other."""
    asked = view.study.settings.get("training", {}).get("device", "auto")
    only = view.study.versions[-1].get("torch", "").endswith("+cpu") if view.study.versions else False
    return asked if asked != "auto" else "cpu" if only else ""


def _time(view: StudyView) -> str:
    trials = view.study.trials
    seconds = float(trials["seconds"].sum()) if "seconds" in trials else 0.0
    return f"{duration(seconds)} of training" if seconds > 0 else ""


def figures_of(verdict: Verdict | None) -> list[tuple[str, str, str]]:
    """(what, its value, beside what) of the verdict's sentences, for a glance."""
    if verdict is None:
        return []
    return [*_scores(verdict.scores), *_regret(verdict), *_gain(verdict)]


def _scores(scores: Scores | None) -> list[tuple[str, str, str]]:
    if scores is None:
        return []
    found = []
    if scores.rmse is not None and scores.r2 is not None:
        beside = f"predicting the mean: {number(scores.baseline_rmse)}"
        found += [("root mean squared error", number(scores.rmse), beside)]
        found += [("R²", f"{scores.r2:.2f}", "predicting the mean: 0")]
    if scores.accuracy is not None:
        beside = f"the most frequent class: {rows_right(scores.baseline_accuracy or 0.0)}"
        found += [("right", rows_right(scores.accuracy), beside)]
    if scores.rmse is None:
        found += [(words(scores.metric), number(scores.loss), f"predicting a constant: {number(scores.baseline)}")]
    return found


def _regret(verdict: Verdict) -> list[tuple[str, str, str]]:
    most = verdict.basis.at_most
    least = verdict.regret.relative_lower
    if least is None:
        return []
    limit = "no limit" if most is None or not most < 1 else f"at most {percent(most)}"
    value = limit if least <= 0 else f"at least {percent(least)}"
    return [("regret", value, f"tolerance: {percent(verdict.tolerance)}")]


def _gain(verdict: Verdict) -> list[tuple[str, str, str]]:
    gain = verdict.does_it_matter.gain_over_none
    if gain is None or verdict.selected.penalty == "none":
        return []
    limits = f"{percent(verdict.regret.confidence)} limits: {number(gain.lower)} to {number(gain.upper)}"
    return [("gain over no penalty", number(gain.estimate), limits)]


def without_paths(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the data file's name in place of its path on this machine."""
    data = settings.get("data", {})
    if not data.get("path"):
        return dict(settings)
    return {**settings, "data": {**data, "path": file_name(data["path"])}}
