"""What must hold for every figure: it draws in both themes, whatever the study, and stays small."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from figure_views import L2, outcome, random_view, rotated_view, tuned, view_of, with_grid, with_losses

from search.core.candidate import Candidate
from search.core.evidence import Evidence
from search.core.results import empty_results
from search.core.text import words
from search.penalties import PENALTIES
from search.report.figures import FIGURES
from search.report.theme import DARK, FOREIGN, LIGHT, NEUTRAL, style_of
from search.report.view import StudyView

ELASTIC = [
    Candidate("none"),
    Candidate("elastic_net", 0.1, l1_ratio=0.2),
    Candidate("elastic_net", 0.3, l1_ratio=0.8),
    Candidate("elastic_net", 0.5, l1_ratio=0.8),
    Candidate("group_lasso", 2.0),
    Candidate("l1", 3.0),
]
MANY_SETTINGS = [
    Candidate("none", lr=0.1, hidden="64,32"),
    Candidate("l2", 0.1, lr=0.1, hidden="64,32"),
    Candidate("l2", 1.0, lr=0.01, hidden="8"),
    Candidate("ridge_of_mine", 2.0),
    Candidate("ridge_of_mine", 3.0),
]


def diverging():
    good = [outcome(candidate, np.ones((2, 5)) + place, np.ones((2, 9))) for place, candidate in enumerate(L2[:2])]
    lost = np.array([False, True])
    infinite = np.where(lost[:, None], np.inf, np.ones((2, 1)))
    curves = np.tile(np.where(lost, np.nan, 1.0)[:, None], (1, 3))
    bad = [
        outcome(
            candidate,
            np.repeat(infinite, 5, axis=1),
            np.repeat(infinite, 9, axis=1),
            train_loss=np.array([1.0, np.nan]),
            weight_norm=np.array([1.0, np.inf]),
            diverged=lost,
            train_curve=curves,
            validation_curve=curves,
            weights=np.where(lost[:, None, None], np.nan, np.ones((2, 1, 3))),
        )
        for candidate in L2[2:]
    ]
    return view_of(good + bad)


def all_diverged():
    """No fit of any candidate came to its end."""
    lost = np.full((2, 3), np.nan)
    known = {"train_loss": [np.inf] * 2, "weight_norm": [np.inf] * 2, "diverged": [True] * 2}
    known |= {"train_curve": lost, "validation_curve": lost, "weights": np.full((2, 1, 3), np.nan)}
    infinite = np.full((2, 5), np.inf)
    return view_of([outcome(each, infinite, infinite, **known) for each in L2])


def nothing_yet():
    study = view_of([outcome(L2[0], np.ones((1, 5)))], judged=False).study
    nothing = np.empty(0, dtype=int)
    return StudyView(
        replace(study, trials=study.trials.iloc[:0], results=empty_results(), complete=nothing, selected=None)
    )


def foreign():
    """What somebody else's loop knows: the losses."""
    unknown = dict.fromkeys(("train_loss", "weight_norm", "nonzero", "train_curve", "validation_curve", "weights"))
    rng = np.random.default_rng(0)
    rows = 1 + rng.random((2, 2, 20))
    return view_of([outcome(each, place + rows[0], place + rows[1], **unknown) for place, each in enumerate(L2)])


UNTUNED = set(FIGURES) - {"settings"}  # where nothing beside lambda was searched
DECOUPLED = {"optimizer": "adamw", "apply": "decoupled"}
RATES = (0.001, 0.01, 0.1)
EXPLODED = [*np.linspace(1.0, 3.0, 11), np.inf, 1e30, 1e12, np.inf]

VIEWS = {
    "plain": lambda: random_view(L2),
    "sealed": lambda: random_view(L2, test=False, judged=False),
    "no test rows": lambda: random_view(L2, test=False),
    "open, not judged": lambda: random_view(L2, judged=False),
    "one candidate": lambda: random_view(L2[:1]),
    "one penalised candidate": lambda: random_view(L2[1:2]),
    "one replicate": lambda: random_view(L2, replicates=1),
    "one row": lambda: random_view(L2, rows=1),
    "no losses at all": lambda: view_of([outcome(each, np.zeros((2, 5)), np.zeros((2, 5))) for each in L2]),
    "elastic net": lambda: random_view(ELASTIC),
    "many settings": lambda: random_view(MANY_SETTINGS),
    "losses alone": foreign,
    "diverged": diverging,
    "all diverged": all_diverged,
    "nothing yet": nothing_yet,
    "lr, decoupled": lambda: random_view(tuned(lr=RATES), training=DECOUPLED),
    "lr, sealed": lambda: random_view(tuned(lr=RATES), test=False, judged=False),
    "lr, without a penalty": lambda: random_view(tuned(strengths=(), lr=RATES), training=DECOUPLED),
    "lr, one lambda": lambda: random_view(tuned(strengths=(1.0,), lr=RATES), training=DECOUPLED),
    "lr, somebody else's penalty": lambda: random_view(tuned("ridge_of_mine", lr=RATES)),
    "lr, diverged": lambda: with_losses(tuned(lr=RATES), EXPLODED, training=DECOUPLED),
    "lr, all diverged": lambda: with_losses(tuned(lr=RATES), [np.inf] * 15, judged=False),
    "no lr": lambda: random_view(tuned(dropout=(0.0, 0.2, 0.4), batch_size=(16, 64, 256))),
    "hidden": lambda: random_view(tuned(hidden=(64, "64-32", "128-64"))),
    "a dense grid": with_grid,
    "a dense grid, no test rows": lambda: with_grid(test=False),
    "a rotation": rotated_view,
}


