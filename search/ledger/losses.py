"""The losses of one study in the artifact store: a file for the trials of each batch, and for what confirms them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import BinaryIO, NamedTuple

import numpy as np

from search.core.errors import UserError
from search.core.results import Results, empty_results, join
from search.ledger import codec
from search.ledger.artifacts import discard, not_found
from search.ledger.files import folder_name
from search.ledger.storage import Storage


class Place(NamedTuple):
    """Where a trial's results lie: their file, and the number that they have there."""

    artifact: str
    number: int


@dataclass(frozen=True, slots=True)
class LossStore:
    """Writes and reads a study's losses; `key` is its seal's."""

    storage: Storage
    study: str
    key: str

    def write(self, artifact: str, results: Results, numbers: Sequence[int]) -> None:
        """Keep the results of the trials with these numbers durably, in the place of an earlier file of this name."""
        self.storage.artifacts.write(self._id(artifact), io.BytesIO(codec.encode(results, numbers, self.key)))

    def read(self, places: Sequence[Place], *, with_test: bool) -> Results:
        """The results again, in the order of `places`, neighbours in one file at once; test losses only `with_test`."""
        key = self.key if with_test else None
        parts = []
        for artifact, together in groupby(places, key=lambda place: place.artifact):
            with self._open(artifact) as body, np.load(body) as arrays:
                try:
                    parts.append(codec.decode(arrays, [place.number for place in together], key))
                except KeyError as error:
                    raise UserError(
                        f"study {self.study!r}: the losses {self._id(artifact)} in {self.storage.place} are of other "
                        "trials; bring back the file that the study wrote"
                    ) from error
        return join(parts) if parts else empty_results()

    def remove(self, artifact: str) -> None:
        """Delete a file, if it is there."""
        discard(self.storage.artifacts, self._id(artifact))

    def has_test(self, artifact: str) -> bool:
        """Whether a file holds sealed test losses; looks at its table of contents alone."""
        with self._open(artifact) as body, np.load(body) as arrays:
            return codec.has_test(arrays)

    def _open(self, artifact: str) -> BinaryIO:
        try:
            return self.storage.artifacts.open_reader(self._id(artifact))
        except not_found() as error:
            raise UserError(
                f"study {self.study!r}: the losses {self._id(artifact)} are missing below {self.storage.place}; "
                "bring them back to where they were, or run the study under another name"
            ) from error

    def _id(self, artifact: str) -> str:
        return f"{folder_name(self.study)}/{artifact}.npz"
