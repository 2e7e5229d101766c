"""The tables of a study file: every knob with its unit, its range and its default (design: one class a table)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, create_model

from search.core.candidate import STRENGTH, Candidate, Value
from search.core.errors import UserError
from search.metrics import METRICS, metrics_for, task_of
from search.penalties import PENALTIES
from search.samplers import PRUNERS, SAMPLERS
from search.settings.cluster import Cluster
from search.settings.data_tables import Data
from search.settings.fields import (
    FUNCTION_PATH,
    MOST,
    Count,
    CountOrNone,
    Grouped,
    Lambda,
    Patterns,
    Place,
    Range,
    Section,
    Seed,
    Strength,
    StudyName,
    Units,
    layers,
    named_or_function,
    show,
    unique,
)
from search.settings.searched import Searchable, Searched, settings_of, space_fields

if TYPE_CHECKING:
    PenaltyName = str
    SamplerName = str
    PrunerName = str
    MetricName = str
else:
    # The registries are the only lists of names; a schema and an error message show all of them.
    PenaltyName, SamplerName = Literal[tuple(PENALTIES)], Literal[tuple(SAMPLERS)]
    PrunerName, MetricName = Literal[tuple(PRUNERS)], Literal[tuple(METRICS)]


class Split(Section):
    """How bundled and file data are cut; the test rows are set aside first."""

    scheme: Literal["holdout", "kfold"] = Field(
        default="holdout", description="one validation part, or each fold in turn"
    )
    validation: float = Field(default=0.25, gt=0, lt=1, description="holdout: share of the rows that are not test rows")
    folds: int = Field(default=5, ge=2, le=MOST, description="kfold: number of folds")
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
    test_folds: CountOrNone = Field(
        default=0,
        description="rotation: every row is a test row once, in one of so many folds, which also validate each other; "
        "test, scheme, validation, folds, repeats and refit are then ignored; 0: one test part",
    )
    test_repeats: Count = Field(default=1, description="test_folds: rotations, each with folds of its own")
    group_column: str | None = Field(
        default=None,
        min_length=1,
        description="column whose rows of one value belong together, such as a patient: never on both sides of a cut, "
        "and the verdict counts groups, not rows; no input",
    )
    time_column: str | None = Field(
        default=None,
        min_length=1,
        description="column of dates or numbers: later rows validate, the last ones test (kfold: every fold by models "
        "of all rows before it); no input",
    )
    seed: Seed = Field(default=0, description="seed of the splits")

    @property
    def rotates(self) -> bool:
        """Whether the rows take turns as test rows."""
        return self.test_folds > 0

    @property
    def refits(self) -> bool:
        """`refit`, or where the file leaves it out: true for kfold, false for holdout."""
        return self.scheme == "kfold" if self.refit is None else self.refit


MODELS: Final = ("linear", "mlp")


class Model(Section):
    """The model that is trained."""

    kind: Annotated[str, named_or_function(*MODELS)] = Field(
        default="linear", description=f'{", ".join(MODELS)} or "{FUNCTION_PATH}"'
    )
    hidden: Annotated[
        tuple[Units, ...], Field(strict=False), AfterValidator(layers), Searched(log=True, stacked=False)
    ] = Field(default=(128,), description="mlp: units of each hidden layer")
    dropout: Annotated[float, Searched()] = Field(
        default=0.0, ge=0, lt=1, description="share of hidden units dropped in training"
    )
    init: Literal["default", "normal", "zeros"] = Field(
        default="default", description="initial weights; default: torch's own"
    )
    init_std: Annotated[float, Searched(log=True)] = Field(
        default=0.01, gt=0, description="standard deviation of the initial weights; init = normal only"
    )
    penalised: Patterns | None = Field(
        default=None,
        description='your own module: patterns of the names of what the penalty acts on, such as ["conv*.weight"], or '
        f'"{FUNCTION_PATH}" of (name, parameter); left out: all weights, no biases and no norms',
    )
    group_by: Literal["inputs", "units"] = Field(
        default="inputs",
        description="a group of group_lasso: all weights of an input, or of a unit (of a convolution: a filter)",
    )

    groups: dict[Grouped, Annotated[tuple[str, ...], Field(strict=False), AfterValidator(unique)]] = Field(
        default={},
        description="parts of the weights with a lambda of their own: patterns of their names by a name of yours, such "
        'as { head = ["out.weight"] }, whose strength is searched as lambda_head in space.lambdas',
    )

    @property
    def own(self) -> bool:
        """Whether it is the user's own module."""
        return self.kind not in MODELS


