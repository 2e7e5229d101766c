"""The table [data] of a study file: one class for each kind of source."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from search.metrics import TaskName
from search.settings.fields import (
    FUNCTION_PATH,
    MOST_FEATURES,
    MOST_LEVELS,
    Count,
    CountOrNone,
    DataPath,
    Section,
    Seed,
    named_or_function,
    refuse,
    show,
    unique,
)

BUNDLED = ("diabetes", "breast_cancer", "digits", "linnerud")
SOURCE_NAMES = ("synthetic_linear", *BUNDLED, "file")


class SyntheticLinear(Section):
    """Rows drawn from y = x'w + b + noise; its splits are drawn, not cut, so [split] does not apply."""

    source: Literal["synthetic_linear"]
    train: Count = Field(default=20, description="rows of the training part")
    validation: Count = Field(default=100, description="rows of the validation part")
    test: CountOrNone = Field(
        default=1000, description="rows of the test part; 0: the verdict rests on validation alone"
    )
    features: int = Field(default=200, ge=1, le=MOST_FEATURES, description="number of inputs")
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
    degree: int = Field(default=1, ge=1, le=20, description="degree of the polynomial features of numeric inputs")
    clip: bool = Field(
        default=True, description="numeric inputs outside the range of the training rows are moved to its ends"
    )
    rare: Count = Field(
        default=5,
        description="levels of a text column with fewer training rows than this become one level, and so do those "
        f"behind its {MOST_LEVELS:,} most frequent ones",
    )


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


def _unique_or_none(names: tuple[str, ...]) -> tuple[str, ...]:
    return unique(names) if names else names


Target = Annotated[tuple[str, ...], Field(strict=False), AfterValidator(unique), BeforeValidator(_as_list)]
Dropped = Annotated[tuple[str, ...], Field(strict=False), AfterValidator(_unique_or_none), BeforeValidator(_as_list)]


class _OwnTable(_Table):
    """What the user's own tables share."""

    task: TaskName | None = Field(
        default=None, description="regression or classification; left out: inferred from the target"
    )


class ColumnsData(_OwnTable):
    """What the user's own tables with named columns share."""

    drop: Dropped = Field(default=(), description="list of columns that are no inputs")
    keep: Target | None = Field(
        default=None, description="list of the only columns that are inputs; left out: all are; excludes drop"
    )


class FileData(ColumnsData):
    """The user's own csv or parquet file."""

    source: Literal["file"]
    path: DataPath = Field(description="path of a csv or parquet file, relative to the study file")
    target: Target = Field(description="name of the target column, or a list of names")


class FrameData(ColumnsData):
    """A pandas frame or arrays that are handed over in Python: `search.run(..., data=frame)`."""

    source: Literal["frame"]
    target: Target | None = Field(
        default=None, description="name of the target column, or a list of names; left out with (X, y)"
    )


class FunctionData(_OwnTable):
    """The user's own function, which returns inputs and targets, or a whole task."""

    source: Annotated[str, named_or_function(*SOURCE_NAMES)] = Field(
        description=f'{", ".join(SOURCE_NAMES)} or "{FUNCTION_PATH}"'
    )


SOURCES: dict[str, type[Section]] = {
    "synthetic_linear": SyntheticLinear,
    "file": FileData,
    "frame": FrameData,
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
    | Annotated[FrameData, Tag("<FrameData>")]
    | Annotated[FunctionData, Tag("<FunctionData>")],
    Discriminator(_source_class),
]
