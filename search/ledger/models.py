"""The model of a study in the artifact store, and what the study's attribute says of it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from search.core.errors import UserError
from search.ledger.files import folder_name
from search.ledger.storage import Storage


@dataclass(frozen=True, slots=True)
class ModelStore:
    """Writes and reads a study's model: one file, named after the trial whose candidate it is."""

    storage: Storage
    study: str

    def write(self, trial: int, body: bytes) -> dict[str, Any]:
        """Keep the model durably; returns what is to be known of it."""
        self.storage.artifacts.write(self._id(trial), io.BytesIO(body))
        return {"trial": trial, "sha256": hashlib.sha256(body).hexdigest()}

    def read(self, kept: Mapping[str, Any]) -> bytes:
        """The model again; `UserError` where its file is missing, or is not what was written."""
        from optuna.artifacts.exceptions import ArtifactNotFound

        name = self._id(kept["trial"])
        try:
            with self.storage.artifacts.open_reader(name) as file:
                body = file.read()
        except ArtifactNotFound:
            body = b""
        if hashlib.sha256(body).hexdigest() != kept["sha256"]:
            what = "is damaged: its sha256 is another one" if body else "is missing"
            raise UserError(
                f"study {self.study!r}: the model {name} below {self.storage.folder} {what}; run the study again, "
                "which makes it anew"
            )
        return body

    def intact(self, kept: Mapping[str, Any]) -> bool:
        """Whether the model is there as it was written."""
        try:
            self.read(kept)
        except UserError:
            return False
        return True

    def remove(self, trial: int) -> None:
        """Delete the model of a trial, if there is one."""
        from optuna.artifacts.exceptions import ArtifactNotFound

        with suppress(ArtifactNotFound):
            self.storage.artifacts.remove(self._id(trial))

    def _id(self, trial: int) -> str:
        return f"{folder_name(self.study)}/model-{trial}.safetensors"
