"""Flipped bits in what a study keeps: each is noticed in one line, or changes nothing of what is read."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ledger_helpers import open_ledger, run_batch, same

from search.core.errors import UserError
from search.ledger import StudyLedger, open_storage


@pytest.fixture
def study(tmp_path):
    """A study of six trials: its journal and one of its files of losses, and what is read of it."""
    path = tmp_path / "a.journal"
    ledger = open_ledger(open_storage(str(path)))
    for seed in range(2):
        run_batch(ledger, 3, seed)
    return path, tmp_path / "a.journal.losses" / "study" / "trials-0.npz"


def everything(path: Path):
    """All that a verdict is made of."""
    ledger = StudyLedger.load(open_storage(str(path)), "study")
    study = ledger.snapshot()
    known = study.settings, study.versions, study.selected, study.complete.tolist(), ledger.openings, study.sealed
    return known, study.trials.to_csv(), ledger.results(ledger.completed_in_order())


def outcome(path: Path, expected) -> str:
    try:
        known, table, results = everything(path)
    except UserError as error:
        return "noticed" if len(str(error).splitlines()) == 1 else "in several lines"
    if (known, table) != expected[:2]:
        return "silent"
    same(results, expected[2])
    return "harmless"


def flipped(path: Path, flipping: Path, places) -> Counter[str]:
    """What is noticed when one bit of the file at each of the places is flipped."""
    whole = flipping.read_bytes()
    expected = everything(path)
    found: Counter[str] = Counter()
    for place, bit in places:
        body = bytearray(whole)
        body[place] ^= 1 << bit
        flipping.write_bytes(body)
        found[outcome(path, expected)] += 1
    flipping.write_bytes(whole)
    assert outcome(path, expected) == "harmless"
    return found


def sample(path: Path, count: int):
    draw, size = random.Random(0), path.stat().st_size
    return [(draw.randrange(size), draw.randrange(8)) for _ in range(count)] + [(size - 1, bit) for bit in range(8)]


def test_bits_of_a_journal(study):
    found = flipped(study[0], study[0], sample(study[0], 150))
    assert found.keys() <= {"noticed", "harmless"}
    assert found["noticed"] > 0.9 * found.total()


def test_bits_of_losses(study):
    found = flipped(*study, sample(study[1], 150))
    assert found == Counter(noticed=158)


def test_losses_that_stand_for_others_are_noticed(study):
    other = study[1].with_name("trials-3.npz")
    whole = study[1].read_bytes()
    study[1].write_bytes(other.read_bytes())
    with pytest.raises(UserError, match="of other trials"):
        everything(study[0])
    study[1].write_bytes(whole)
    np.testing.assert_equal(len(everything(study[0])[2]), 6)


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1])
def test_every_byte(study, which):
    draw = random.Random(1)
    found = flipped(*study[:1], study[which], [(n, draw.randrange(8)) for n in range(study[which].stat().st_size)])
    print(study[which].name, dict(found))
    assert found.keys() <= {"noticed", "harmless"}
