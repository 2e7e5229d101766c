"""Each warning where it must appear and where it must not, on losses that have (or lack) just that fault."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search import verdict
from search.core.candidate import Candidate
from search.core.evidence import Evidence
from search.core.groups import Groups
from search.core.results import Results
from search.metrics import metrics_for
from search.training.curve import is_shown
from search.verdict.comparison import Comparison
from search.verdict.inputs import cleaned
from search.verdict.warnings import CHECKS, find_warnings

LAMBDAS = np.geomspace(0.01, 100, 21)


def l2(lambdas):
    return tuple(Candidate("l2", strength) for strength in lambdas)


def sound(seed=0):
    """A comparison that deserves no warning: a clear minimum in the middle, many rows, little noise."""
    generator = np.random.default_rng(seed)
    level = 1 + 0.2 * np.log(LAMBDAS) ** 2
    noise = generator.normal(size=(1, 5, 200)) + 0.1 * generator.normal(size=(21, 5, 200))
    validation = level[:, None, None] * noise**2
    results = Results(
        l2(LAMBDAS),
        validation,
        level[:, None, None] * generator.normal(size=(1, 5, 300)) ** 2,
        train_loss=np.tile(0.5 * level[:, None], 5),
        train_curve=np.tile(0.5 + 2 * np.exp(-np.arange(50) / 5), (21, 5, 1)),
    )
    return Comparison(results, 10, evidence=Evidence(baseline_loss=5.0, openings=(21,), trials=21))


def codes(case):
    return {warning.code for warning in find_warnings(case)}


def message(case, code):
    (found,) = [warning.message for warning in find_warnings(case) if warning.code == code]
    return found


def with_results(case, **changes):
    return replace(case, results=replace(case.results, **changes))


def with_evidence(case, **changes):
    return replace(case, evidence=replace(case.evidence, **changes))


def of_all(value):
    """A figure of every fit: one number, or one for each candidate."""
    return np.broadcast_to(np.reshape(value, (-1, 1)), (21, 5))


def test_the_registry_names_each_check_once_and_the_readme_explains_them_all():
    names = [check.code for check in CHECKS]
    assert len(set(names)) == len(names)
    text = (Path(verdict.__file__).parent / "README.md").read_text(encoding="utf-8").partition("## Warnings")[2]
    assert re.findall(r"^\| (\w+) \|", text.partition("\n## ")[0], flags=re.MULTILINE)[1:] == names


@pytest.mark.parametrize("seed", range(5))
def test_a_sound_study_has_none(seed):
    assert codes(sound(seed)) == set()


def descend(input_std, epochs=100, lr=0.003):
    """The reader's study of Q7, in numpy: training losses by lambda and epoch, and that of the best constant."""
    generator = np.random.default_rng(0)
    x = input_std * generator.normal(size=(20, 200))
    y = x @ generator.normal(size=200) + 0.05 + 0.001 * generator.normal(size=20)
    start = generator.normal(size=200)
    curves = []
    for strength in (0.0, 0.1, 1.0):
        weight, bias, curve = start.copy(), 0.0, []
        for _ in range(epochs):
            for batch in range(0, 20, 5):
                rows = slice(batch, batch + 5)
                error = x[rows] @ weight + bias - y[rows]
                weight -= lr * (error @ x[rows] / 5 + strength * weight / np.linalg.norm(weight))
                bias -= lr * error.mean()
            curve.append(np.mean((x @ weight + bias - y) ** 2))
        curves.append(curve)
    return np.array(curves), y.var()


def study(curves, baseline):
    validation = np.random.default_rng(1).exponential(size=(len(curves), 1, 100)) * curves[:, -1][:, None, None]
    candidates = (Candidate("none"), Candidate("l2", 0.1), Candidate("l2", 1))
    results = Results(candidates, validation, validation, train_loss=curves[:, -1:], train_curve=curves[:, None])
    return Comparison(results, 0, evidence=Evidence(baseline_loss=baseline))


def test_the_readers_study_was_not_trained():
    assert "inputs that are tiny" in message(study(*descend(0.01)), "not_trained")


