"""A fitted model as ONNX, by torch's own exporter: one graph from raw rows to predictions.

The graph's inputs are `numbers`, (rows, numeric columns) float64 with NaN where a value is missing, and `text`, (rows,
text columns) strings, empty where one is missing; a model without such columns lacks the input. Its outputs are
`prediction`, (rows, targets) numbers or (rows,) places of the class among the labels, and for classes `probability`
(rows, classes). The columns' names and the labels are in the file's metadata, as JSON. The preprocessing is inside, in
double precision, but that of dates: they are fed as the numbers that they become. Text is looked up by the operator
LabelEncoder of ONNX's machine learning set, which ONNX Runtime has.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from search.core.errors import UserError
from search.core.text import one_line
from search.data.preprocess import MISSING, Levels, Numbers, Scale

if TYPE_CHECKING:
    from search.runs.model import FittedModel

ROWS: Final = 3  # of the example that is traced; any number of rows can be predicted
LOGGER: Final = "torch.onnx._internal.exporter._registration"


def to_onnx(model: FittedModel) -> bytes:
    """The model as an ONNX file; `UserError` without the packages for it, and for a module that cannot be exported."""
    if not (find_spec("onnx") and find_spec("onnxscript")):
        raise UserError("--onnx: needs the packages onnx and onnxscript: pip install 'lambda-search[onnx]'")
    graph = Graph(model).eval()
    example = graph.example()
    try:
        with _quiet():
            program = torch.onnx.export(
                graph,
                kwargs=example,
                dynamic_shapes={name: {0: torch.export.Dim("rows")} for name in example},
                input_names=list(example),
                output_names=["prediction"] + ["probability"] * graph.classifies,
                dynamo=True,
                verbose=False,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        raise UserError(f"--onnx: torch cannot export this model: {one_line(error)[:200]}") from error
    assert program is not None
    proto = program.model_proto
    if graph.text:
        _look_up_text(proto, graph.text)
    entry = proto.metadata_props.add()
    entry.key, entry.value = "lambda-search", json.dumps(_told(model))
    found: bytes = proto.SerializeToString()
    return found


class Graph(nn.Module):
    """Preprocessing and model as one module, from raw numbers and the places of text among its levels."""

    def __init__(self, model: FittedModel) -> None:
        super().__init__()
        self.model, self.binary = model.module, model.targets.kind == "binary"
        self.classifies = model.targets.kind != "regression"
        self.dtype, self.sample = model.dtype, model.sample
        known = model.preprocessor
        self.numbers = None if known is None or not known.numbers.names else NumbersModule(known.numbers)
        self.text: tuple[Levels, ...] = () if known is None else known.text
        self.raw = known is None

    def example(self) -> dict[str, Tensor]:
        """Some rows to trace the graph with."""
        if self.raw:
            return {"x": torch.cat([self.sample, self.sample[:1]])}
        parts: dict[str, Tensor] = {}
        if self.numbers is not None:
            parts["numbers"] = torch.zeros(ROWS, self.numbers.columns, dtype=torch.float64)
        if self.text:
            parts["levels"] = torch.zeros(ROWS, len(self.text), dtype=torch.int64)
        return parts

    def forward(
        self, x: Tensor | None = None, numbers: Tensor | None = None, levels: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """The prediction, and for classes their probabilities."""
        output = self.model(self._features(numbers, levels).to(self.dtype) if x is None else x)
        if not self.classifies:
            return output  # type: ignore[no-any-return]
        logits = torch.cat([torch.zeros_like(output), output], 1) if self.binary else output
        return logits.argmax(1), logits.softmax(1)

    def _features(self, numbers: Tensor | None, levels: Tensor | None) -> Tensor:
        parts = [] if self.numbers is None else [self.numbers(numbers)]
        if levels is not None:
            parts += [
                (levels[:, place : place + 1] == torch.arange(len(each.features))).double()
                for place, each in enumerate(self.text)
            ]
        return torch.cat(parts, 1)


class NumbersModule(nn.Module):
    """`Numbers.apply` in torch."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.columns, self.clips = len(numbers.names), numbers.low is not None
        self.median = torch.from_numpy(numbers.median)
        if numbers.low is not None and numbers.high is not None:
            self.low, self.high = torch.from_numpy(numbers.low), torch.from_numpy(numbers.high)
        self.before, self.after = numbers.before, numbers.after
        # The factors of every product of a degree, (features, degree).
        self.products = [
            torch.tensor(list(combinations_with_replacement(range(self.columns), degree)))
            for degree in range(2, numbers.degree + 1)
        ]

    def forward(self, numbers: Tensor) -> Tensor:
        """(rows, columns) -> (rows, features)."""
        x = torch.where(numbers.isnan(), self.median, numbers)
        if self.clips:
            x = torch.minimum(torch.maximum(x, self.low), self.high)
        x = _scaled(x, self.before)
        parts = [x]
        for products in self.products:
            term = x[:, products[:, 0]]
            for factor in range(1, products.shape[1]):
                term = term * x[:, products[:, factor]]
            parts.append(term)
        return _scaled(torch.cat(parts, 1), self.after)


def _scaled(x: Tensor, scale: Scale | None) -> Tensor:
    return x if scale is None else (x - torch.from_numpy(scale.mean)) / torch.from_numpy(scale.divisor)


def _look_up_text(proto: Any, text: tuple[Levels, ...]) -> None:  # noqa: ANN401 - onnx has no types
    """Put the step from text to the places of its levels before the graph, whose input `levels` they are."""
    from onnx import TensorProto, helper, numpy_helper

    graph, places = proto.graph, []
    for column, levels in enumerate(text):
        names = (f"column_{column}", f"text_{column}", f"levels_{column}")
        index = numpy_helper.from_array(np.array([column]), names[0])
        graph.initializer.append(index)
        keys = {level: place for place, level in enumerate(levels.levels)}
        keys |= {"": keys[MISSING]} if MISSING in keys else {}
        lookup: dict[str, Any] = {"default_int64": len(levels.levels), "domain": "ai.onnx.ml"}
        # An encoder needs one key at least; this one stands for itself.
        lookup |= {"keys_strings": list(keys) or [MISSING], "values_int64s": list(keys.values()) or [0]}
        places.append(helper.make_node("Gather", ["text", names[0]], [names[1]], axis=1))
        places.append(helper.make_node("LabelEncoder", [names[1]], [names[2]], **lookup))
    together = [f"levels_{column}" for column in range(len(text))]
    nodes = [*places, helper.make_node("Concat", together, ["levels"], axis=1), *graph.node]
    inputs = [each for each in graph.input if each.name != "levels"]
    inputs.append(helper.make_tensor_value_info("text", TensorProto.STRING, ["rows", len(text)]))
    for field, values in ((graph.node, nodes), (graph.input, inputs)):
        del field[:]
        field.extend(values)
    proto.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))


def _told(model: FittedModel) -> dict[str, Any]:
    """What a user of the graph has to know."""
    known = model.preprocessor
    return {
        "numbers": [] if known is None else list(known.numbers.names),
        "text": [] if known is None else [levels.name for levels in known.text],
        "targets": list(model.targets.names),
        "labels": list(model.targets.labels),
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's notes on itself and on packages that are not needed here."""
    logger = logging.getLogger(LOGGER)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
