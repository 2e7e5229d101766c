"""The numbers behind the figures: known exactly for views made by hand, and consistent with the verdict."""

from __future__ import annotations

import numpy as np
import pytest
from figure_views import L2, column, outcome, random_view, rotated_view, view_of, with_grid
from hypothesis import given
from hypothesis import strategies as st

from search.core.candidate import Candidate
from search.core.evidence import Evidence
from search.core.results import join
from search.report.figures.agreement import agreement, rank_correlation
from search.report.figures.curves import curves, draw_curves
from search.report.figures.gap import gap
from search.report.figures.history import history
from search.report.figures.losses import draw_losses, losses
from search.report.figures.paths import paths
from search.report.figures.regret import draw_regret, focus, regret
from search.report.figures.rules import rules
from search.report.figures.selections import selections
from search.report.figures.weights import weights
from search.report.judged_tables import picks_table
from search.report.theme import LIGHT
from search.verdict import judge


def by_hand(validation, test=None, candidates=L2, **changes):
    """A view from losses (candidates, replicates, rows)."""
    tests = [None] * len(validation) if test is None else test
    return view_of([outcome(*each) for each in zip(candidates, validation, tests, strict=True)], **changes)


# Losses


def test_losses_by_hand():
    validation = [[[4.0, 6.0], [5.0, 5.0]], [[1, 1], [3, 3]], [[2, 2], [1, 1]], [[9, 9], [9, 9]]]
    test = [[[7.0], [7.0]], [[1.0], [2.0]], [[2.0], [2.0]], [[8.0], [8.0]]]
    numbers = losses(by_hand(validation, test))
    np.testing.assert_allclose(numbers.losses["validation"].mean, [5, 2, 1.5, 9])
    np.testing.assert_allclose(numbers.losses["validation"].low, [5, 1.2, 1.1, 9])
    np.testing.assert_allclose(numbers.losses["validation"].high, [5, 2.8, 1.9, 9])
    np.testing.assert_allclose(numbers.losses["test"].mean, [7, 1.5, 2, 8])
    np.testing.assert_allclose(numbers.losses["training"].mean, 0.5)
    assert (numbers.selected, numbers.best) == (2, 1)
    assert numbers.truth is None
    assert numbers.metric == "mse"


def test_the_validation_loss_is_the_one_that_the_search_saw_also_with_unlike_folds():
    nan = np.nan
    validation = [[[1.0, 2.0, nan], [nan, nan, 6.0]], [[0.0, 0.0, nan], [nan, nan, 3.0]]]
    view = by_hand(validation, candidates=L2[:2])
    np.testing.assert_allclose(losses(view).losses["validation"].mean, view.results.validation_loss)
    np.testing.assert_allclose(losses(view).losses["validation"].mean, [3.0, 1.0])


def test_the_confidence_set_is_the_verdicts():
    view = random_view(L2)
    numbers = losses(view)
    trials = {trial for part in view.verdict.confidence_set for trial in part.trials}
    assert set(view.results.trials[numbers.members]) == trials
    assert 0 < len(trials) < len(L2)
    assert losses(random_view(L2, judged=False)).members is None


def test_the_truth_is_drawn_where_the_study_knows_it():
    view = random_view(L2, criteria={"true_risk": np.array([0.0, 0.1, np.nan, 0.3])})
    np.testing.assert_array_equal(losses(view).truth, [0.0, 0.1, np.nan, 0.3])
    (line,) = [trace for trace in draw_losses(losses(view), LIGHT).data if trace.name == "true risk"]
    assert (line.x, line.y) == ((0.01, 100), (0.1, 0.3))


# Regret


