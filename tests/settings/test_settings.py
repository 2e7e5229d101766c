"""The study file: what is accepted, what is refused and in which words, and what survives the ledger."""

from __future__ import annotations

import contextlib
import json
import tomllib
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.metrics import METRICS, metrics_for
from search.penalties import PENALTIES
from search.samplers import PRUNERS, SAMPLERS
from search.settings import SETTINGS, Range, Settings, SyntheticLinear, changed_keys, json_schema
from search.settings.data_tables import BUNDLED, SOURCE_NAMES, SOURCES, Bundled
from search.settings.tables import MetricName, PenaltyName, PrunerName, SamplerName

MINIMAL = {"name": "a", "data": {"source": "diabetes"}}

# Section 4 of the design, key by key (without the keys that do not apply to this source and model).
WHOLE_FILE = """
name = "a"
question = ""
[data]
source = "synthetic_linear"
train = 20
validation = 100
test = 1000
features = 200
weight = 0.01
bias = 0.05
noise = 0.01
input_std = 1.0
draws = 1
seed = 0
[model]
kind = "linear"
hidden = [128]
dropout = 0.0
init = "default"
[training]
optimizer = "sgd"
lr = 0.003
momentum = 0.0
schedule = "constant"
warmup = 0.0
patience = 0
label_smoothing = 0.0
epochs = 100
batch_size = 5
apply = "proximal"
seeds = 1
seed = 0
device = "auto"
dtype = "float32"
[space]
penalty = ["none", "l1", "l2"]
lambda = { low = 1e-4, high = 1e2 }
l1_ratio = { low = 0.05, high = 0.95 }
[search]
sampler = "tpe"
trials = 64
batch = 16
stop = "trials"
pruner = "none"
seed = 0
[verdict]
confidence = 0.95
tolerance = 0.01
scope = "models"
"""
SPLIT = """
scheme = "holdout"
validation = 0.25
folds = 5
repeats = 1
test = 0.25
test_folds = 0
test_repeats = 1
seed = 0
"""


def study(**tables):
    return Settings.parse(MINIMAL | tables)


def refusal(mapping, **options):
    with pytest.raises(UserError) as caught:
        Settings.parse(mapping, **options)
    return str(caught.value)


# What is accepted


def test_every_default_is_the_designs():
    assert Settings.parse(tomllib.loads(WHOLE_FILE)) == Settings.parse(
        {"name": "a", "data": {"source": "synthetic_linear"}}
    )
    assert study(split=tomllib.loads(SPLIT)) == study()


def test_a_file_that_lists_every_key_is_accepted():
    """A key that does not apply but has its default asks for nothing: it is accepted and not stored."""
    whole = Settings.parse(tomllib.loads(f"{WHOLE_FILE}\n[split]{SPLIT}refit = true\n"))
    assert whole.to_dict() == study(name="a", data={"source": "synthetic_linear"}).to_dict()


def test_settings_are_frozen_and_named_as_in_the_file():
    given_study = study(space={"lambda": [0.1, 1]}, search={"metric": "mae"})
    assert given_study.space.lambda_ == (0.1, 1.0)
    assert given_study.search.metric == "mae"
    with pytest.raises(ValidationError):
        given_study.name = "b"
    with pytest.raises(ValidationError):
        given_study.training.lr = 1.0


@pytest.mark.parametrize("source", SOURCE_NAMES[:-1])
def test_each_source_gets_its_class(source):
    assert isinstance(study(data={"source": source}).data, SOURCES[source])


def test_the_lists_of_names_agree():
    lists = ((PenaltyName, PENALTIES), (SamplerName, SAMPLERS), (PrunerName, PRUNERS), (MetricName, METRICS))
    assert all(get_args(names) == tuple(registry) for names, registry in lists)
    assert get_args(Bundled.model_fields["source"].annotation) == BUNDLED
    assert set(SOURCES) == {*SOURCE_NAMES, "frame"}  # a frame comes from Python, not from a file


@pytest.mark.parametrize("target", ["y", ["y"], ("y",)])
def test_a_target_is_always_a_tuple(target):
    assert study(data={"source": "file", "path": "a.csv", "target": target}).data.target == ("y",)


@pytest.mark.parametrize(
    ("value", "parsed"),
    [({"low": 1, "high": 2}, Range(low=1.0, high=2.0)), ([0.5, 2], (0.5, 2.0)), ("auto", "auto")],
)
def test_lambda_has_three_forms(value, parsed):
    assert study(space={"lambda": value}).space.lambda_ == parsed


