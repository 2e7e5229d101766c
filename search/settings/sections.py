"""The tables of a study file: every knob with its unit, its range and its default (design: one class a table)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from search.records import UserError
from search.settings.fields import (
    FUNCTION_PATH,
    Count,
    DataPath,
    L1Ratio,
    Lambda,
    Range,
    Section,
    Seed,
    StudyName,
    named_or_function,
    not_empty,
    refuse,
    show,
    unique,
)

BUNDLED = ("diabetes", "breast_cancer", "digits", "linnerud")
SOURCE_NAMES = ("synthetic_linear", *BUNDLED, "file")
TaskName = Literal["regression", "classification"]
PenaltyName = Literal["none", "l1", "l2", "elastic_net", "group_lasso"]
Metric = Literal["mse", "mae", "log_loss", "error_rate"]
METRICS: dict[TaskName, tuple[Metric, Metric]] = {
    "regression": ("mse", "mae"),
    "classification": ("log_loss", "error_rate"),
}


class SyntheticLinear(Section):
    """Rows drawn from y = x'w + b + noise; its splits are drawn, not cut, so [split] does not apply."""

    source: Literal["synthetic_linear"]
    train: Count = Field(default=20, description="rows of the training part")
    validation: Count = Field(default=100, description="rows of the validation part")
    test: int = Field(default=1000, ge=0, description="rows of the test part; 0: the verdict rests on validation alone")
    features: Count = Field(default=200, description="number of inputs")
    weight: float = Field(default=0.01, description="every true weight; excludes weight_std")
    weight_std: float | None = Field(default=None, ge=0, description="draw the true weights from N(0, weight_std^2)")
    bias: float = Field(default=0.05, description="the true bias")
    noise: float = Field(default=0.01, ge=0, description="standard deviation of the noise, in units of y")
    input_std: float = Field(default=1.0, gt=0, description="standard deviation of every input")
    draws: Count = Field(default=1, description="data sets drawn; each is a further replicate")
    seed: Seed = Field(default=0, description="seed of the draws")

    @property
    def task(self) -> TaskName:
        """Always regression."""
        return "regression"


class _Table(Section):
    """What data from a table share. Preprocessing is fitted on training rows only."""

    standardize: bool = Field(default=True, description="inputs to mean 0 and standard deviation 1")
    degree: Count = Field(default=1, description="degree of the polynomial features of numeric inputs")


class Bundled(_Table):
    """Data that come with scikit-learn."""

    source: Literal["diabetes", "breast_cancer", "digits", "linnerud"]

    @property
    def task(self) -> TaskName:
        """What the data set is for."""
        return "regression" if self.source in ("diabetes", "linnerud") else "classification"


def _as_list(value: object) -> object:
    if isinstance(value, str):
        return [value]
    return (
        value
        if isinstance(value, list | tuple)
        else refuse(f"must be a column's name or a list of names, found {show(value)}")
    )


class FileData(_Table):
    """The user's own csv or parquet file."""

    source: Literal["file"]
    path: DataPath = Field(description="path of a csv or parquet file, relative to the study file")
    target: Annotated[tuple[str, ...], Field(strict=False), AfterValidator(unique), BeforeValidator(_as_list)] = Field(
        description="name of the target column, or a list of names"
    )
    task: TaskName | None = Field(
        default=None, description="regression or classification; left out: told by the target"
    )


class FunctionData(_Table):
    """The user's own function, which returns inputs and targets, or a whole task."""

    source: Annotated[str, named_or_function(*SOURCE_NAMES)] = Field(
        description=f'{", ".join(SOURCE_NAMES)} or "{FUNCTION_PATH}"'
    )
    task: TaskName | None = Field(
        default=None, description="regression or classification; left out: told by the target"
    )


SOURCES: dict[str, type[Section]] = {
    "synthetic_linear": SyntheticLinear,
    "file": FileData,
    **dict.fromkeys(BUNDLED, Bundled),
}


def _source_class(value: object) -> str:
    """The tag of the class that a [data] table belongs to: errors are then of that class alone."""
    source = value.get("source") if isinstance(value, dict) else getattr(value, "source", None)
    chosen = SOURCES.get(source, FunctionData) if isinstance(source, str) else FunctionData
    return f"<{chosen.__name__}>"


Data = Annotated[
    Annotated[SyntheticLinear, Tag("<SyntheticLinear>")]
    | Annotated[Bundled, Tag("<Bundled>")]
    | Annotated[FileData, Tag("<FileData>")]
    | Annotated[FunctionData, Tag("<FunctionData>")],
    Discriminator(_source_class),
]


class Split(Section):
    """How bundled and file data are cut; the test rows are set aside first."""

    scheme: Literal["holdout", "kfold"] = Field(
        default="holdout", description="one validation part, or each fold in turn"
    )
    validation: float = Field(default=0.25, gt=0, lt=1, description="holdout: share of the rows that are not test rows")
    folds: int = Field(default=5, ge=2, description="kfold: number of folds")
    repeats: Count = Field(default=1, description="times that the rows are split anew; each is a further replicate")
    refit: bool | None = Field(
        default=None,
        description="test models trained once more on all rows that are not test rows; kfold: true, holdout: false",
    )
    test: float = Field(
        default=0.25, ge=0, lt=1, description="share of all rows that are test rows; excludes test_column"
    )
    test_column: str | None = Field(
        default=None, min_length=1, description="true/false column that marks the test rows"
    )
    seed: Seed = Field(default=0, description="seed of the splits")

    @property
    def refits(self) -> bool:
        """`refit`, or where the file leaves it out: true for kfold, false for holdout."""
        return self.scheme == "kfold" if self.refit is None else self.refit


