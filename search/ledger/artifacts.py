"""Losses as files, or in memory, by Optuna's artifact store protocol: a store of Optuna's can stand in their place."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import BinaryIO, Protocol

from search.core.errors import UserError
from search.core.writing import whole_file
from search.ledger.files import naming


class LostError(UserError):
    """An artifact that is gone, or is not what was written. One that cannot be reached now is neither."""


def not_found() -> type[Exception]:
    """Optuna's `ArtifactNotFound`, for an `except` that imports it only when something was raised.

    With it Optuna imports the clients of clouds, where they are installed: half a second that no file needs.
    """
    from optuna.artifacts.exceptions import ArtifactNotFound

    return ArtifactNotFound


class ArtifactStore(Protocol):
    """What Optuna's artifact stores share: `Boto3ArtifactStore` is one."""

    def open_reader(self, artifact_id: str) -> BinaryIO: ...  # noqa: D102
    def write(self, artifact_id: str, content_body: BinaryIO) -> None: ...  # noqa: D102
    def remove(self, artifact_id: str) -> None: ...  # noqa: D102


def open_artifacts(where: str) -> ArtifactStore:
    """The store that a folder's path, `s3://bucket/prefix` or `gs://bucket/prefix` names."""
    if "://" not in where:
        return FileArtifacts(Path(where))
    from search.ledger.remote_artifacts import open_remote

    return open_remote(where)


def discard(store: ArtifactStore, artifact_id: str) -> None:
    """Delete an artifact, if it is there."""
    try:
        store.remove(artifact_id)
    except Exception as error:
        if not isinstance(error, not_found()):
            raise


def location(where: str) -> str:
    """The same place from every working folder."""
    return where if "://" in where else str(Path(where).expanduser().resolve())


class FileArtifacts:
    """An artifact store in a folder. A write is whole and on the disk when it returns, or has not happened.

    Optuna's `FileSystemArtifactStore` promises neither. An artifact's id is its path below the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, artifact_id: str) -> Path:
        """Where the artifact lies; ids that point outside the folder are refused."""
        path = (self.folder / artifact_id).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise ValueError(f"artifact id {artifact_id!r} points outside its store")
        return path

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open the artifact for reading; Optuna's `ArtifactNotFound` where there is none."""
        path = self.path(artifact_id)
        try:
            with naming(path):
                return path.open("rb")
        except FileNotFoundError as error:
            raise not_found()(artifact_id) from error

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep the artifact durably, in the place of an earlier one with this id."""
        path = self.path(artifact_id)
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as file:
                shutil.copyfileobj(content_body, file)

    def remove(self, artifact_id: str) -> None:
        """Delete the artifact."""
        path = self.path(artifact_id)
        try:
            with naming(path):
                path.unlink()
        except FileNotFoundError as error:
            raise not_found()(artifact_id) from error


class MemoryArtifacts:
    """An artifact store in this process's memory."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The artifact; Optuna's `ArtifactNotFound` where there is none."""
        return io.BytesIO(self._found(artifact_id))

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep the artifact, in the place of an earlier one with this id."""
        self._bodies[artifact_id] = content_body.read()

    def remove(self, artifact_id: str) -> None:
        """Delete the artifact."""
        self._found(artifact_id)
        del self._bodies[artifact_id]

    def _found(self, artifact_id: str) -> bytes:
        if artifact_id not in self._bodies:
            raise not_found()(artifact_id)
        return self._bodies[artifact_id]
