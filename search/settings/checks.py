"""What must hold between the keys of a study file: a check yields (dotted key, what is wrong and what is valid)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from search.metrics import METRICS
from search.penalties import PENALTIES, make_penalty
from search.samplers import PRUNERS, SAMPLERS, SpaceShape
from search.settings.data_tables import ColumnsData, SyntheticLinear
from search.settings.fields import Range, show
from search.settings.tables import SETTINGS, Study, wrong_metric

Problems = Iterator[tuple[str, str]]
STEPS = ("accumulate", "clip_norm", "autocast")
MOST_REPLICATES = 100_000

UNTIMED = {
    "group_column": "excludes split.time_column, give one of them",
    "test_column": "excludes split.time_column, whose last rows are the test rows, give one of them",
    "test_folds": "excludes split.time_column: most turns would test on the past, use test = 0.25",
    "repeats": "time has one order, and its cuts are the same each time",
    "seed": "cuts in time draw nothing",
}


def idle_keys(study: Study) -> Problems:
    """The keys that do not apply to this study, each with the reason; not stored, refused if changed."""
    data, training = study.data, study.training
    if isinstance(data, SyntheticLinear):
        reason = "does not apply to synthetic_linear, whose parts are sized by data.train, data.validation, data.test"
        yield from ((f"split.{key}", reason) for key in type(study.split).model_fields)
        if data.weight_std is not None:
            yield "data.weight", "excludes data.weight_std, give one of them"
    elif study.split.test_column is not None:
        yield "split.test", "excludes split.test_column, give one of them"
        yield "split.test_folds", "excludes split.test_column, give one of them"
    if not isinstance(data, SyntheticLinear) and study.split.time_column is not None:
        yield from ((f"split.{key}", reason) for key, reason in UNTIMED.items())
    yield from _idle_model(study)
    if training.optimizer != "sgd":
        yield "training.momentum", f'needs optimizer = "sgd", found "{training.optimizer}"'
    if training.schedule != "cosine":
        yield "training.warmup", f'needs schedule = "cosine", found "{training.schedule}"'
    if data.task == "regression":
        yield "training.label_smoothing", "needs classes, this is regression"
    if training.loss != "default":
        yield "training.label_smoothing", 'needs loss = "default", your own may smooth as it likes'
    if training.optimizer == "exact":
        yield "training.loss", '"exact" minimises the plain loss'
        yield "training.seeds", '"exact" has one optimum, whatever the seed'
        yield from ((f"training.{key}", '"exact" does not train in steps') for key in ("schedule", "patience", *STEPS))
        yield "training.label_smoothing", '"exact" minimises the plain loss'


def _idle_model(study: Study) -> Problems:
    """Those of the model."""
    if study.model.init != "normal":
        yield "model.init_std", f'needs init = "normal", found init = "{study.model.init}"'
    if study.model.kind != "mlp":
        yield from (
            (f"model.{key}", f'needs kind = "mlp", found "{study.model.kind}"') for key in ("hidden", "dropout")
        )
    if not study.model.own:
        yield "model.penalised", f'needs a module of your own, found kind = "{study.model.kind}"'
    if study.model.kind == "linear":
        yield "model.group_by", "needs hidden units, a linear model has none"
        yield "model.groups", "needs several layers, a linear model has one"


def _idle(study: Study) -> Problems:
    """Idle keys that ask for something; one that is written out with its default asks for nothing."""
    for key, reason in dict(reversed(list(idle_keys(study)))).items():
        name, field = key.split(".")
        section = getattr(study, name)
        default = type(section).model_fields[field].default
        # refit = true is kfold's default, and a file that lists every key may show it.
        asks = getattr(section, field) not in ((default, True) if field == "refit" else (default,))
        if field in section.model_fields_set and asks:
            yield key, reason


def _searched(study: Study) -> Problems:
    """A searched setting has to apply, and cannot be fixed as well."""
    idle = dict(idle_keys(study))
    for name in study.space.searched():
        key = SETTINGS[name].key
        section = getattr(study, SETTINGS[name].table)
        fixed = name in section.model_fields_set and getattr(section, name) != type(section).model_fields[name].default
        if key in idle:
            yield f"space.{name}", idle[key]
        elif study.training.optimizer == "exact":
            yield f"space.{name}", f'"exact" has one optimum, whatever {key}, search it with sgd, adam or adamw'
        elif fixed:
            yield key, f"is searched in space.{name}, give one of them"


def _model(study: Study) -> Problems:
    kind = study.model.kind
    if kind == "linear":
        return
    needs = f'needs model.kind = "linear", found "{kind}"'
    if study.training.optimizer == "exact":
        yield "training.optimizer", f'"exact" {needs}, the others are sgd, adam, adamw'
    if study.model.init == "zeros":
        yield "model.init", f'"zeros" {needs} (equal units stay equal), the others are default, normal'
    if study.space.lambda_ == "auto":
        yield "space.lambda", f'"auto" {needs}, give {{ low = 1e-4, high = 1e2 }} or a list of values'


def _groups(study: Study) -> Problems:
    """Each group of weights is searched, and nothing else is."""
    groups, searched = study.model.groups, study.space.lambdas
    for name in groups.keys() - searched.keys():
        yield f"space.lambdas.{name}", f"is missing, give the strength of model.groups.{name}: a range or a list"
    for name in searched.keys() - groups.keys():
        yield f"space.lambdas.{name}", f'needs model.groups.{name}, a list of patterns such as ["out.weight"]'


def _training(study: Study) -> Problems:
    optimizer, apply = study.training.optimizer, study.training.apply
    if study.training.loss != "default" and study.space.lambda_ == "auto":
        yield (
            "space.lambda",
            '"auto" needs training.loss = "default", give { low = 1e-4, high = 1e2 } or a list of values',
        )
    if optimizer == "exact" and apply == "decoupled":
        yield "training.apply", '"decoupled" has no meaning with optimizer = "exact", use proximal or loss'
    if optimizer == "adamw" and apply != "decoupled":
        yield (
            "training.optimizer",
            f'"adamw" is adam with decoupled decay and needs apply = "decoupled", found "{apply}": '
            'set that, or optimizer = "adam"',
        )
    grouped = [name for name in study.space.penalty if not PENALTIES[name].elementwise]
    if optimizer == "adam" and apply == "proximal" and grouped:
        yield (
            "training.apply",
            f'"proximal" with adam has no closed form for {", ".join(grouped)} (each weight has its own step): '
            'use optimizer = "sgd" or "exact", or apply = "decoupled"',
        )


def _stop(study: Study) -> Problems:
    if study.search.stop == "settled" and study.search.sampler == "grid":
        yield "search.stop", '"settled" looks at what later trials bring, and a grid has an order: use another sampler'


def _exact(study: Study) -> Problems:
    """Which penalties the exact solvers cannot minimise."""
    if study.training.optimizer != "exact":
        return
    unsolved = [name for name in study.space.penalty if not has_exact_solution(name)]
    if unsolved:
        yield (
            "training.optimizer",
            f'"exact" has no solution for {", ".join(unsolved)} (not convex), use sgd, adam or adamw',
        )


def has_exact_solution(penalty: str) -> bool:
    """Whether the exact solvers can minimise a penalty."""
    made = make_penalty(penalty, {each.name: each.default[0] for each in PENALTIES[penalty].parameters})
    return made.convex_parts(1.0) is not None


def _columns(study: Study) -> Problems:
    """A column of [split] has one meaning."""
    split = study.split
    if split.group_column is not None and split.group_column == split.test_column:
        yield "split.group_column", "is split.test_column too, name another column"


def _inputs(study: Study) -> Problems:
    """A column is an input or it is not."""
    data, split = study.data, study.split
    if not isinstance(data, ColumnsData):
        return
    keep = data.keep or ()
    if data.drop and keep:
        yield "data.keep", "excludes data.drop, give one of them"
    for key, names in (("drop", data.drop), ("keep", keep)):
        for name in set(names).intersection(data.target or ()):
            yield f"data.{key}", f"{show(name)} is the target, which is no input anyway, leave it out of the list"
    for key in ("test_column", "group_column", "time_column"):
        if (name := getattr(split, key)) in keep:
            yield "data.keep", f"{show(name)} is split.{key}, which is no input, leave it out of the list"


def _rotation(study: Study) -> Problems:
    """Every fold is tested by models of all others, and each of these must validate."""
    split = study.split
    if 0 < split.test_folds < 3:
        yield (
            "split.test_folds",
            f"must be 0 or at least 3 (the other folds validate each other), found {split.test_folds}",
        )
    if split.test_repeats > 1 and not split.rotates:
        yield "split.test_repeats", "needs test_folds, such as 5"
    if split.rotates and study.training.patience:
        yield (
            "training.patience",
            "would choose the epochs on the rows of test_folds, search epochs in [space] or set test_folds = 0",
        )


def _replicates(study: Study) -> Problems:
    """Every candidate is fitted on every replicate."""
    data, split = study.data, study.split
    if isinstance(data, SyntheticLinear):
        factors = {"data.draws": data.draws}
    elif split.rotates:  # each fold held out by itself and with each of the others
        factors = {"split.test_folds": math.comb(split.test_folds + 1, 2), "split.test_repeats": split.test_repeats}
    else:
        factors = {"split.folds": split.folds if split.scheme == "kfold" else 1, "split.repeats": split.repeats}
    factors["training.seeds"] = study.training.seeds
    if (count := math.prod(factors.values())) > MOST_REPLICATES:
        key = max(factors, key=lambda each: factors[each])
        yield key, f"makes {count:,} replicates of every candidate, valid are at most {MOST_REPLICATES:,} in all"


def _metric(study: Study) -> Problems:
    task, metric = study.data.task, study.search.metric
    if task is not None and metric is not None and METRICS[metric].task != task:
        yield "search.metric", wrong_metric(metric, task)


def _pruner(study: Study) -> Problems:
    pruner = study.search.pruner
    if study.training.optimizer == "exact" and PRUNERS[pruner] == "epoch":
        yield "search.pruner", f'"{pruner}" stops between epochs and exact has none, use none or wilcoxon'


def _sampler(study: Study) -> Problems:
    refusal = SAMPLERS[study.search.sampler].refusal(shape_of(study))
    if refusal is not None:
        yield "search.sampler", refusal


def shape_of(study: Study) -> SpaceShape:
    """The space as samplers see it."""
    space = study.space
    own = {name: over for penalty in space.penalty for name, over in space.parameters_of(penalty).items()}
    strengths = {name: over for penalty in space.penalty for name, over in space.strengths_of(penalty).items()}
    searched = {**strengths, **own, **space.searched()}
    whole = {name for name in space.searched() if SETTINGS[name].integer}
    continuous = {
        name for name, over in searched.items() if (isinstance(over, Range) or over == "auto") and name not in whole
    }
    return SpaceShape({penalty: space.names_of(penalty) for penalty in space.penalty}, frozenset(continuous))


CHECKS = (
    _idle,
    _searched,
    _model,
    _groups,
    _training,
    _exact,
    _columns,
    _inputs,
    _rotation,
    _replicates,
    _stop,
    _metric,
    _pruner,
    _sampler,
)


def problems(study: Study) -> list[tuple[str, str]]:
    """Every problem between the keys of a study."""
    return [problem for check in CHECKS for problem in check(study)]