class Model(Section):
    """The model that is trained."""

    kind: Annotated[str, named_or_function("linear", "mlp")] = Field(
        default="linear", description=f'linear, mlp or "{FUNCTION_PATH}"'
    )
    hidden: Annotated[tuple[Count, ...], Field(strict=False), AfterValidator(not_empty)] = Field(
        default=(128,), description="mlp: units of each hidden layer"
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of hidden units dropped in training")
    init: Literal["default", "normal", "zeros"] = Field(
        default="default", description="initial weights; default: torch's own"
    )
    init_std: float = Field(
        default=0.01, gt=0, description="standard deviation of the initial weights; init = normal only"
    )


class Training(Section):
    """How a fit is trained."""

    optimizer: Literal["sgd", "adam", "adamw", "exact"] = Field(
        default="sgd", description="exact: the convex optimum, linear models only"
    )
    lr: float = Field(default=0.003, gt=0, description="learning rate")
    momentum: float = Field(default=0.0, ge=0, lt=1, description="momentum of sgd")
    epochs: Count = Field(default=100, description="passes over the training rows")
    batch_size: int = Field(default=5, ge=0, description="rows of a minibatch; 0: all rows")
    apply: Literal["loss", "proximal", "decoupled"] = Field(
        default="proximal",
        description="how the penalty acts: in the gradient, by its proximal map, or decoupled as in AdamW",
    )
    seeds: Count = Field(default=1, description="initialisations and row orders; each is a further replicate")
    seed: Seed = Field(default=0, description="the first of these seeds")
    device: Literal["auto", "cuda", "mps", "cpu"] = Field(default="auto", description="auto: cuda, else mps, else cpu")
    dtype: Literal["float32", "float64"] = Field(default="float32", description="precision of the training")


class Space(Section):
    """What is searched."""

    penalty: Annotated[tuple[PenaltyName, ...], Field(strict=False), AfterValidator(unique)] = Field(
        default=("none", "l1", "l2"), description="penalties to compare"
    )
    lambda_: Lambda = Field(
        default=Range(low=1e-4, high=1e2),
        alias="lambda",
        description="strength: log-uniform range, list of values, or auto",
    )
    l1_ratio: L1Ratio = Field(default=Range(low=0.05, high=0.95), description="elastic_net: share of l1, 0 to 1")


class Search(Section):
    """How the space is searched."""

    sampler: Literal["tpe", "grid", "random", "qmc", "gp", "cmaes"] = Field(
        default="tpe", description="Optuna's sampler"
    )
    trials: Count = Field(default=64, description="candidates to evaluate")
    batch: Count = Field(default=16, description="candidates asked and trained at once")
    pruner: Literal["none", "median", "halving", "hyperband", "wilcoxon"] = Field(
        default="none", description="Optuna's pruner"
    )
    metric: Metric | None = Field(
        default=None, description="evaluation loss; left out: mse for regression, log_loss for classification"
    )
    seed: Seed = Field(default=0, description="seed of the sampler")

    def metric_for(self, kind: str) -> Metric:
        """The evaluation loss for a task of that kind (`regression`, or any kind of classification).

        Raises UserError where the file names a metric of the other kind.
        """
        task: TaskName = "regression" if kind == "regression" else "classification"
        if self.metric is None:
            return METRICS[task][0]
        if self.metric not in METRICS[task]:
            raise UserError(f"search.metric: {wrong_metric(self.metric, task)}")
        return self.metric


def wrong_metric(metric: str, task: TaskName) -> str:
    """What to say of a metric of the other kind of task."""
    return f"must be {' or '.join(METRICS[task])} for {task}, found {show(metric)}"


class VerdictSettings(Section):
    """How the answer is judged."""

    confidence: float = Field(default=0.95, ge=0.5, lt=1, description="confidence of every bound and set")
    tolerance: float = Field(
        default=0.01, ge=0, lt=1, description="regret, relative to the selected test risk, that does not matter"
    )


class Study(Section):
    """All tables of a study file, not yet checked against each other."""

    name: StudyName = Field(description="the name of the Optuna study, 1 to 200 characters")
    question: str = Field(default="", description="the question that the study answers, shown in reports")
    data: Data = Field(description="where the rows come from: a table [data] with a source")
    split: Split = Field(default=Split(), description="how the rows are cut")
    model: Model = Field(default=Model(), description="the model")
    training: Training = Field(default=Training(), description="how a fit is trained")
    space: Space = Field(default=Space(), description="what is searched")
    search: Search = Field(default=Search(), description="how it is searched")
    verdict: VerdictSettings = Field(default=VerdictSettings(), description="how the answer is judged")
