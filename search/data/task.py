"""A task: tensors with disjoint rows, ready to train on. The type itself refuses rows that leak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from search.core.groups import Groups
from search.metrics import Kind

if TYPE_CHECKING:
    from search.data.preprocess import Preprocessor
    from search.data.targets import Label

SAMPLE = 2


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a data set.

    `x` has shape (rows, features), float64; where the user's own module takes the data as they are, (rows, ...) of any
    type. `y` has shape (rows, outputs), float64, for regression and
    (rows,), int64, for classes. `ids` (rows,) names each row uniquely within the data set that it was drawn from;
    `place` (rows,) is its index on the row axis of the losses that are kept. `weight` (rows,), float64, says how much
    a row's loss counts, None that all count one. Training rows have the mean weight 1, and so have the held-out rows
    of all splits together: plain means of weighted losses are weighted means.
    """

    x: Tensor
    y: Tensor
    ids: Tensor
    place: Tensor
    weight: Tensor | None = None

    def __post_init__(self) -> None:
        parts = [self.x, self.y, self.ids, self.place, *([] if self.weight is None else [self.weight])]
        if len({len(part) for part in parts}) > 1:
            raise ValueError("x, y, ids, place and weight must have one entry a row")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def shared(self) -> Shared | None:
        """The data set that these rows are looked up in; None where they are held here."""
        return None

    @property
    def sample(self) -> Tensor:
        """A few of the rows of x, to see what they look like."""
        return self.x[:SAMPLE]

    def none(self) -> Rows:
        """No rows, of the same form."""
        weight = None if self.weight is None else self.weight[:0]
        return Rows(self.x[:0], self.y[:0], self.ids[:0], self.place[:0], weight)

    def weighted(self, values: Tensor) -> Tensor:
        """Values of the rows (rows, ...), each times the row's weight."""
        return values if self.weight is None else values * self.weight.reshape(-1, *[1] * (values.ndim - 1))

    def mean(self, values: Tensor) -> Tensor:
        """The weighted mean over the rows, (rows, ...) -> (...)."""
        return values.mean(0) if self.weight is None else self.weighted(values).sum(0) / self.weight.sum()


@dataclass(frozen=True, eq=False)
class Shared:
    """All rows of a data set, `x` (rows, ...) and `y` (rows, ...), which its splits share: held once, as they are."""

    x: Tensor
    y: Tensor


class SharedRows(Rows):
    """Some rows of a data set that is held once: `ids` are their positions there, and x and y are looked up."""

    def __init__(self, shared: Shared, ids: Tensor, place: Tensor) -> None:
        for name, value in (("_shared", shared), ("ids", ids), ("place", place)):
            object.__setattr__(self, name, value)

    @property
    def x(self) -> Tensor:
        """A copy of the inputs of these rows."""
        return self.shared.x[self.ids]

    @property
    def y(self) -> Tensor:
        """A copy of their targets."""
        return self.shared.y[self.ids]

    @property
    def shared(self) -> Shared:
        """The data set."""
        found: Shared = self.__dict__["_shared"]
        return found

    @property
    def sample(self) -> Tensor:
        """A few of the rows of x."""
        return self.shared.x[self.ids[:SAMPLE]]

    def none(self) -> Rows:
        """No rows of the same data set."""
        return SharedRows(self.shared, self.ids[:0], self.place[:0])


@dataclass(frozen=True, eq=False)
class Split:
    """Rows that train, validate and test. No row is in two of them, in this or any other split of the data set.

    `draw`, `repeat` and `fold` name the split; a refit trains on all rows that are not test rows and has no
    validation rows. `preprocessor` made the rows, fitted on the training rows; None where they are as they came.
    """

    train: Rows
    validation: Rows
    test: Rows
    draw: int = 0
    repeat: int = 0
    fold: int = 0
    preprocessor: Preprocessor | None = None

    def __post_init__(self) -> None:
        if not len(self.train):
            raise ValueError("a split needs training rows")
        parts = [part.ids for part in (self.train, self.validation, self.test)]
        ids = torch.cat(parts)
        if len(torch.unique(ids)) != len(ids):
            raise ValueError("training, validation and test rows must be disjoint")