class Training(Section):
    """How a fit is trained."""

    optimizer: Literal["sgd", "adam", "adamw", "exact"] = Field(
        default="sgd", description="exact: the convex optimum, linear models only"
    )
    lr: Annotated[float, Searched(log=True)] = Field(default=0.003, gt=0, description="learning rate")
    momentum: Annotated[float, Searched()] = Field(default=0.0, ge=0, lt=1, description="momentum of sgd")
    schedule: Literal["constant", "cosine"] = Field(
        default="constant", description="of the learning rate; cosine: down to 0 at the last step, after a warm-up"
    )
    warmup: float = Field(
        default=0.0, ge=0, lt=1, description="cosine: share of the steps in which the learning rate rises from 0"
    )
    patience: CountOrNone = Field(
        default=0,
        description="epochs without a lower validation loss until a fit ends, its best epoch kept; 0: to the end",
    )
    label_smoothing: Annotated[float, Searched()] = Field(
        default=0.0, ge=0, lt=1, description="classification: share of the target spread over all classes"
    )
    epochs: Annotated[int, Searched(log=True)] = Field(
        default=100, ge=1, le=10**6, description="passes over the training rows"
    )
    batch_size: Annotated[CountOrNone, Searched(log=True, stacked=False)] = Field(
        default=5, description="rows of a minibatch; 0: all rows"
    )
    loss: Annotated[str, named_or_function("default")] = Field(
        default="default",
        description="default: half the squared error, or the cross-entropy; or "
        f'"{FUNCTION_PATH}" of (output, target), (rows, outputs) and (rows, ...), that gives (rows,)',
    )
    autocast: Literal["none", "bfloat16"] = Field(
        default="none", description="precision of the operations that torch.autocast chooses; weights keep their dtype"
    )
    accumulate: Count = Field(
        default=1, description="minibatches whose gradients are averaged into one step; the rest of an epoch is one too"
    )
    clip_norm: float = Field(
        default=0.0,
        ge=0,
        description="largest l2 norm of a fit's gradient of the loss, which is scaled down to it; 0: any",
    )
    apply: Literal["loss", "proximal", "decoupled"] = Field(
        default="proximal",
        description="how the penalty acts: in the gradient, by its proximal map, or decoupled as in AdamW",
    )
    seeds: Count = Field(default=1, description="initialisations and row orders; each is a further replicate")
    seed: Seed = Field(default=0, description="the first of these seeds")
    device: Literal["auto", "cuda", "cuda:all", "mps", "cpu"] = Field(
        default="auto", description="auto: cuda, else mps, else cpu; cuda:all: each GPU trains a share of a batch"
    )
    dtype: Literal["float32", "float64"] = Field(default="float32", description="precision of the training")


SETTINGS = settings_of(model=Model, training=Training)


def strength_of(group: str) -> str:
    """What a candidate calls the strength of a group of weights."""
    return f"{STRENGTH}_{group}"


class SpaceBase(Section):
    """What every [space] holds; `Space` adds the penalties' parameters and the settings that may be searched."""

    penalty: Annotated[tuple[PenaltyName, ...], Field(strict=False), AfterValidator(unique)] = Field(
        default=("none", "l1", "l2"), description="penalties to compare"
    )
    lambda_: Lambda = Field(
        default=Range(low=1e-4, high=1e2),
        alias="lambda",
        description="strength: log-uniform range, list of values, or auto",
    )
    lambdas: dict[Grouped, Strength] = Field(
        default={}, description="strengths of model.groups, a range or a list of values each"
    )

    def searched(self) -> dict[str, Searchable]:
        """The settings that are searched here, by name."""
        given = {name: getattr(self, name) for name in SETTINGS}
        return {name: over for name, over in given.items() if over is not None}

    def strengths_of(self, penalty: str) -> dict[str, Lambda]:
        """A penalty's strengths, by the names that a candidate has for them."""
        if penalty == "none":
            return {}
        return {STRENGTH: self.lambda_} | {strength_of(group): over for group, over in self.lambdas.items()}

    def parameters_of(self, penalty: str) -> dict[str, Searchable]:
        """A penalty's own parameters, by name."""
        return {each.name: getattr(self, each.name) for each in PENALTIES[penalty].parameters}

    def names_of(self, penalty: str) -> tuple[str, ...]:
        """All parameters that a candidate with this penalty has, beside the penalty itself, in their order."""
        return (*self.strengths_of(penalty), *self.parameters_of(penalty), *self.searched())


