import numpy as np
import pytest
import torch

from search.data.task import Truth

LAW = {"source": "synthetic_linear", "train": 7, "validation": 5, "test": 9, "features": 4, "noise": 0.3}


def test_each_draw_has_its_own_rows_and_the_named_shapes(load):
    task = load(LAW | {"draws": 3})
    assert (task.kind, task.outputs, task.validation_rows, task.test_rows) == ("regression", 1, 5, 9)
    assert len(task.splits) == 3
    assert task.refits == ()
    for draw, split in enumerate(task.splits):
        assert split.draw == draw
        parts = (split.train, split.validation, split.test)
        assert [tuple(part.x.shape) for part in parts] == [(7, 4), (5, 4), (9, 4)]
        assert [tuple(part.y.shape) for part in parts] == [(7, 1), (5, 1), (9, 1)]
        assert all(torch.equal(part.place, torch.arange(len(part))) for part in parts)
    values = torch.cat([part.x.flatten() for s in task.splits for part in (s.train, s.validation, s.test)])
    assert len(values.unique()) == len(values)


def test_without_noise_the_targets_are_the_law(load):
    task = load(LAW | {"noise": 0.0, "weight": 0.7, "bias": -2.0})
    for part in (task.splits[0].train, task.splits[0].validation, task.splits[0].test):
        torch.testing.assert_close(part.y[:, 0], 0.7 * part.x.sum(1) - 2.0)


def test_the_truths_own_residuals_are_the_noise(load):
    task = load(LAW | {"test": 20_000, "weight_std": 2.0, "input_std": 3.0, "draws": 2})
    for draw, split in enumerate(task.splits):
        residual = (split.test.y[:, 0] - split.test.x @ task.truth.weight[draw] - task.truth.bias).numpy()
        assert abs(residual.mean()) < 5 * 0.3 / np.sqrt(20_000)
        assert residual.std() == pytest.approx(0.3, rel=5 / np.sqrt(2 * 20_000))
        assert split.test.x.std().item() == pytest.approx(3.0, rel=5 / np.sqrt(2 * 80_000))


def test_drawn_weights_differ_between_draws_and_have_their_deviation(load):
    task = load(LAW | {"weight_std": 2.0, "features": 2_000, "draws": 2})
    assert not torch.equal(*task.truth.weight)
    assert task.truth.weight.std().item() == pytest.approx(2.0, rel=5 / np.sqrt(2 * 4_000))


def test_risk_is_what_a_large_sample_gives(load):
    task = load(LAW | {"test": 50_000, "weight_std": 1.0, "input_std": 2.0, "draws": 2})
    random = torch.Generator().manual_seed(1)
    weight = torch.randn((3, 4), generator=random, dtype=torch.float64)
    bias = torch.randn(3, generator=random, dtype=torch.float64)
    for draw, split in enumerate(task.splits):
        errors = (split.test.x @ weight.T + bias - split.test.y).square()
        standard_error = errors.std(0) / errors.shape[0] ** 0.5
        off = (errors.mean(0) - task.truth.risk(weight, bias, draw)).abs()
        assert (off < 4 * standard_error).all()


def test_the_least_risk_is_the_noise():
    truth = Truth(torch.ones((1, 2), dtype=torch.float64), 0.5, torch.ones(2, dtype=torch.float64), 0.1)
    assert truth.risk(truth.weight[0], torch.tensor(0.5)).item() == pytest.approx(0.01)


def test_more_rows_of_one_part_leave_all_others_as_they_are(load):
    small, large = load(LAW).splits[0], load(LAW | {"train": 11}).splits[0]
    assert torch.equal(small.train.x, large.train.x[:7])
    torch.testing.assert_close(small.train.y, large.train.y[:7], rtol=1e-14, atol=1e-14)
    assert torch.equal(small.validation.x, large.validation.x)
    assert torch.equal(small.test.y, large.test.y)


def test_same_settings_same_task_other_seed_another(load):
    first, again, other = load(LAW), load(LAW), load(LAW | {"seed": 1})
    assert torch.equal(first.splits[0].train.x, again.splits[0].train.x)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert not torch.equal(first.splits[0].train.x, other.splits[0].train.x)


def test_a_task_without_test_rows_is_possible(load):
    task = load(LAW | {"test": 0})
    assert task.test_rows == len(task.splits[0].test) == 0