@dataclass(frozen=True, eq=False)
class Whole:
    """All rows of a data set, test rows included: what the model is trained on that is taken home.

    `preprocessor` is fitted on all of them; None where rows are tensors that models see as they are. `labels` are the
    classes as the user wrote them.
    """

    rows: Rows
    preprocessor: Preprocessor | None
    labels: tuple[Label, ...]


@dataclass(frozen=True, eq=False)
class Truth:
    """The law of a synthetic data set: y = x'w0 + b0 + noise, so that risk is known in closed form.

    `weight` (draws, features), `bias` scalar, `covariance` of the inputs as its diagonal (features,), `noise`
    the standard deviation.
    """

    weight: Tensor
    bias: float
    covariance: Tensor
    noise: float

    def risk(self, weight: Tensor, bias: Tensor, draw: int = 0) -> Tensor:
        """Exact expected squared error (w - w0)' S (w - w0) + (b - b0)^2 + noise^2.

        `weight` has shape (..., features), `bias` (...): returns (...).
        """
        off = weight - self.weight[draw].to(weight)
        spread = (off.square() * self.covariance.to(weight)).sum(-1)
        return spread + (bias - self.bias).square() + self.noise**2


@dataclass(frozen=True, eq=False)
class Task:
    """A data set, split and preprocessed.

    `splits` are the replicates' splits in the order (draw, repeat, fold); `refits` (one a draw, or none) train on
    all rows that are not test rows, and where there are any, only they see the test rows. `pairs` are those of a
    rotation: two folds held out at once, which its picks are made from. `outputs` is the number of
    values that a model returns for a row: 1 for two classes (the logit of the second), else one per class or target.
    `validation_rows` and `test_rows` are the lengths of the row axes of the losses. `fingerprint` changes when the
    data change. `same_columns` is false where splits differ in their columns, as their training rows do in categories.
    `notes` tell what was made of data that could be meant in another way, a line each. `groups` says which rows belong
    together, on the row axes of the losses. `read_whole` preprocesses all rows of the table that the task was cut from.
    """

    kind: Kind
    outputs: int
    features: tuple[str, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...]
    splits: tuple[Split, ...]
    refits: tuple[Split, ...]
    validation_rows: int
    test_rows: int
    fingerprint: str
    truth: Truth | None = None
    same_columns: bool = True
    notes: tuple[str, ...] = ()
    pairs: tuple[Split, ...] = ()
    groups: Groups | None = None
    read_whole: Callable[[], Whole] | None = None

    def whole(self) -> Whole:
        """All rows; where there is no table, those of the first data set as the task holds them.

        Of drawn data the training rows: how many they are is the question, and more could always be drawn.
        """
        if self.read_whole is not None:
            return self.read_whole()
        first = (self.refits or self.splits)[0]
        parts = (first.train, first.validation, first.test) if self.truth is None else (first.train,)
        x, y, ids = (torch.cat([getattr(part, name) for part in parts]) for name in ("x", "y", "ids"))
        rows = Rows(x, y, ids, torch.arange(len(ids)))
        return Whole(rows, self._as_they_are(x), self.classes or tuple(range(max(2, self.outputs))))

    def _as_they_are(self, x: Tensor) -> Preprocessor | None:
        """A preprocessing that changes nothing, so that new rows are known by their names; None where x is no table."""
        if not (x.ndim == 2 and x.is_floating_point() and len(set(self.features)) == x.shape[1]):
            return None
        from pandas import DataFrame  # drawn data need it here alone

        from search.data.preprocess import fit_preprocessor

        frame = DataFrame(x.numpy(), columns=list(self.features))
        return fit_preprocessor(frame, standardize=False, degree=1, clip=False, rare=1)

    def trained_on(self, rows: Rows) -> Task:
        """The same task with one fit, which trains on these rows and holds out none."""
        fit = Split(rows, rows.none(), rows.none())
        return replace(self, splits=(), refits=(fit,), pairs=(), validation_rows=0, test_rows=0)

    def in_pairs(self) -> Task:
        """The same rows with two folds of the rotation held out at once."""
        return replace(self, splits=self.pairs, pairs=())

    def without_test(self) -> Task:
        """The same task with its test rows taken away."""

        def closed(split: Split) -> Split:
            return replace(split, test=split.test.none())

        splits, refits = tuple(map(closed, self.splits)), tuple(map(closed, self.refits))
        groups = None if self.groups is None else replace(self.groups, test=None)
        return replace(self, splits=splits, refits=refits, test_rows=0, groups=groups)
