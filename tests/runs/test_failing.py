"""Candidates whose training raises: their trials fail and say why, and the others go on."""

from __future__ import annotations

import numpy as np
import pytest
from command_line import call, study_file

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.results import Results
from search.ledger import StudyLedger, open_storage
from search.runs.failing import Failures

OWN = """
import torch

LARGEST = {largest}

class Net(torch.nn.Module):
    def __init__(self, features, outputs):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(outputs, features))

    def forward(self, rows):
        if float(self.weight.detach().abs().max()) > LARGEST:
            raise ArithmeticError("this weight is too large for me")
        return rows @ self.weight.T
"""


def trained(candidates) -> Results:
    return Results(tuple(candidates), np.ones((len(candidates), 1, 3)))


@pytest.mark.parametrize("bad", [(), (0,), (5,), (2, 6)])
def test_a_batch_is_halved_until_it_is_known_who_raises(bad):
    every = [Candidate("l2", 1.0 + place) for place in range(8)]
    wrong = {every[place] for place in bad}
    calls = []

    def train(fresh):
        calls.append(len(fresh))
        if wrong & fresh.keys():
            raise ZeroDivisionError
        return trained(fresh)

    failures = Failures(20)
    found = failures.train(train, dict.fromkeys(every))
    assert list(found.candidates) == [each for each in every if each not in wrong]
    assert failures.found.keys() == wrong
    assert len(calls) <= 1 + 2 * len(bad) * 3


def test_too_many_and_what_is_nobodys_fault_are_raised():
    every = {Candidate("l2", 1.0 + place): None for place in range(8)}

    def raises(error):
        def train(fresh):
            raise error

        return train

    with pytest.raises(ZeroDivisionError) as stopped:
        Failures(20).train(raises(ZeroDivisionError()), every)
    assert "3 of 20 trials failed, more than 10%" in stopped.value.__notes__
    for error, others in ((UserError("wrong"), False), (OSError("callback"), True)):
        failures = Failures(20, lambda _, others=others: others)
        with pytest.raises(type(error)):
            failures.train(raises(error), every)
        assert not failures.found


@pytest.mark.rest
def test_a_model_that_raises_for_one_candidate(tmp_path, monkeypatch):
    """Its trial keeps parameters, traceback and seed; the verdict is on the others, which are as if it had not been."""
    monkeypatch.chdir(tmp_path)
    data = {"source": "synthetic_linear", "train": 12, "validation": 10, "test": 15, "features": 1, "weight": 1.0}
    search = {"trials": 12, "batch": 12, "sampler": "grid"}
    tables = {"data": data, "space": {"penalty": ["l2"]}, "training": {"lr": 0.05}, "search": search}

    def run(name: str, largest: float) -> StudyLedger:
        (tmp_path / f"{name}_net.py").write_text(OWN.format(largest=largest))
        path = study_file(tmp_path, name, model={"kind": f"{name}_net:Net", "init": "default"}, **tables)
        assert call("run", path, "--sealed").code == 0
        return StudyLedger.load(open_storage(), name)

    whole = run("whole", 1e9)
    norms = np.sort(whole.trials()["weight_norm"])
    ledger = run("broken", (norms[-1] + norms[-2]) / 2)
    frame = ledger.trials()
    failed = frame.query("state == 'failed'")
    assert len(failed) == 1
    assert (frame["state"] == "complete").sum() == 11
    assert failed["lambda"].item() == frame["lambda"].min()
    kept = ledger.study().trials[failed["trial"].item()].user_attrs
    assert kept["failed"] == "ArithmeticError: this weight is too large for me"
    assert kept["seed"] == 0
    assert "in forward" in kept["traceback"]
    wanted = whole.trials().set_index("lambda")["validation_loss"]
    for _, row in frame.query("state == 'complete'").iterrows():
        assert row["validation_loss"] == pytest.approx(wanted[row["lambda"]], rel=1e-6)