def test_the_same_study_with_scaled_inputs_was():
    curves, baseline = descend(1.0)
    assert curves[0, -1] < 0.1 * baseline
    assert "not_trained" not in codes(study(curves, baseline))


@pytest.mark.parametrize(("share", "trained"), [(0.90, True), (0.97, False), (1.2, False)])
def test_learned_less_than_a_twentieth_of_the_constants_loss(share, trained):
    case = with_results(sound(), train_loss=of_all(np.linspace(share, 3, 21) * 5.0))
    assert ("not_trained" in codes(case)) is not trained
    assert "not_trained" not in codes(with_evidence(case, baseline_loss=None))
    assert "not_trained" not in codes(with_results(case, train_loss=None))
    diverged = with_results(case, train_loss=of_all(np.inf))
    assert "not_trained" not in codes(diverged)


def test_still_falling_at_the_end():
    case = sound()
    epochs = np.arange(50)
    slow = np.tile(np.exp(-epochs / 100), (21, 5, 1))
    assert "was still learning" in message(with_results(case, train_curve=slow), "not_trained")
    for settled in (np.exp(-epochs / 10), 1 + 0.02 * np.cos(epochs), np.ones(50)):
        assert "not_trained" not in codes(with_results(case, train_curve=np.tile(settled, (21, 5, 1))))
    assert "not_trained" not in codes(with_results(case, train_curve=np.empty((21, 5, 0))))
    assert "not_trained" not in codes(with_results(case, train_curve=None))


@pytest.mark.parametrize("decay", [20, 40, 60, 100, 200])
def test_a_curve_of_few_points_says_what_the_whole_one_says(decay):
    case, epochs = sound(), np.arange(1, 101)
    whole = np.exp(-epochs / decay)
    few = np.where([is_shown(epoch) or epoch == 100 for epoch in epochs.tolist()], whole, np.nan)
    told = [codes(with_results(case, train_curve=np.tile(each, (21, 5, 1)))) for each in (whole, few)]
    assert told[0] == told[1]
    assert ("not_trained" in told[0]) is (decay > 80)


def test_a_curve_ends_where_its_fit_ended():
    case, epochs = sound(), np.arange(50)
    for curve in (np.exp(-epochs / 100), np.exp(-epochs / 10)):
        short = np.tile(curve, (21, 5, 1))
        long = np.pad(short, ((0, 0), (0, 0), (0, 30)), constant_values=np.nan)
        assert codes(with_results(case, train_curve=long)) == codes(with_results(case, train_curve=short))


def test_exact_solutions_that_missed_their_accuracy():
    converged = np.ones((21, 5), dtype=bool)
    assert "not_trained" not in codes(with_results(sound(), converged=converged))
    converged[[3, 8], 2] = False
    assert message(with_results(sound(), converged=converged), "not_trained").startswith("2 of 21 candidates")


def test_diverged_fits_are_counted():
    case = sound()
    validation = case.results.validation.copy()
    validation[0, 0, 5] = validation[0, 1, 7] = validation[20, 2, 9] = np.inf
    assert message(with_results(case, validation=validation), "diverged").startswith("3 of 105 fits (3%), in 2 of 21")


def valley(lowest, *, lambdas=LAMBDAS, seed=0):
    """A sound comparison whose loss is lowest at that lambda, tried or not; the best one of those tried is selected."""
    generator = np.random.default_rng(seed)
    level = 1 + 0.2 * np.log(lambdas / lowest) ** 2
    noise = generator.normal(size=(1, 5, 200)) + 0.1 * generator.normal(size=(len(lambdas), 5, 200))
    validation = level[:, None, None] * noise**2
    test = level[:, None, None] * generator.normal(size=(1, 5, 300)) ** 2
    results = Results(l2(lambdas), validation, test)
    return Comparison(results, results.lowest(results.validation_loss))