@pytest.mark.parametrize("test", [True, False])
def test_the_bounds_are_those_of_the_verdict(test):
    rng = np.random.default_rng(1)
    validation, judged = rng.random((2, 4, 2, 40)) * np.array([1, 2, 1, 3])[:, None, None]
    view = by_hand(validation, judged if test else None)
    numbers, told = regret(view), view.verdict.regret
    assert numbers.excess.mean[numbers.selected] == 0
    assert told.relative_upper > view.verdict.tolerance
    assert -numbers.excess.low.min() == pytest.approx(told.relative_upper, rel=1e-9)
    assert max(0.0, -numbers.excess.high.min()) <= told.relative_lower + 1e-12
    assert (numbers.excess.low <= numbers.excess.mean).all()
    assert (numbers.excess.mean <= numbers.excess.high).all()
    risk = (view.results.test if test else view.results.validation).mean(axis=(1, 2))
    np.testing.assert_allclose(numbers.excess.mean, risk / risk[numbers.selected] - 1, atol=1e-12)


def test_the_relative_bounds_do_not_depend_on_the_unit_of_the_loss():
    rng = np.random.default_rng(0)
    validation, test = 1 + rng.random((2, 4, 2, 30))
    one, other = regret(by_hand(validation, test)), regret(by_hand(1000 * validation, 1000 * test))
    for each, scaled in zip(one.excess, other.excess, strict=True):
        np.testing.assert_allclose(each, scaled, rtol=1e-6, atol=1e-9)


def test_a_surely_better_candidate_lies_below_the_selected_one_with_all_its_bounds():
    rng = np.random.default_rng(0)
    noise = rng.random((4, 1, 200))
    test = noise + np.array([2.0, 1.0, 1.5, 3.0])[:, None, None]
    validation = noise + np.array([2.0, 1.5, 1.0, 3.0])[:, None, None]
    numbers = regret(by_hand(validation, test))
    assert numbers.selected == 2
    assert numbers.excess.high[1] < -numbers.tolerance
    assert numbers.excess.low[3] > 0
    low, high = focus(numbers)
    assert low < 0 < -100 * numbers.excess.low.min() < high


def test_a_diverged_candidate_is_infinitely_worse_and_breaks_no_axis():
    rng = np.random.default_rng(0)
    validation, test = 1 + rng.random((2, 4, 1, 30))
    validation[3] = test[3] = np.inf
    numbers = regret(by_hand(validation, test))
    assert numbers.excess.mean[3] == np.inf
    assert np.isfinite(focus(numbers)).all()
    assert any(note.text.endswith(" below") for note in draw_regret(numbers, LIGHT).layout.annotations)


def test_the_regret_is_drawn_against_the_dense_grid_too():
    """Compared are the tried candidates and after them those of the grid that were not tried."""
    view = with_grid(best=0.5)
    numbers, told = regret(view), view.verdict
    strengths = [each.lambda_ for each in view.comparison.compared.candidates]
    assert strengths == [*(each.lambda_ for each in L2), 0.3, 3.0, 30.0]
    assert len(numbers.excess.mean) == len(numbers.points.x) == 7
    assert (told.best_on_test.trial, told.best_on_test.lambda_) == (None, 0.3)
    assert numbers.best == 4
    assert numbers.excess.mean[4] == numbers.excess.mean.min() < 0
    assert -numbers.excess.low.min() == pytest.approx(told.regret.relative_upper, rel=1e-9)
    risk = view.comparison.compared.test.mean(axis=(1, 2))
    np.testing.assert_allclose(numbers.excess.mean, risk / risk[numbers.selected] - 1, atol=1e-12)


def test_figures_of_the_trials_mark_no_best_one_that_was_not_tried():
    view = with_grid(best=0.5)
    assert view.best_on_test is None
    numbers = losses(view)
    assert numbers.best is None
    assert len(numbers.members) == len(L2)
    assert numbers.members.tolist() == view.comparison.members[: len(L2)].tolist()
    assert with_grid(best=5.0).best_on_test is not None


