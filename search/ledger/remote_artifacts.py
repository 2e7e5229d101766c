"""Losses in an object store that every worker can reach: S3 and what speaks its protocol, Google Cloud Storage."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn
from urllib.parse import urlsplit

from search.core.errors import UserError
from search.core.text import one_line

if TYPE_CHECKING:
    from search.ledger.artifacts import ArtifactStore

TRIES: Final = 6  # of a request that fails: 0.2, 0.4, ... 3.2 s apart
DELAY: Final = 0.2


class Remote:
    """An artifact store of Optuna's in a bucket, below a prefix. Requests that fail are tried again, then said."""

    def __init__(self, url: str, backend: ArtifactStore, prefix: str) -> None:
        from optuna.artifacts import Backoff

        self.url, self.prefix = url, f"{prefix}/" if prefix else ""
        self._backend = Backoff(backend, max_retries=TRIES, min_delay=DELAY)

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The whole artifact; Optuna's `ArtifactNotFound` where there is none."""
        from optuna.artifacts.exceptions import ArtifactNotFound

        try:
            with self._backend.open_reader(self.prefix + artifact_id) as body:
                return io.BytesIO(body.read())
        except ArtifactNotFound:
            raise
        except Exception as error:  # each store has errors of its own
            self._refuse(error)

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep the artifact, in the place of an earlier one with this id: object stores replace whole objects."""
        try:
            self._backend.write(self.prefix + artifact_id, content_body)
        except Exception as error:
            self._refuse(error)

    def remove(self, artifact_id: str) -> None:
        """Delete the artifact."""
        from optuna.artifacts.exceptions import ArtifactNotFound

        try:
            self._backend.remove(self.prefix + artifact_id)
        except ArtifactNotFound:
            raise
        except Exception as error:
            self._refuse(error)

    def _refuse(self, error: Exception) -> NoReturn:
        raise UserError(f"artifacts {self.url}: {type(error).__name__}: {one_line(error)}") from error


def open_remote(url: str) -> ArtifactStore:
    """The store that `s3://bucket/prefix` or `gs://bucket/prefix` names.

    Its own library finds host and credentials, in the environment variables and files that it always does.
    `UserError` for another scheme, a missing bucket's name, or a library that is not installed.
    """
    parts = urlsplit(url)
    if parts.scheme not in STORES or not parts.netloc:
        raise UserError(f"artifacts {url}: must be a folder, s3://bucket/prefix or gs://bucket/prefix")
    make, extra = STORES[parts.scheme]
    try:
        return Remote(url, make(parts.netloc), parts.path.strip("/"))
    except ImportError as error:
        raise UserError(
            f"artifacts {url}: needs a library; install it with python -m pip install 'lambda-search[{extra}]'"
        ) from error
    except Exception as error:
        raise UserError(f"artifacts {url}: {type(error).__name__}: {one_line(error)}") from error


def _s3(bucket: str) -> ArtifactStore:
    from optuna.artifacts import Boto3ArtifactStore

    return Boto3ArtifactStore(bucket)


def _google(bucket: str) -> ArtifactStore:
    from optuna.artifacts import GCSArtifactStore

    return GCSArtifactStore(bucket)


STORES: Final[Mapping[str, tuple[Callable[[str], ArtifactStore], str]]] = {
    "s3": (_s3, "s3"),
    "gs": (_google, "google-cloud"),
}
