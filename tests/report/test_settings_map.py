"""The profile and the map of lambda and another setting: their numbers, and what is drawn of them."""

from __future__ import annotations

import numpy as np
import pytest
from figure_views import L2, random_view, tuned, with_losses
from hypothesis import given
from hypothesis import strategies as st

from search.core.candidate import Candidate
from search.report.axis import lambda_axis
from search.report.figures.settings_map import Setting, draw_settings, focus, line_ends, products, settings_map
from search.report.theme import LIGHT, SELECTED, style_of

RATES = (0.001, 0.01, 0.1)
DECOUPLED = {"optimizer": "adamw", "apply": "decoupled"}
LOSSES = [4.0, 3.0, 3.5, 3.0, 2.5, 2.6, 2.0, 1.5, 1.6, 1.7, 1.0, 1.2, 9.0, 8.0, 7.0]
EXPLODED = [*np.linspace(1.0, 1.5, 11), np.inf, 1e30, 1e12, np.inf]


def by_hand(losses=LOSSES, **changes):
    """`none` and four lambdas, each with three learning rates."""
    return settings_map(with_losses(tuned(lr=RATES), losses, **changes))


def notes(figure):
    return [note.text for note in figure.layout.annotations]


# The numbers


def test_the_profile_holds_the_lowest_of_each_bin():
    numbers = by_hand()
    assert numbers.profile.tolist() == [4, 7, 10, 14, 1]  # l2 by lambda, then none
    losses = np.reshape(LOSSES, (5, 3))
    assert sorted(numbers.loss[numbers.profile]) == sorted(losses.min(axis=1))
    assert numbers.selected == 10


def test_the_focus_holds_the_profile_and_leaves_out_what_is_three_times_as_high():
    assert by_hand().focus == (1.0, 3.0)
    tame = [*LOSSES[:12], 2.9, 2.8, 2.7]
    assert by_hand(tame).focus == (1.0, 3.0)
    assert by_hand([1.0, 1.1, 1.2] * 5).focus == (1.0, 1.1)  # a flat profile: the better half of all


def test_what_exploded_or_diverged_does_not_widen_the_focus():
    low, high = by_hand(EXPLODED).focus
    assert (low, high) == (1.0, 1.5)


@pytest.mark.parametrize("losses", [[np.inf] * 15, [0.0] * 15, [2.0] * 15, [-1.0] * 15])
def test_a_focus_is_never_empty(losses):
    low, high = by_hand(losses, judged=False).focus
    assert low < high
    assert not any(losses[0] == each for each in (0.0, 2.0, -1.0)) or low == losses[0]


@given(st.lists(st.floats(-1e3, 1e30) | st.just(np.inf), min_size=2, max_size=30), st.data())
def test_the_focus_holds_the_lowest_loss_and_half_of_the_profile(values, data):
    loss = np.array(values)
    best = int(loss.argmin())
    others = data.draw(st.lists(st.integers(0, len(loss) - 1), max_size=8))
    members = np.unique([best, *others])
    low, high = focus(loss, members)
    finite = loss[members][np.isfinite(loss[members])]
    assert low < high or not len(finite)
    if len(finite):
        assert low == loss.min()
        assert np.mean(finite <= high) >= 0.5
        assert high <= max(3 * low, np.median(finite), low + (abs(low) or 1.0))


@given(*[st.floats(-6, 3)] * 2, *[st.floats(0.1, 8)] * 2)
def test_the_lines_are_powers_of_ten_within_the_map(left, bottom, width, height):
    axis = lambda_axis(10.0 ** np.array([left, left + width]))
    rates = 10.0 ** np.array([bottom, bottom + height])
    found = products(axis, Setting("lr", np.array([rates[0], np.nan, rates[1]]), (), log=True))
    assert len(found) <= 6
    np.testing.assert_allclose(np.log10(found), np.round(np.log10(found)))
    numbers = by_hand()._replace(setting=Setting("lr", rates, (), log=True), products=found)
    numbers = numbers._replace(points=numbers.points._replace(axis=axis))
    ends = line_ends(numbers)
    assert (ends[:, 0] < ends[:, 1]).all()
    assert (ends >= axis.low).all()
    assert (ends <= axis.high).all()
    y = found[:, None] / ends
    assert (y >= rates[0] * (1 - 1e-9)).all()
    assert (y <= rates[1] * (1 + 1e-9)).all()
    if width + height > 1.5:
        assert len(found)