@pytest.mark.parametrize(("lowest", "side", "end"), [(1e4, "upper", "100"), (1e-4, "lower", "0.01")])
def test_the_loss_still_falls_at_an_end_of_what_was_tried(lowest, side, end):
    for seed in range(5):
        case = valley(lowest, seed=seed)
        assert f"lies near the {side} end of what was tried ({end})" in message(case, "edge_of_range")
        known = replace(case, evidence=Evidence(lambda_range={"l2": (0.01, 100.0)}))
        assert f"lies near the {side} end of the searched range ({end})" in message(known, "edge_of_range")


def test_the_loss_is_said_to_fall_at_an_end_only_where_nothing_nearer_to_it_was_tried():
    case = valley(1e4)
    last = len(case.results) - 1
    assert case.selected == last
    assert "the loss still falls there" in message(case, "edge_of_range")
    validation = case.results.validation.copy()
    validation[[last - 1, last]] = validation[[last, last - 1]]
    before = replace(case, results=replace(case.results, validation=validation), selected=last - 1)
    assert "do not show that the loss rises again before it" in message(before, "edge_of_range")


def test_no_edge_where_no_weight_is_left():
    """Beyond the end of l1's range nothing changes; a penalty that leaves weights may go on."""
    case = valley(1e4)
    left = np.linspace(1, 0, len(case.results))[:, None].repeat(5, axis=1)
    assert "edge_of_range" not in codes(with_results(case, nonzero=left))
    assert "edge_of_range" in codes(with_results(case, nonzero=left + 0.1))
    assert "edge_of_range" in codes(with_results(valley(1e-4), nonzero=left))


@pytest.mark.parametrize("lowest", [0.05, 0.1, 1.0, 10.0, 20.0])
def test_no_edge_where_the_loss_turns_before_the_end(lowest):
    for seed in range(5):
        assert "edge_of_range" not in codes(valley(lowest, seed=seed))


def test_no_edge_where_another_was_selected():
    """By hand, in the middle, or at an end where the loss does not fall."""
    for selected in (0, 1, 5, 10, 14):
        assert "edge_of_range" not in codes(replace(valley(1e4), selected=selected))
    for selected in (0, 20):
        assert "edge_of_range" not in codes(replace(sound(), selected=selected))


def test_the_searched_range_counts_and_not_only_what_was_tried():
    inside, end = {"l2": (0.01, 1e9)}, {"l2": (0.01, 101.0)}
    searched_more, searched_no_more = (with_evidence(valley(1e4), lambda_range=ends) for ends in (inside, end))
    assert "edge_of_range" not in codes(searched_more)
    assert "(101)" in message(searched_no_more, "edge_of_range")


def test_the_dense_grid_counts_as_tried():
    lower = valley(10.0).results.take(np.arange(11))  # up to lambda = 1, and the loss falls until 10
    case = Comparison(lower, 10)
    assert "edge_of_range" in codes(case)
    assert "edge_of_range" not in codes(with_evidence(case, grid=valley(10.0).results))


def test_no_edge_without_a_range_or_where_nothing_can_change():
    case = valley(1e-4)
    assert case.selected == 0
    assert "edge_of_range" in codes(case)
    none, alone = (Candidate("none"), Candidate("l1", LAMBDAS[0]))
    for first in (none, alone, Candidate("l2", 0.0)):  # no penalty; the only one of its penalty; lambda 0
        assert "edge_of_range" not in codes(with_results(case, candidates=(first, *l2(LAMBDAS[1:]))))
    upper = valley(1e4)
    zeros = upper.results.validation.copy()
    zeros[16:] = zeros[20]  # every weight is zero
    assert "edge_of_range" in codes(upper)
    assert "edge_of_range" not in codes(with_results(upper, validation=zeros))
    diverged = upper.results.validation.copy()
    diverged[20, 0, 0] = np.inf
    assert "edge_of_range" not in codes(with_results(upper, validation=diverged))


def test_trials_added_after_an_opening():
    assert "test_opened_before" not in codes(with_evidence(sound(), openings=()))
    found = message(with_evidence(sound(), openings=(8, 21)), "test_opened_before")
    assert "after 8 trials" in found
    assert "21 now" in found