def test_in_a_rotation_the_regret_is_that_of_what_was_picked():
    view = rotated_view()
    numbers, told = regret(view), view.verdict
    assert told.rotation is not None
    risk = np.nanmean(view.results.validation, axis=2).mean(axis=1)  # turns of equal length
    picked = view.comparison.picked[:, 0]
    own = np.mean([np.nanmean(view.results.validation[place, turn]) for turn, place in enumerate(picked)])
    np.testing.assert_allclose(numbers.excess.mean, risk / own - 1, atol=1e-12)
    assert (numbers.excess.low <= numbers.excess.mean).all()
    assert (numbers.excess.mean <= numbers.excess.high).all()
    assert -numbers.excess.low.min() == pytest.approx(told.regret.relative_upper, rel=1e-9)


# What the regret is made of, and other rules


def test_the_gap_is_the_verdicts():
    view = random_view(L2)
    numbers = gap(view)
    assert numbers.values["regret"] == numbers.values["validation"] == view.verdict.regret.estimate
    assert np.isnan(numbers.values["search"])
    assert numbers.tolerance == pytest.approx(0.01 * view.verdict.selected.test_loss)


def test_validation_and_search_add_up_to_the_regret_where_there_is_a_dense_grid():
    view = with_grid(best=0.5)
    values = gap(view).values
    tried = view.results.test_loss
    assert values["validation"] == pytest.approx(tried[view.selected] - tried.min(), abs=1e-12)
    assert values["search"] == pytest.approx(tried.min() - view.verdict.best_on_test.test_loss)
    assert values["validation"] + values["search"] == pytest.approx(values["regret"])
    assert values["regret"] == view.verdict.regret.estimate


def test_rules_come_cheapest_first_and_their_regret_is_the_distance_from_the_lowest():
    numbers = rules(random_view(L2))
    assert (np.diff(numbers.test_loss) >= 0).all()
    np.testing.assert_allclose(numbers.regret, numbers.test_loss - numbers.lowest, atol=1e-12)
    assert "argmin" in numbers.rules


# Weights


def test_weights_by_hand():
    numbers = weights(random_view(L2))
    np.testing.assert_allclose(numbers.norm.mean, [1, 1 / 1.01, 1 / 2, 1 / 101])
    np.testing.assert_allclose(numbers.nonzero.mean, 50)


def test_paths_start_at_none_and_ascend():
    numbers = paths(random_view([L2[3], L2[0], L2[1], L2[2]]))
    path = numbers.paths["l2"]
    np.testing.assert_allclose(path.lambda_, [0, 0.01, 1, 100])
    np.testing.assert_allclose(path.weights, np.outer(1 / (1 + path.lambda_), [2, -1, 0.5]))
    assert numbers.names == ["feature 1", "feature 2", "feature 3"]


def test_paths_hold_the_largest_coefficients_of_all():
    rng = np.random.default_rng(0)
    size = rng.permutation(100).astype(float)
    outcomes = [outcome(each, np.ones((1, 3)), weights=size.reshape(1, 2, 50)) for each in L2]
    numbers = paths(view_of(outcomes))
    assert numbers.paths["l2"].weights.shape == (4, 40)
    assert set(numbers.paths["l2"].weights[1]) == set(range(60, 100))
    place = int(size.argmax())
    assert f"feature {place % 50 + 1}, output {place // 50 + 1}" in numbers.names


def test_paths_come_from_the_dense_grid_with_one_l1_ratio():
    dense = [outcome(Candidate("elastic_net", lambda_, l1_ratio=0.5), np.ones((1, 3))) for lambda_ in (0.1, 1.0, 10.0)]
    odd = outcome(Candidate("elastic_net", 0.3, l1_ratio=0.9), np.ones((1, 3)))
    numbers = paths(random_view(L2, evidence=Evidence(grid=join([*dense, odd]))))
    assert set(numbers.paths) == {"elastic_net"}
    np.testing.assert_allclose(numbers.paths["elastic_net"].lambda_, [0.1, 1, 10])


