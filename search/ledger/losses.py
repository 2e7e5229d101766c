"""The losses of one study in the artifact store: one file for the trials told together, one for the sweep."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import BinaryIO, NamedTuple, TypeVar

import numpy as np
from numpy.lib.npyio import NpzFile

from search.ledger import codec
from search.ledger.files import folder_name
from search.ledger.storage import Storage
from search.records import Array, Outcome, UserError

T = TypeVar("T")


class Place(NamedTuple):
    """Where an outcome lies: its file and its number there."""

    artifact: str
    number: int


@dataclass(frozen=True, slots=True)
class LossStore:
    """Writes and reads a study's losses; `key` is its seal's."""

    storage: Storage
    study: str
    key: str

    def write(self, artifact: str, outcomes: Mapping[int, Outcome]) -> None:
        """Keep outcomes durably, in the place of an earlier file of this name."""
        self.storage.artifacts.write(self._id(artifact), io.BytesIO(codec.encode(outcomes, self.key)))

    def read(self, places: Sequence[Place], *, with_test: bool) -> list[Outcome]:
        """The outcomes again, the seal broken only `with_test`."""
        key = self.key if with_test else None
        return list(self._each(places, lambda arrays, number: codec.outcome_of(arrays, number, key)))

    def validation(self, places: Sequence[Place]) -> Array:
        """The validation losses, (outcomes, replicates, rows)."""
        return _stack(list(self._each(places, codec.validation_of)))

    def has_test(self, place: Place) -> bool:
        """Whether there are sealed test losses; looks at the file's table of contents alone."""
        return all(self._each([place], codec.has_test))

    def test(self, places: Sequence[Place]) -> Array:
        """The test losses, (outcomes, fits, rows), the seal broken."""
        return _stack(list(self._each(places, lambda arrays, number: codec.test_of(arrays, number, self.key))))

    def _each(self, places: Sequence[Place], read: Callable[[NpzFile, int], T]) -> Iterator[T]:
        for artifact, together in groupby(places, key=lambda place: place.artifact):
            with self._open(artifact) as body, np.load(body) as arrays:
                for place in together:
                    yield read(arrays, place.number)

    def _open(self, artifact: str) -> BinaryIO:
        from optuna.artifacts.exceptions import ArtifactNotFound

        try:
            return self.storage.artifacts.open_reader(self._id(artifact))
        except ArtifactNotFound as error:
            raise UserError(
                f"study {self.study!r}: the losses {self._id(artifact)} are missing below {self.storage.folder}; "
                "bring that folder back to where it was, or run the study under another name"
            ) from error

    def _id(self, artifact: str) -> str:
        return f"{folder_name(self.study)}/{artifact}.npz"


def _stack(arrays: Sequence[Array]) -> Array:
    return np.stack(arrays) if arrays else np.empty((0, 0, 0))
