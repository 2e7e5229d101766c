"""An export's columns keep their order, whatever is measured since; coefficients as a file."""

from __future__ import annotations

import pandas as pd
from command_line import call, study_file

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


def test_coefficients_are_those_of_the_model_zeros_too(tmp_path):
    tables = {
        "name": "sparse",
        "data": {"source": "diabetes"},
        "training": {"optimizer": "exact"},
        "space": {"penalty": ["l1"], "lambda": [8.0, 9.0]},
        "search": {"sampler": "grid", "trials": 2},
    }
    storage = str(tmp_path / "l.journal")
    model = search.run(tables, storage=storage, progress=False).model()
    for ending, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        output = tmp_path / f"c.{ending}"
        done = call("export", "sparse", "--storage", storage, "--coefficients", "-o", output)
        assert (done.code, done.out) == (0, "")
        assert f"11 coefficients written to {output}" in done.err
        pd.testing.assert_frame_equal(read(output), model.coefficients(), rtol=1e-12)
    assert (model.coefficients()["standardised"] == 0).any()


def test_coefficients_that_are_not_there_are_one_line(tmp_path):
    file = study_file(tmp_path, "net", model={"kind": "mlp", "hidden": [2], "init": "default"})
    storage = str(tmp_path / "l.journal")
    assert call("run", file, "--storage", storage, "--quiet").code == 0
    for options, message in {
        ("--coefficients", "-o", tmp_path / "c.csv"): "model.kind: mlp has no coefficients; a linear model has",
        ("--coefficients",): "--coefficients needs --output",
        ("--coefficients", "--test", "-o", tmp_path / "c.csv"): "no --test",
        ("--coefficients", "-o", tmp_path / "c.xlsx"): "must end in .csv or .parquet",
    }.items():
        done = call("export", "net", "--storage", storage, *options)
        assert done.code == 2
        assert message in done.err
        assert done.err.count("\n") == 1
    assert not (tmp_path / "c.csv").exists()
