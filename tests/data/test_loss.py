import numpy as np
import pytest
import torch
from sklearn import metrics
from torch.nn import functional

from search.data.loss import evaluation_loss, training_slope
from search.metrics import metrics_for, task_of

ROWS, CLASSES, TARGETS = 50, 4, 3
WIDTH = {"regression": TARGETS, "binary": 1, "multiclass": CLASSES}
EVERY_METRIC = [(kind, metric) for kind in WIDTH for metric in metrics_for(task_of(kind))]


def output_and_target(kind, leading=(), seed=0):
    random = torch.Generator().manual_seed(seed)
    output = 3 * torch.randn((*leading, ROWS, WIDTH[kind]), generator=random, dtype=torch.float64)
    if kind == "regression":
        return output, torch.randn((ROWS, TARGETS), generator=random, dtype=torch.float64)
    return output, torch.randint(2 if kind == "binary" else CLASSES, (ROWS,), generator=random)


def scikit_learn(metric, kind, output, y):
    if kind == "regression":
        error = metrics.mean_squared_error if metric == "mse" else metrics.mean_absolute_error
        return TARGETS * error(y, output)
    second = torch.sigmoid(output)
    probability = torch.cat((1 - second, second), -1) if kind == "binary" else output.softmax(-1)
    if metric == "log_loss":
        return metrics.log_loss(y, probability, labels=range(probability.shape[-1]))
    return metrics.zero_one_loss(y, probability.argmax(-1))


@pytest.mark.parametrize(("kind", "metric"), EVERY_METRIC)
def test_evaluation_loss_is_scikit_learns(kind, metric):
    output, y = output_and_target(kind)
    mean = evaluation_loss(metric, kind, output, y).mean().item()
    assert mean == pytest.approx(scikit_learn(metric, kind, output, y), rel=1e-12)


@pytest.mark.parametrize("kind", WIDTH)
def test_the_training_slope_is_that_of_torchs_loss(kind):
    output, y = output_and_target(kind)
    output.requires_grad_()
    loss = {
        "regression": lambda: functional.mse_loss(output, y, reduction="none").sum(-1) / 2,
        "binary": lambda: functional.binary_cross_entropy_with_logits(output[:, 0], y.double(), reduction="none"),
        "multiclass": lambda: functional.cross_entropy(output, y, reduction="none"),
    }[kind]()
    expected = torch.autograd.grad(loss.sum(), output)[0]
    torch.testing.assert_close(training_slope(kind, output.detach(), y), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_label_smoothing_is_torchs(kind, smoothing):
    output, y = output_and_target(kind)
    output.requires_grad_()
    scores = torch.cat([torch.zeros_like(output), output], -1) if kind == "binary" else output
    loss = functional.cross_entropy(scores, y, reduction="sum", label_smoothing=smoothing)
    expected, output = torch.autograd.grad(loss, output)[0], output.detach()
    torch.testing.assert_close(training_slope(kind, output, y, smoothing), expected, rtol=1e-12, atol=1e-14)
    shares = torch.tensor([smoothing, 0.3], dtype=torch.float64)[:, None, None]
    both = training_slope(kind, output[None].expand(2, *output.shape), y, shares)
    torch.testing.assert_close(both[0], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("kind", "metric"), EVERY_METRIC)
def test_targets_of_each_replicate_are_shared_by_its_candidates(kind, metric):
    output, _ = output_and_target(kind, leading=(2, 5))
    y = torch.stack([output_and_target(kind, seed=seed)[1] for seed in (1, 2)])
    stacked = evaluation_loss(metric, kind, output, y.unsqueeze(1))
    alone = [[evaluation_loss(metric, kind, fit, y[r]) for fit in output[r]] for r in range(2)]
    assert torch.equal(stacked, torch.stack([torch.stack(fits) for fits in alone]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_slope_of_huge_logits_is_right_or_wrong(kind, dtype):
    output = torch.tensor([[1e4], [-1e4]] if kind == "binary" else [[0.0, 1e4], [1e4, 0.0]], dtype=dtype)
    right, wrong = (training_slope(kind, output, torch.tensor(y)) for y in ([1, 0], [0, 1]))
    assert torch.equal(right, torch.zeros_like(output))
    assert torch.equal(wrong.abs(), torch.ones_like(output))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_cross_entropy_is_finite_and_linear_for_huge_logits(kind, dtype):
    output = torch.tensor([[1e4], [-1e4]] if kind == "binary" else [[0.0, 1e4], [1e4, 0.0]], dtype=dtype)
    right, wrong = (evaluation_loss("log_loss", kind, output, torch.tensor(y)) for y in ([1, 0], [0, 1]))
    assert torch.equal(right, torch.zeros(2, dtype=dtype))
    assert torch.equal(wrong, torch.full((2,), 1e4, dtype=dtype))


def test_a_confident_logit_keeps_its_small_loss():
    loss = evaluation_loss("log_loss", "binary", torch.tensor([[30.0]], dtype=torch.float64), torch.tensor([1]))
    assert loss.item() == pytest.approx(np.log1p(np.exp(-30.0)), rel=1e-12)


def test_a_metric_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="log_loss, error_rate"):
        evaluation_loss("mse", "binary", torch.zeros(1, 1), torch.zeros(1))
