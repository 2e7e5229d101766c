"""What must hold between the keys of a study file: a check yields (dotted key, what is wrong and what is valid)."""

from __future__ import annotations

from collections.abc import Iterator

from search.settings.fields import Range
from search.settings.sections import METRICS, Study, SyntheticLinear, wrong_metric

Problems = Iterator[tuple[str, str]]


def idle_keys(study: Study) -> Problems:
    """The keys that do not apply to this study, each with the reason; not stored, refused if changed."""
    data = study.data
    if isinstance(data, SyntheticLinear):
        reason = "does not apply to synthetic_linear, whose parts are sized by data.train, data.validation, data.test"
        yield from ((f"split.{key}", reason) for key in type(study.split).model_fields)
        if data.weight_std is not None:
            yield "data.weight", "excludes data.weight_std, give one of them"
    elif study.split.test_column is not None:
        yield "split.test", "excludes split.test_column, give one of them"
    if study.model.init != "normal":
        yield "model.init_std", f'needs init = "normal", found init = "{study.model.init}"'
    if study.model.kind == "linear":
        yield from ((f"model.{key}", 'needs kind = "mlp", found "linear"') for key in ("hidden", "dropout"))
    if study.training.optimizer != "sgd":
        yield "training.momentum", f'needs optimizer = "sgd", found "{study.training.optimizer}"'
    if study.training.optimizer == "exact":
        yield "training.seeds", '"exact" has one optimum, whatever the seed'


def _idle(study: Study) -> Problems:
    """Idle keys that ask for something; one that is written out with its default asks for nothing."""
    for key, reason in idle_keys(study):
        name, field = key.split(".")
        section = getattr(study, name)
        default = type(section).model_fields[field].default
        # refit = true is kfold's default, and a file that lists every key may show it.
        asks = getattr(section, field) not in ((default, True) if field == "refit" else (default,))
        if field in section.model_fields_set and asks:
            yield key, reason


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


def _training(study: Study) -> Problems:
    optimizer, apply = study.training.optimizer, study.training.apply
    if optimizer == "exact" and apply == "decoupled":
        yield "training.apply", '"decoupled" has no meaning with optimizer = "exact", use proximal or loss'
    if optimizer == "adamw" and apply != "decoupled":
        yield (
            "training.optimizer",
            f'"adamw" is adam with decoupled decay and needs apply = "decoupled", found "{apply}": '
            'set that, or optimizer = "adam"',
        )
    if optimizer == "adam" and apply == "proximal" and "group_lasso" in study.space.penalty:
        yield (
            "training.apply",
            '"proximal" with adam has no closed form for group_lasso (each weight has its own step): '
            'use optimizer = "sgd" or "exact", or apply = "decoupled"',
        )


def _metric(study: Study) -> Problems:
    task, metric = study.data.task, study.search.metric
    if task is not None and metric is not None and metric not in METRICS[task]:
        yield "search.metric", wrong_metric(metric, task)


def _pruner(study: Study) -> Problems:
    pruner = study.search.pruner
    if study.training.optimizer == "exact" and pruner not in ("none", "wilcoxon"):
        yield "search.pruner", f'"{pruner}" stops between epochs and exact has none, use none or wilcoxon'


def _parameters(penalty: str) -> tuple[str, ...]:
    if penalty == "none":
        return ()
    return ("lambda", "l1_ratio") if penalty == "elastic_net" else ("lambda",)


def _sampler(study: Study) -> Problems:
    sampler, space = study.search.sampler, study.space
    ranges = not isinstance(space.lambda_, tuple) and isinstance(space.l1_ratio, Range)
    if sampler == "cmaes" and not (space.penalty == ("elastic_net",) and ranges):
        yield (
            "search.sampler",
            '"cmaes" needs two or more continuous parameters and no others: penalty = ["elastic_net"] '
            'with ranges for lambda and l1_ratio, else use "tpe"',
        )
    if sampler in ("gp", "qmc") and len(set(map(_parameters, space.penalty))) > 1:
        yield (
            "search.sampler",
            f'"{sampler}" would silently sample lambda at random, because the penalties '
            f'{", ".join(space.penalty)} do not have the same parameters: use "tpe"',
        )


CHECKS = (_idle, _model, _training, _metric, _pruner, _sampler)


def problems(study: Study) -> list[tuple[str, str]]:
    """Every problem between the keys of a study."""
    return [problem for check in CHECKS for problem in check(study)]