@pytest.mark.parametrize(
    ("split", "refits"),
    [
        ({}, False),
        ({"scheme": "kfold"}, True),
        ({"scheme": "kfold", "refit": False}, False),
        ({"refit": True}, True),
    ],
)
def test_refit_follows_the_scheme_where_it_is_left_out(split, refits):
    assert study(split=split).split.refits is refits


@pytest.mark.parametrize(
    ("kind", "metric"), [("regression", "mse"), ("binary", "log_loss"), ("multiclass", "log_loss")]
)
def test_the_metric_follows_the_kind_where_it_is_left_out(kind, metric):
    assert study().search.metric_for(kind) == metric


def test_a_metric_of_the_wrong_kind_is_refused_once_the_kind_is_known():
    unknown = study(data={"source": "mine.data:load"}, search={"metric": "mae"})
    assert unknown.search.metric_for("regression") == "mae"
    with pytest.raises(UserError, match=r"^search\.metric: must be log_loss or error_rate for classification"):
        unknown.search.metric_for("binary")


# What is refused: tables, the key that is named, words of the message

FILE = {"source": "file", "path": "a.csv", "target": "y"}
SYNTHETIC = {"source": "synthetic_linear"}
MLP = {"kind": "mlp"}
NEGATIVE = "a negative penalty rewards weight: the objective has no minimum"
REFUSED = [
    ({"name": " "}, "name", "1 to 200 characters"),
    ({"name": "a" * 201}, "name", "found 201"),
    ({"name": "a/b"}, "name", "no slashes"),
    ({"name": "a\nb"}, "name", "unprintable"),
    ({"name": 3}, "name", "must be text in quotes, found 3"),
    ({"data": {}}, "data.source", "is missing"),
    ({"data": 3}, "data", "must be a table of keys, found 3"),
    ({"data": {"source": "diabets"}}, "data.source", "did you mean diabetes?"),
    ({"data": {"source": "houses.csv"}}, "data.source", 'file or "package.module:function"'),
    ({"data": FILE | {"taget": 1}}, "data.taget", "did you mean target?"),
    ({"data": {"source": "file", "target": "y"}}, "data.path", "is missing (path of a csv or parquet file"),
    ({"data": FILE | {"target": 3}}, "data.target", "a column's name or a list of names"),
    ({"data": FILE | {"target": ["y", "y"]}}, "data.target", "twice"),
    ({"data": FILE | {"target": []}}, "data.target", "empty"),
    ({"data": SYNTHETIC | {"weight": 0.1, "weight_std": 0.1}}, "data.weight", "excludes data.weight_std"),
    ({"data": SYNTHETIC | {"train": 0}}, "data.train", "at least 1, found 0"),
    ({"data": SYNTHETIC | {"noise": float("nan")}}, "data.noise", "finite number, found nan"),
    ({"data": SYNTHETIC, "split": {"folds": 4}}, "split.folds", "does not apply to synthetic_linear"),
    ({"data": SYNTHETIC, "split": {"test_folds": 5}}, "split.test_folds", "does not apply to synthetic_linear"),
    ({"split": {"test": 0.2, "test_column": "t"}}, "split.test", "excludes split.test_column"),
    ({"split": {"test_folds": 5, "test_column": "t"}}, "split.test_folds", "excludes split.test_column"),
    ({"split": {"test_folds": 1}}, "split.test_folds", "0 or at least 3 (the other folds validate each other)"),
    ({"split": {"test_folds": 2}}, "split.test_folds", "validate each other), found 2"),
    ({"split": {"test_folds": -1}}, "split.test_folds", "at least 0, found -1"),
    ({"split": {"test_repeats": 2}}, "split.test_repeats", "needs test_folds"),
    ({"split": {"test_folds": 5, "test_repeats": 0}}, "split.test_repeats", "at least 1, found 0"),
    ({"split": {"test_folds": 5}, "training": {"patience": 3}}, "training.patience", "on the rows of test_folds"),
    ({"split": {"scheme": "kfold", "folds": 1}}, "split.folds", "at least 2"),
    ({"split": {"validation": 1.0}}, "split.validation", "below 1, found 1.0"),
    ({"split": {"sheme": "kfold"}}, "split.sheme", "did you mean scheme?"),
    ({"splt": {}}, "splt", "did you mean split?"),
    ({"model": {"kind": "liner"}}, "model.kind", "did you mean linear?"),
    ({"model": {"hidden": [3, True]}}, "model.hidden[1]", "whole number, found true"),
    ({"model": {"hidden": []}}, "model.hidden", "empty"),
    ({"model": {"init_std": 0.02}}, "model.init_std", 'needs init = "normal"'),
    ({"model": MLP | {"init": "zeros"}}, "model.init", 'needs model.kind = "linear"'),
    ({"model": MLP, "training": {"optimizer": "exact"}}, "training.optimizer", 'needs model.kind = "linear"'),
    ({"model": MLP, "space": {"lambda": "auto"}}, "space.lambda", 'needs model.kind = "linear"'),
    ({"training": {"optimizer": "exact", "apply": "decoupled"}}, "training.apply", "use proximal or loss"),
    ({"training": {"optimizer": "adamw"}}, "training.optimizer", 'needs apply = "decoupled"'),
    ({"training": {"optimizer": "sdg"}}, "training.optimizer", "did you mean sgd?"),
    ({"training": {"optimizer": "adam"}, "space": {"penalty": ["group_lasso"]}}, "training.apply", "closed form"),
    ({"training": {"optimizer": "exact"}, "space": {"penalty": ["mcp"]}}, "training.optimizer", "no solution for mcp"),
    ({"space": {"gamma": [1.0]}}, "space.gamma", "must be above 1, found 1.0"),
    ({"training": {"epochs": 1.5}}, "training.epochs", "whole number, found 1.5"),
    ({"training": {"lr": "fast"}}, "training.lr", 'must be a number, found "fast"'),
    ({"training": {"lr": 0}}, "training.lr", "above 0, found 0"),
    ({"training": {"seed": -1}}, "training.seed", "at least 0"),
    ({"space": {"penalty": []}}, "space.penalty", "empty"),
    ({"space": {"penalty": ["l1", "l1"]}}, "space.penalty", "twice"),
    ({"space": {"penalty": ["l1", "ridge"]}}, "space.penalty[1]", f'or "{list(PENALTIES)[-1]}", found "ridge"'),
    ({"space": {"penalty": "l1"}}, "space.penalty", "must be a list"),
    ({"space": {"lambda": -1}}, "space.lambda", NEGATIVE),
    ({"space": {"lambda": [1, -0.5]}}, "space.lambda", NEGATIVE),
    ({"space": {"lambda": {"low": -1, "high": 1}}}, "space.lambda", NEGATIVE),
    ({"space": {"lambda": [0]}}, "space.lambda", 'no penalty at all is "none"'),
    ({"space": {"lambda": {"low": 0, "high": 1}}}, "space.lambda", "above 0"),
    ({"space": {"lambda": {"low": 1, "high": 0.1}}}, "space.lambda", "low = 1.0 must be below high = 0.1"),
    ({"space": {"lambda": {"low": 1}}}, "space.lambda.high", "is missing"),
    ({"space": {"lambda": {"low": 1, "high": 2, "hihg": 2}}}, "space.lambda.hihg", "did you mean high?"),
    ({"space": {"lambda": {"low": 1, "high": float("inf")}}}, "space.lambda.high", "finite number"),
    ({"space": {"lambda": [1, float("inf")]}}, "space.lambda[1]", "finite number"),
    ({"space": {"lambda": [1, 1.0]}}, "space.lambda", "twice"),
    ({"space": {"lambda": []}}, "space.lambda", "empty"),
    ({"space": {"lambda": 0.1}}, "space.lambda", "a single value is written [0.1]"),
    ({"space": {"lambda": "some"}}, "space.lambda", 'a list of values or "auto", found "some"'),
    ({"space": {"l1_ratio": [0.5, 1.5]}}, "space.l1_ratio", "from 0 to 1 (all l1), found 1.5"),
    ({"space": {"l1_ratio": "auto"}}, "space.l1_ratio", "a list of values"),
    ({"search": {"metric": "log_loss"}}, "search.metric", "must be mse or mae for regression"),
    ({"data": {"source": "digits"}, "search": {"metric": "mse"}}, "search.metric", "for classification"),
    ({"data": SYNTHETIC, "search": {"metric": "error_rate"}}, "search.metric", "for regression"),
    (
        {"data": FILE | {"task": "classification"}, "search": {"metric": "mae"}},
        "search.metric",
        "log_loss or error_rate",
    ),
    ({"search": {"pruner": "median"}, "training": {"optimizer": "exact"}}, "search.pruner", "none or wilcoxon"),
    ({"search": {"stop": "setled"}}, "search.stop", "did you mean settled?"),
    ({"search": {"sampler": "cmaes"}}, "search.sampler", 'use "tpe"'),
    ({"search": {"sampler": "gp"}}, "search.sampler", 'use "tpe"'),
    ({"search": {"sampler": "qmc"}, "space": {"penalty": ["l1", "elastic_net"]}}, "search.sampler", "silently"),
    ({"verdict": {"confidence": 1}}, "verdict.confidence", "at most 0.999999"),
    ({"verdict": {"tolerance": -0.1}}, "verdict.tolerance", "at least 0"),
    ({"verdict": {"scope": "model"}}, "verdict.scope", "did you mean models?"),
]


