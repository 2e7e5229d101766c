"""Fits of a user's module as one batch: the same as one after the other, and why not where they cannot."""

from __future__ import annotations

import own_nets
import pytest
import torch
from torch import nn

from search.core.errors import UserError
from search.models.functional import Fits, looped, stacked
from search.models.stackable import Stackable
from search.models.user_module import user_module

VECTORS = torch.randn(4, 9, generator=torch.Generator().manual_seed(1))
SEQUENCES = torch.randint(0, own_nets.TOKENS, (4, 7), generator=torch.Generator().manual_seed(1))
IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
CASES = [
    ("Residual", VECTORS),
    ("group_norm_net", VECTORS),
    ("conv_net", IMAGES),
    ("Transformer", SEQUENCES),
    ("Recurrent", SEQUENCES),
    ("Lstm", SEQUENCES),
    ("Plain", SEQUENCES),
    ("Embedded", SEQUENCES),
]


def model_of(name, x, **options):
    return user_module(f"own_nets:{name}", x, 3, **options)


def six_fits(model, x, seeds):
    starts = [model.initial(seed) for seed in range(6)]
    state = [
        {name: torch.stack([each[part][name] for each in starts]).reshape(2, 3, *value.shape).clone()}
        for part in (0, 1)
        for name, value in starts[0][part].items()
    ]
    joined = {name: value for each in state for name, value in each.items()}
    parameters = {name: joined[name].requires_grad_() for name in starts[0][0]}
    return Fits(parameters, {name: joined[name] for name in starts[0][1]}, torch.stack([x, x.flip(0)]), seeds, step=3)


@pytest.mark.parametrize(("name", "x"), CASES, ids=[name for name, _ in CASES])
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_gradients_are_those_of_one_fit_at_a_time(name, x, training):
    model = model_of(name, x)
    assert model.reason is None
    model.module.train(training)
    fits = six_fits(model, x, torch.tensor([5, 6]) if training else None)
    one, other = (run(model.module, fits) for run in (stacked, looped))
    assert one.shape == (2, 3, 4, 3)
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    for left, right in zip(*(gradients(each, fits) for each in (one, other)), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


def gradients(output, fits):
    return torch.autograd.grad(output.square().sum(), list(fits.parameters.values()))


@pytest.mark.parametrize(("name", "x"), CASES, ids=[name for name, _ in CASES])
def test_layers_written_out_are_torchs_own(name, x):
    """In evaluation, and in training without dropout, a module gives what it gives by itself."""
    model = model_of(name, x)
    for each in model.module.modules():
        if isinstance(each, nn.Dropout | nn.Dropout1d):
            each.p = 0.0
        if isinstance(each, nn.MultiheadAttention):
            each.dropout = 0.0
    for training in (True, False) if name != "Embedded" else (False,):
        model.module.train(training)
        with Stackable(torch.tensor(1) if training else None):
            ours = model.module(x)
        torch.testing.assert_close(ours, model.module(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("causal", [True, False])
def test_attention_takes_torchs_masks(causal):
    query, key = (torch.randn(2, 4, 5, 8, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    own = torch.nn.functional.scaled_dot_product_attention
    masks = [None] if causal else [torch.ones(5, 5).tril().bool(), torch.linspace(-1, 1, 25).reshape(5, 5)]
    for mask in masks:
        with Stackable(None):
            ours = own(query, key, key, attn_mask=mask, is_causal=causal, scale=0.3)
        torch.testing.assert_close(ours, own(query, key, key, attn_mask=mask, is_causal=causal, scale=0.3))


def test_attention_whose_queries_share_keys_is_torchs_own():
    query, key = torch.randn(2, 4, 5, 8), torch.randn(2, 2, 5, 8)
    own = torch.nn.functional.scaled_dot_product_attention
    with Stackable(None):
        ours = own(query, key, key, enable_gqa=True)
    torch.testing.assert_close(ours, own(query, key, key, enable_gqa=True))


@pytest.mark.parametrize("make", list(own_nets.REASONS), ids=lambda make: make.__name__)
def test_what_cannot_be_stacked_says_why_and_trains_one_at_a_time(make):
    model = model_of(make.__name__, VECTORS)
    assert own_nets.REASONS[make] in model.reason
    assert model.notes[1] == f"trained one fit at a time: {model.reason}"
    fits = six_fits(model, VECTORS, torch.tensor([5, 6]))
    before = fits.x.clone()
    output = looped(model.module, fits)
    assert output.shape == (2, 3, 4, 3)
    assert torch.equal(before, fits.x)
    if make is not own_nets.batch_norm_net:  # whose statistics have moved
        assert torch.equal(output, looped(model.module, fits))


def test_dropout_keeps_its_share_and_its_mean():
    with Stackable(torch.tensor(3), step=2):
        found = torch.nn.functional.dropout(torch.ones(200, 50), 0.3)
        again = torch.nn.functional.dropout(torch.ones(200, 50), 0.3)
        channels = torch.nn.functional.dropout2d(torch.ones(40, 30, 4, 4), 0.5)
    assert float((found == 0).float().mean()) == pytest.approx(0.3, abs=0.02)
    assert float(found.mean()) == pytest.approx(1, abs=0.03)
    assert (found != again).any()
    assert (channels.flatten(2).std(-1) == 0).all()
    assert float((channels == 0).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_weights_are_penalised_and_neither_biases_nor_norms():
    assert model_of("Residual", VECTORS).chosen == ("enter.weight", "inner.weight", "head.weight")
    assert set(model_of("Transformer", SEQUENCES).chosen) == {
        "tokens.weight",
        "places.weight",
        "layer.self_attn.in_proj_weight",
        "layer.self_attn.out_proj.weight",
        "layer.linear1.weight",
        "layer.linear2.weight",
        "head.weight",
    }
    assert "the penalty acts on enter.weight" in model_of("Residual", VECTORS).notes[0]


def biases_too(name, parameter):
    return name.startswith("head")


def test_what_is_penalised_can_be_chosen():
    assert model_of("Residual", VECTORS, wanted=("in*.weight",)).chosen == ("inner.weight",)
    chosen = model_of("Residual", VECTORS, wanted="test_stacked:biases_too").chosen
    assert chosen == ("head.weight", "head.bias")
    with pytest.raises(UserError, match=r'no parameter is named "conv\*"; there are enter.weight'):
        model_of("Residual", VECTORS, wanted=("conv*",))


def test_a_module_that_fails_on_the_rows_is_refused_in_one_line():
    with pytest.raises(UserError, match=r"conv_net\(7, 3\) raised TypeError"):
        model_of("conv_net", SEQUENCES)
    with pytest.raises(UserError, match=r"fails on rows of shape \(4, 9\), float32: "):
        model_of("Recurrent", VECTORS)
