"""Losses that are lost are asked again from every kind of storage."""

from __future__ import annotations

import pytest
from ledger_helpers import open_ledger, recover, run_batch
from postgresql import LEFT_OPEN, opened

from search.core.errors import UserError
from search.ledger import check


def lost_trials(found):
    """The helpers' settings are no study file, which is damage too."""
    return [(each.trial, each.repair) for each in found.damages if each.trial is not None]


@pytest.mark.filterwarnings(LEFT_OPEN)
def test_trials_whose_losses_are_lost_fail_and_are_asked_again(storage_name):
    with opened(storage_name) as storage:
        ledger = open_ledger(storage)
        lost = run_batch(ledger, 3)
        kept = run_batch(ledger, 2, seed=1)
        storage.artifacts.remove("study/trials-0.npz")
    lost_ones = [(number, "asked again") for number in range(3)]
    assert lost_trials(check(storage_name)) == lost_ones
    if storage_name.startswith("grpc://"):  # through which Optuna changes no trial that has ended
        with pytest.raises(UserError, match="repair the one behind it"):
            check(storage_name, repair=True)
        assert lost_trials(check(storage_name)) == lost_ones
        return
    assert lost_trials(check(storage_name, repair=True)) == lost_ones
    assert lost_trials(check(storage_name)) == []
    with opened(storage_name) as storage:
        ledger = open_ledger(storage)
        assert ledger.trials()["state"].tolist() == ["failed"] * 3 + ["complete"] * 2
        assert [trial.value for trial in ledger.study().trials][:3] == [None] * 3
        assert recover(ledger) == list(lost.candidates)
        assert list(ledger.completed()) == list(kept.candidates)
