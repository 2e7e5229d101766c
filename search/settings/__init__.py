"""The study file: every knob with its unit, its default and an error message that helps."""

from search.settings.fields import Range, Section
from search.settings.sections import (
    METRICS,
    Bundled,
    Data,
    FileData,
    FunctionData,
    Metric,
    Model,
    Search,
    Space,
    Split,
    SyntheticLinear,
    Training,
    VerdictSettings,
)
from search.settings.study import Settings, changed_keys, json_schema

__all__ = [
    "METRICS",
    "Bundled",
    "Data",
    "FileData",
    "FunctionData",
    "Metric",
    "Model",
    "Range",
    "Search",
    "Section",
    "Settings",
    "Space",
    "Split",
    "SyntheticLinear",
    "Training",
    "VerdictSettings",
    "changed_keys",
    "json_schema",
]
