"""Numbers too large to mean anything, and texts that no file is made of: one line that names the key and the limit."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import made_or_refused

from search.core.errors import UserError
from search.settings import Settings, json_schema

MINIMAL = {"name": "a", "data": {"source": "diabetes"}}
DRAWN = {"source": "synthetic_linear"}
HUGE = 10**12


def refusal(tables) -> str:
    with pytest.raises(UserError) as caught:
        Settings.parse(MINIMAL | tables)
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    assert len(line) < 5_000
    return line


def integers() -> list[tuple[str, str]]:
    """(table, key) of every whole number that a study file may hold."""
    tables = {
        "Split": "split",
        "Model": "model",
        "Training": "training",
        "Search": "search",
        "SyntheticLinear": "data",
        "Bundled": "data",
    }
    found = json_schema()["$defs"]
    return [
        (name, key)
        for name in tables
        for key, entry in found[name]["properties"].items()
        if entry.get("type") == "integer"
    ]


def test_every_whole_number_has_a_limit():
    schema = json_schema()["$defs"]
    keys = integers()
    assert ("Search", "trials") in keys
    for name, key in keys:
        entry = schema[name]["properties"][key]
        assert "maximum" in entry or "exclusiveMaximum" in entry, f"{name}.{key}"


@pytest.mark.parametrize("value", [HUGE, 10**4000, 10**5000], ids=["10^12", "10^4000", "10^5000"])
@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("search", "trials"),
        ("search", "batch"),
        ("training", "epochs"),
        ("training", "seeds"),
        ("training", "patience"),
        ("training", "accumulate"),
        ("training", "batch_size"),
        ("split", "repeats"),
        ("split", "test_folds"),
    ],
)
def test_a_huge_number_names_its_key_and_the_limit(table, key, value):
    line = refusal({table: {key: value}})
    assert line.startswith(f"study: {table}.{key}: must be at most ")


@pytest.mark.parametrize("key", ["train", "validation", "test", "features", "draws"])
def test_so_do_the_sizes_of_drawn_data(key):
    assert f"data.{key}: must be at most" in refusal({"data": DRAWN | {key: HUGE}})


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"data": {"source": "digits", "degree": 30}}, "data.degree: must be at most 20, found 30"),
        ({"split": {"scheme": "kfold", "folds": HUGE}}, "split.folds: must be at most"),
        ({"model": {"kind": "mlp", "hidden": [HUGE]}}, "model.hidden[0]: must be at most 1,000,000"),
        ({"model": {"kind": "mlp", "hidden": [2] * 101}}, "model.hidden: must have at most 100 layers, found 101"),
        ({"model": {"kind": "mlp"}, "space": {"hidden": [[HUGE]]}}, "space.hidden: must be at most 1,000,000"),
        ({"model": {"kind": "mlp"}, "space": {"hidden": [[2] * 101]}}, "must have at most 100 layers"),
        ({"space": {"epochs": [HUGE]}}, "space.epochs: must be at most 1,000,000"),
        ({"space": {"epochs": {"low": 1, "high": 1e300}}}, "space.epochs: must be at most 1,000,000"),
        ({"space": {"lambda": list(range(1, 20_000))}}, "space.lambda: must be a list of at most 10,000 values"),
        ({"search": {"lease": 1e300}}, "search.lease: must be at most 86400"),
        ({"cluster": {"cpus": 1e300}}, "cluster.cpus: must be at most 10000"),
        ({"data": DRAWN | {"draws": 1000}, "training": {"seeds": 1000}}, "1,000,000 replicates of every candidate"),
        ({"split": {"test_folds": 10_000}}, "split.test_folds: makes 50,005,000 replicates"),
        ({"split": {"scheme": "kfold", "folds": 20, "repeats": 9000}}, "split.repeats: makes 180,000 replicates"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_together_is_too_much(tables, words):
    assert words in refusal(tables)


def test_at_the_limit_all_is_well():
    made = Settings.parse(MINIMAL | {"search": {"trials": 10**6}, "training": {"epochs": 10**6, "seeds": 10**5}})
    assert made.search.trials == 10**6


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"name = " + b"9" * 5000, "a number no thousands of digits"),
        (b"seed = 0x" + b"f" * 5000, "seed: is not a known key"),
        (b'name = "a"\ndata.source = "digits"\nsearch.trials = 0x' + b"f" * 5000, "search.trials: must be at most"),
        (b"name = " + b"[" * 2000 + b"]" * 2000, "nested too deeply"),
        (b"name = " + b"{a = " * 2000 + b"}" * 2000, "nested too deeply"),
        (b"a." * 30_000 + b"a = 1", "nested too deeply"),
        (b"x = {" + b'"a" . ' * 30_000 + b"a = 1}", "nested too deeply"),
        (b'name = "a"\n[data]\nsource = "file"\npath = "a\\u0000.csv"\ntarget = "y"', "data.path: must have no NUL"),
        (b'name = "a"\ndata.source = "digits"\nsearch.artifacts = "a\\u0000"', "search.artifacts: must have no NUL"),
        (b"#" * 2_000_001, "is larger than 2,000,000 bytes"),
        (b"".join(b"key%d = 1\n" % number for number in range(5_000)), "more"),
        (b'"' + b"k" * 100_000 + b'" = 1', "is not a known key"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else "",
)
def test_a_study_file_that_nobody_wrote_by_hand(body, words, tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(body)
    with pytest.raises(UserError) as caught:
        Settings.load(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert words in line
    assert len(line.splitlines()) == 1
    assert len(line) < 10_000


def test_a_text_with_many_dots_is_no_deep_key(tmp_path):
    path = tmp_path / "study.toml"
    lines = [f"# {'.' * 300}", f'question = "{" ...".join(["Why"] * 90)}?"', 'name = "a"', 'data.source = "digits"']
    path.write_text("\n".join([*lines, f"space.lambda = [{', '.join(f'{each}.5' for each in range(1, 900))}]"]))
    assert len(Settings.load(path).space.lambda_) == 899


def test_a_path_with_a_nul_is_no_study_file():
    with pytest.raises(UserError, match="a path has no NUL"):
        Settings.load("a\0.toml")


def test_links_that_lead_to_each_other_lead_to_no_file(tmp_path):
    (tmp_path / "a.csv").symlink_to("b.csv")
    (tmp_path / "b.csv").symlink_to("a.csv")
    path = tmp_path / "study.toml"
    path.write_text('name = "a"\ndata = { source = "file", path = "a.csv", target = "y" }')
    with pytest.raises(UserError, match=r"data\.path: leads to no file"):
        Settings.load(path)


@pytest.mark.parametrize("key", ["nothing.at.all", "question.why", "data", "data.source.x", "", "."])
def test_replacing_what_is_no_key_is_one_line(key):
    with pytest.raises(UserError):
        Settings.parse(MINIMAL).replace(key, 1)


# Whatever Python can hand over

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([9, 12, 19, 400, 5000]).map(lambda digits: 10**digits),  # what has more digits is not shown
    st.floats(),
    st.text(max_size=5),
    st.text(st.characters(categories=["Cs"]), max_size=3),
    st.sampled_from(["auto", "\0", "a\nb", "x" * 5000, "m:f", "none"]),
    st.dates(),
    st.binary(max_size=3),
)
KEYS = st.one_of(st.text(max_size=5), st.integers(), st.none(), st.tuples(st.integers()))
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.tuples(inner)
        | st.fixed_dictionaries({"low": inner, "high": inner})
    ),
)
NAMES = sorted({key for table in json_schema()["$defs"].values() for key in table["properties"]})
FILES = st.fixed_dictionaries(
    {},
    optional={
        "name": SCALARS,
        "question": SCALARS,
        **{
            table: ANYTHING | st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=5)
            for table in ("data", "split", "model", "training", "space", "search", "verdict", "cluster")
        },
    },
)


@given(tables=FILES | st.dictionaries(KEYS, ANYTHING, max_size=3), whole=st.booleans())
def test_any_mapping_is_settings_or_one_line(tables, whole):
    found = made_or_refused(lambda: Settings.parse((MINIMAL if whole else {}) | tables))
    if found is not None:
        assert Settings.parse(json.loads(json.dumps(found.to_dict()))) == found


@given(key=st.sampled_from(NAMES) | st.text(max_size=9), table=st.sampled_from(["data", "space", "model", "x", ""]))
def test_any_change_is_settings_or_one_line(key, table):
    made_or_refused(lambda: Settings.parse(MINIMAL).replace(f"{table}.{key}" if table else key, HUGE))
