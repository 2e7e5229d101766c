"""The paired comparison: what is judged, who is compared, and what a study brings to it."""

import numpy as np
import pandas as pd
import pytest

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.evidence import Evidence
from search.core.results import Results
from search.core.snapshot import Snapshot
from search.verdict import Comparison, judge, verdict_of

CANDIDATES = (Candidate("none"), *(Candidate("l2", strength) for strength in (0.1, 1.0, 10.0)))
FRAME = pd.DataFrame({"penalty": ["none", "l2", "l2", "l2"], "lambda": [0.0, 0.1, 1.0, 10.0]})


def losses(seed, rows=40):
    level = np.array([2.0, 1.3, 1.0, 1.5])
    return level[:, None, None] + 0.5 * np.random.default_rng(seed).normal(size=(4, 2, rows)) ** 2


def snapshot(results, selected, evidence=None):
    return Snapshot(
        name="houses",
        settings={},
        versions=(),
        storage="",
        trials=results.frame(),
        results=results,
        complete=np.arange(len(results)),
        selected=selected,
        evidence=evidence or Evidence(),
        sealed=results.test is None,
    )


def test_the_judged_losses_are_those_of_the_test_rows_or_else_of_the_validation_rows():
    validation, test = losses(0), losses(1, rows=70)
    on_test, without = (
        Comparison(Results(CANDIDATES, validation, test), 2),
        Comparison(Results(CANDIDATES, validation), 2),
    )
    assert on_test.on_test
    assert on_test.losses is test
    assert np.allclose(on_test.risk, test.mean(axis=(1, 2)))
    assert not without.on_test
    assert without.losses is validation
    assert np.allclose(without.risk, validation.mean(axis=(1, 2)))


def test_the_critical_value_of_all_pairs_is_for_rows_that_also_selected():
    validation, test = losses(0), losses(1)
    assert Comparison(Results(CANDIDATES, validation, test), 2).pairs is None
    assert Comparison(Results(CANDIDATES, validation), 2).pairs > 1.96
    assert Comparison(Results(CANDIDATES[:1], validation[:1]), 0).pairs is None
    assert Comparison(Results(CANDIDATES, validation[:, :, :1]), 2).pairs is None


def test_the_selected_candidate_is_the_best_one_where_no_other_is_better():
    test = np.repeat(losses(0)[[2]], 4, axis=0)
    results = Results(CANDIDATES, losses(1), test)
    assert [Comparison(results, place).best for place in range(4)] == [0, 1, 2, 3]
    better = Results(CANDIDATES, losses(1), test - np.array([0.0, 1e-6, 0.0, 0.0])[:, None, None])
    assert [Comparison(better, place).best for place in range(4)] == [1, 1, 1, 1]


def test_candidates_that_diverged_are_left_out_and_put_back_in_their_place():
    test = losses(0)
    test[1, 0, 3] = np.inf
    case = Comparison(Results(CANDIDATES, losses(1), test), 2)
    assert case.finite.tolist() == case.contenders.tolist() == [True, False, True, True]
    for position, place in ((0, 0), (2, 1), (3, 2)):
        assert Comparison(Results(CANDIDATES, losses(1), test), position).sample.selected == place
    assert case.from_contenders(np.array([True, False, True])).tolist() == [True, False, False, True]
    alone = Comparison(Results(CANDIDATES[2:], losses(1)[2:], test[2:]), 0)
    together = Comparison(Results(CANDIDATES[1:], losses(1)[1:], test[1:]), 1)
    assert together.members.tolist() == [False, *alone.members]


def test_where_the_selected_candidate_diverged_the_others_are_compared_among_themselves():
    test = losses(0, rows=400)
    test[2, 0, 3] = np.inf
    case = Comparison(Results(CANDIDATES, losses(1), test), 2)
    others = Comparison(Results(CANDIDATES, losses(1), test).take([0, 1, 3]), 0)
    assert case.members.tolist() == np.insert(others.members, 2, values=False).tolist()
    assert case.members.tolist() == [False, True, False, False]
    assert case.best == 1
    assert Comparison(Results(CANDIDATES, losses(1), np.full_like(test, np.inf)), 2).members.all()


def test_a_studys_comparison_is_that_of_its_arrays():
    validation, test = losses(0), losses(1)
    test[3, 1, 5] = np.nan  # a fit that was not finished
    validation[0, 0, 2] = 1e31
    evidence = Evidence(openings=(2,), trials=4)
    study = snapshot(Results(CANDIDATES, validation, test), 2, evidence)
    options = {"confidence": 0.9, "tolerance": 0.05, "scope": "procedure"}
    found = verdict_of(Comparison.from_snapshot(study, **options))
    assert found == judge(validation, test, FRAME, selected=2, evidence=evidence, **options)
    assert found.opened == (2,)


def test_a_study_without_a_complete_trial_has_none():
    with pytest.raises(UserError, match=r"'houses' has no complete trial yet; run it first"):
        Comparison.from_snapshot(snapshot(Results((), np.empty((0, 1, 1))), None), confidence=0.95, tolerance=0.01)


@pytest.mark.parametrize(
    "options", [{"confidence": 1.0}, {"confidence": 0.4}, {"tolerance": 1.0}, {"tolerance": -0.01}, {"scope": "all"}]
)
def test_what_it_refuses(options):
    with pytest.raises(UserError, match=r"^judge: .*valid .*$"):
        Comparison(Results(CANDIDATES, losses(0)), 2, **options)