@pytest.mark.parametrize(("tables", "key", "words"), REFUSED, ids=[f"{key}-{words[:20]}" for _, key, words in REFUSED])
def test_one_mistake_is_one_line_with_its_key(tables, key, words):
    line = refusal(MINIMAL | tables, where="my.toml")
    assert line.startswith(f"my.toml: {key}: ")
    assert words in line
    assert "; " not in line
    assert len(line.splitlines()) == 1


def test_several_mistakes_are_reported_at_once():
    line = refusal({"name": "", "training": {"lr": -1, "epoch": 3}, "space": {"lambda": [-1]}})
    keys = ["name", "data", "training.lr", "training.epoch", "space.lambda"]
    assert [problem.split(": ")[0] for problem in line.removeprefix("study: ").split("; ")] == keys


def test_several_conflicts_are_reported_at_once():
    line = refusal(MINIMAL | {"model": MLP, "training": {"optimizer": "exact"}, "search": {"pruner": "median"}})
    assert all(f"{key}: " in line for key in ("training.optimizer", "search.pruner"))


def test_a_wrong_source_hides_what_only_follows_from_it():
    line = refusal(MINIMAL | {"data": {"source": "synthetic_liner", "train": 3, "test": "x"}})
    assert "data.source" in line
    assert "data.train" not in line
    assert "data.test" not in line


