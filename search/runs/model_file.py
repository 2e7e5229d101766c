"""A fitted model as bytes and back: its weights as safetensors, all else as JSON in their header. No pickle."""

from __future__ import annotations

import json
from typing import Any, Final

from safetensors.torch import load, save

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.data.preprocess import Preprocessor
from search.runs.model import FittedModel, Targets
from search.settings import Settings

FORMAT: Final = "lambda-search model 1"
KEY: Final = "lambda-search"
LENGTH: Final = 8  # bytes that hold the header's length


def encode(model: FittedModel) -> bytes:
    """The model as a safetensors file; parameters and buffers have the names that they have in the torch module."""
    known = {
        "format": FORMAT,
        "candidate": model.candidate.params(),
        "settings": model.settings.to_dict(),
        "targets": {"kind": model.targets.kind, "names": model.targets.names, "labels": model.targets.labels},
        "preprocessor": None if model.preprocessor is None else model.preprocessor.to_dict(),
        "inputs": model.inputs,
        "input_type": model.input_type,
        "buffers": sorted(model.buffers),
    }
    # One entry alone: safetensors writes several in any order.
    return save({**model.parameters, **model.buffers}, {KEY: json.dumps(known, allow_nan=False)})


def decode(body: bytes) -> FittedModel:
    """The inverse; `UserError` for bytes that hold no such model."""
    known = _known(body)
    if known.get("format") != FORMAT:
        raise UserError(f'the model is of the format "{known.get("format")}"; this version reads "{FORMAT}"')
    tensors, buffers = load(body), set(known["buffers"])
    targets, preprocessor = known["targets"], known["preprocessor"]
    return FittedModel(
        candidate=Candidate.from_params(known["candidate"]),
        settings=Settings.stored(known["settings"]),
        targets=Targets(targets["kind"], tuple(targets["names"]), tuple(targets["labels"])),
        preprocessor=None if preprocessor is None else Preprocessor.from_dict(preprocessor),
        inputs=tuple(known["inputs"]),
        input_type=known["input_type"],
        parameters={name: value for name, value in tensors.items() if name not in buffers},
        buffers={name: value for name, value in tensors.items() if name in buffers},
    )


def _known(body: bytes) -> dict[str, Any]:
    """What the header holds beside the tensors' places."""
    length = int.from_bytes(body[:LENGTH], "little")
    metadata = json.loads(body[LENGTH : LENGTH + length]).get("__metadata__", {})
    found: dict[str, Any] = json.loads(metadata.get(KEY, "{}"))
    return found
