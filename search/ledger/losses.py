"""The losses of one study in the artifact store: a file for the trials of each batch, and for what confirms them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import BinaryIO, Final, NamedTuple

from numpy.lib.npyio import NpzFile

from search.core.errors import UserError
from search.core.results import Results, empty_results, join
from search.ledger import codec
from search.ledger.artifacts import LostError, discard, not_found
from search.ledger.files import folder_name
from search.ledger.npz import DamagedError, from_npz
from search.ledger.storage import Storage

TRIALS: Final = "trials-"


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
            numbers = [place.number for place in together]
            with self._arrays(artifact, numbers) as arrays:
                try:
                    parts.append(codec.decode(arrays, numbers, key))
                except KeyError as error:
                    raise LostError(
                        f"study {self.study!r}: the losses {self._id(artifact)} in {self.storage.place} are of other "
                        "trials; bring back the file that the study wrote"
                    ) from error
        return join(parts) if parts else empty_results()

    def verify(self, artifact: str) -> None:
        """`LostError` for a file that is not there, or is not what was written."""
        with self._arrays(artifact):
            pass

    def has(self, artifact: str) -> bool:
        """Whether there is such a file, whole or not."""
        try:
            self._open(artifact).close()
        except LostError:
            return False
        return True

    def remove(self, artifact: str) -> None:
        """Delete a file, if it is there."""
        discard(self.storage.artifacts, self._id(artifact))

    def has_test(self, place: Place) -> bool:
        """Whether a trial's file holds sealed test losses; the seal stays closed."""
        with self._arrays(place.artifact, [place.number]) as arrays:
            return codec.has_test(arrays)

    @contextmanager
    def _arrays(self, artifact: str, numbers: Sequence[int] = ()) -> Iterator[NpzFile]:
        """What a file holds; `numbers` are those of the trials that are looked for, for errors."""
        try:
            with self._open(artifact) as body, from_npz(body) as arrays:
                yield arrays
        except DamagedError as error:
            whose = f", of {_trials(numbers)}," if artifact.startswith(TRIALS) and numbers else ""
            raise LostError(
                f"study {self.study!r}: the losses {self._id(artifact)} below {self.storage.place}{whose} are damaged: "
                f"{error}; bring back the file that the study wrote, or have lambda-search check --repair ask for them"
            ) from error
        except OSError as error:
            raise UserError(
                f"study {self.study!r}: the losses {self._id(artifact)} below {self.storage.place} cannot be read: "
                f"{error.strerror}; try again when they can"
            ) from error

    def _open(self, artifact: str) -> BinaryIO:
        try:
            return self.storage.artifacts.open_reader(self._id(artifact))
        except not_found() as error:
            raise LostError(
                f"study {self.study!r}: the losses {self._id(artifact)} are missing below {self.storage.place}; "
                "bring them back to where they were, or have lambda-search check --repair ask for them"
            ) from error

    def _id(self, artifact: str) -> str:
        return f"{folder_name(self.study)}/{artifact}.npz"


def _trials(numbers: Sequence[int]) -> str:
    """Such as "trial 3", or "trials 3 to 18"."""
    return f"trial {numbers[0]}" if len(numbers) == 1 else f"trials {min(numbers)} to {max(numbers)}"