@cache
def shown(name):
    """The light figures of one of the views, which several tests look at."""
    return drawn(VIEWS[name]())


def drawn(view, theme=LIGHT):
    numbers = {name: entry.compute(view) for name, entry in FIGURES.items()}
    return {name: FIGURES[name].draw(each, theme) for name, each in numbers.items() if each is not None}


CORE = ("plain", "many settings", "nothing yet", "diverged", "lr, decoupled", "a rotation")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.rest] * (name not in CORE)) for name in VIEWS])
def test_every_figure_draws_the_same_in_both_themes_but_for_the_template(name):
    light, dark = shown(name), drawn(VIEWS[name](), DARK)
    assert light.keys() == dark.keys()
    for figure in light:
        # What JSON has not, NaN and infinity, is in no figure.
        pictures = [json.loads(each[figure].to_json(), parse_constant=pytest.fail) for each in (light, dark)]
        assert pictures[0]["layout"]["height"] > 0
        templates = [picture["layout"].pop("template") for picture in pictures]
        assert pictures[0] == pictures[1]
        assert templates[0]["layout"]["font"]["color"] != templates[1]["layout"]["font"]["color"]
        assert templates[0]["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("plain", UNTUNED),
        ("sealed", {"losses", "weights", "paths", "curves", "stability", "history"}),
        ("no test rows", {"losses", "regret", "weights", "paths", "curves", "stability", "history"}),
        ("one replicate", UNTUNED - {"stability"}),
        ("one candidate", UNTUNED - {"paths", "history", "agreement"}),
        ("one row", UNTUNED - {"regret"}),
        ("no losses at all", UNTUNED - {"regret"}),
        ("elastic net", UNTUNED),
        ("many settings", set(FIGURES)),
        ("losses alone", UNTUNED - {"weights", "paths", "curves"}),
        ("nothing yet", set()),
        ("lr, decoupled", set(FIGURES)),
        ("lr, sealed", {"losses", "settings", "weights", "paths", "curves", "stability", "history"}),
        ("lr, without a penalty", set(FIGURES) - {"paths"}),
        ("hidden", set(FIGURES)),
    ],
)
def test_a_figure_is_left_out_where_it_does_not_apply(name, there):
    assert set(shown(name)) == there
    assert all(entry.needs for entry in FIGURES.values())


@pytest.mark.parametrize("view", ["plain", "many settings"])
def test_every_axis_says_what_it_shows(view):
    for name, figure in shown(view).items():
        axes = [axis for axis in figure.select_yaxes() if axis.type != "category"]
        assert name in {"gap", "rules"} or all(axis.title.text for axis in axes)
        assert [axis.title.text for axis in figure.select_xaxes()][-1]


def test_colours_stand_out_from_white_and_black_and_are_the_penaltys_own():
    styles = {name: kind.style for name, kind in PENALTIES.items()}
    for color in [NEUTRAL, FOREIGN.color, *(style.color for style in styles.values())]:
        channels = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        luminance = linear @ [0.2126, 0.7152, 0.0722]
        # WCAG 2, non-text contrast
        assert 1.05 / (luminance + 0.05) >= 2.99
        assert (luminance + 0.05) / 0.05 >= 3
    assert len({style.color for style in [*styles.values(), FOREIGN]}) == len(styles) + 1
    assert len({style.symbol for style in [*styles.values(), FOREIGN]}) == len(styles) + 1
    seen = set()
    for view in ("elastic net", "many settings"):
        for figure in drawn(VIEWS[view]()).values():
            for trace in figure.data:
                own = styles.get((trace.name or "").replace(" ", "_"))
                if own is not None and isinstance(trace.marker.color, str):
                    assert trace.marker.color == own.color
                    seen.add(trace.name)
    assert seen == {"none", "l1", "l2", "elastic net", "group lasso"}


def test_a_penalty_of_somebody_else_has_a_style_of_its_own():
    traces = [trace for trace in drawn(VIEWS["many settings"]())["losses"].data if trace.name == "ridge of mine"]
    assert traces
    assert {trace.marker.color for trace in traces} == {style_of("ridge_of_mine").color} == {FOREIGN.color}