def test_the_lines_of_a_search_by_hand():
    np.testing.assert_allclose(by_hand().products, [1e-4, 1e-3, 1e-2, 1e-1])
    without = settings_map(random_view(tuned(strengths=(), lr=RATES)))
    assert not len(without.products)
    assert not len(settings_map(random_view(tuned(strengths=(1.0,), lr=RATES))).products)


def test_the_map_shows_lr_else_the_first_number_else_the_first():
    def shown(**settings):
        return settings_map(random_view(tuned(**settings))).setting

    dropout, hidden = (0.0, 0.2, 0.4), (64, "64-32", "128-64")
    assert shown(dropout=dropout, hidden=hidden, lr=RATES).name == "lr"
    assert shown(hidden=hidden, dropout=dropout, momentum=dropout)[:1] == ("dropout",)
    assert shown(hidden=hidden).texts == ("64", "128-64", "64-32")
    assert shown(hidden=hidden).place[:3].tolist() == [0, 2, 1]
    assert shown(nesterov=(True, False)).texts == ("False", "True")
    assert shown(lr=("low", "high", "low")).texts == ("high", "low")


def test_the_axis_is_logarithmic_where_the_setting_is_searched_so():
    def log(**settings):
        return settings_map(random_view(tuned(**settings))).setting.log

    assert log(lr=(0.01, 0.02, 0.03))
    assert log(batch_size=(16, 32, 64))
    assert not log(dropout=(0.1, 0.2, 0.3))
    assert not log(lr=(0.0, 0.1, 0.2))
    assert log(temperature=(1.0, 10.0, 1000.0))


def test_a_candidate_without_the_setting_is_in_the_profile_and_not_on_the_map():
    candidates = [*tuned(lr=RATES), Candidate("ridge_of_mine", 1.0)]
    numbers = settings_map(with_losses(candidates, [*LOSSES, 2.0]))
    assert np.isnan(numbers.setting.place[15])
    assert 15 in numbers.profile


def test_there_is_no_map_without_other_settings():
    assert settings_map(random_view(L2)) is None
    own = [Candidate("elastic_net", 1.0, l1_ratio=ratio) for ratio in (0.1, 0.5, 0.9)]
    assert settings_map(random_view(own)) is None
    assert settings_map(random_view(tuned(lr=(0.1,)))) is None


# The drawing


def traces(figure, axis, **what):
    found = [trace for trace in figure.data if (trace.yaxis or "y") == axis]
    return [each for each in found if all(getattr(each, key) == value for key, value in what.items())]


def test_above_all_candidates_are_pale_and_a_line_joins_the_profile():
    figure = draw_settings(by_hand(), LIGHT)
    dots, line = traces(figure, "y", name="l2")
    assert len(dots.x) == 12
    assert dots.marker.opacity < 1
    assert line.mode == "lines+markers"
    assert (line.x, line.y) == ((0.01, 0.1, 1, 10), (2.5, 1.5, 1, 7))


def test_a_line_has_a_gap_where_all_of_a_lambda_diverged():
    losses = [*LOSSES[:6], np.inf, np.inf, np.inf, *LOSSES[9:]]
    _, line = traces(draw_settings(by_hand(losses), LIGHT), "y", name="l2")
    assert line.y == (2.5, None, 1, 7)


def test_on_the_map_colours_span_the_focus_and_symbols_are_the_penaltys():
    numbers = by_hand()
    figure = draw_settings(numbers, LIGHT)
    (dots,) = traces(figure, "y2", name="l2")
    assert (dots.x[:3], dots.y[:3]) == ((0.01, 0.01, 0.01), RATES)
    assert dots.marker.color == tuple(LOSSES[3:])
    assert dots.marker.symbol == style_of("l2").symbol
    (plain,) = traces(figure, "y2", name="none")
    assert plain.x == pytest.approx([numbers.points.axis.none] * 3, rel=1e-4)
    colours = figure.layout.coloraxis
    assert (colours.cmin, colours.cmax) == numbers.focus
    assert colours.colorbar.title.text == "validation loss (mean squared error)"
    assert colours.colorbar.ticktext == ("1", "1.67", "2.33", "≥ 3")
    assert draw_settings(by_hand([1.0, 1.0, 2.0] * 5), LIGHT).layout.coloraxis.colorbar.ticktext[-1] == "2"