ACCEPTED = [
    {"training": {"optimizer": "adam", "apply": "proximal"}, "space": {"penalty": ["l1", "l2"]}},
    {"training": {"optimizer": "adam", "apply": "loss"}, "space": {"penalty": ["group_lasso"]}},
    {"training": {"optimizer": "adamw", "apply": "decoupled"}, "space": {"penalty": ["group_lasso"]}},
    {"training": {"optimizer": "exact"}, "search": {"pruner": "wilcoxon"}},
    {"search": {"sampler": "cmaes"}, "space": {"penalty": ["elastic_net"]}},
    {"search": {"sampler": "gp"}, "space": {"penalty": ["l1", "l2", "group_lasso"]}},
    {"search": {"sampler": "qmc"}, "space": {"penalty": ["elastic_net"]}},
    {"model": {"init": "normal", "init_std": 0.1}},
    {"model": {"kind": "mine.models:build"}},
    {"split": {"test_column": "held_out"}},
    {"split": {"test_folds": 3, "test_repeats": 2}},
    {"verdict": {"scope": "procedure"}},
    {"data": SYNTHETIC | {"weight_std": 0.1}},
    {"data": FILE, "search": {"metric": "error_rate"}},
]


@pytest.mark.parametrize("tables", ACCEPTED, ids=str)
def test_what_is_valid_survives_the_ledger(tables):
    before = study(**tables)
    assert Settings.parse(json.loads(json.dumps(before.to_dict()))) == before


# Whatever a TOML file can hold

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.dates())
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
TABLES = {name: list(table["properties"]) for name, table in json_schema()["$defs"].items()}


def keys_of(name, table):
    return st.dictionaries(st.sampled_from(TABLES[table]), anything, max_size=4).map(lambda keys: {name: keys})


one_table = st.sampled_from(
    [
        ("split", "Split"),
        ("model", "Model"),
        ("training", "Training"),
        ("space", "Space"),
        ("search", "Search"),
        ("verdict", "VerdictSettings"),
    ]
).flatmap(lambda pair: keys_of(*pair))
data_table = st.builds(
    lambda source, keys: {"data": keys["data"] | {"source": source}},
    st.sampled_from([*SOURCE_NAMES, "a.b:c"]),
    st.sampled_from(["SyntheticLinear", "FileData", "FunctionData"]).flatmap(lambda table: keys_of("data", table)),
)


