import sys

import numpy as np
import pandas as pd
import pytest

from search.core.errors import UserError
from search.data.columns import tidy_column

GOOD = "".join(f"{row},{row % 3},{row / 7}\n" for row in range(24))
HEADER = "a,b,y\n"


@pytest.fixture
def refused(load, tmp_path):
    """Loads a file of this text and returns the one line that refuses it."""

    def line(text, *, name="data.csv", target="y", task=None, **split):
        path = tmp_path / name
        path.write_bytes(text) if isinstance(text, bytes) else path.write_text(text)
        with pytest.raises(UserError) as caught:
            load({"source": "file", "path": str(path), "target": target, "task": task}, **split)
        assert str(caught.value).startswith(f"{path}: ")
        return one_line(caught)

    return line


def one_line(caught):
    message = str(caught.value)
    assert "\n" not in message
    return message


def rows(*values, count=24):
    """A file whose column b holds the values, then numbers."""
    return HEADER + "".join(f"{row},{value},{row / 7}\n" for row, value in enumerate([*values, *range(count)]))


def targets(*values):
    return HEADER + "".join(f"{row},{row},{value}\n" for row, value in enumerate(values))


def test_missing_file(load, tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load({"source": "file", "path": str(tmp_path / "none.csv"), "target": "y"})


def test_a_folder_is_no_file(load, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match="no such file"):
        load({"source": "file", "path": str(tmp_path / "folder.csv"), "target": "y"})


def test_unknown_extension(refused):
    assert ".csv, .parquet" in refused(HEADER + GOOD, name="data.xlsx")


def test_empty_file(refused):
    assert "is empty" in refused("")


def test_header_only(refused):
    assert "no rows" in refused(HEADER)


def test_not_text(refused):
    assert "cannot be read as csv" in refused(b"a,y\n\xff\xfe,1\n")


def test_text_that_is_not_utf_8_is_told_what_to_do(refused):
    message = refused("a,y\nZürich,1\n".encode("latin-1"))
    assert "is not UTF-8" in message
    assert "save it as UTF-8" in message


@pytest.mark.parametrize(("separator", "told"), [(";", "semicolons"), ("\t", "tabs")])
def test_another_separator_is_named(refused, separator, told):
    assert f"no comma but {told}" in refused((HEADER + GOOD).replace(",", separator))


def test_one_column_without_a_separator_is_a_table_of_one_column(refused):
    assert "no input column" in refused("y\n1\n2\n")


def test_the_nearest_column_may_differ_in_capitals_alone(refused):
    assert 'the nearest column is "WAGE"' in refused("age,WAGE\n1,2\n2,3\n", target="Wage")


def test_unreadable_parquet(refused):
    assert "cannot be read as parquet" in refused(HEADER + GOOD, name="data.parquet")


def test_a_row_with_too_many_fields(refused):
    assert "line 3" in refused(HEADER + "1,2,3\n1,2,3,4\n")


def test_every_row_with_too_many_fields(refused):
    assert "more fields than its header" in refused(HEADER + "1,2,3,4\n1,2,3,4\n")


def test_duplicate_column(refused):
    assert '"a" appears more than once' in refused("a,a,y\n1,2,3\n")


def test_target_not_in_the_file_names_the_nearest(refused):
    message = refused("size,prices,rooms\n1,2,3\n", target="price")
    assert 'data.target = "price"' in message
    assert '"prices"' in message


def test_duplicate_target_in_the_list(load):
    with pytest.raises(UserError, match=r"data\.target"):
        load({"source": "file", "path": "x.csv", "target": ["y", "y"]})


def test_missing_targets_are_counted(refused):
    message = refused(targets(1.5, "", 2.5, "NA", 3.5))
    assert '"y" is missing in 2 rows, the first row 2' in message
    assert "remove these rows" in message


@pytest.mark.parametrize(("task", "bad"), [("regression", "huge"), ("regression", "9")])
def test_text_in_a_regression_target(refused, task, bad):
    message = refused(targets(*["3.5", "high", bad] * 4), task=task)
    assert '"y"' in message
    assert '"high" in row 2' in message


@pytest.mark.parametrize("task", [None, "regression"])
def test_one_slip_in_a_numeric_target(refused, task):
    assert '"12O" in row 3' in refused(targets(1.5, 2.5, "12O", *range(20)), task=task)


def test_one_slip_in_a_numeric_column(refused):
    message = refused(rows(7, "n/a!", 8))
    assert 'column "b" is numbers but for 1 of its values' in message
    assert '"n/a!" in row 2' in message


def test_numbers_that_come_again_with_a_few_words_are_a_category():
    cylinders = pd.Series(["4"] * 30 + ["6"] * 20 + ["rotary"] * 2 + ["8"] * 10, name="cylinders", dtype=object)
    assert tidy_column(cylinders, "cars.csv").nunique() == 4


def test_infinite_input(refused):
    assert 'column "b" is infinite in 1 rows, the first row 2' in refused(rows(7, "inf"))


@pytest.mark.parametrize("huge", ["1e200", "-1e101", "1.7e308"])
def test_inputs_too_large_to_compute_with(refused, huge):
    """They ended in a traceback after all trials, or in models of nothing but zeros."""
    assert f'column "b" is {float(huge):g} in row 2, and the largest' in refused(rows(7, huge))


def test_targets_too_large_to_compute_with(refused):
    assert 'column "y" is -1e+15 in row 2, and the largest that can be computed with is 1e+14' in refused(
        targets(1.5, -1e15, 2.5)
    )


def test_infinite_target(refused):
    assert 'column "y" is infinite' in refused(targets(1.5, "-inf", 2.5))


def test_one_class_only(refused):
    assert '"yes" in every row' in refused(targets(*["yes"] * 9))


def test_several_class_columns(refused):
    assert "one target column" in refused(HEADER + GOOD, target=["b", "y"], task="classification")


def test_no_inputs_left(refused):
    assert "no input column" in refused("y,empty,held\n" + "1.5,,0\n2.5,,1\n" * 9, test_column="held")


def test_fewer_rows_than_folds(refused):
    message = refused(targets(1.5, 2.5, 3.5, 4.5), scheme="kfold", folds=4)
    assert "split.folds = 4" in message
    assert "found 3" in message


def test_a_class_with_fewer_rows_than_folds(refused):
    message = refused(targets(*["u", "v"] * 9, "w", "w", "w", "w"), scheme="kfold", folds=4)
    assert 'of "w" among the' in message


def test_a_class_too_rare_to_hold_out(refused):
    assert "split.validation = 0.25 needs 2 rows of every class, found" in refused(targets(*["u", "v"] * 9, "w"))


def test_a_class_among_test_rows_alone(refused):
    text = "a,held,y\n" + "".join(f"{row},{int(row < 9)},{'u' if row < 9 else 'vw'[row % 2]}\n" for row in range(30))
    assert 'found 0 of "u"' in refused(text, test_column="held")


@pytest.mark.parametrize("key", ["test", "validation"])
def test_a_share_that_leaves_no_rows(refused, key):
    message = refused(targets(1.5, 2.5, 3.5), **({"test": 0.0} | {key: 0.9}))
    assert f"split.{key} = 0.9 cuts 3 rows into 3 and 0" in message


def test_a_share_smaller_than_the_number_of_classes(refused):
    assert "a row of each of 3 classes" in refused(targets(*"uvw" * 4), validation=0.1)


def test_test_column_not_in_the_file(refused):
    message = refused(HEADER + GOOD, test_column="c")
    assert 'split.test_column = "c"' in message
    assert "nearest" in message


@pytest.mark.parametrize("bad", ["maybe", "", "2"])
def test_test_column_not_true_or_false(refused, bad):
    text = "a,held,y\n" + "".join(f"{row},{row % 2},{row / 7}\n" for row in range(9)) + f"9,{bad},1.5\n"
    message = refused(text, test_column="held")
    assert "in row 10" in message
    assert "true or false" in message


def test_every_row_a_test_row(refused):
    assert "every row" in refused("a,held,y\n" + "1,true,1.5\n" * 9, test_column="held")


def test_one_slip_in_a_column_of_dates(refused):
    days = "".join(f"2026-01-{day:02},{day},{day / 7}\n" for day in range(1, 29))
    message = refused(HEADER + days + "2026-02-30,3,1.5\n")
    assert 'column "a" is dates but for 1 of its values, the first "2026-02-30" in row 29' in message
    assert 'data.drop = ["a"]' in message


@pytest.mark.parametrize("column", ["day", "gap"])
def test_what_is_no_input_by_its_kind_can_be_left_out(load, tmp_path, column):
    path = tmp_path / "data.parquet"
    gap = pd.timedelta_range("1h", periods=9)
    pd.DataFrame({"gap": gap, "day": np.inf, "a": np.arange(9.0), "y": np.arange(9.0)}).to_parquet(path)
    data = {"source": "file", "path": str(path), "target": "y"}
    with pytest.raises(UserError, match=rf'column "{column}" .* data\.drop = \["{column}"\]'):
        load(data | {"drop": ["gap" if column == "day" else "day"]})
    assert load(data | {"drop": ["gap", "day"]}).features == ("a",)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 3", "returned int; it must return"),
        ("return (1, 2, 3)", "returned tuple"),
        ("return np.ones(4), np.ones(4)", r"gave X with shape \(4,\)"),
        ("return np.ones((4, 1)), np.ones(5)", "4 rows and y with 5"),
        ("return np.ones((0, 1)), np.ones(0)", "0 rows"),
        ("return np.ones((4, 1)), np.ones((4, 1, 1))", "gave Y"),
        ("raise RuntimeError('no disk\\nleft')", "raised RuntimeError: no disk left"),
        ("return pd.DataFrame(np.ones((4, 2)), columns=['a', 'a']), np.ones(4)", "appears more than once"),
    ],
)
def test_a_users_function_that_returns_something_else(load, tmp_path, monkeypatch, body, words):
    (tmp_path / "wrong_data_for_test.py").write_text(f"import numpy as np, pandas as pd\ndef make():\n    {body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "wrong_data_for_test", raising=False)
    with pytest.raises(UserError, match=words) as caught:
        load({"source": "wrong_data_for_test:make"})
    assert "wrong_data_for_test:make" in one_line(caught)


@pytest.mark.parametrize("source", ["no_such_module_for_test:make", "json:no_such_function"])
def test_a_users_function_that_cannot_be_imported(load, source):
    with pytest.raises(UserError, match="cannot import") as caught:
        load({"source": source})
    assert "data.source" in one_line(caught)
