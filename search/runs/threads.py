"""How many threads torch computes with, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from joblib import effective_n_jobs


@contextmanager
def threads(jobs: int | None) -> Iterator[None]:
    """Let torch use as many threads as joblib would use jobs (-1: all cores) within the block; None: as it is set."""
    before = torch.get_num_threads()
    try:
        if jobs is not None:
            torch.set_num_threads(effective_n_jobs(jobs))
        yield
    finally:
        torch.set_num_threads(before)
