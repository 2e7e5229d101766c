"""`drop` and `keep`: columns that are no inputs reach nothing, whatever they hold."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset

from search.core.errors import UserError
from search.data.tables import read_table
from search.settings import FrameData, Settings


def frame(rows=40):
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": random.normal(size=rows),
            "rooms": random.integers(1, 6, rows),
            "odd": [np.inf, *range(rows - 1)],
            "house": [f"house {row // 4}" for row in range(rows)],
            "price": random.normal(size=rows),
        }
    )


def read(**data):
    return read_table(FrameData(source="frame", target=("price",), **data), frame())


def refusal(data, **split):
    with pytest.raises(UserError) as caught:
        Settings.parse({"name": "n", "data": {"source": "frame", "target": "price"} | data, "split": split})
    return str(caught.value)


def test_drop_and_keep_are_two_ways_to_say_one_thing():
    dropped, kept = read(drop=("odd", "house")), read(keep=("rooms", "size"))
    pd.testing.assert_frame_equal(dropped.inputs, frame()[["size", "rooms"]].astype(float))
    assert dropped.fingerprint() == kept.fingerprint()


@pytest.mark.parametrize("key", ["drop", "keep"])
def test_an_unknown_column_names_the_nearest(key):
    with pytest.raises(UserError, match=f'data: data.{key} = "Rooms" .*the nearest column is "rooms"'):
        read(**{key: ("Rooms",)})


def test_a_column_of_split_may_be_dropped_too(load):
    table = read_table(
        FrameData(source="frame", target=("price",), drop=("odd", "house")), frame(), {"group_column": "house"}
    )
    assert len(np.unique(table.groups)) == 10
    assert table.inputs.columns.tolist() == ["size", "rooms"]


def test_all_dropped_is_refused():
    with pytest.raises(UserError, match="no input column with values is left"):
        read(drop=("size", "rooms", "odd", "house"))


@pytest.mark.parametrize(
    ("data", "split", "message"),
    [
        ({"drop": ["a"], "keep": ["b"]}, {}, "data.keep: excludes data.drop"),
        ({"drop": ["price"]}, {}, 'data.drop: "price" is the target'),
        ({"keep": ["size", "price"]}, {}, 'data.keep: "price" is the target'),
        ({"keep": ["house"]}, {"group_column": "house"}, 'data.keep: "house" is split.group_column'),
        ({"keep": []}, {}, "data.keep: must not be an empty list"),
        ({"drop": ["a", "a"]}, {}, 'data.drop: "a" stands in the list twice'),
        ({"drop": 3}, {}, "data.drop: must be a column's name or a list of names"),
    ],
)
def test_what_contradicts_itself(data, split, message):
    assert message in refusal(data, **split)


def test_data_without_columns_have_none_to_name():
    ready = TensorDataset(torch.ones(20, 3, dtype=torch.int64), torch.rand(20))
    with pytest.raises(UserError, match=r"data\.drop needs a table"):
        read_table(FrameData(source="frame", drop=("x0",)), ready)


def test_a_study_from_before_these_keys_goes_on():
    from search.settings import changed_keys

    now = Settings.parse({"name": "n", "data": {"source": "frame", "target": "price"}}).to_dict()
    before = {**now, "data": {key: value for key, value in now["data"].items() if key not in {"drop", "keep"}}}
    assert changed_keys(before, now) == []
    changed = {**now, "data": now["data"] | {"drop": ["odd"]}}
    assert changed_keys(before, changed) == ["data.drop"]