def test_losses_over_decades_have_logarithmic_colours_and_axis():
    numbers = by_hand([1000.0, 100.0, 2000.0] * 3 + [1.0, 500.0, 600.0] + [1e4, 2e3, 3e3])
    numbers = numbers._replace(focus=(1.0, 1000.0))
    figure = draw_settings(numbers, LIGHT)
    assert figure.layout.yaxis.type == "log"
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 3)
    assert figure.layout.coloraxis.colorbar.ticktext == ("1", "10", "100", "≥ 1e3")
    (dots,) = traces(figure, "y2", name="l2")
    assert dots.marker.color[:2] == (3, 2)


def test_the_selected_one_is_marked_twice():
    figure = draw_settings(by_hand(), LIGHT)
    above, below = [trace for trace in figure.data if trace.name == "selected"]
    assert above.marker.color == below.marker.color == SELECTED
    assert (above.x, above.y, below.x, below.y) == ((1.0,), (1.0,), (1.0,), (0.01,))


def test_what_is_too_bad_for_the_panel_is_counted_and_what_diverged_is_crossed():
    numbers = by_hand(EXPLODED)
    figure = draw_settings(numbers, LIGHT)
    assert "2 points above, 2 diverged" in notes(figure)
    (crosses,) = traces(figure, "y2", name="diverged")
    assert (crosses.x, crosses.y) == ((1, 10), (0.1, 0.1))
    assert crosses.marker.symbol == "x-thin"
    assert figure.layout.yaxis.range[1] < 2
    tame = draw_settings(by_hand([1.0, 1.1, 1.2] * 4 + [1.0, 1.05, 1.1]), LIGHT)
    assert notes(draw_settings(by_hand([2.0] * 15, judged=False), LIGHT)) == ["1e-4", "1e-3", "0.01", "0.1"]
    assert "4 points above" in notes(tame)


def test_each_line_has_its_value_and_decoupled_decay_is_explained():
    figure = draw_settings(by_hand(training=DECOUPLED), LIGHT)
    assert {"1e-4", "1e-3", "0.01", "0.1"} < set(notes(figure))
    (lines,) = traces(figure, "y2", name="equal lr x lambda")
    rows = np.array(lines.x, float) * np.array(lines.y, float)
    parts = rows.reshape(-1, 3)[:, :2]  # each line is in two parts, with its value between them
    np.testing.assert_allclose(parts, np.repeat([1e-4, 1e-3, 1e-2, 1e-1], 4).reshape(8, 2), rtol=1e-4)
    for note in figure.layout.annotations:  # placed by the logarithm
        if note.text in {"1e-4", "1e-3", "0.01", "0.1"}:
            assert note.x + note.y == pytest.approx(np.log10(float(note.text)))
    (told,) = [text for text in notes(figure) if "decoupled" in text]
    assert "lr x lambda" in told
    assert not any("decoupled" in text for text in notes(draw_settings(by_hand(), LIGHT)))


def test_without_lr_there_are_no_lines():
    view = random_view(tuned(dropout=(0.0, 0.2, 0.4)), training=DECOUPLED)
    figure = draw_settings(settings_map(view), LIGHT)
    assert figure.layout.yaxis2.title.text == "dropout"
    assert not traces(figure, "y2", name="equal lr x lambda")
    assert not any("decoupled" in text for text in notes(figure))


def test_texts_have_places_of_their_own_and_long_or_many_ones_leave_room():
    figure = draw_settings(settings_map(random_view(tuned(hidden=(64, "64-32", "128-64")))), LIGHT)
    axis = figure.layout.yaxis2
    assert (axis.tickvals, axis.ticktext) == ((0, 1, 2), ("64", "128-64", "64-32"))
    many = draw_settings(settings_map(random_view(tuned(kind=[f"{n:02}{'x' * 30}" for n in range(40)]))), LIGHT)
    axis = many.layout.yaxis2
    assert len(axis.tickvals) <= 12
    assert max(map(len, axis.ticktext)) <= 14


def test_the_axis_is_named_in_full_unless_that_is_too_long():
    def title(name):
        return draw_settings(
            settings_map(random_view(tuned(**{name: (0.0, 0.1, 0.2)}))), LIGHT
        ).layout.yaxis2.title.text

    assert title("label_smoothing") == "label_smoothing"
    assert title("<b>") == "&lt;b&gt;"
    assert len(title("x" * 50)) <= 28
