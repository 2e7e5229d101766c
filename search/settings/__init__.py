"""The study file: every knob with its unit, its default and an error message that helps.

Imports the registries of names (penalties, metrics, samplers) and what `core` shares.
"""

from search.settings.checks import has_exact_solution
from search.settings.data_tables import (
    SOURCE_NAMES,
    Bundled,
    ColumnsData,
    Data,
    FileData,
    FrameData,
    FunctionData,
    SyntheticLinear,
)
from search.settings.fields import MOST_FEATURES, MOST_LEVELS, Range, Section
from search.settings.searched import Searchable, Setting, as_value, as_widths
from search.settings.study import Settings, changed_keys, json_schema, verdict_settings
from search.settings.tables import SETTINGS, Model, Search, Space, Split, Training, VerdictSettings, strength_of

__all__ = [
    "MOST_FEATURES",
    "MOST_LEVELS",
    "SETTINGS",
    "SOURCE_NAMES",
    "Bundled",
    "ColumnsData",
    "Data",
    "FileData",
    "FrameData",
    "FunctionData",
    "Model",
    "Range",
    "Search",
    "Searchable",
    "Section",
    "Setting",
    "Settings",
    "Space",
    "Split",
    "SyntheticLinear",
    "Training",
    "VerdictSettings",
    "as_value",
    "as_widths",
    "changed_keys",
    "has_exact_solution",
    "json_schema",
    "strength_of",
    "verdict_settings",
]
