"""The model that is taken home: the selected candidate trained once more, on all rows, with its preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.core.coefficients import Coefficients
from search.core.errors import UserError
from search.data.new_rows import new_rows
from search.data.own_scale import Linear, own_scale
from search.data.preprocess import Preprocessor
from search.models import Parameters, make_model
from search.training import Report, fit, nobody

if TYPE_CHECKING:
    from pandas import DataFrame
    from sklearn.pipeline import Pipeline

    from search.core.results import Results
    from search.data.targets import Label
    from search.data.task import Task
    from search.metrics import Kind
    from search.settings import Settings


@dataclass(frozen=True)
class Targets:
    """What a model predicts: a number for each of `names`, or one of the classes `labels`, as the user wrote them."""

    kind: Kind
    names: tuple[str, ...]
    labels: tuple[Label, ...] = ()

    @property
    def of_outputs(self) -> tuple[str, ...]:
        """A name for each of the model's outputs."""
        if self.kind == "regression":
            return self.names
        return tuple(map(str, self.labels[1:] if self.kind == "binary" else self.labels))


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A trained model that predicts from raw rows.

    `settings` say what model it is, in the shape that the `candidate` asks for. `inputs` is the shape of a row that the
    model itself sees, `input_type` the type of its values, such as "float64" or "int64". `parameters` and `buffers` are
    as they were trained, on the CPU. Without a `preprocessor` rows are arrays that the model sees as they are.
    `diverged` says that the training met NaN or infinity. `known` are a linear model's coefficients beside those of the
    search's fits, where a study keeps them.
    """

    candidate: Candidate
    settings: Settings
    targets: Targets
    preprocessor: Preprocessor | None
    inputs: tuple[int, ...]
    input_type: str
    parameters: Parameters
    buffers: Parameters
    diverged: bool = False
    known: Coefficients | None = None

    def __repr__(self) -> str:
        """One line, as sessions show what they are given."""
        of, kind = ", ".join(self.targets.names), self.settings.model.kind
        return f"<{kind} model{f' of {of}' if of else ''}: {self.candidate}, {len(self.features)} inputs>"

    def predict(self, x: object) -> NDArray[Any]:
        """The predicted numbers (rows,), of several targets (rows, targets), or the class labels (rows,).

        Parameters
        ----------
        x
            Raw rows: a pandas or polars frame, whose columns are found by name, or an array (rows, columns) with the
            columns in the order of training. What is missing or not met in training is treated as in training.

        Raises `UserError` for a column that is missing, text among numbers, and an array of another width.
        """
        return self.predicted(self.outputs(x))

    def predict_proba(self, x: object) -> Array:
        """The probability of every class, (rows, classes), in the order of `targets.labels`."""
        self._refuse_numbers("predict_proba")
        return self.probabilities(self.outputs(x))

    def decision_function(self, x: object) -> Array:
        """The logits (rows, classes); of two classes (rows,), that of the second."""
        self._refuse_numbers("decision_function")
        output = self.outputs(x)
        return output[:, 0] if self.targets.kind == "binary" else output

    @torch.no_grad()
    def outputs(self, x: object, where: str = "data") -> Array:
        """What the model returns for raw rows, (rows, outputs): numbers, or logits; `where` names them in errors."""
        found: Array = self.module(self.features_of(x, where)).numpy()
        return found

    def predicted(self, outputs: Array) -> NDArray[Any]:
        """The prediction of `predict` that these outputs are."""
        if self.targets.kind == "regression":
            return outputs[:, 0] if len(self.targets.names) == 1 else outputs
        chosen = outputs[:, 0] > 0 if self.targets.kind == "binary" else outputs.argmax(axis=1)
        return np.array(self.targets.labels)[chosen.astype(np.intp)]

    def probabilities(self, outputs: Array) -> Array:
        """The probabilities of `predict_proba` that these logits are."""
        logits = torch.from_numpy(outputs)
        if self.targets.kind == "binary":
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        found: Array = logits.softmax(1).numpy()
        return found

    # Linear models

    @property
    def linear(self) -> bool:
        """Whether it has coefficients."""
        return self.settings.model.kind == "linear"

    def weights(self, *, original: bool = False) -> tuple[Array, Array]:
        """A linear model's weights (outputs, features) and intercepts (outputs,), on the preprocessed features.

        `original`: on the inputs as the user has them, see `data.own_scale`. `UserError` where it is not linear.
        """
        if not self.linear:
            raise UserError(f"model.kind: {self.settings.model.kind} has no coefficients; a linear model has")
        weight, bias = (self.parameters[name].double().numpy() for name in ("0.weight", "0.bias"))
        if not original or self.preprocessor is None:
            return weight, bias
        return own_scale(self.preprocessor, Linear(weight, bias))

    def coefficients(self) -> DataFrame:
        """A linear model's coefficients, a row for each output and input, the intercept first.

        Columns: `output` (the target, or the class), `input` (a level of text as "colour=red"), `own_scale` (what one
        unit of the input adds to the prediction, of classes to the log-odds), `standardised` (the same of the
        preprocessed input, which the penalty saw); over the replicates of the search `chosen`, the share in which it
        is not zero, and `lowest` and `highest` on the input's own scale. NaN where no study keeps them. Powers and
        products are inputs of their own. `UserError` for models that are not linear.
        """
        from search.runs.coefficients import coefficients_of

        return (self.known or coefficients_of(self)).frame()

    @property
    def features(self) -> tuple[str, ...]:
        """The names of what the model itself sees."""
        if self.preprocessor is not None:
            return self.preprocessor.features
        return tuple(f"x{index}" for index in range(self.inputs[-1]))

    # Leaving

    def to_sklearn(self) -> Pipeline:
        """A linear model as a fitted Pipeline of scikit-learn's own parts, see `runs.to_sklearn`."""
        from search.runs.to_sklearn import to_sklearn

        return to_sklearn(self)

    def to_onnx(self) -> bytes:
        """The model as an ONNX file, from raw rows to predictions, see `runs.to_onnx`; feed it `raw_inputs`."""
        from search.runs.to_onnx import to_onnx

        return to_onnx(self)

    def raw_inputs(self, x: object) -> dict[str, NDArray[Any]]:
        """Raw rows as the inputs of the ONNX graph: `numbers` (rows, columns), and `text` (rows, columns)."""
        if self.preprocessor is None:
            return {"x": self.features_of(x).numpy()}
        rows = new_rows(x, self.preprocessor)
        numbers, text = list(self.preprocessor.numbers.names), [levels.name for levels in self.preprocessor.text]
        parts = {"numbers": rows[numbers].to_numpy(np.float64), "text": rows[text].fillna("").to_numpy(object)}
        return {name: part for name, part in parts.items() if part.shape[1]}

    # How it computes

    @property
    def dtype(self) -> torch.dtype:
        """Double precision but for the user's own modules, which may know one precision alone."""
        return next(iter(self.parameters.values())).dtype if self.settings.model.own else torch.float64

    @cached_property
    def module(self) -> nn.Module:
        """The model behind the preprocessing as a torch module, ready to predict."""
        dtype = self.dtype
        outputs = len(self.targets.of_outputs)
        model = make_model(self.settings, self.candidate, self.inputs[-1], outputs, self.sample)
        state = [
            {name: value.to(dtype) if value.is_floating_point() else value for name, value in each.items()}
            for each in (self.parameters, self.buffers)
        ]
        return model.standalone(state[0], state[1]).requires_grad_(False)

    def features_of(self, x: object, where: str = "data") -> Tensor:
        """Raw rows as what the model itself sees, (rows, ...)."""
        if self.preprocessor is not None:
            return torch.from_numpy(self.preprocessor.apply(new_rows(x, self.preprocessor, where))).to(self.dtype)
        rows = torch.as_tensor(np.asarray(x))
        if tuple(rows.shape[1:]) != self.inputs:
            raise UserError(f"data: has the shape {tuple(rows.shape)}; the model takes {('rows', *self.inputs)}")
        return rows.to(self.sample.dtype)

    @property
    def sample(self) -> Tensor:
        """Rows such as the model itself sees: numbers in its own precision, integers as they are."""
        own: torch.dtype = getattr(torch, self.input_type)
        return torch.zeros(2, *self.inputs, dtype=self.dtype if own.is_floating_point else own)

    def _refuse_numbers(self, method: str) -> None:
        if self.targets.kind == "regression":
            raise UserError(f"{method}: needs classes, this model predicts numbers; use predict")


