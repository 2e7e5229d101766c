import dataclasses

import numpy as np
import pytest

from search.verdict.record import Choice, Regret, SetPart, plain


def test_records_become_json_values_with_their_public_names():
    assert plain((Choice(1, "l2", 0.5, 1.0, None),)) == [
        {"trial": 1, "penalty": "l2", "lambda": 0.5, "validation_loss": 1.0, "test_loss": None}
    ]
    assert plain(SetPart("l1", 0.1, 0.2, (3, 4)))["trials"] == [3, 4]


def test_what_is_not_finite_is_null():
    regret = Regret(np.inf, 0.0, float("nan"), None, -np.inf, 0.95)
    assert list(plain(regret).values()) == [None, 0.0, None, None, None, 0.95]


def test_records_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Choice(1, "l2", 0.5, 1.0, None).trial = 2