@given(tables=st.one_of(one_table, data_table, st.dictionaries(st.text(max_size=5), anything, max_size=3)))
@settings(max_examples=200, deadline=None)
def test_anything_is_settings_or_one_line(tables):
    with contextlib.suppress(UserError):
        parsed = study(**tables)
        assert Settings.parse(json.loads(json.dumps(parsed.to_dict()))) == parsed
        return
    line = refusal(MINIMAL | tables)
    assert len(line.splitlines()) == 1
    assert "Input should" not in line


# Changing one


def test_replace_changes_keys_and_leaves_the_rest():
    before = study(training={"lr": 0.5}, search={"trials": 5})
    after = before.replace("training.lr", 0.1)
    assert (after.training.lr, after.search.trials) == (0.1, 5)
    assert before.replace({"training.lr": 0.1, "question": "why?"}).question == "why?"
    assert before.training.lr == 0.5
    with pytest.raises(UserError, match=r"a: training\.lr: must be above 0"):
        before.replace("training.lr", -1)
    with pytest.raises(UserError, match=r"training\.epoch: is not a known key, did you mean epochs"):
        before.replace("training.epoch", 1)


def test_replace_leaves_out_what_no_longer_applies():
    exact = study(training={"momentum": 0.9, "seeds": 3}).replace("training.optimizer", "exact")
    assert (exact.training.momentum, exact.training.seeds) == (0.0, 1)
    with pytest.raises(UserError, match=r'training\.momentum: needs optimizer = "sgd"'):
        study().replace({"training.optimizer": "exact", "training.momentum": 0.9})


def test_replace_makes_a_fixed_setting_searched_and_back():
    fixed = study(training={"epochs": 7}, model={"kind": "mlp", "hidden": [3]})
    searched = fixed.replace({"space.epochs": [2, 4], "space.hidden": [[2], [3, 3]]})
    assert searched.space.searched() == {"hidden": ((2,), (3, 3)), "epochs": (2, 4)}
    assert searched.replace({"training.epochs": 7, "model.hidden": [3]}) == fixed
    with pytest.raises(UserError, match=r"training\.epochs: is searched in space\.epochs, give one of them"):
        study(training={"epochs": 7}, space={"epochs": [2, 4]})


@pytest.mark.parametrize(
    ("tables", "key", "words"),
    [
        ({"space": {"momentum": [0.5, 1.5]}}, "space.momentum", "below 1, found 1.5"),
        ({"space": {"epochs": [0]}}, "space.epochs", "at least 1, found 0"),
        ({"space": {"epochs": {"low": 1.5, "high": 9}}}, "space.epochs", "whole number, found 1.5"),
        ({"space": {"epochs": 5}}, "space.epochs", "a single value is written [5]"),
        ({"space": {"batch_size": {"low": 0, "high": 9}}}, "space.batch_size", "above 0 as a range"),
        ({"space": {"hidden": [[4, 0]]}, "model": {"kind": "mlp"}}, "space.hidden", "at least 1, found 0"),
        ({"space": {"hidden": [4]}}, "space.hidden", 'needs kind = "mlp"'),
        ({"space": {"dropout": [0.1]}}, "space.dropout", 'needs kind = "mlp"'),
        ({"space": {"init_std": [0.1]}}, "space.init_std", 'needs init = "normal"'),
        ({"space": {"label_smoothing": [0.1]}}, "space.label_smoothing", "needs classes"),
        ({"space": {"epochs": [5]}, "training": {"optimizer": "exact"}}, "space.epochs", '"exact" has one optimum'),
        ({"space": {"momentum": [0.5]}, "training": {"optimizer": "adam"}}, "space.momentum", 'optimizer = "sgd"'),
        ({"space": {"dropuot": [0.5]}}, "space.dropuot", "did you mean dropout?"),
        ({"training": {"warmup": 0.1}}, "training.warmup", 'needs schedule = "cosine"'),
        ({"training": {"patience": 3, "optimizer": "exact"}}, "training.patience", "does not train in steps"),
    ],
)
def test_a_searched_setting_is_checked_as_a_fixed_one_is(tables, key, words):
    line = refusal(MINIMAL | tables, where="my.toml")
    assert line.startswith(f"my.toml: {key}: ")
    assert words in line
    assert "; " not in line