def test_paths_leave_out_what_diverged_also_where_its_weights_are_still_numbers():
    huge = outcome(Candidate("l2", 10.0), np.ones((2, 3)), weights=np.full((2, 1, 3), 1e26), diverged=[False, True])
    numbers = paths(view_of([*(outcome(each, np.ones((2, 3))) for each in L2), huge]))
    np.testing.assert_allclose(numbers.paths["l2"].lambda_, [0, 0.01, 1, 100])
    assert np.abs(numbers.paths["l2"].weights).max() <= 2
    assert paths(view_of([huge, outcome(Candidate("l2", 1.0), np.ones((2, 3)))])) is None


def test_a_network_has_no_paths():
    outcomes = [outcome(each, np.ones((1, 3)), weights=None, biases=None) for each in L2]
    assert paths(view_of(outcomes)) is None


# Learning curves


def test_curves_by_hand_and_every_step_shows_its_own_candidate():
    outcomes = [
        outcome(each, np.full((2, 3), place + 1.0), train_curve=place + np.array([[3.0, 2.0, 1.0], [5.0, 4.0, 3.0]]))
        for place, each in enumerate([L2[3], L2[0], L2[1], L2[2]])
    ]
    numbers = curves(view_of(outcomes))
    assert numbers.labels == ["l2, lambda 0.01", "l2, lambda 1", "l2, lambda 100", "no penalty"]
    assert numbers.selected == 2
    np.testing.assert_allclose(numbers.mean["training"][:, 0], [6, 7, 4, 5])
    np.testing.assert_allclose(numbers.low["training"][2], [3.2, 2.2, 1.2])
    figure = draw_curves(numbers, LIGHT)
    slider = figure.layout.sliders[0]
    changes, traces = slider.steps[slider.active].args
    for place, trace in enumerate(traces):
        assert list(changes["y"][place]) == list(figure.data[trace].y)
    assert list(slider.steps[0].args[0]["y"][1]) == [6, 5, 4]


def test_the_scale_of_the_curves_holds_the_selected_candidate_and_not_what_explodes():
    exploded = np.array([[1.0, 1e9, 1e30]])
    outcomes = [
        outcome(L2[0], np.ones((1, 3)), train_curve=np.array([[2.0, 1.5, 1.0]])),
        outcome(L2[1], np.full((1, 3), 2.0), train_curve=exploded, validation_curve=exploded),
    ]
    low, high = draw_curves(curves(view_of(outcomes)), LIGHT).layout.yaxis.range
    assert (low < 1, 4 < high < 40) == (True, True)


@pytest.mark.parametrize("place", range(75, 81))
def test_curves_end_with_the_longest_training_that_the_slider_offers(place):
    def trained(strength: float, epochs: int):
        own = {name: np.arange(epochs, 0, -1.0)[None] for name in ("train_curve", "validation_curve")}
        return outcome(Candidate("l2", strength), np.full((1, 3), strength), **own)

    outcomes = [trained(index + 1.0, 30 if index == place else 3) for index in range(81)]
    numbers = curves(view_of(outcomes, judged=False))
    assert numbers.epochs.max() == (30 if f"l2, lambda {place + 1}" in numbers.labels else 3)
    short = numbers.labels.index("l2, lambda 1")
    np.testing.assert_array_equal(numbers.mean["training"][short], [3, 2, 1] + [np.nan] * (len(numbers.epochs) - 3))


def test_curves_are_drawn_through_the_epochs_that_were_looked_at():
    known = np.array([0, 1, 3, 7, 9, 10])
    outcomes = []
    for place, end in enumerate((11, 10)):
        curve = np.full((1, 11), np.nan)
        own = known[known < end]
        curve[0, own] = 20.0 - own + place
        outcomes.append(outcome(L2[place], np.full((1, 3), place + 1.0), train_curve=curve, validation_curve=curve))
    numbers = curves(view_of(outcomes))
    np.testing.assert_array_equal(numbers.epochs, known + 1)
    figure = draw_curves(numbers, LIGHT)
    lines = [trace for trace in figure.data if trace.fill is None]
    assert len(lines) == 4
    assert all(trace.connectgaps for trace in lines)


