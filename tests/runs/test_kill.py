"""kill -9 at any moment of a run: what was told stays told, and the next run completes the study."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from command_line import PROGRAM, call, study_file

from search.core.candidate import Candidate
from search.ledger import StudyLedger, list_studies, open_storage
from search.settings import Range
from search.space import Dimension, SearchSpace

TRIALS = 24
BATCH = 2
TELL = 6  # JournalOperation.SET_TRIAL_STATE_VALUES
COMPLETE = 1


def killed(path: Path, storage: Path, moment: int, draw: random.Random) -> None:
    """Run the study in a process of its own and kill it, some time after `moment` of its trials were complete."""
    with subprocess.Popen([*PROGRAM, "run", str(path), "--storage", str(storage), "--sealed"]) as process:
        while complete(storage) < moment:
            assert process.poll() is None, "it ended before its moment"
            time.sleep(0.02)
        time.sleep(draw.uniform(0.0, 0.1))
        process.kill()


def complete(storage: Path) -> int:
    """Complete trials so far; -1 as long as there is no study, so that moment 0 is when it has just been made."""
    studies = list_studies(open_storage(str(storage)))
    return studies[0].complete if studies else -1


def tells(storage: Path) -> Counter[int]:
    """How often each trial was told as complete, from the journal's own lines."""
    records = map(json.loads, storage.read_text().splitlines())
    return Counter(each["trial_id"] for each in records if each["op_code"] == TELL and each["state"] == COMPLETE)


def kill_and_resume(folder: Path, moments: list[int], sampler: str) -> None:
    search = {"trials": TRIALS, "batch": BATCH, "sampler": sampler}
    path = study_file(folder, training={"epochs": 60}, search=search)
    draw = random.Random(sampler)
    for moment in moments:
        storage = folder / f"{moment}.journal"
        killed(path, storage, moment, draw)
        cut_short = StudyLedger.load(open_storage(str(storage)), "small").trials()
        found = call("run", path, "--storage", storage, "--sealed", "--json").json
        check(storage, found["trials"], cut_short, sampler)


def check(storage: Path, counts: dict[str, int], cut_short, sampler: str) -> None:
    ledger = StudyLedger.load(open_storage(str(storage)), "small")
    left = cut_short["state"] == "running"
    assert counts == {"complete": TRIALS, "pruned": 0, "failed": left.sum()}
    assert left.sum() <= BATCH
    told = tells(storage)
    assert len(told) == TRIALS
    assert set(told.values()) == {1}
    # What was complete before the kill is untouched.
    trials = ledger.trials().set_index("trial")
    before = cut_short[cut_short["state"] == "complete"].set_index("trial")
    assert trials.loc[before.index].equals(before)
    # Nobody's losses are missing, and they are those that the trial was told with.
    frame = ledger.trials().query("state == 'complete'")
    losses = ledger.results(frame["trial"].tolist()).validation
    assert losses.shape == (TRIALS, 1, 10)
    np.testing.assert_allclose(losses.mean((1, 2), dtype=np.float64), frame["validation_loss"], rtol=1e-12)
    check_candidates(ledger, sampler)


def check_candidates(ledger: StudyLedger, sampler: str) -> None:
    """No candidate was trained and told twice; the grid is whole."""
    every = [ledger.candidate(number) for number in ledger.trials().query("state == 'complete'")["trial"]]
    distinct = set(every)
    assert len(every) - len(distinct) == max(0, every.count(Candidate("none")) - 1)
    if sampler == "grid":
        strengths = Dimension("lambda", Range(low=1e-3, high=10.0), log=True)
        space = SearchSpace(("none", "l1", "l2"), strengths, {"none": (), "l1": (), "l2": ()}, ())
        assert distinct == set(space.grid(TRIALS))


@pytest.mark.rest
def test_killed_twice(tmp_path):
    kill_and_resume(tmp_path, [9], "grid")
    kill_and_resume(tmp_path, [0], "tpe")


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["grid", "tpe"])
def test_killed_at_ten_moments(sampler, tmp_path):
    kill_and_resume(tmp_path, [0, 2, 4, 6, 9, 12, 15, 18, 21, TRIALS], sampler)