def refit(
    settings: Settings, task: Task, candidate: Candidate, *, epochs: int | None = None, report: Report = nobody
) -> FittedModel:
    """Train the candidate once more, on all rows of the task's data, test rows included.

    Parameters
    ----------
    settings, task
        The study's.
    candidate
        What is trained, with the first of the training's seeds.
    epochs
        In place of the candidate's own: with early stopping the mean of the epochs that its fits kept, as a fit on all
        rows has none to stop by.
    report
        Hears how much more of the fit is done.

    >>> from search.data import load_task
    >>> from search.settings import Settings
    >>> settings = Settings.parse({"name": "a", "data": {"source": "diabetes"}, "training": {"optimizer": "exact"}})
    >>> model = refit(settings, load_task(settings), Candidate("l2", 0.1))
    >>> model.coefficients().round(1).head(3).to_dict("list")["standardised"]
    [152.1, 0.1, -9.9]
    """
    whole = task.whole()
    settings = settings.replace({"training.seeds": 1, "training.patience": 0, "search.pruner": "none"})
    if epochs is not None:
        settings = settings.replace("training.epochs", epochs)
    own = candidate.replace(epochs=None) if epochs else candidate
    trained = fit(task.trained_on(whole.rows), settings, own, report=report)
    return FittedModel(
        candidate=candidate,
        settings=settings,
        targets=Targets(task.kind, task.targets, whole.labels),
        preprocessor=whole.preprocessor,
        inputs=tuple(whole.rows.sample.shape[1:]),
        input_type=str(whole.rows.sample.dtype).removeprefix("torch."),
        parameters=trained.parameters,
        buffers=trained.buffers,
        diverged=bool(trained.diverged),
    )


def kept_epochs(settings: Settings, results: Results) -> int | None:
    """The mean of the epochs that a candidate's fits kept where they stop early, else None; `results` are its own."""
    if not settings.training.patience or results.epochs is None:
        return None
    return max(1, round(float(np.mean(results.epochs))))
