import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.core.errors import UserError
from search.verdict import Evidence, judge
from search.verdict.inputs import results_from_arrays

KEYS = {
    "answer": None,
    "selected": {"trial", "penalty", "lambda", "validation_loss", "test_loss"},
    "best_on_test": {"trial", "penalty", "lambda", "validation_loss", "test_loss"},
    "regret": {"estimate", "lower", "upper", "relative_lower", "relative_upper", "confidence"},
    "confidence_set": {"penalty", "lambda_low", "lambda_high", "trials"},
    "does_it_matter": {"answer", "gain_over_none", "indifference"},
    "optimism": {"validation_loss", "corrected", "test_loss"},
    "gap": {"validation", "search", "training"},
    "rules": {"rule", "penalty", "lambda", "test_loss", "regret"},
    "stability": {"replicates", "same_penalty", "lambda_quantiles"},
    "rows_needed": None,
    "warnings": {"code", "message"},
    "tolerance": None,
    "test_rows": None,
    "opened": None,
    "rotation": None,
    "scores": None,
    "seed": None,
    "groups": None,
}


@pytest.fixture(scope="module")
def data(law):
    rng = np.random.default_rng(0)
    return law.losses(rng, 20), law.losses(rng, 500), law.frame()


def test_the_dictionary_is_the_promised_one_and_json(data):
    found = judge(*data, tolerance=0.5).to_dict()
    assert list(found) == list(KEYS)
    for key, names in KEYS.items():
        if names is not None:
            part = found[key]
            for entry in part if isinstance(part, list) else [part]:
                assert set(entry) == names
    assert set(found["does_it_matter"]["gain_over_none"]) == {"estimate", "lower", "upper"}
    assert set(found["does_it_matter"]["indifference"][0]) == {"penalty", "lambda_low", "lambda_high"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(("selected", "answer"), [(10, "yes"), (3, "no"), (7, "cannot tell")])
def test_the_answer_follows_from_the_relative_bounds(law, selected, answer):
    """Candidate 10 is the best, 3 loses 0.49 of 1.49, 7 loses 0.09 of 1.09: on either side of, and close to, 0.09."""
    losses = law.losses(np.random.default_rng(1), 4000)
    found = judge(losses[:, :50], losses, law.frame(), selected=selected, tolerance=0.09)
    assert found.answer == answer
    assert (found.rows_needed is None) == (answer != "cannot tell")
    truth = (law.risk[selected] - law.risk.min()) / law.risk[selected]
    assert found.regret.relative_lower <= truth <= found.regret.relative_upper


def test_wrong_answers_are_rare_and_the_default_selection_is_the_lowest_validation_loss(law, holds):
    rng = np.random.default_rng(2)
    right, picks = [], []
    for _ in range(100):
        validation = law.losses(rng, 25)
        found = judge(validation, law.losses(rng, 60), law.frame(), tolerance=0.05)
        place = found.selected.trial
        picks.append(place == validation.mean(axis=1).argmin())
        within = law.risk[place] - law.risk.min() <= 0.05 * law.risk[place]
        right.append(found.answer != ("no" if within else "yes"))
    assert all(picks)
    assert holds(right, 0.95)


def test_without_test_rows_it_says_so(data):
    found = judge(data[0], None, data[2])
    assert found.best_on_test is None
    assert found.selected.test_loss is None
    assert found.test_rows == 0
    assert "no_test_rows" in {warning.code for warning in found.warnings}
    assert found.regret.estimate == 0
    assert found.regret.upper > judge(data[0], data[0], data[2]).regret.upper


def test_losses_of_identical_candidates_make_a_yes_and_ties_go_to_more_penalty():
    losses = np.repeat(np.random.default_rng(3).exponential(size=(1, 2, 30)), 4, axis=0)
    frame = pd.DataFrame({"penalty": ["none", "l2", "l2", "l2"], "lambda": [0.0, 1.0, 5.0, 2.0]})
    found = judge(losses, losses, frame)
    assert found.answer == "yes"
    assert found.selected.lambda_ == 5.0
    assert found.regret.upper == 0
    assert sum(len(part.trials) for part in found.confidence_set) == 4
    assert found.does_it_matter.answer is False
    assert judge(np.ones((4, 30)), np.ones((4, 30)), frame).answer == "yes"
    assert judge(np.zeros((4, 30)), np.zeros((4, 30)), frame).answer == "yes"


def test_one_candidate_and_one_row(data):
    alone = judge(data[0][:1], data[1][:1], data[2][:1])
    assert (alone.answer, alone.regret.upper) == ("yes", 0)
    row = judge(data[0], data[1][:, :1], data[2])
    assert (row.answer, row.rows_needed, row.regret.upper) == ("cannot tell", None, np.inf)
    assert row.regret.relative_upper == 1
    assert row.to_dict()["regret"]["upper"] is None
    assert sum(len(part.trials) for part in row.confidence_set) == len(data[2])
    single = judge(data[0][:1, :1], data[1][:1, :1], data[2][:1])
    assert single.answer == "yes"


def test_a_diverged_candidate_is_bad_and_changes_nothing_else(data):
    validation, test, frame = data
    plain = judge(validation, test, frame)
    ruined = np.concatenate([test, test[:1]])
    ruined[-1, 3] = np.inf
    more = pd.concat([frame, pd.DataFrame({"penalty": ["l2"], "lambda": [9.0]})])
    found = judge(np.concatenate([validation, validation[-1:] + 9]), ruined, more)
    assert found.regret == plain.regret
    assert found.confidence_set == plain.confidence_set
    assert found.basis.diverged == 1
    unfinished = np.where(np.isinf(ruined), np.nan, ruined)
    again = judge(np.concatenate([validation, validation[-1:] + 9]), unfinished, more)
    assert again.regret == plain.regret


def test_a_diverged_selection_is_a_no_and_all_diverged_is_open(data):
    validation, test, frame = data
    bad = np.where(np.arange(len(frame))[:, None] == 4, np.inf, test)
    found = judge(validation, bad, frame, selected=4)
    assert found.answer == "no"
    assert found.to_dict()["regret"]["estimate"] is None
    assert 4 not in [trial for part in found.confidence_set for trial in part.trials]
    everyone = judge(np.full_like(validation, np.inf), np.full_like(test, np.inf), frame)
    assert everyone.answer == "cannot tell"
    json.dumps(everyone.to_dict(), allow_nan=False)


def test_the_gain_is_over_none_although_its_validation_diverged():
    rng = np.random.default_rng(6)
    validation, test = rng.exponential(size=(3, 20)) + 1, rng.exponential(size=(3, 200)) + 1
    test[2] += 5
    frame = pd.DataFrame({"penalty": ["l2", "l2", "none"], "lambda": [1.0, 2.0, 0.0]})
    plain = judge(validation, test, frame, selected=1).does_it_matter
    validation[2, 7] = np.inf
    found = judge(validation, test, frame, selected=1).does_it_matter
    assert found == plain
    assert found.gain_over_none.estimate == pytest.approx(test[2].mean() - test[1].mean())


def test_a_verdict_where_only_what_diverged_in_validation_is_within_the_tolerance(data):
    validation, test, frame = data
    worse = np.where(frame["lambda"].to_numpy()[:, None] > 0.5, test, test + 10)
    diverged = np.where(frame["lambda"].to_numpy()[:, None] > 0.5, np.inf, validation)
    found = judge(diverged, worse, frame, selected=10, tolerance=0.5)
    assert all(part.lambda_low > 0.5 for part in found.does_it_matter.indifference)
    assert found.does_it_matter.indifference


def test_candidates_of_very_different_size_are_compared_all_the_same(data):
    validation, test, frame = data
    plain = judge(validation, test, frame)
    for size in (1e25, 1e35, 1e200):
        exploded = np.concatenate([test, size * test[:1]])
        more = pd.concat([frame, pd.DataFrame({"penalty": ["l2"], "lambda": [9.0]})])
        found = judge(np.concatenate([validation, size * validation[:1]]), exploded, more)
        assert found.regret.relative_upper == pytest.approx(plain.regret.relative_upper)
        assert found.answer == plain.answer


def test_kfold_is_the_same_as_its_pooled_rows(law):
    rng = np.random.default_rng(4)
    pooled, test = law.losses(rng, 40), law.losses(rng, 100)
    folds = np.arange(40) % 5
    kfold = np.where(folds == np.arange(5)[:, None], pooled[:, None], np.nan)
    split, whole = judge(kfold, None, law.frame()), judge(pooled, None, law.frame())
    assert split.regret.upper == pytest.approx(whole.regret.upper)
    assert split.regret.relative_upper == pytest.approx(whole.regret.relative_upper)
    assert split.confidence_set == whole.confidence_set
    assert judge(kfold, test, law.frame()).selected.trial == judge(pooled, test, law.frame()).selected.trial


def test_procedure_asks_more_than_models(law):
    rng = np.random.default_rng(5)
    noisy = law.losses(rng, 200)[:, None] + rng.normal(size=(len(law.risk), 4, 1)) ** 2
    models = judge(noisy, noisy, law.frame(), scope="models").regret
    procedure = judge(noisy, noisy, law.frame(), scope="procedure").regret
    assert procedure.upper > models.upper
    assert procedure.lower <= models.lower


def test_evidence_fills_the_gap_and_is_kept(data):
    validation, test, frame = data
    lambdas = [float(frame["lambda"][3]), 0.111, 0.222]
    dense = test[[3, 10, 11]] - 0.1
    grid = results_from_arrays(validation[:3], dense, pd.DataFrame({"penalty": "l2", "lambda": lambdas}))
    exact = results_from_arrays(validation, test - 0.25, frame)
    found = judge(validation, test, frame, evidence=Evidence(grid=grid, exact=exact, openings=(16,), trials=20))
    assert found.gap.training == pytest.approx(0.25)
    tried, fresh = test.mean(axis=1).min(), dense[1:].mean(axis=1).min()
    assert found.gap.search == pytest.approx(tried - fresh)
    assert found.gap.search > 0
    assert found.gap.validation + found.gap.search == pytest.approx(found.regret.estimate)
    assert found.best_on_test.trial is None
    assert found.best_on_test.lambda_ in lambdas[1:]
    assert found.best_on_test.test_loss == pytest.approx(fresh)
    assert found.basis.candidates == len(frame) + 2
    assert all(0 <= trial < len(frame) for part in found.confidence_set for trial in part.trials)
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.opened == (16,)
    assert "test_opened_before" in {warning.code for warning in found.warnings}


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 12)),
    infinite=st.floats(0, 0.2),
    negative=st.booleans(),
    scope=st.sampled_from(["models", "procedure"]),
)
def test_any_losses_give_a_consistent_verdict(seed, shape, infinite, negative, scope):
    rng = np.random.default_rng(seed)
    count, replicates, rows = shape
    validation, test = (rng.normal(size=shape) if negative else rng.exponential(size=shape) for _ in range(2))
    test[rng.random(shape) < infinite / (replicates * rows)] = np.inf
    frame = pd.DataFrame({"penalty": rng.choice(["none", "l1", "l2"], count), "lambda": rng.exponential(size=count)})
    found = judge(validation, test, frame, scope=scope, tolerance=0.1)
    json.dumps(found.to_dict(), allow_nan=False)
    assert 0 <= found.regret.lower <= found.regret.upper
    assert found.regret.lower <= found.regret.estimate + 1e-9
    assert found.regret.estimate <= found.regret.upper + 1e-9
    assert found.confidence_set
    assert found.to_dict() == judge(validation, test, frame, scope=scope, tolerance=0.1).to_dict()


