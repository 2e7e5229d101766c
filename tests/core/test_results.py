"""The table of results: its figures, its parts and wholes, and the frame that is exported of it."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.core.candidate import Candidate
from search.core.means import candidate_means, standard_errors
from search.core.results import MEASURES, Results, empty_results, join

CANDIDATES = (
    Candidate("none"),
    Candidate("l2", 0.5, lr=0.1),
    Candidate("l1", 2.0, lr=0.2),
    Candidate("elastic_net", 7.0, l1_ratio=0.5, lr=0.1),
)


def full(candidates=CANDIDATES, seed=0, epochs=6, first_trial=10):
    """Results of which everything is known; two replicates, five validation and four test rows."""
    generator, count = np.random.default_rng(seed), len(candidates)
    validation = generator.exponential(size=(count, 2, 5))
    validation[:, 0, :2] = np.nan
    return Results(
        candidates,
        validation,
        generator.exponential(size=(count, 1, 4)),
        trial=np.arange(count)[::-1] + first_trial,
        train_loss=generator.exponential(size=(count, 2)),
        weight_norm=generator.exponential(size=(count, 2)),
        nonzero=generator.random((count, 2)),
        nonzero_groups=generator.random((count, 2)),
        epochs=generator.integers(1, epochs + 1, size=(count, 2)),
        diverged=generator.random((count, 2)) < 0.3,
        converged=generator.random((count, 3)) < 0.7,
        optimality=generator.exponential(size=(count, 3)),
        train_curve=generator.exponential(size=(count, 2, epochs)),
        validation_curve=generator.exponential(size=(count, 2, epochs)),
        weights=generator.normal(size=(count, 3, 1, 7)),
        biases=generator.normal(size=(count, 3, 1)),
        seconds=generator.exponential(size=count),
        pruned=generator.random(count) < 0.5,
        criteria={"gcv": generator.exponential(size=count), "evidence": np.full(count, np.nan)},
    )


def bare(candidates=CANDIDATES, seed=0):
    return Results(candidates, np.random.default_rng(seed).exponential(size=(len(candidates), 2, 5)))


def same(one, other):
    """Whether two tables hold the same, in the same order."""
    assert one.candidates == other.candidates
    assert one.arrays().keys() == other.arrays().keys()
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(array, getattr(other, name), err_msg=name)
    assert one.criteria.keys() == other.criteria.keys()
    for name, values in one.criteria.items():
        np.testing.assert_array_equal(values, other.criteria[name], err_msg=name)
    return True


def test_this_file_knows_every_field():
    known = full()
    assert {each.name for each in fields(Results)} == known.arrays().keys() | {"candidates", "criteria", "groups"}


def test_every_array_has_a_row_a_candidate():
    losses = np.ones((2, 1, 3))
    with pytest.raises(ValueError, match="validation has 2 rows for 4 candidates"):
        Results(CANDIDATES, losses)
    with pytest.raises(ValueError, match="seconds has 3 rows for 2 candidates"):
        Results(CANDIDATES[:2], losses, seconds=np.ones(3))
    for wrong in ((losses[0, 0], None), (losses[:, 0], None), (losses, losses[:, 0])):
        with pytest.raises(ValueError, match=r"three axes|rows for"):
            Results(CANDIDATES[:2], *wrong)


def test_the_candidates_in_columns():
    found = full()
    assert len(found) == 4
    assert found.penalty.tolist() == ["none", "l2", "l1", "elastic_net"]
    assert found.lambda_.tolist() == [0.0, 0.5, 2.0, 7.0]
    assert found.parameters() == ["penalty", "lambda", "lr", "l1_ratio"]
    assert found.trials.tolist() == [13, 12, 11, 10]
    assert bare().trials.tolist() == [0, 1, 2, 3]


def test_the_losses_are_means_of_what_was_held_out():
    found = full()
    np.testing.assert_array_equal(found.validation_loss, candidate_means(found.validation))
    np.testing.assert_array_equal(found.validation_se, standard_errors(found.validation))
    np.testing.assert_array_equal(found.test_loss, candidate_means(found.test))
    np.testing.assert_array_equal(found.test_se, standard_errors(found.test))
    assert found.validation_loss is found.validation_loss  # computed once
    assert bare().test_loss is None
    assert bare().test_se is None


def test_the_lowest_of_some_losses_goes_to_the_larger_lambda():
    found = full()
    assert found.lowest(np.array([3.0, 1.0, 1.0, 2.0])) == 2
    assert found.lowest(found.validation_loss) == found.validation_loss.argmin()


def test_a_measure_is_the_mean_over_replicates():
    found = full()
    for name in ("train_loss", "weight_norm", "nonzero", "nonzero_groups", "epochs", "diverged", "converged"):
        np.testing.assert_allclose(found.measure(name), np.mean(getattr(found, name), axis=1, dtype=float))
    np.testing.assert_array_equal(found.measure("seconds"), found.seconds)
    np.testing.assert_array_equal(found.measure("pruned"), found.pruned.astype(float))
    for name in ("validation_loss", "validation_se", "test_loss"):
        np.testing.assert_array_equal(found.measure(name), getattr(found, name))
    assert all(bare().measure(name) is None for name in ("train_loss", "epochs", "seconds", "test_loss"))
    assert all(found.measure(name).dtype == np.float64 for name in MEASURES)


@given(st.lists(st.integers(0, 3), max_size=6), st.data())
def test_taking_some_is_indexing_every_array(positions, data):
    found = full()
    part = found.take(positions)
    assert part.candidates == tuple(found.candidates[i] for i in positions)
    assert part.arrays().keys() == found.arrays().keys()
    for name, array in found.arrays().items():
        np.testing.assert_array_equal(getattr(part, name), array[positions] if positions else array[:0])
    for name, values in found.criteria.items():
        np.testing.assert_array_equal(part.criteria[name], [values[i] for i in positions])
    if positions:
        again = data.draw(st.lists(st.integers(0, len(positions) - 1), max_size=4))
        assert same(part.take(again), found.take([positions[i] for i in again]))


def test_taking_all_changes_nothing_and_keeps_what_is_not_known():
    assert same(full().take(range(4)), full())
    assert same(bare().take(np.arange(4)), bare())
    part = bare().take(iter([2, 1]))
    np.testing.assert_array_equal(part.validation_loss, bare().validation_loss[[2, 1]])


def test_each_candidate_once_by_its_first_row():
    found = full(tuple(CANDIDATES[i] for i in (1, 2, 1, 0, 2)))
    once = found.distinct()
    assert same(once, found.take([0, 1, 3]))
    assert found.position == {CANDIDATES[1]: 0, CANDIDATES[2]: 1, CANDIDATES[0]: 3}
    assert once.distinct() is once


@pytest.mark.parametrize(("row", "kept"), [(0, [0, 1, 3]), (2, [2, 1, 3]), (4, [0, 4, 3])])
def test_the_given_trial_stands_for_its_candidate(row, kept):
    found = full(tuple(CANDIDATES[i] for i in (1, 2, 1, 0, 2)))
    assert same(found.distinct(int(found.trials[row])), found.take(kept))
    numbered = bare(found.candidates)  # by their positions
    assert same(numbered.distinct(row), numbered.take(kept))


def test_a_trial_that_is_not_there_changes_nothing():
    found = full()
    assert found.distinct(99) is found


def test_joined_parts_are_the_whole():
    found = full()
    for cut in (1, 3):
        assert same(join([found.take(range(cut)), found.take(range(cut, 4))]), found)
    assert same(join([found.take([i]) for i in range(4)]), found)
    assert join([found]) is found


def test_joined_curves_of_unlike_length_are_filled_up_with_nan():
    short, long = full(CANDIDATES[:2], epochs=3), full(CANDIDATES[2:], seed=1, epochs=8)
    for parts in ([short, long], [long, short]):
        whole = join(parts)
        assert whole.candidates == parts[0].candidates + parts[1].candidates
        for name in ("train_curve", "validation_curve"):
            curves = getattr(whole, name)
            assert curves.shape == (4, 2, 8)
            for part in parts:
                for candidate in part.candidates:
                    own, length = curves[whole.position[candidate]], getattr(part, name).shape[2]
                    np.testing.assert_array_equal(own[:, :length], getattr(part, name)[part.position[candidate]])
                    assert np.isnan(own[:, length:]).all()
        assert join([*parts, short]).train_curve.shape == (6, 2, 8)


def test_what_one_part_does_not_know_the_whole_does_not_know():
    known, other = full(CANDIDATES[:2]), bare(CANDIDATES[2:])
    for parts in ([known, other], [other, known]):
        whole = join(parts)
        assert whole.arrays().keys() == {"validation"}
        assert whole.criteria == {}
    solved = full(CANDIDATES[2:])
    partly = Results(solved.candidates, solved.validation, seconds=solved.seconds, criteria={"gcv": np.ones(2)})
    whole = join([known, partly])
    assert whole.arrays().keys() == {"validation", "seconds"}
    assert whole.criteria.keys() == {"gcv"}


def test_the_frame_has_a_row_a_candidate():
    found = full()
    frame = found.frame()
    assert list(frame) == ["trial", "penalty", "lambda", "lr", "l1_ratio", *MEASURES]
    assert frame["trial"].tolist() == [13, 12, 11, 10]
    assert frame["lambda"].tolist() == [0.0, 0.5, 2.0, 7.0]
    np.testing.assert_array_equal(frame["l1_ratio"], [np.nan, np.nan, np.nan, 0.5])
    for name in MEASURES:
        np.testing.assert_allclose(frame[name], found.measure(name))
    assert list(bare().frame()) == ["trial", "penalty", "lambda", "lr", "l1_ratio", "validation_loss", "validation_se"]


def test_the_frame_of_a_search_over_epochs_holds_those_asked_and_those_kept():
    asked = tuple(Candidate("l2", 1.0, epochs=count) for count in (10, 20))
    kept = np.array([[4, 6], [20, 18]])
    frame = Results(asked, np.ones((2, 2, 3)), epochs=kept).frame()
    assert list(frame) == [
        "trial",
        "penalty",
        "lambda",
        "epochs",
        "validation_loss",
        "validation_se",
        "trained_epochs",
    ]
    assert frame["epochs"].tolist() == [10, 20]
    assert frame["trained_epochs"].tolist() == [5.0, 19.0]


def test_no_candidate_yet():
    nothing = empty_results()
    assert len(nothing) == 0
    assert nothing.validation_loss.shape == nothing.lambda_.shape == nothing.trials.shape == (0,)
    assert len(nothing.frame()) == 0
    assert nothing.distinct() is nothing
