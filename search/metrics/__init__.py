"""Metrics: one file each, and this registry. Imports nothing of ours, and neither torch nor optuna on its own."""

from collections.abc import Mapping

from search.metrics.base import Kind, Metric, TaskName, task_of
from search.metrics.error_rate import ERROR_RATE
from search.metrics.log_loss import LOG_LOSS
from search.metrics.mae import MAE
from search.metrics.mse import MSE

# The first metric of a task is its default.
METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        MSE,
        MAE,
        LOG_LOSS,
        ERROR_RATE,
    )
}


def metrics_for(task: TaskName) -> list[str]:
    """The names of a task's metrics, the default first."""
    return [metric.name for metric in METRICS.values() if metric.task == task]


__all__ = ["METRICS", "Kind", "Metric", "TaskName", "metrics_for", "task_of"]