def test_what_is_wrong_is_one_line_that_says_what_is_valid(data):
    validation, test, frame = data
    for wrong in ({"confidence": 95}, {"tolerance": -0.1}, {"scope": "all"}, {"selected": 99}):
        with pytest.raises(UserError, match=r"^judge: .*valid .*$"):
            judge(validation, test, frame, **wrong)
    with pytest.raises(UserError, match="test is float64 of shape"):
        judge(validation, test[:3], frame)


@pytest.mark.slow
def test_a_thousand_candidates_on_ten_thousand_rows_take_seconds_and_little_memory():
    """CPU seconds, and peak memory of the whole process, measured in a process of its own."""
    code = """
import resource, time
import numpy as np, pandas as pd
from search.verdict import judge
rng = np.random.default_rng(0)
x = np.linspace(-1, 1, 1000)[:, None]
losses = (rng.normal(size=10_000) + 0.1 * np.cos(3 * x) * rng.normal(size=10_000) + 0.3 * x**2) ** 2
frame = pd.DataFrame({"penalty": "l2", "lambda": np.geomspace(1e-4, 1e2, 1000)})
start = time.process_time()
judge(losses[:, :1000], losses, frame)
print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    seconds, kibibytes = map(float, done.stdout.split())
    assert seconds < 20
    assert kibibytes < 2e6