def test_test_rows_missing_or_few():
    case = sound()
    assert "no_test_rows" in codes(with_results(case, test=None))
    few = case.losses.copy()
    few[:, :, 12:] = np.nan
    judged = replace(case, results=cleaned(replace(case.results, test=few)))
    assert "only 12 test rows" in message(judged, "few_test_rows")
    few = with_results(case, test=None, validation=case.results.validation[..., :5])
    assert "means of folds" in message(few, "few_test_rows")
    single = with_results(case, test=None, validation=case.results.validation[..., :1])
    assert message(single, "few_test_rows").startswith("There is only 1 validation row. ")


def carried_by(rows, seed=0):
    """Two candidates whose losses differ on some rows alone, by as much on each of them; the second one is better."""
    generator = np.random.default_rng(seed)
    test = np.repeat(generator.exponential(size=(1, 1, 200)) + 1, 2, axis=0)
    test[1, 0, generator.choice(200, size=rows, replace=False)] -= 0.9
    return Comparison(Results(l2([0.1, 1.0]), np.ones((2, 1, 10)), test), 0, tolerance=0.001)


def test_a_row_that_carries_the_difference_is_thin_evidence_and_leaves_the_answer_open():
    case = carried_by(1)
    assert case.thin == pytest.approx(1, abs=0.05)
    assert "Of 200 rows hardly more than one carries the difference" in message(case, "thin_evidence")
    assert verdict.verdict_of(case).answer == "cannot tell"
    for many in (3, 20, 100):
        assert carried_by(many).thin is None
        assert "thin_evidence" not in codes(carried_by(many))