def test_exact_solutions_have_no_curves():
    nothing = np.empty((1, 0))
    outcomes = [outcome(L2[1], np.ones((1, 3)), epochs=[0.0], train_curve=nothing, validation_curve=nothing)]
    assert curves(view_of(outcomes)) is None


# Selections, history, agreement


def test_every_replicate_votes_once_ties_for_more_penalty():
    validation = np.array([[3.0, 3, 3], [1, 2, 5], [2, 2, 1], [9, 9, 1]])[:, :, None] * np.ones(2)
    numbers = selections(by_hand(validation))
    assert numbers.votes.tolist() == [0, 1, 1, 1]
    assert numbers.replicates == 3


def test_in_a_rotation_the_votes_are_the_picks_of_the_turns_as_the_verdict_and_the_table_have_them():
    view = rotated_view(folds=5)
    numbers = selections(view)
    assert numbers.repeated == "replicates"  # the view made by hand has no study file
    assert numbers.votes.sum() == numbers.replicates == 5
    assert numbers.votes.tolist() == np.bincount(view.comparison.picked[:, 0], minlength=len(view.results)).tolist()
    told = [text for text, count in zip(map(str, view.results.candidates), numbers.votes, strict=True) if count]
    assert set(told) == set(column(picks_table(view), "picked"))


def test_history_by_hand_with_overtuning_and_a_repeated_candidate():
    validation = np.array([5.0, 3.0, 4.0, 2.0])[:, None, None] * np.ones((1, 2))
    test = np.array([6.0, 1.0, 4.0, 3.0])[:, None, None] * np.ones((1, 2))
    numbers = history(by_hand(validation, test, repeated=[0]))
    assert numbers.trial.tolist() == [0, 1, 2, 3, 4]
    assert numbers.loss.tolist() == [5, 3, 4, 2, 5]
    assert numbers.text[4] == "<b>no penalty</b><br>trial 4"
    assert numbers.incumbent.tolist() == [5, 3, 3, 2, 2]
    assert numbers.test.tolist() == [6, 1, 1, 3, 3]
    assert numbers.overtuning == 2


@given(st.lists(st.integers(1, 9), min_size=2, max_size=12))
def test_the_incumbent_is_the_lowest_so_far(losses):
    candidates = [Candidate("l2", float(place + 1)) for place in range(len(losses))]
    view = by_hand(np.array(losses, float)[:, None, None] * np.ones((1, 2)), candidates=candidates, judged=False)
    assert history(view).incumbent.tolist() == [min(losses[: place + 1]) for place in range(len(losses))]


def test_agreement_is_the_two_losses():
    view = random_view(L2)
    numbers = agreement(view)
    np.testing.assert_allclose(numbers.validation, view.results.validation.mean(axis=(1, 2)))
    np.testing.assert_allclose(numbers.test, view.results.test.mean(axis=(1, 2)))


def test_the_rank_correlation_sees_order_alone():
    losses = np.array([3.0, 1.0, 2.0, np.inf])
    assert rank_correlation(losses, np.exp(losses)) == pytest.approx(1)
    assert rank_correlation(losses, -losses) == pytest.approx(-1)
    assert rank_correlation(losses, np.ones(4)) is None
    assert rank_correlation(losses[:1], losses[:1]) is None


def test_the_numbers_do_not_depend_on_the_order_of_the_candidates():
    view = random_view(L2)
    order = [2, 0, 3, 1]
    turned = view_of([view.results.take([index]) for index in order])
    np.testing.assert_allclose(losses(turned).losses["test"].mean, losses(view).losses["test"].mean[order])
    np.testing.assert_allclose(regret(turned).excess.low, regret(view).excess.low[order], rtol=1e-6, atol=1e-9)
    assert selections(turned).votes.tolist() == selections(view).votes[order].tolist()
    assert agreement(turned).correlation == pytest.approx(agreement(view).correlation)
    frame = view.results.frame()
    assert judge(view.results.validation, view.results.test, frame).answer == turned.verdict.answer
