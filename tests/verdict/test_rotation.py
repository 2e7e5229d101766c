"""Rows that take turns as test rows: no turn's pick knows its own rows, and the verdict speaks of picking like that."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.evidence import Evidence
from search.core.results import Results
from search.verdict import Comparison, judge, verdict_of
from search.verdict.rotation import inner_views, picked_losses, picks, shares


def l2(count):
    return tuple(Candidate("l2", float(strength)) for strength in np.geomspace(0.1, 10, count))


def frame(count):
    return pd.DataFrame({"penalty": "l2", "lambda": np.geomspace(0.1, 10, count)})


def rotation(rng, *, folds=3, candidates=4, rows=12, seeds=1):
    """Losses of each fold by models of all other folds, and of each pair of folds by models without both.

    Both have the shape (candidates, replicates, rows); a fold, or a pair of them, has a replicate for each seed.
    """
    fold = rng.permutation(np.arange(rows) % folds)
    outer = [fold == each for each in range(folds) for _ in range(seeds)]
    pairs = [np.isin(fold, pair) for pair in itertools.combinations(range(folds), 2) for _ in range(seeds)]
    losses = [
        np.where(held, rng.exponential(size=(candidates, len(held), rows)) + 0.5, np.nan)
        for held in (np.array(outer), np.array(pairs))
    ]
    return fold, Results(l2(candidates), losses[0]), Results(l2(candidates), losses[1])


def by_hand(results, inner):
    """The picks in plain loops over single losses; ties cannot happen."""
    found = []
    for own in results.validation[0]:
        turn = {row for row, loss in enumerate(own) if not np.isnan(loss)}
        means = []
        for each in inner.validation:
            seen = [
                loss
                for fit in each
                if turn <= {row for row, loss in enumerate(fit) if not np.isnan(loss)}
                for row, loss in enumerate(fit)
                if row not in turn and not np.isnan(loss)
            ]
            means.append(sum(seen) / len(seen))
        found.append(means.index(min(means)))
    return found


def case_of(results, inner, **options):
    selected = results.lowest(results.validation_loss)
    return Comparison(results, selected, evidence=Evidence(inner=inner), **options)


def test_three_folds_by_hand():
    """Rows 0, 1 are the first turn's; the models without folds 0 and 1, and 0 and 2, tell it of rows 2, 3 and 4, 5."""
    nan = np.nan
    validation = np.full((2, 3, 6), nan)
    for turn in range(3):
        validation[:, turn, 2 * turn : 2 * turn + 2] = [[1.0, 1.0], [2.0, 2.0]]
    inner = np.array(
        [
            [[9, 9, 1, 1, nan, nan], [0, 0, nan, nan, 2, 2], [nan, nan, 7, 7, 3, 3]],
            [[0, 0, 2, 2, nan, nan], [9, 9, nan, nan, 2, 2], [nan, nan, 0, 0, 9, 9]],
        ]
    )
    results, pairs = Results(l2(2), validation), Results(l2(2), inner)
    # turn 0: (1 + 2) / 2 against (2 + 2) / 2; turn 1: 9 and 3 against 0 and 9; turn 2: 0 and 7 against 9 and 0
    assert picks(results, pairs).tolist() == [0, 1, 0]
    case = case_of(results, pairs)
    assert case.selected == 0
    assert case.own_risk == pytest.approx((1 + 2 + 1) / 3)
    found = verdict_of(case)
    assert found.selected.test_loss == pytest.approx(4 / 3)
    assert found.best_on_test.test_loss == 1
    assert found.regret.estimate == pytest.approx(1 / 3)
    assert [(pick.candidate.lambda_, pick.share) for pick in found.rotation.picks] == [
        (0.1, pytest.approx(2 / 3)),
        (10.0, pytest.approx(1 / 3)),
    ]
    assert found.rotation.agreement == pytest.approx(2 / 3)
    assert found.rotation.same_penalty == pytest.approx(1)
    assert found.rotation.shipped.estimate == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 5), st.integers(1, 3))
def test_a_turns_pick_knows_none_of_its_own_rows(seed, folds, seeds):
    rng = np.random.default_rng(seed)
    fold, results, inner = rotation(rng, folds=folds, rows=4 * folds, seeds=seeds)
    before = picks(results, inner)
    for turn in range(folds):
        own = fold == turn
        other = np.where(own, 10 ** rng.uniform(-6, 6, size=inner.validation.shape), inner.validation)
        changed = Results(inner.candidates, np.where(np.isnan(inner.validation), np.nan, other))
        judged = np.where(own, 10 ** rng.uniform(-6, 6, size=results.validation.shape), results.validation)
        judged = np.where(np.isnan(results.validation), np.nan, judged)
        replicates = slice(turn * seeds, turn * seeds + seeds)
        after = picks(Results(results.candidates, judged), changed)
        assert (after[replicates] == before[replicates]).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 5), st.integers(1, 3), st.integers(2, 6))
