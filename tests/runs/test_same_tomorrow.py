"""The same study file, seed and version on one machine: the same ledger, to the last bit, in any process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from command_line import PROGRAM
from pandas.testing import assert_frame_equal

from search.ledger import StudyLedger, open_storage

BASE = """
name = "again"
[data]
source = "diabetes"
[split]
test_folds = 0
[search]
trials = 12
batch = 4
sampler = "{sampler}"
[space]
penalty = ["none", "l1", "l2", "elastic_net"]
"""
TRAININGS = {
    "descent": '[training]\nepochs = 4\nlr = 0.01\noptimizer = "adam"\n',
    "exact": '[training]\noptimizer = "exact"\n',
    "network": '[model]\nkind = "mlp"\nhidden = [16]\ndropout = 0.2\n[training]\nepochs = 4\nseeds = 2\n',
}
TIMES = {"seconds"}  # what is measured, not computed


def searched(path: Path, storage: Path, threads: int) -> StudyLedger:
    """The ledger that a process of its own writes, with so many threads."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    words = [*PROGRAM, "run", str(path), "--storage", str(storage), "--sealed", "--quiet"]
    subprocess.run(words, env=environment, check=True, capture_output=True)
    return StudyLedger.load(open_storage(str(storage)), "again")


@pytest.mark.rest
@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("sampler", ["tpe"])
def test_two_processes_and_any_number_of_threads_write_the_same(tmp_path, training, sampler):
    path = tmp_path / "again.toml"
    path.write_text(BASE.format(sampler=sampler) + TRAININGS[training])
    first, second, wider = (
        searched(path, tmp_path / f"{name}.log", threads) for name, threads in (("one", 1), ("two", 1), ("three", 2))
    )
    table = first.trials()
    for other in (second, wider):
        assert_frame_equal(other.trials().drop(columns=[*TIMES]), table.drop(columns=[*TIMES]), check_exact=True)
        ours, theirs = (ledger.results(table["trial"].tolist()).arrays() for ledger in (first, other))
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - TIMES:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