def test_legends_list_penalties_as_they_are_registered_and_others_last():
    own = [words(name) for name in PENALTIES]
    for view, last in (("elastic net", []), ("many settings", ["ridge of mine"])):
        for figure in drawn(VIEWS[view]()).values():
            listed = [trace.name for trace in figure.data if trace.showlegend is not False]
            penalties = [name for name in dict.fromkeys(listed) if name in {*own, *last}]
            assert penalties == [name for name in (*own, *last) if name in listed]


def test_labels_of_rules_leave_room_for_their_dots():
    figure = drawn(VIEWS["plain"]())["rules"]
    lines = [line for trace in figure.data for label in trace.y for line in label.split("<br>")]
    assert "one standard error" in lines
    assert max(map(len, lines)) <= 20
    every = random_view(L2, criteria={"gcv": np.arange(4.0), "evidence": np.arange(4.0)})
    lines = [line for trace in drawn(every)["rules"].data for label in trace.y for line in label.split("<br>")]
    assert {"generalised", "cross-validation"} <= set(lines)


def test_a_choice_of_many_parameters_takes_lines_as_wide_as_the_others_and_breaks_none_of_them():
    tuned_l1 = [Candidate("elastic_net", each, l1_ratio=0.123456, lr=0.0316) for each in (0.00131, 0.0131)]
    figure = drawn(random_view([*tuned_l1, L2[0]]))["rules"]
    lines = [line for trace in figure.data for label in trace.y for line in label.split("<br>")]
    assert max(map(len, lines)) <= 20
    parts = [part for line in lines for part in line.split(", ")]
    assert any(part.rstrip(",") == "l1_ratio 0.123" for part in parts)


def test_hover_texts_name_every_parameter():
    figure = drawn(VIEWS["elastic net"]())["losses"]
    texts = [text for trace in figure.data if trace.name == "elastic net" for text in trace.hovertext]
    assert "<b>elastic net</b><br>lambda 0.1<br>l1_ratio 0.2<br>trial 1" in texts
    figure = drawn(VIEWS["many settings"]())["losses"]
    texts = [text for trace in figure.data if trace.name == "l2" for text in trace.hovertext or ()]
    assert "<b>l2</b><br>lambda 0.1<br>lr 0.1<br>hidden 64,32<br>trial 1" in texts


def test_feature_names_are_text_and_never_markup():
    names = ("<script>alert(1)</script>", "<b>x</b>", "%{x}")
    figure = drawn(random_view(L2, evidence=Evidence(features=names)))["paths"]
    assert {trace.name for trace in figure.data} == {
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&lt;b&gt;x&lt;/b&gt;",
        "%{x}",
    }
    assert all("%{x}" not in trace.hovertemplate.replace("lambda %{x:", "") for trace in figure.data)


def test_texts_of_parameters_are_text_and_never_markup():
    candidates = [Candidate("none"), *(Candidate("l2", strength, note="<b>%{x}</b>") for strength in (1.0, 2.0))]
    for name, figure in drawn(random_view(candidates)).items():
        assert "<b>%{x}" not in json.dumps(json.loads(figure.to_json())), name  # plotly's own writes < otherwise
        for trace in figure.data:
            assert "note" not in (trace.hovertemplate or ""), name


@pytest.mark.parametrize("name", ["note", "<b>%{x}</b>", "lr"])
def test_searched_texts_and_names_are_text_and_never_markup(name):
    candidates = tuned(**{name: ("<b>%{x}</b>", "<script>alert(1)</script>", "<img src=x onerror=alert(2)>")})
    for figure in drawn(random_view(candidates, training=DECOUPLED)).values():
        text = json.dumps(json.loads(figure.to_json()))
        assert not any(f"<{tag}" in text for tag in ("b>%{x}", "script", "img"))
        for trace in figure.data:
            assert not any(part in (trace.hovertemplate or "") for part in ("note", "%{x}</b>", "alert"))


@pytest.mark.rest
def test_three_thousand_candidates_stay_small():
    candidates = [Candidate("none")] + [Candidate("l2", float(each)) for each in np.geomspace(1e-4, 1e2, 2999)]
    many = random_view(candidates, rows=4, judged=False)
    figures = drawn(many)
    for name, figure in figures.items():
        points = sum(len(trace.hovertext) for trace in figure.data if isinstance(trace.hovertext, tuple))
        assert points <= 1600, name
    assert len(figures["curves"].layout.sliders[0].steps) <= 61
    assert sum(len(figure.to_json()) for figure in figures.values()) < 1_000_000


@pytest.mark.rest
@pytest.mark.parametrize("strengths", [np.geomspace(1e-4, 1e2, 1499), np.geomspace(1e-4, 1e2, 2998)])
def test_three_thousand_tuned_candidates_stay_small(strengths):
    rates = (0.1, 0.01) if len(strengths) < 2000 else (0.1,)
    candidates = [*tuned(strengths=strengths, lr=rates), Candidate("l2", 1.0, lr=0.5)]
    figure = drawn(random_view(candidates, rows=4, judged=False))["settings"]
    assert sum(len(trace.hovertext) for trace in figure.data if isinstance(trace.hovertext, tuple)) <= 1600
    assert len(figure.to_json()) < 300_000