def test_picks_are_those_of_a_plain_loop(seed, folds, seeds, candidates):
    rng = np.random.default_rng(seed)
    _, results, inner = rotation(rng, folds=folds, rows=3 * folds + 1, seeds=seeds, candidates=candidates)
    assert picks(results, inner).tolist() == by_hand(results, inner)


def test_repeated_folds_take_turns_each_by_itself():
    """No fold of one repeat lies within two of the other, so each turn's pick is that of its own repeat."""
    rng = np.random.default_rng(1)
    drawn = [rotation(rng, candidates=5, rows=60) for _ in range(2)]
    results, inner = (
        Results(l2(5), np.concatenate([each[part].validation for each in drawn], axis=1)) for part in (1, 2)
    )
    found = picks(results, inner).tolist()
    assert found == by_hand(results, inner)
    assert found == [*picks(*drawn[0][1:]), *picks(*drawn[1][1:])]


def test_all_seeds_of_a_turn_make_one_pick():
    rng = np.random.default_rng(2)
    for _ in range(10):
        _, results, inner = rotation(rng, seeds=2, candidates=6)
        turns = [turn.tolist() for turn, _ in inner_views(results, inner)]
        assert sorted(turns) == [[0, 1], [2, 3], [4, 5]]
        found = picks(results, inner)
        assert (found[::2] == found[1::2]).all()


def test_the_candidates_of_the_inner_losses_are_found_by_their_name():
    rng = np.random.default_rng(3)
    _, results, inner = rotation(rng, candidates=6)
    order = rng.permutation(6)
    more = Results((Candidate("l1", 1.0), *inner.candidates), np.concatenate([inner.validation[:1], inner.validation]))
    for other in (inner.take(order), more):
        assert (case_of(results, other).picked == case_of(results, inner).picked).all()
        assert verdict_of(case_of(results, other)) == verdict_of(case_of(results, inner))


def test_inner_losses_that_lack_a_candidate_make_no_rotation():
    _, results, inner = rotation(np.random.default_rng(4))
    case = case_of(results, inner.take([0, 1, 3]))
    assert case.inner is None
    assert case.picked is None
    assert not case.rotated
    found = verdict_of(case)
    assert found.rotation is None
    assert found.best_on_test is None
    assert "no_test_rows" in {warning.code for warning in found.warnings}
    turned = verdict_of(case_of(results, inner))
    assert turned.rotation is not None
    assert turned.test_rows == 12
    assert "no_test_rows" not in {warning.code for warning in turned.warnings}


def test_rows_in_another_order_change_nothing():
    rng = np.random.default_rng(5)
    for _ in range(5):
        fold, results, inner = rotation(rng, folds=4, rows=40, candidates=5)
        order = rng.permutation(40)
        moved = [Results(l2(5), each.validation[:, :, order]) for each in (results, inner)]
        case, other = case_of(results, inner), case_of(*moved)
        assert (case.picked == other.picked).all()
        same_but_for_draws(verdict_of(case), verdict_of(other))
        by_row = case.picked[fold, 0]
        pooled = np.nanmean(results.validation, axis=1)
        table = judge(pooled, pooled, frame(5), selected=by_row)
        again = judge(pooled[:, order], pooled[:, order], frame(5), selected=by_row[order])
        same_but_for_draws(table, again)
        # a pick for each fold, or for each of its rows
        assert table.regret.estimate == pytest.approx(verdict_of(case).regret.estimate)
        assert table.regret.upper == pytest.approx(verdict_of(case).regret.upper)


def same_but_for_draws(one, other):
    """The multipliers of the bootstrap belong to rows: what needs none of them is the same."""
    assert one.rotation.picks == other.rotation.picks
    assert one.selected.candidate == other.selected.candidate
    for name in ("estimate", "upper", "relative_upper"):
        assert getattr(one.regret, name) == pytest.approx(getattr(other.regret, name))
    assert one.rotation.shipped.estimate == pytest.approx(other.rotation.shipped.estimate)
    assert one.gap.validation == pytest.approx(other.gap.validation)
    assert one.rows_needed == other.rows_needed


