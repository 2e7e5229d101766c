"""A study's model and its coefficients in the artifact store, and what the study's attribute says of both."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from search.core.coefficients import Coefficients
from search.core.errors import UserError
from search.ledger.artifacts import LostError, discard, not_found
from search.ledger.coefficients import from_bytes, to_bytes
from search.ledger.files import folder_name
from search.ledger.storage import Storage

MODEL: Final = "model-{}.safetensors"
COEFFICIENTS: Final = "coefficients-{}.npz"


@dataclass(frozen=True, slots=True)
class ModelStore:
    """Writes and reads a study's model and its coefficients: files named after the trial whose candidate it is."""

    storage: Storage
    study: str

    def write(self, trial: int, body: bytes, coefficients: Coefficients | None) -> dict[str, Any]:
        """Keep the model durably, and a linear one's coefficients; returns what is to be known of them."""
        table = None if coefficients is None else self._write(COEFFICIENTS, trial, to_bytes(coefficients))
        return {"trial": trial, "sha256": self._write(MODEL, trial, body), "coefficients": table}

    def read(self, kept: Mapping[str, Any]) -> bytes:
        """The model again; `UserError` where its file is missing, or is not what was written."""
        return self._read(MODEL, kept["trial"], kept["sha256"])

    def coefficients(self, kept: Mapping[str, Any]) -> Coefficients | None:
        """The coefficients again, None where the model has none; `UserError` as in `read`."""
        digest = kept.get("coefficients")
        return None if digest is None else from_bytes(self._read(COEFFICIENTS, kept["trial"], digest))

    def intact(self, kept: Mapping[str, Any]) -> bool:
        """Whether all is there as it was written; not where an older version kept a model and no coefficients."""
        if "coefficients" not in kept:
            return False
        try:
            self.read(kept)
            self.coefficients(kept)
        except UserError:
            return False
        return True

    def remove(self, trial: int) -> None:
        """Delete the files of a trial, if there are any."""
        for kind in (MODEL, COEFFICIENTS):
            discard(self.storage.artifacts, self._id(kind, trial))

    def _write(self, kind: str, trial: int, body: bytes) -> str:
        self.storage.artifacts.write(self._id(kind, trial), io.BytesIO(body))
        return hashlib.sha256(body).hexdigest()

    def _read(self, kind: str, trial: int, digest: str) -> bytes:
        name = self._id(kind, trial)
        try:
            with self.storage.artifacts.open_reader(name) as file:
                body = file.read()
        except not_found():
            body = b""
        if hashlib.sha256(body).hexdigest() != digest:
            what = "is damaged: its sha256 is another one" if body else "is missing"
            raise LostError(
                f"study {self.study!r}: the model's file {name} below {self.storage.place} {what}; "
                "run the study again, which makes it anew"
            )
        return body

    def _id(self, kind: str, trial: int) -> str:
        return f"{folder_name(self.study)}/{kind.format(trial)}"
