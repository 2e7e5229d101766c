"""The linear model and the multilayer perceptron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from search.models.base import Model, Parameters, TrainingPass, TrainingStep
from search.models.gradient import Gradients, Product
from search.models.per_candidate import PerCandidate
from search.models.randomness import DROPOUT, seeded, uniform


@dataclass(frozen=True)
class Perceptron(Model):
    """Linear layers with ReLU and dropout between them; without hidden layers it is the linear model."""

    widths: tuple[int, ...]
    init: str
    shares_rows: ClassVar[bool] = True

    @property
    def penalised(self) -> tuple[str, ...]:
        return tuple(f"{layer}.weight" for layer in range(len(self.widths) - 1))

    @property
    def width(self) -> int:
        return max(self.widths[1:])

    def initial(self, seed: int) -> tuple[Parameters, Parameters]:
        parameters: Parameters = {}
        with seeded(seed, torch.device("cpu")):
            for layer, (features, units) in enumerate(zip(self.widths[:-1], self.widths[1:], strict=True)):
                linear = self._initialised(nn.Linear(features, units))
                parameters[f"{layer}.weight"] = linear.weight.detach()
                parameters[f"{layer}.bias"] = linear.bias.detach()
        return parameters, {}

    def _initialised(self, linear: nn.Linear) -> nn.Linear:
        if self.init == "normal":
            nn.init.normal_(linear.weight)
            nn.init.zeros_(linear.bias)
        elif self.init == "zeros":
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        return linear

    def scaled(self, parameters: Parameters, settings: PerCandidate) -> Parameters:
        if self.init != "normal":
            return parameters
        return {
            name: value * settings("init_std", value.ndim) if name.endswith("weight") else value
            for name, value in parameters.items()
        }

    def forward(self, parameters: Parameters, buffers: Parameters, x: Tensor, step: TrainingStep | None) -> Tensor:
        return self._layers(parameters, x, step)[-1].outputs.mT

    def training_pass(self, parameters: Parameters, buffers: Parameters, x: Tensor, step: TrainingStep) -> TrainingPass:
        """Backward by hand: nothing is kept but the layers' inputs, and a weight's gradient is not multiplied out."""
        layers = self._layers(parameters, x, step)

        def gradients(slope: Tensor) -> Gradients:
            found: dict[str, Tensor | Product] = {}
            slope = slope.mT.to(layers[-1].outputs)
            for number in reversed(range(len(layers))):
                bias, inputs = parameters[f"{number}.bias"], layers[number].inputs
                found[f"{number}.weight"] = Product(slope.to(bias), inputs.to(bias))
                found[f"{number}.bias"] = slope.to(bias).sum(-1)
                if number:
                    slope = self._through(parameters[f"{number}.weight"], slope, inputs, step)
            return found

        return TrainingPass(layers[-1].outputs.mT, gradients)

    def _layers(self, parameters: Parameters, x: Tensor, step: TrainingStep | None) -> list[_Layer]:
        """What goes in and out of every linear layer.

        Rows stand last, which products and losses are fastest with. All candidates of a replicate share its rows, and
        neighbouring replicates may, so that the first layer is one product of (fits * units, features) and (features,
        rows) for each x.
        """
        layers = [_linear(parameters, 0, x.mT)]
        for number in range(1, len(self.widths) - 1):
            hidden = self._drop(layers[-1].outputs.relu_(), number, step)
            layers.append(_linear(parameters, number, hidden.flatten(0, 1)))
        return layers

    def _through(self, weight: Tensor, slope: Tensor, inputs: Tensor, step: TrainingStep) -> Tensor:
        """The slope of the loss in the layer before's outputs, from that in a layer's outputs.

        `inputs` (fits, units, rows), those of the layer, are zero where ReLU or dropout let nothing through.
        """
        back = torch.bmm(weight.flatten(0, 1).mT.to(slope), slope.flatten(0, 1))
        torch.ops.aten.threshold_backward.grad_input(back, inputs, 0, grad_input=back)
        slope, rate = back.view(*weight.shape[:2], *back.shape[1:]), step.settings("dropout", 4)
        return slope if isinstance(rate, float) and rate == 0 else slope.div_(1 - rate)

    def standalone(self, parameters: Parameters, buffers: Parameters) -> nn.Module:
        layers: list[nn.Module] = []
        for layer, (features, units) in enumerate(zip(self.widths[:-1], self.widths[1:], strict=True)):
            own = {name: parameters[f"{layer}.{name}"] for name in ("weight", "bias")}
            linear = nn.Linear(features, units, device="meta")  # no numbers are drawn for it
            linear.load_state_dict(own, assign=True)
            layers += [nn.ReLU()] * (layer > 0) + [linear]
        return nn.Sequential(*layers).eval()

    def _drop(self, hidden: Tensor, layer: int, step: TrainingStep | None) -> Tensor:
        """Inverted dropout; candidates with another rate cut the same draws elsewhere."""
        rate = 0.0 if step is None else step.settings("dropout", 4)
        if step is None or (isinstance(rate, float) and rate == 0):
            return hidden
        units, rows = hidden.shape[-2:]
        draws = uniform(step.seeds, DROPOUT + layer, step.number, (1, rows, units)).mT
        return hidden * ((draws >= rate) / (1 - rate)).to(hidden)


class _Layer(NamedTuple):
    """Inputs (batch, features, rows), of replicates or of fits, and outputs (replicates, candidates, units, rows)."""

    inputs: Tensor
    outputs: Tensor


def _linear(parameters: Parameters, number: int, x: Tensor) -> _Layer:
    """A linear layer on inputs (batch, features, rows): a product for each of the batch."""
    weight, bias = parameters[f"{number}.weight"], parameters[f"{number}.bias"]
    product = torch.bmm(weight.reshape(len(x), -1, weight.shape[-1]), x).view(*bias.shape, -1)
    return _Layer(x, product.add_(bias[..., None]))  # `baddbmm` copies the bias first, which takes longer