def test_the_same_pick_for_every_row_has_the_regret_of_that_candidate():
    rng = np.random.default_rng(6)
    validation, test = rng.exponential(size=(5, 30)), rng.exponential(size=(5, 2, 60)) + 0.5
    lowest = int(validation.mean(axis=1).argmin())
    for position in range(5):
        fixed = judge(validation, test, frame(5), selected=position)
        turned = judge(validation, test, frame(5), selected=np.full(60, position))
        assert turned.regret.estimate == pytest.approx(fixed.regret.estimate)
        assert turned.regret.upper >= fixed.regret.upper  # its standard errors are wider
        assert turned.selected.test_loss == pytest.approx(test[position].mean())
        assert turned.selected.candidate == l2(5)[lowest]  # what ships
        assert [(pick.candidate, pick.share) for pick in turned.rotation.picks] == [(l2(5)[position], 1.0)]
        assert turned.rotation.agreement == (position == lowest)
        assert fixed.rotation is None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 3), st.integers(1, 30))
def test_any_picks_give_a_consistent_verdict(seed, candidates, replicates, rows):
    rng = np.random.default_rng(seed)
    validation = rng.exponential(size=(candidates, 20))
    test = rng.exponential(size=(candidates, replicates, rows))
    selected = rng.integers(candidates, size=rows)
    found = judge(validation, test, frame(candidates), selected=selected)
    own = np.mean([test[selected[row], :, row] for row in range(rows)])
    assert found.selected.test_loss == pytest.approx(own)
    assert found.regret.estimate == pytest.approx(max(0.0, own - test.mean(axis=(1, 2)).min()), abs=1e-12)
    assert 0 <= found.regret.lower <= found.regret.estimate + 1e-9
    assert found.regret.estimate <= found.regret.upper + 1e-9
    picked = found.rotation.picks
    assert sum(pick.share for pick in picked) == pytest.approx(1)
    assert [pick.share for pick in picked] == sorted((pick.share for pick in picked), reverse=True)
    for pick in picked:
        assert pick.share == pytest.approx(np.mean(selected == l2(candidates).index(pick.candidate)))
    assert found.rotation.agreement <= found.rotation.same_penalty == pytest.approx(1)
    assert found.stability.replicates == 1
    assert all(rule.test_loss is None for rule in found.rules)  # what they pick row by row, nobody knows


def test_shares_are_those_of_the_judged_losses():
    """Of folds of different size, and of penalties."""
    fold = np.array([0] * 5 + [1] * 2 + [2] * 1)
    losses = np.where(fold == np.arange(3)[:, None], 1.0, np.nan)[None].repeat(3, axis=0)
    found = shares(np.array([[2], [0], [2]]), losses)
    assert list(found.items()) == [(2, pytest.approx(6 / 8)), (0, pytest.approx(2 / 8))]
    assert sum(found.values()) == pytest.approx(1)


def test_the_losses_of_what_was_picked():
    losses = np.arange(24.0).reshape(2, 3, 4)
    by_replicate = picked_losses(losses, np.array([[0], [1], [0]]))
    assert by_replicate.tolist() == [[losses[0, 0].tolist(), losses[1, 1].tolist(), losses[0, 2].tolist()]]
    by_row = picked_losses(losses, np.array([[0, 1, 1, 0]]))
    assert by_row[0].tolist() == [[losses[pick, r, row] for row, pick in enumerate([0, 1, 1, 0])] for r in range(3)]


def test_rules_pick_on_each_turn_and_argmin_loses_what_was_picked():
    rng = np.random.default_rng(7)
    for _ in range(5):
        _, results, inner = rotation(rng, folds=4, rows=40, candidates=6, seeds=2)
        case = case_of(results, inner)
        found = {rule.rule: rule for rule in verdict_of(case).rules}
        assert found["argmin"].test_loss == pytest.approx(case.own_risk)
        assert found["argmin"].candidate == results.candidates[case.selected]
        best = np.nanmean(results.validation, axis=(1, 2)).min()
        for rule in found.values():
            assert rule.regret == pytest.approx(rule.test_loss - best)


def test_the_bounds_are_wider_than_those_of_rows_that_took_no_turns():
    rng = np.random.default_rng(8)
    _, results, inner = rotation(rng, folds=5, rows=100)
    case = case_of(results, inner)
    assert case.sample.rotated
    # what was picked, and after it the candidates
    assert case.sample.count == 5
    assert case.sample.risk[0] == pytest.approx(case.own_risk)
    assert np.allclose(case.sample.risk[1:], results.validation_loss)
    assert verdict_of(case).basis.scope == "procedure"


