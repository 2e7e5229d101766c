"""The list of studies, on every kind of storage."""

from __future__ import annotations

from ledger_helpers import open_ledger, run_batch

from search.ledger import list_studies


def test_list_studies_newest_first(storage, ledger):
    results = run_batch(ledger, 2)
    open_ledger(storage, "empty")
    other = open_ledger(storage, "Other/Study <b>")
    run_batch(other, 1)
    first, second, empty = list_studies(storage)
    assert (first.name, second.name, empty.name) == ("Other/Study <b>", "study", "empty")
    assert (second.complete, second.pruned, second.failed, second.running) == (2, 0, 0, 0)
    assert second.best_loss == results.validation_loss.min()
    assert second.selected == results.candidates[ledger.selected()]
    assert (empty.best_loss, empty.selected, empty.when) == (None, None, None)
