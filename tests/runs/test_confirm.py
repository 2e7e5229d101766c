"""What a verdict rests on beside the trials: the dense grid, the turns of a rotation, fresh seeds, a plain baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import search
from search.core.candidate import Candidate
from search.core.means import candidate_means
from search.data import load_task
from search.runs.confirm import plain, seed_losses
from search.runs.confirming import FRESH, FRESH_SEEDS, GRID, Confirming, grid_candidates
from search.settings import Settings
from search.space import SearchSpace
from search.training import train

FOLDS, PAIRS = 4, 6
SPACE = {"penalty": ["l1", "l2"], "lambda": {"low": 1e-3, "high": 10.0}}
ROTATION = {
    "name": "turns",
    "data": {"source": "own_rows:rows"},
    "split": {"test_folds": FOLDS},
    "training": {"lr": 0.05, "epochs": 4, "batch_size": 8, "seeds": 2, "device": "cpu"},
    "space": SPACE,
    "search": {"sampler": "random", "trials": 4, "batch": 4},
}
ROWS = """
from sklearn.datasets import make_regression

def rows():
    return make_regression(40, 3, noise=1.0, random_state=0)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test works in a new folder, with a module of rows beside it."""
    (tmp_path / "own_rows.py").write_text(ROWS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def run(study=ROTATION, storage: str = "ledger.journal", **options):
    return search.run(study, storage=storage, progress=False, **options)


def fits_of(found) -> tuple[int, int, int]:
    """What was counted, how many candidates were tried, how many are on the grid."""
    return found.ran.fits, len(found.candidates), len(found.snapshot.evidence.grid)


def seeds_of(settings, task, candidate) -> tuple[float, ...]:
    """The candidate's losses on fresh seeds."""
    training = Confirming(settings, task).seeds(candidate)
    return seed_losses(None if training is None else training(), len(task.splits))


def plain_of(settings, task, candidate):
    """The plain baseline beside the candidate."""
    training = Confirming(settings, task).plain(candidate)
    return plain(settings, task, None if training is None else training())


# The turns of a rotation


def test_a_rotation_trains_every_candidate_without_two_folds_once(folder):
    """More trials train the new candidates alone without two folds; the grid is trained for the trials as they are."""
    seeds = ROTATION["training"]["seeds"]
    begun = run()
    first, tried, dense = fits_of(begun)
    selected = FOLDS * (FRESH_SEEDS + 1)  # on fresh seeds, and solved exactly
    assert first == seeds * (FOLDS * tried + PAIRS * tried + FOLDS * dense) + selected + 1  # on all rows
    before = run().snapshot.evidence.inner
    assert run().ran.fits == 0
    more = run(trials=7)
    second, all_tried, dense = fits_of(more)
    assert all_tried > tried
    assert second == seeds * ((FOLDS + PAIRS) * (all_tried - tried) + FOLDS * dense) + selected + (
        more.selected != begun.selected
    )
    after = more.snapshot.evidence.inner
    assert set(after.candidates) == set(more.results.candidates)
    assert len(after.candidates) == all_tried
    kept = after.take([after.position[candidate] for candidate in before.candidates])
    np.testing.assert_array_equal(kept.validation, before.validation)


def test_a_rotation_of_more_trials_is_the_same_in_one_run_and_in_two(folder):
    whole = run(storage="one.journal", trials=7)
    run(storage="two.journal")
    parts = run(storage="two.journal", trials=7)
    one, two = (each.snapshot.evidence.inner for each in (whole, parts))
    two = two.take([two.position[candidate] for candidate in one.candidates])
    np.testing.assert_allclose(two.validation, one.validation, rtol=1e-4)
    assert parts.verdict.rotation.picks == whole.verdict.rotation.picks


def test_what_is_trained_without_two_folds_knows_no_row_of_them(folder):
    """Each of these fits holds out two folds, and equals a training on the other rows."""
    found = run()
    task = load_task(found.settings).in_pairs()
    inner, seeds = found.snapshot.evidence.inner, ROTATION["training"]["seeds"]
    assert inner.validation.shape == (len(inner), PAIRS * seeds, 40)
    assert inner.test is None
    held = ~np.isnan(inner.validation[0])
    for pair, split in enumerate(task.splits):
        for fit in range(seeds):
            assert np.flatnonzero(held[seeds * pair + fit]).tolist() == split.validation.ids.tolist()
    fresh = train(task, found.settings, list(inner.candidates))
    np.testing.assert_allclose(inner.validation, fresh.validation, rtol=1e-4)