def test_what_ships_has_bounds_that_allow_for_having_been_picked():
    """The regret of one candidate that these rows picked themselves is bounded with the critical value of all pairs."""
    rng = np.random.default_rng(9)
    _, results, inner = rotation(rng, folds=5, rows=100)
    found = verdict_of(case_of(results, inner)).rotation.shipped
    alone = verdict_of(Comparison(results, results.lowest(results.validation_loss))).regret
    assert found.estimate == alone.estimate == 0
    assert found.upper > alone.upper  # as above, and with wider standard errors


def test_a_turn_that_picks_what_diverged_on_its_rows_is_a_no():
    rng = np.random.default_rng(10)
    _, results, inner = rotation(rng)
    picked = int(picks(results, inner)[0])
    validation = results.validation.copy()
    validation[picked, 0, np.flatnonzero(~np.isnan(validation[0, 0]))[0]] = np.inf
    found = verdict_of(case_of(Results(results.candidates, validation), inner))
    assert found.answer == "no"
    assert found.regret.estimate == np.inf


def test_rows_that_no_fit_held_out_are_gone_with_their_picks():
    rng = np.random.default_rng(11)
    validation, test, selected = rng.random((3, 9)), rng.random((3, 20)), rng.integers(3, size=20)
    gaps = np.insert(test, [4, 4, 11], np.nan, axis=1)
    found = judge(validation, gaps, frame(3), selected=np.insert(selected, [4, 4, 11], 0))
    whole = judge(validation, test, frame(3), selected=selected)
    same_but_for_draws(found, whole)
    assert found.regret.lower == pytest.approx(whole.regret.lower)
    assert found.test_rows == whole.test_rows == 20


@pytest.mark.parametrize(
    "selected",
    [
        np.zeros(19, dtype=int),
        np.zeros(21, dtype=int),
        np.zeros(0, dtype=int),
        np.zeros(20),
        np.full(20, fill_value=True),
        np.full(20, 3),
        np.full(20, -1),
        np.append(np.zeros(19, dtype=int), 3),
        np.full(20, "0"),
    ],
)
def test_picks_that_are_no_positions_are_refused_in_one_line(selected):
    rng = np.random.default_rng(12)
    with pytest.raises(UserError, match=r"^judge: selected .*positions?.*$") as refused:
        judge(rng.random((3, 9)), rng.random((3, 20)), frame(3), selected=selected)
    assert "\n" not in str(refused.value)


def test_picks_of_rows_need_test_rows():
    rng = np.random.default_rng(13)
    with pytest.raises(UserError, match=r"^judge: selected .*$"):
        judge(rng.random((3, 9)), None, frame(3), selected=np.zeros(9, dtype=int))
    with pytest.raises(UserError, match=r"^judge: selected .*$"):
        judge(rng.random((3, 9)), None, frame(3), selected=np.zeros(0, dtype=int))


def test_without_any_difference_the_rotation_is_a_yes():
    _, results, inner = rotation(np.random.default_rng(14), rows=60)
    alike = Results(results.candidates, np.repeat(results.validation[:1], 4, axis=0))
    found = verdict_of(case_of(alike, inner))
    assert found.answer == "yes"
    assert found.regret.upper == 0


def test_the_bounds_hold_where_candidates_are_fixed_in_advance(law, holds):
    """Predictions that learn nothing: the rows are independent, and picks differ from fold to fold."""
    rng = np.random.default_rng(15)
    fold = np.arange(60) % 5
    pairs = np.array([np.isin(fold, pair) for pair in itertools.combinations(range(5), 2)])
    hits, moved = [], 0
    for _ in range(100):
        losses = law.losses(rng, 60)[:, None]
        candidates = tuple(Candidate("l2", 1.6 - shrinkage) for shrinkage in law.shrinkage)
        results = Results(candidates, np.where(fold == np.arange(5)[:, None], losses, np.nan))
        case = case_of(results, Results(candidates, np.where(pairs, losses, np.nan)))
        truth = law.risk[case.picked[:, 0]].mean() - law.risk.min()
        bounds = verdict_of(case).regret
        hits.append(bounds.lower <= truth + 1e-12 and truth <= bounds.upper + 1e-12)
        moved += len(set(case.picked[:, 0])) > 1
    assert holds(hits, 0.95)
    assert moved > 10
