"""Every input that was ever stumbled over, and some hundred new ones, are read or refused in one line."""

from __future__ import annotations

import random
import warnings

import pytest
from fuzz_mutate import mutated
from fuzz_targets import TARGETS

INPUTS = {"study_file": 300, "csv": 40, "parquet": 60, "journal": 40, "losses": 60}


@pytest.fixture(autouse=True)
def quiet():
    """What a reader's libraries say of odd files is no failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_taken(name, tmp_path):
    seeds = TARGETS[name].seeds()
    assert seeds
    for body in seeds:
        TARGETS[name].check(body, tmp_path)


@pytest.mark.parametrize(
    "path",
    [path for target in TARGETS.values() for path in target.found],
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_what_was_found(path, tmp_path):
    TARGETS[path.parent.name].check(path.read_bytes(), tmp_path)


@pytest.mark.parametrize("name", TARGETS)
def test_mutations(name, tmp_path):
    draw, seeds = random.Random(7), TARGETS[name].seeds()
    for number in range(INPUTS[name]):
        body = mutated(draw.choice(seeds), seeds, draw)
        try:
            TARGETS[name].check(body, tmp_path)
        except Exception as error:
            error.add_note(f"input {number}: {body[:300]!r}")
            raise
