"""The table [cluster] of a study file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from search.settings.fields import Section, refuse, show


def _whole_above_one(value: float) -> float:
    return refuse(f"must be a whole number or below 1, found {show(value)}") if value > 1 and value % 1 else value


class Cluster(Section):
    """What each of the workers of `run --workers` asks of Ray."""

    cpus: float = Field(
        default=1.0, gt=0, le=10_000, description="cores of a worker, which computes with as many threads"
    )
    gpus: Annotated[float, AfterValidator(_whole_above_one)] = Field(
        default=0.0, ge=0, le=10_000, description="GPUs of a worker: with 0.25 four workers share one"
    )
    memory: float = Field(default=0.0, ge=0, le=10**6, description="memory of a worker in GiB; 0: not asked for")
