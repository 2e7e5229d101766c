"""Dates become numbers that people expect, whatever the file's format, and the same on new rows."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.core.errors import UserError
from search.data import load_task
from search.data.columns import tidy_frame
from search.data.dates import Dates, as_times, expand_dates, other_dates, read_dates
from search.data.new_rows import new_rows
from search.data.preprocess import Preprocessor
from search.data.tables import read_table
from search.settings import FrameData, Settings

MOMENTS = st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)


def numbers(values):
    """The numbers of a column `when`, a row each."""
    frame, dates = expand_dates(pd.DataFrame({"when": values}), "t")
    assert dates, "no dates were found"
    return frame


@given(st.lists(MOMENTS, min_size=2, max_size=8))
def test_the_parts_are_those_of_the_calendar(moments):
    found = numbers([moment.isoformat(sep=" ") for moment in moments])
    assert found["when.year"].tolist() == [moment.year for moment in moments]
    assert found["when.month"].tolist() == [moment.month for moment in moments]
    assert found["when.weekday"].tolist() == [moment.isoweekday() for moment in moments]
    times = [moment.hour + moment.minute / 60 + moment.second / 3600 for moment in moments]
    if len(set(times)) > 1:
        np.testing.assert_allclose(found["when.hour"], times)
    else:
        assert "when.hour" not in found


DAYS = [datetime.date(2024, 2, 29), datetime.date(1999, 12, 31), None]


@pytest.mark.parametrize(
    "values",
    [
        ["2024-02-29", "1999-12-31", None],
        ["2024-02-29 00:00", "1999-12-31T00:00:00", ""],
        ["2024-02-29T00:00+09:00", "1999-12-31 00:00Z", None],
        DAYS,
        pd.to_datetime(pd.Series(DAYS)),
        pd.to_datetime(pd.Series(DAYS)).dt.tz_localize("Asia/Tokyo"),
        pd.Series(DAYS, dtype="date32[pyarrow]"),
        pd.Series(pd.to_datetime(pd.Series(DAYS)), dtype="timestamp[us][pyarrow]"),
        pd.Series(
            pd.to_datetime(pd.Series(DAYS)).dt.tz_localize("Asia/Tokyo"), dtype="timestamp[us, tz=Asia/Tokyo][pyarrow]"
        ),
    ],
    ids=str,
)
def test_every_kind_of_date_is_read_on_its_own_clock(values):
    found = numbers(pd.Series(values).replace("", None))
    expected = {"when.year": [2024, 1999], "when.month": [2, 12], "when.weekday": [4, 5]}
    assert found.iloc[:2].to_dict("list") == expected
    assert found.iloc[2].isna().all()
    assert set(found.dtypes) == {np.dtype(np.float64)}


@pytest.mark.parametrize(
    "values",
    [
        [20240101, 20240102],
        ["20240101", "20240102"],
        ["3/4/2024", "4/4/2024"],
        ["2024-13-01", "2024-00-01"],
        ["spring", "2024-01-01"],
        [True, False],
        [None, None],
        pd.to_timedelta([1, 2]),
    ],
    ids=str,
)
def test_what_are_no_dates(values):
    assert read_dates(pd.Series(values, name="a"), "t") is None


def test_a_category_of_days_and_words_stays_one():
    column = pd.Series([*["2024-01-01", "2024-06-01"] * 30, *["never"] * 4], name="a")
    assert read_dates(column, "t") is None


def test_dates_that_can_be_misread_are_told():
    assert other_dates(pd.Series(["3/4/2024", "12.4.24 10:30", None]))
    assert not other_dates(pd.Series(["2024-04-03", "12"]))
    assert not other_dates(pd.Series([None, None]))


def test_a_name_that_is_taken_is_refused():
    frame = pd.DataFrame({"when": ["2024-01-01"] * 3, "when.month": [1, 2, 3]})
    with pytest.raises(UserError, match=r'would become "when\.month", which is a column too.*data\.drop = \["when"\]'):
        expand_dates(frame, "t")


# Preprocessing and new rows


def frame(rows=40):
    random = np.random.default_rng(0)
    when = pd.Series(pd.date_range("2023-12-01 06:30", periods=rows, freq="17h").astype(str))
    return pd.DataFrame(
        {
            "a": random.normal(size=rows),
            "when": when.mask(when.index % 9 == 4, None),
            "city": random.choice(["Rome", "Oslo"], rows),
            "y": random.normal(size=rows),
        }
    )


@pytest.fixture
def fitted():
    settings = Settings.parse({"name": "n", "data": {"source": "frame", "target": "y"}})
    return load_task(settings, frame()).whole()


def test_dates_stand_where_they_stood_and_a_missing_one_is_a_missing_number(fitted):
    known = fitted.preprocessor
    assert known.columns == ("a", "when.year", "when.month", "when.weekday", "when.hour", "city")
    assert known.raw_columns == ("a", "when", "city")
    months = pd.to_datetime(frame()["when"]).dt.month
    place = known.numbers.names.index("when.month")
    assert known.numbers.median[place] == months.median()
    gaps = fitted.rows.x.numpy()[months.isna(), place]
    assert len(gaps) > 2
    np.testing.assert_array_equal(gaps, known.numbers.affine.apply(known.numbers.median)[place])


@pytest.mark.parametrize("form", ["text", "times", "dates as objects", "array", "kept"])
def test_new_rows_are_what_they_were_in_training(fitted, form):
    known, rows = fitted.preprocessor, frame().drop(columns="y")
    if form == "times":
        rows["when"] = pd.to_datetime(rows["when"])
    elif form == "dates as objects":
        rows["when"] = pd.to_datetime(rows["when"]).astype(object)
    elif form == "array":
        rows = rows.to_numpy(object)
    elif form == "kept":
        known = Preprocessor.from_dict(known.to_dict())
    np.testing.assert_array_equal(known.apply(new_rows(rows, known)), fitted.rows.x)


def test_a_new_row_alone_need_not_have_a_date(fitted):
    known, rows = fitted.preprocessor, frame().drop(columns="y").iloc[:1].assign(when=np.nan)
    found = known.apply(new_rows(rows, known))
    np.testing.assert_array_equal(found[0, 1:5], fitted.rows.x[4, 1:5])


def test_new_rows_with_something_else_are_refused(fitted):
    with pytest.raises(UserError, match=r'column "when" is "soon" in row 2; the model was trained with dates'):
        new_rows(frame().assign(when=["2024-01-01", "soon"] * 20), fitted.preprocessor)


def test_a_model_of_version_0_1_knows_no_dates(fitted):
    kept = {key: value for key, value in fitted.preprocessor.to_dict().items() if key != "dates"}
    assert Preprocessor.from_dict(kept).dates == ()


def test_text_and_parquets_dates_are_the_same_table():
    times = frame().assign(when=pd.to_datetime(frame()["when"]))
    tables = [read_table(FrameData(source="frame", target=("y",)), each) for each in (frame(), times)]
    assert tables[0].fingerprint() == tables[1].fingerprint()
    assert any("when.hour" in note for note in tables[0].notes(5))


def test_the_hour_is_there_only_where_times_of_day_differ():
    same = pd.Series(["2024-01-01 12:00", "2024-01-02 12:00"], name="when")
    assert Dates.of(as_times(same)).parts == ("year", "month", "weekday")
    assert tidy_frame(expand_dates(same.to_frame(), "t")[0], "t").shape == (2, 3)