if TYPE_CHECKING:

    class Space(SpaceBase):
        """What is searched."""
else:
    Space = create_model("Space", __base__=SpaceBase, __doc__="What is searched.", **space_fields(SETTINGS))


class Search(Section):
    """How the space is searched."""

    sampler: SamplerName = Field(default="tpe", description="Optuna's sampler")
    trials: int = Field(default=64, ge=1, le=10**6, description="candidates to evaluate")
    batch: int = Field(default=16, ge=1, le=10**6, description="candidates asked and trained at once")
    stop: Literal["trials", "settled"] = Field(
        default="trials",
        description="settled: before that many trials, once more of them promise less than the tolerance or the noise",
    )
    confirm: bool = Field(
        default=True,
        description="train a dense grid of lambda after the search, which the verdict compares too; false: it compares "
        "the tried candidates alone",
    )
    pruner: PrunerName = Field(default="none", description="Optuna's pruner")
    metric: MetricName | None = Field(
        default=None, description="evaluation loss; left out: mse for regression, log_loss for classification"
    )
    artifacts: Place | None = Field(
        default=None,
        description="where the losses are kept: a folder, s3://bucket/prefix or gs://bucket/prefix; left out: beside "
        "the storage's file, or below runs/ for a database on a server",
    )
    lease: float = Field(
        default=60.0,
        ge=1,
        le=86_400,
        description="several workers: seconds without a word of one after which others take over what it had in hand",
    )
    seed: Seed = Field(default=0, description="seed of the sampler")

    def metric_for(self, kind: str) -> str:
        """The evaluation loss for a task of that kind (`regression`, or any kind of classification).

        Raises UserError where the file names a metric of the other kind.
        """
        valid = metrics_for(task_of(kind))
        if self.metric is None:
            return valid[0]
        if self.metric not in valid:
            raise UserError(f"search.metric: {wrong_metric(self.metric, task_of(kind))}")
        return self.metric


def wrong_metric(metric: str, task: str) -> str:
    """What to say of a metric of the other kind of task."""
    return f"must be {' or '.join(metrics_for(task_of(task)))} for {task}, found {show(metric)}"


class VerdictSettings(Section):
    """How the answer is judged."""

    confidence: float = Field(default=0.95, ge=0.5, le=0.999999, description="confidence of every bound and set")
    tolerance: float = Field(
        default=0.01, ge=0, lt=1, description="regret, relative to the selected test risk, that does not matter"
    )
    scope: Literal["models", "procedure"] = Field(
        default="models",
        description="what the bounds speak of: the models as fitted, or the next seed and split too; a rotation always "
        "speaks of the procedure",
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
    cluster: Cluster = Field(default=Cluster(), description="what a worker asks of a cluster")

    @property
    def functions(self) -> tuple[str, ...]:
        """The user's own functions that the file names, "package.module:function" each."""
        named = (self.data.source, self.model.kind, self.model.penalised, self.training.loss)
        return tuple(each for each in named if isinstance(each, str) and ":" in each)

    @property
    def smooths_labels(self) -> bool:
        """Whether some candidate is trained on smoothed labels."""
        return bool(self.training.label_smoothing) or "label_smoothing" in self.space.searched()

    def setting(self, name: str, candidate: Candidate) -> Any:  # noqa: ANN401 - of the setting's own type
        """The value that a searchable setting has for a candidate: its own, or the one fixed for all."""
        found: Value | None = candidate.get(name)
        return getattr(getattr(self, SETTINGS[name].table), name) if found is None else found
