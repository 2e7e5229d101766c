"""The study file in the page parses back to the settings that it stands for."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.report.study_file import study_file
from search.settings import Settings

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = TEXTS | NUMBERS | st.booleans()
KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
TABLES = st.dictionaries(KEYS, SCALARS | st.lists(SCALARS) | st.dictionaries(KEYS, NUMBERS, min_size=1), min_size=1)


@settings(max_examples=40)
@given(st.dictionaries(KEYS, SCALARS | TABLES))
def test_any_settings_come_back(settings):
    tables = {key: filled(value) if isinstance(value, dict) else value for key, value in settings.items()}
    assert tomllib.loads(study_file(settings)) == filled(tables)


def filled(table):
    return {key: value for key, value in table.items() if value not in ("", [], {})}


@pytest.mark.parametrize("path", sorted(Path("studies").glob("*.toml")), ids=lambda path: path.stem)
def test_the_studies_of_this_repository_come_back(path):
    settings = Settings.load(path)
    assert Settings.parse(tomllib.loads(study_file(settings.to_dict()))) == settings