def test_thin_evidence_says_how_thin_of_what_and_which_metric_of_the_task_is_calmer():
    case = carried_by(1)
    pairs = replace(case, results=replace(case.results, groups=Groups.of(test=np.arange(200) // 2)))
    assert pairs.units == 100
    for judged, units in ((case, "200 rows"), (pairs, "100 groups of rows")):
        said = message(judged, "thin_evidence")
        assert said.startswith(f"Of {units} ")
        assert f"effective number {judged.thin:.1f}" in said
        assert f"no bound from these {units.split(maxsplit=1)[1]} is" in said
    of_numbers, of_classes = re.search(r"numbers: (\w+), classes: (\w+)", said).groups()
    assert of_numbers in metrics_for("regression")[1:]  # another than the default, which one row can carry
    assert of_classes in metrics_for("classification")[1:]


def test_thin_evidence_overrules_an_answer():
    """The bounds alone say yes, with a tolerance that is wide enough."""
    case = replace(carried_by(1), tolerance=0.5)
    bounds = verdict.verdict_of(case).regret
    assert bounds.relative_upper <= 0.5
    assert verdict.verdict_of(case).answer == "cannot tell"
    assert verdict.verdict_of(replace(carried_by(20), tolerance=0.5)).answer == "yes"


def test_thin_is_the_candidate_that_the_upper_bound_comes_from_and_no_other():
    """A worse candidate whose difference hangs on one row: the bound is that of another, which all rows carry."""
    generator = np.random.default_rng(1)
    base = generator.exponential(size=(1, 1, 100)) + 1
    near = base - 0.1 + 0.3 * generator.normal(size=(1, 1, 100))
    worse = base.copy()
    worse[0, 0, 7] += 5
    case = Comparison(Results(l2([0.1, 1.0, 9.0]), np.ones((3, 1, 10)), np.concatenate([base, near, worse])), 0)
    assert case.capped.effective_rows()[2] < 1.1
    assert case.thin is None


def test_nothing_is_thin_without_a_difference_or_with_a_single_row():
    alike = Results(l2([0.1, 1.0]), np.ones((2, 1, 10)), np.ones((2, 1, 50)))
    single = Results(l2([0.1, 1.0]), np.ones((2, 1, 10)), np.array([[[1.0]], [[2.0]]]))
    diverged = Results(l2([0.1, 1.0]), np.ones((2, 1, 10)), np.full((2, 1, 50), np.inf))
    for results in (alike, single, diverged, alike.take([0])):
        assert Comparison(results, 0).thin is None


def test_flat_only_where_all_candidates_are_in_the_confidence_set():
    case = sound()
    alike = np.repeat(case.losses[[10]], 21, axis=0)
    flat = with_results(case, test=alike)
    assert flat.members.all()
    assert "None of the 21 candidates" in message(flat, "flat")
    one_worse = alike + np.where(np.arange(21) == 3, 1.0, 0.0)[:, None, None]
    not_flat = with_results(case, test=one_worse)
    assert not_flat.members.sum() == 20
    assert "flat" not in codes(not_flat)
    assert "flat" not in codes(Comparison(case.results.take([10]), 0))  # nothing to be told from
    infinite = np.full((21, 5, 20), np.inf)
    diverged = with_results(case, validation=infinite, test=infinite)
    assert "flat" not in codes(diverged)  # nothing is known of their losses


def layout(generator, between, within, replicates=6):
    """Losses of 20 candidates: candidate effects, large replicate effects in common, seed effects of single fits."""
    effect = between * generator.normal(size=(20, 1)) + within * generator.normal(size=(20, replicates))
    common = 5 * generator.normal(size=(1, replicates))
    return np.repeat((20 + effect + common)[:, :, None], 3, axis=2)


def as_folds(losses, seeds):
    """The same replicates as k folds with so many seeds each: a fold's seeds hold out rows of their own."""
    candidates, replicates, rows = losses.shape
    folds = replicates // seeds
    split = np.full((candidates, replicates, folds * rows), np.nan)
    for replicate in range(replicates):
        first = replicate // seeds * rows
        split[:, replicate, first : first + rows] = losses[:, replicate]
    return split


TWENTY = l2(np.geomspace(0.01, 100, 20))


def rate_of_seeds_dominate(between, within, seeds=None, tolerance=0.01):
    generator = np.random.default_rng(0)
    drawn = (layout(generator, between, within) for _ in range(50))
    tables = (Results(TWENTY, each if seeds is None else as_folds(each, seeds)) for each in drawn)
    return np.mean(["seeds_dominate" in codes(Comparison(each, 5, tolerance=tolerance)) for each in tables])


def test_seeds_dominate_by_their_share_of_variance_and_not_by_common_effects():
    assert rate_of_seeds_dominate(between=0.1, within=2.0) > 0.95
    assert rate_of_seeds_dominate(between=1.0, within=0.1) < 0.05


def test_folds_do_not_count_as_seeds_but_the_seeds_of_a_fold_do():
    assert rate_of_seeds_dominate(between=0.1, within=2.0, seeds=1) == 0
    assert rate_of_seeds_dominate(between=0.1, within=2.0, seeds=2) > 0.95
    assert rate_of_seeds_dominate(between=1.0, within=0.1, seeds=2) < 0.05


def test_what_seeds_do_below_the_tolerance_does_not_matter():
    """Their noise is that of the mean of six: 2 / sqrt(6) of 20, or 4 % of the loss."""
    assert rate_of_seeds_dominate(between=0.1, within=2.0, tolerance=0.02) > 0.95
    assert rate_of_seeds_dominate(between=0.1, within=2.0, tolerance=0.08) < 0.05


def test_a_replicate_that_held_out_no_row_hides_no_seeds():
    losses = layout(np.random.default_rng(0), 0.1, 2.0)
    case = Comparison(Results(TWENTY, losses), 5)
    empty = Comparison(Results(TWENTY, np.concatenate([losses, np.full((20, 1, 3), np.nan)], axis=1)), 5)
    assert "seeds_dominate" in codes(case)
    assert "seeds_dominate" in codes(empty)


def test_seeds_cannot_be_judged_with_one_replicate_or_few_candidates():
    generator = np.random.default_rng(0)
    one = Comparison(Results(TWENTY, layout(generator, 0.0, 2.0, replicates=1)), 5)
    few = Comparison(Results(TWENTY[:4], layout(generator, 0.0, 2.0)[:4]), 2)
    assert "seeds_dominate" not in codes(one) | codes(few)


def test_validation_below_training():
    case = sound()
    loss = case.results.validation[10].mean()
    below = with_results(case, train_loss=of_all(2 * loss))
    assert "below its training loss" in message(below, "validation_below_training")
    within_noise = with_results(case, train_loss=of_all(1.001 * loss))
    assert "validation_below_training" not in codes(within_noise)
    assert "validation_below_training" not in codes(with_results(case, train_loss=None))


def test_bounds_for_the_procedure_rest_on_few_replicates():
    case = sound()
    assert "few_replicates" not in codes(replace(case, scope="procedure"))
    two = with_results(case, test=case.losses[:, :2])
    assert "few_replicates" in codes(replace(two, scope="procedure"))
    assert "few_replicates" not in codes(two)


def test_messages_are_one_or_two_plain_sentences_with_their_figure():
    case = sound()
    validation = valley(1e4).results.validation.copy()
    validation[0, 0, 0] = np.inf
    test = np.repeat(case.losses[[10], :2, :12], 21, axis=0)
    test[:, :, 3] = 1e4
    changed = with_results(case, validation=validation, test=test, train_loss=of_all(9.0))
    bad = replace(with_evidence(changed, openings=(4,)), selected=20, scope="procedure")
    assert bad.members.all()
    found = find_warnings(bad)
    assert len(found) >= 8
    for warning in found:
        assert "_" not in warning.message
        assert "nan" not in warning.message
        assert any(character.isdigit() for character in warning.message)
        assert warning.message.endswith(".")
        assert warning.message.count(". ") <= 1


def with_rates(best, *, matters, seed=0, count=24):
    """Candidates with a learning rate of their own, best at `best`, or of no effect."""
    generator = np.random.default_rng(seed)
    rates = np.sort(10 ** generator.uniform(-4, 0, count))
    level = 1 + (0.2 * np.log10(rates / best) ** 2 if matters else np.zeros(count))
    noise = generator.normal(size=(1, 1, 200)) + 0.1 * generator.normal(size=(count, 1, 200))
    candidates = tuple(Candidate("l2", 1.0, lr=rate) for rate in rates)
    results = Results(candidates, level[:, None, None] * noise**2)
    return Comparison(results, results.lowest(results.validation_loss))


@pytest.mark.parametrize(("best", "side"), [(100.0, "upper"), (1e-8, "lower")])
def test_setting_at_edge_where_the_loss_still_falls_at_the_end(best, side):
    case = with_rates(best, matters=True)
    assert "setting_at_edge" in codes(case)
    rate = case.results.candidates[case.selected]["lr"]
    assert f"lr, {rate:.3g}, lies at the {side} end" in message(case, "setting_at_edge")


def test_no_setting_at_edge_in_the_middle_or_where_it_does_not_matter():
    assert "setting_at_edge" not in codes(with_rates(1e-2, matters=True))
    false = sum("setting_at_edge" in codes(with_rates(1.0, matters=False, seed=seed)) for seed in range(100))
    assert false <= 5


def test_setting_at_edge_is_for_numbers_that_were_searched():
    losses = np.random.default_rng(0).random((4, 1, 30)) + np.arange(4)[:, None, None]
    texts = tuple(Candidate("l2", 1.0, hidden=each) for each in ("8-8", "8", "4-4", "2"))
    assert "setting_at_edge" not in codes(Comparison(Results(texts, losses), 0))
    numbers = tuple(Candidate("l2", 1.0, hidden=each) for each in (8, 4, 2, 1))
    assert "setting_at_edge" in codes(Comparison(Results(numbers, losses), 0))


def test_setting_at_edge_says_nothing_where_nothing_converged():
    candidates = tuple(Candidate("l2", 1.0, lr=rate) for rate in (0.1, 1.0, 10.0))
    assert "setting_at_edge" not in codes(Comparison(Results(candidates, np.full((3, 1, 30), np.inf)), 0))
