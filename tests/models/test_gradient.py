"""A perceptron's own way to its gradients, held to autograd's, and a step along a product to one along the tensor."""

from __future__ import annotations

import pytest
import torch

from search.core.candidate import Candidate
from search.models import Model, PerCandidate, Perceptron, Product, TrainingStep, dense
from search.settings import Settings

CANDIDATES = [Candidate("l2", 0.1, dropout=0.0), Candidate("l2", 0.1, dropout=0.6), Candidate("l1", 2.0, dropout=0.3)]


@pytest.fixture(params=[(7, 1), (7, 3), (7, 6, 4, 3)], ids=["linear", "classes", "two hidden layers"])
def both(request):
    """The gradients of some loss by the perceptron's pass and by autograd's, and the parameters."""
    model, generator = Perceptron(request.param, "default"), torch.Generator().manual_seed(0)
    settings = Settings.parse({"name": "a", "data": {"source": "digits"}, "model": {"kind": "mlp"}})
    step = TrainingStep(
        torch.tensor([3, 4]), 5, PerCandidate(settings, CANDIDATES, torch.empty(0, dtype=torch.float64))
    )
    parameters = {
        name: torch.randn(2, len(CANDIDATES), *value.shape, generator=generator, dtype=torch.float64)
        for name, value in model.initial(0)[0].items()
    }
    x = torch.randn(2, 9, 7, generator=generator, dtype=torch.float64)
    found = []
    for way in (Perceptron.training_pass, Model.training_pass):
        forward = way(model, parameters, {}, x, step)
        output = forward.output.requires_grad_()
        loss = output.square().sum() + output.sin().sum()
        found.append(forward.gradients(*torch.autograd.grad(loss, output)))
    return *found, parameters


def test_gradients_are_autograds(both):
    ours, theirs, parameters = both
    assert ours.keys() == theirs.keys() == parameters.keys()
    for name in theirs:
        assert not dense(ours[name]).requires_grad
        torch.testing.assert_close(dense(ours[name]), theirs[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("lr", [0.1, torch.tensor([0.1, 0.2, 0.0], dtype=torch.float64).reshape(-1, 1, 1)])
def test_a_step_along_a_product_is_one_along_the_tensor(both, lr):
    products, theirs, parameters = both
    for name, gradient in products.items():
        if isinstance(gradient, Product):
            moved = parameters[name].clone()
            gradient.descend(moved, lr)
            torch.testing.assert_close(moved, parameters[name] - lr * theirs[name], rtol=1e-12, atol=1e-12)
    assert sum(isinstance(each, Product) for each in products.values()) == len(parameters) / 2