def test_a_candidates_setting_is_its_own_or_the_study_files():
    given_study = study(training={"momentum": 0.3}, model={"kind": "mlp", "hidden": [5, 6]})
    assert given_study.setting("momentum", Candidate("l2", 1.0)) == 0.3
    assert given_study.setting("momentum", Candidate("l2", 1.0, momentum=0.9)) == 0.9
    assert given_study.setting("hidden", Candidate("l2", 1.0)) == (5, 6)
    assert set(SETTINGS) == {name for name in json_schema()["$defs"]["Space"]["properties"] if name in SETTINGS}


# Files


def test_a_relative_data_path_is_the_study_files(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text('name = "é"\n[data]\nsource = "file"\npath = "../houses.csv"\ntarget = "price"\n', encoding="utf-8")
    loaded = Settings.load(file)
    assert loaded.name == "é"
    assert loaded.data.path == (tmp_path.parent / "houses.csv").resolve()
    assert Settings.parse(loaded.to_dict()) == loaded


def test_an_absolute_data_path_stays(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(f'name = "a"\n[data]\nsource = "file"\npath = "{tmp_path}/houses.csv"\ntarget = "price"\n')
    assert Settings.load(str(file)).data.path == tmp_path / "houses.csv"


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    file = tmp_path / "study.toml"
    file.write_bytes(b'\xef\xbb\xbfname = "a"\ndata.source = "digits"\n')
    assert Settings.load(file).name == "a"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"name = ", "is not valid TOML, Invalid value (at end of document)"),
        (b'name = "a"\nname = "b"\n', "is not valid TOML"),
        (b"name = '\xff'", "is not UTF-8 text (byte 8)"),
        (b"", "name: is missing"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(tmp_path, content, words):
    file = tmp_path / "study.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError) as caught:
        Settings.load(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_is_no_study_file(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        Settings.load(tmp_path)


# What changed, and the schema


def test_shares_of_more_than_one_gpu_are_refused_as_ray_does():
    assert [study(cluster={"gpus": gpus}).cluster.gpus for gpus in (0, 0.25, 1, 3)] == [0, 0.25, 1, 3]
    with pytest.raises(UserError, match=r"cluster\.gpus: must be a whole number or below 1, found 1\.5"):
        study(cluster={"gpus": 1.5})


@pytest.mark.parametrize(
    ("tables", "changed"),
    [
        ({}, []),
        ({"search": {"trials": 5, "stop": "settled"}, "question": "why?", "training": {"device": "cpu"}}, []),
        ({"verdict": {"confidence": 0.9, "tolerance": 0.1, "scope": "procedure"}}, []),
        ({"cluster": {"cpus": 2, "gpus": 0.25, "memory": 4}}, []),
        ({"split": {"test_folds": 5, "test_repeats": 2}}, ["split.test_folds", "split.test_repeats"]),
        ({"training": {"lr": 0.1, "device": "cpu"}, "search": {"batch": 2}}, ["search.batch", "training.lr"]),
        ({"space": {"lambda": [1.0]}}, ["space.lambda"]),
        ({"space": {"lambda": {"low": 1e-4, "high": 10.0}}}, ["space.lambda"]),
        ({"split": {"test_column": "t"}}, ["split.test", "split.test_column", "split.test_folds"]),
        ({"name": "b"}, ["name"]),
    ],
)
def test_changed_keys_are_those_that_can_change_a_trial(tables, changed):
    assert changed_keys(study().to_dict(), study(**tables).to_dict()) == changed
    assert changed_keys(study(**tables).to_dict(), study().to_dict()) == changed


def test_the_ledger_keeps_no_key_that_does_not_apply():
    kept = Settings.parse({"name": "a", "data": SYNTHETIC | {"weight_std": 1.0}}).to_dict()
    assert not kept["split"]
    assert "weight" not in kept["data"]
    assert "init_std" not in kept["model"]


def test_the_schema_explains_every_key():
    schema = json_schema()
    json.dumps(schema)
    tables = [schema, *schema["$defs"].values()]
    unexplained = [
        key
        for table in tables
        for key, entry in table["properties"].items()
        if key != "source" and "description" not in entry
    ]
    assert unexplained == []
    assert all(table["additionalProperties"] is False for table in tables)
    assert schema["required"] == ["name", "data"]
    assert "lambda" in schema["$defs"]["Space"]["properties"]


def test_metrics_are_disjoint_and_python_can_build_a_study():
    assert set(metrics_for("regression")).isdisjoint(metrics_for("classification"))
    data = SyntheticLinear(source="synthetic_linear", train=5)
    assert Settings(name="a", data=data).data.train == 5
