"""What is said of columns that may be meant in another way, that say nothing, or that say too much."""

import numpy as np
import pandas as pd
import pytest

from search.data.columns import tidy_column, tidy_frame
from search.data.remarks import copies, remarks_on
from search.data.tables import read_table
from search.data.targets import encode_targets
from search.settings import FrameData

ROWS = 20
PEOPLE = [f"Mr {row}" for row in range(ROWS)]


def told(values, rare=5, name="id"):
    """Code -> text of the remarks that every run notes, and code -> None of the others."""
    found = remarks_on(tidy_column(pd.Series(values, name=name), "people.csv"), rare)
    return {remark.code: remark.text if remark.noted else None for remark in found}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (range(1, ROWS + 1), "row number"),
        (range(100, 100 + ROWS), "row number"),
        (range(0, 2 * ROWS, 2), "in order"),
        ([*range(ROWS - 1), 50], "in order"),
        (np.arange(ROWS) / 2, None),
        (range(ROWS, 0, -1), None),
        ([*range(ROWS - 1), None], None),
        (range(1, 6), None),
        (PEOPLE, "identifier"),
        ([*PEOPLE[:-1], "Mr 0"], "identifier"),
        ([*PEOPLE[: ROWS // 2], *PEOPLE[: ROWS // 2]], "constant"),
        (["a", "b"] * (ROWS // 2), None),
        (["a"] * ROWS, "constant"),
        ([3] * ROWS, "constant"),
        (["3/4/2024", "5/4/2024"] * (ROWS // 2), "dates as text"),
        (["4"] * 30 + ["6"] * 20 + ["rotary"] * 2, "words"),
        (["a", *[None] * (ROWS - 1)], None),
        ([f"level {row % 150}" for row in range(1500)], "many levels"),
    ],
    ids=str,
)
def test_what_a_column_is_told_to_be(values, code):
    assert set(told(values)) == ({code} - {None})


def test_a_column_without_a_name_is_an_index_in_any_order():
    shuffled = np.random.default_rng(0).permutation(ROWS)
    assert set(told(shuffled, name="Unnamed: 0")) == {"in order"}
    assert not told(shuffled, name="price")


def test_levels_that_are_one_are_told_and_how_many_they_were():
    assert "none of its 20 levels has 5 rows" in told(PEOPLE)["identifier"]
    assert 'data.drop = ["id"]' in told(PEOPLE, rare=1)["identifier"]


@pytest.mark.parametrize("rare", [1, 3, 5, 6, 11])
def test_a_text_column_says_nothing_where_the_models_see_one_feature(rare):
    values = [*["a"] * 10, *["b"] * 5, *["c"] * 5]
    assert ("constant" in told(values, rare)) == (rare > 10)


def test_every_run_notes_them():
    frame = pd.DataFrame({"id": range(40), "name": [f"Mr {row}" for row in range(40)], "y": np.arange(40) ** 0.5})
    notes = read_table(FrameData(source="frame", target=("y",)), frame).notes(5)
    assert [note.split('"')[1] for note in notes] == ["id", "name"]
    assert not read_table(FrameData(source="frame", target=("y",), keep=("id",)), frame).notes(5)[1:]


def test_copies_of_a_number():
    y = np.random.default_rng(0).normal(size=60)
    rising = pd.Series(np.exp(y)).mask(y > 1.5)
    frame = pd.DataFrame(
        {"cube": y**3, "minus": -y, "noisy": y + np.random.default_rng(1).normal(size=60), "gap": rising}
    )
    targets = encode_targets(pd.DataFrame({"y": y}), None, "t")
    assert [name for name, _ in copies(frame, targets)] == ["cube", "minus", "gap"]
    assert list(copies(frame.iloc[:4], targets)) == []


def test_copies_of_a_class():
    random = np.random.default_rng(0)
    labels = random.choice(["no", "yes", "perhaps"], 90)
    frame = tidy_frame(
        pd.DataFrame(
            {
                "code": pd.Series(labels).map({"no": 7, "yes": 3, "perhaps": 5}),
                "word": pd.Series(labels).map({"no": "nein", "yes": "ja", "perhaps": "nein"}),
                "finer": [f"{label} {row % 3}" for row, label in enumerate(labels)],
                "name": [f"Mr {row}" for row in range(90)],
                "luck": random.choice(["a", "b"], 90),
            }
        ),
        "t",
    )
    found = [name for name, _ in copies(frame, encode_targets(pd.DataFrame({"y": labels}), None, "t"))]
    assert found == ["code", "finer"]
