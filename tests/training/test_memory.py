"""Memory that is not there when it is asked for: less is trained at once, with the same result."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TRAIN = """
import resource, sys, warnings
import numpy as np
from search.core.candidate import Candidate
from search.data import load_task
from search.settings import Settings
from search.training import train

settings = Settings.parse({
    "name": "large",
    "data": {"source": "synthetic_linear", "train": 20, "validation": 5, "test": 0, "features": 500},
    "model": {"kind": "mlp", "hidden": [1000]},
    "training": {"epochs": 1, "device": "cpu"},
})
task = load_task(settings)
candidates = [Candidate("l2", 10.0 ** place) for place in range(-32, 32)]
train(task, settings, candidates[:1])  # all libraries are loaded and threads are begun
megabytes = int(sys.argv[1])
if megabytes:
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + megabytes * 2**20,) * 2)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    results = train(task, settings, candidates)
print("\\n".join(str(each.message) for each in caught))
np.save(sys.argv[2], results.validation)
"""


def trained(megabytes: int, path: Path) -> subprocess.CompletedProcess[str]:
    """Train 64 fits of half a million weights with no more than so much memory; 0: as much as there is."""
    command = [sys.executable, "-c", TRAIN, str(megabytes), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.rest
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_out_of_memory_halves_what_trains_at_once(tmp_path):
    whole = trained(0, tmp_path / "whole.npy")
    assert whole.stdout.strip() == "", whole.stderr
    less = trained(400, tmp_path / "less.npy")
    assert less.returncode == 0, less.stderr
    said = less.stdout.splitlines()
    assert said[0] == "out of memory with 64 fits at once: going on with 32"
    np.testing.assert_array_equal(np.load(tmp_path / "less.npy"), np.load(tmp_path / "whole.npy"))
    none = trained(1, tmp_path / "none.npy")
    assert none.returncode == 1
    assert "UserError: training: one fit does not fit into the memory that is left on cpu" in none.stderr