def test_targets_of_one_fold_change_nothing_that_its_turn_picks_from(folder):
    """A frame whose targets differ in the first fold alone: its turn trains, sees and picks the same."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(40, 3))
    frame = pd.DataFrame(inputs, columns=["a", "b", "c"]).assign(y=inputs @ [1.0, -1.0, 0.5] + rng.normal(size=40))
    study = {key: ROTATION[key] for key in ("name", "split")} | {
        "data": {"target": "y"},
        "training": {"optimizer": "exact"},
        "space": {"penalty": ["none", "l1", "l2"], "lambda": [0.01, 0.1, 1.0]},
        "search": {"sampler": "grid", "trials": 7},
    }
    before = run(study, "one.journal", data=frame)
    first = load_task(before.settings, frame).splits[0].validation.ids.numpy()
    changed = frame.copy()
    changed.loc[first, "y"] = 100 * rng.normal(size=len(first))
    after = run(study, "two.journal", data=changed)
    assert before.results.candidates == after.results.candidates
    inners = []
    for found in (before, after):
        inner = found.snapshot.evidence.inner
        inners.append(inner.take([inner.position[candidate] for candidate in found.results.candidates]).validation)
    its = ~np.isnan(inners[0][0])[:, first].any(axis=1)
    assert its.sum() == FOLDS - 1
    others = np.setdiff1d(np.arange(40), first)
    one, two = (inner[:, its][:, :, others] for inner in inners)
    np.testing.assert_allclose(one, two, rtol=1e-9)  # the sums of a batch may come in another order
    assert not np.array_equal(*(inner[:, ~its] for inner in inners), equal_nan=True)
    one, two = (found.view.comparison.picked for found in (before, after))
    assert one[0] == two[0]
    assert before.results.validation[:, 0].tobytes() != after.results.validation[:, 0].tobytes()


def test_without_a_rotation_nothing_is_trained_in_pairs(folder):
    found = run(ROTATION | {"split": {}})
    assert found.snapshot.evidence.inner is None
    assert found.verdict.rotation is None
    fits, tried, dense = fits_of(found)
    assert fits == ROTATION["training"]["seeds"] * (tried + dense) + FRESH_SEEDS + 2  # solved exactly, and on all rows


# The grid


def space_of(**space) -> SearchSpace:
    settings = Settings.parse({"name": "a", "data": {"source": "synthetic_linear"}, "space": space})
    return SearchSpace.from_settings(settings, load_task(settings))


def test_the_grid_is_dense_over_the_searched_range_and_leaves_out_what_was_tried():
    space = space_of(**{"penalty": ["none", "l1", "l2", "elastic_net"], "lambda": {"low": 0.01, "high": 1.0}})
    ranked = [
        Candidate("elastic_net", 0.3, l1_ratio=0.25),
        Candidate("none"),
        Candidate("l1", 0.01),
        Candidate("elastic_net", 0.01, l1_ratio=0.75),
        Candidate("l1", 1.0),
    ]
    grid = grid_candidates(space, ranked)
    assert set(grid).isdisjoint(ranked)
    assert len(set(grid)) == len(grid)
    strengths = np.geomspace(0.01, 1.0, GRID)
    for penalty, others, missing in (("l1", {}, [0, GRID - 1]), ("elastic_net", {"l1_ratio": 0.25}, [])):
        own = [candidate for candidate in grid if candidate.penalty == penalty]
        np.testing.assert_allclose([each.lambda_ for each in own], np.delete(strengths, missing), rtol=1e-12)
        assert all(candidate.others == others for candidate in own)
    assert {candidate.penalty for candidate in grid} == {"l1", "elastic_net"}


def test_one_lambda_alone_has_no_grid():
    assert grid_candidates(space_of(**{"lambda": [0.5]}), [Candidate("l1", 0.5), Candidate("l2", 0.5)]) == []


def test_a_search_that_was_as_dense_itself_trains_no_grid(folder):
    space = SPACE | {"lambda": np.geomspace(1e-3, 10.0, GRID).tolist()}
    found = run(ROTATION | {"split": {}, "space": space, "search": {"sampler": "grid", "trials": 2 * GRID}})
    assert len(found.candidates) == 2 * GRID
    assert found.snapshot.evidence.grid is None
    assert found.ran.fits == ROTATION["training"]["seeds"] * 2 * GRID + FRESH_SEEDS + 2
    assert run(found.settings).ran.fits == 0


def test_the_grid_joins_the_comparison_on_the_replicates_of_the_trials(folder):
    found = run(ROTATION | {"split": {"scheme": "kfold", "folds": 3}})
    grid, tried = found.snapshot.evidence.grid, found.results
    assert set(grid.candidates).isdisjoint(tried.candidates)
    np.testing.assert_array_equal(np.isnan(grid.validation[0]), np.isnan(tried.validation[0]))
    assert grid.test.shape[1:] == tried.test.shape[1:]
    again = train(load_task(found.settings), found.settings, list(grid.candidates))
    np.testing.assert_allclose(grid.validation, again.validation, rtol=1e-4)
    compared = found.view.comparison.compared
    assert compared.candidates == tried.candidates + grid.candidates
    assert compared.trials[len(tried) :].tolist() == [-1] * len(grid)
    assert found.verdict.basis.candidates == len(compared)
    assert len(found.trials) == ROTATION["search"]["trials"]


# Fresh seeds and the plain baseline


def test_fresh_seeds_are_none_of_the_searchs_and_each_is_a_mean_over_the_splits(make_task, make_settings):
    task, candidate = make_task(draws=3), Candidate("l2", 0.1)
    settings = make_settings(**{"training.lr": 0.05, "training.epochs": 3, "training.seeds": 2, "training.seed": 4})
    losses = seeds_of(settings, task, candidate)
    assert len(losses) == len(set(losses)) == FRESH_SEEDS
    one = settings.replace({"training.seed": 4 + FRESH, "training.seeds": 1})
    assert losses[0] == pytest.approx(float(train(task, one, [candidate]).validation_loss[0]), rel=1e-5)
    known = candidate_means(train(task, settings, [candidate]).validation.reshape(3, 2, -1).swapaxes(0, 1))
    assert set(losses).isdisjoint(known.tolist())


def test_fresh_seeds_move_nothing_where_nothing_in_a_fit_is_random(make_task, make_settings):
    task, candidate = make_task(), Candidate("l2", 0.1)
    assert seeds_of(make_settings(**{"training.optimizer": "exact"}), task, candidate) == ()
    whole = {"training.batch_size": 0, "training.epochs": 3, "model.init": "zeros"}
    losses = seeds_of(make_settings(**whole), task, candidate)
    np.testing.assert_allclose(losses, losses[0], rtol=1e-6)


@pytest.mark.parametrize("refit", [False, True])
def test_the_plain_baseline_of_regression_is_the_mean_of_the_training_rows_on_the_test_rows(
    make_task, make_settings, refit
):
    task = make_task(draws=3, refit=refit)
    found = plain_of(make_settings(), task, Candidate("none"))
    splits = task.refits or task.splits
    errors = [((split.test.y - split.train.y.mean(0)) ** 2).mean().item() for split in splits]
    assert (found.metric, found.baseline) == ("mse", pytest.approx(np.mean(errors), rel=1e-6))
    assert found.accuracy is found.baseline_accuracy is None


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_plain_baseline_of_classes_is_their_frequencies_and_the_most_frequent_one(make_task, make_settings, kind):
    task = make_task(kind=kind, outputs=1 if kind == "binary" else 3)
    settings = make_settings(**{"data.source": "digits", "training.optimizer": "exact"})
    candidate = Candidate("l2", 0.1)
    found = plain_of(settings, task, candidate)
    results = train(task, settings, [candidate])
    losses, right, frequent = [], [], []
    for place, split in enumerate(task.splits):
        y = split.test.y.numpy()
        rates = np.bincount(split.train.y, minlength=2) / len(split.train)
        losses.append(-np.log(rates[y]).mean())
        frequent.append((y == rates.argmax()).mean())
        scores = split.test.x.numpy() @ results.weights[0, place].T + results.biases[0, place]
        right.append(((scores[:, 0] > 0 if kind == "binary" else scores.argmax(1)) == y).mean())
    assert (found.metric, found.baseline) == ("log_loss", pytest.approx(np.mean(losses), rel=1e-6))
    assert found.accuracy == pytest.approx(np.mean(right), abs=1e-9)
    assert found.baseline_accuracy == pytest.approx(np.mean(frequent), abs=1e-9)


def test_without_test_rows_the_plain_baseline_is_that_of_the_validation_rows(make_task, make_settings):
    task = make_task().without_test()
    found = plain_of(make_settings(), task, Candidate("none"))
    errors = [((split.validation.y - split.train.y.mean(0)) ** 2).mean().item() for split in task.splits]
    assert found.baseline == pytest.approx(np.mean(errors), rel=1e-6)


def test_the_facts_hold_what_was_computed(folder):
    found = run()
    evidence, candidate = found.snapshot.evidence, found.selected
    task = load_task(found.settings)
    np.testing.assert_allclose(evidence.seed_losses, seeds_of(found.settings, task, candidate), rtol=1e-4)
    assert evidence.plain == plain_of(found.settings, task, candidate)
    assert found.verdict.seed.seeds == FRESH_SEEDS


# Without the sweep


ONCE = ROTATION | {"split": {}}


def without_sweep(study):
    return study | {"search": study["search"] | {"confirm": False}}


@pytest.mark.parametrize("study", [ROTATION, ONCE], ids=["rotation", "holdout"])
def test_a_study_judged_without_its_sweep_gets_it_when_it_is_wanted(folder, study):
    """The key changes no trial: nothing else is trained again, and all is as if it had been there from the start."""
    left_out = run(without_sweep(study))
    assert left_out.snapshot.evidence.grid is None
    assert left_out.verdict.gap.search is None
    assert left_out.verdict.basis.candidates == len(left_out.candidates)
    sentence = "confirming sweep was left out"
    assert sentence in str(left_out.verdict)
    assert run(without_sweep(study)).ran.fits == 0
    found, whole = run(study), run(study, "other.journal")
    grid = found.snapshot.evidence.grid
    assert grid.candidates == whole.snapshot.evidence.grid.candidates
    assert found.ran.fits == len(grid) * ROTATION["training"]["seeds"] * (FOLDS if study is ROTATION else 1)
    assert left_out.ran.fits + found.ran.fits == whole.ran.fits
    assert found.verdict.gap.search is not None
    assert sentence not in str(found.verdict)
    assert found.verdict.regret == whole.verdict.regret
    assert run(study).ran.fits == 0


def test_a_sweep_that_is_there_is_used_until_there_are_more_trials(folder):
    assert run(ONCE).verdict.gap.search is not None
    again = run(without_sweep(ONCE))
    assert again.ran.fits == 0
    assert again.verdict.gap.search is not None
    more = run(without_sweep(ONCE), trials=7)
    assert more.verdict.basis.candidates == len(more.candidates)
    assert more.verdict.basis.unswept


def test_the_page_says_what_it_cannot_say_without_the_sweep(folder):
    page = run(without_sweep(ONCE)).report("left_out.html").read_text(encoding="utf-8")
    assert "confirming sweep was left out" in page


# What is ahead


@pytest.mark.parametrize("study", [ROTATION, ONCE], ids=["rotation", "holdout"])
def test_what_a_run_will_train_is_known_before_it_begins(folder, study):
    told = []
    search.run(study, storage="ledger.journal", progress=told.append)
    assert told[0].fits_wanted == told[-1].fits == told[-1].fits_wanted
    told.clear()
    search.run(study, storage="ledger.journal", trials=7, progress=told.append)
    assert told[-1].fits <= told[0].fits_wanted <= told[-1].fits + 1  # the model is kept, unless another is selected
