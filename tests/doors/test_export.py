"""An export's columns keep their order, whatever is measured since."""

from __future__ import annotations

import search
from search.doors.export import with_test_losses

FIRST = ["trial", "state", "penalty", "lambda", "l1_ratio", "train_loss", "validation_loss", "validation_se"]
FIRST += ["weight_norm", "nonzero", "epochs", "seconds", "test_loss", "test_se"]


def test_younger_measures_stand_behind_all_others(tmp_path):
    tables = {
        "name": "exported",
        "data": {"source": "diabetes"},
        "training": {"optimizer": "exact"},
        "space": {"penalty": ["none", "group_lasso"], "lambda": [1.0, 10.0, 1000.0]},
        "search": {"sampler": "grid", "trials": 4},
    }
    study = search.run(tables, storage=str(tmp_path / "l.journal"))
    frame = with_test_losses(study.ledger)
    assert list(frame) == [*FIRST, "nonzero_groups"]
    # A linear model with one output has one weight an input.
    assert (frame["nonzero_groups"] == frame["nonzero"]).all()
    assert frame["nonzero_groups"].min() == 0
    assert frame["nonzero_groups"].max() == 1
