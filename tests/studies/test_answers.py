"""The answers' book: text and figures agree, and every section has what it needs."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.settings import Settings
from studies.__main__ import main
from studies.book import HERE, README, read_answers, render, rounded, sections

ANSWERS = read_answers()
TEMPLATES = sections()


def test_the_readme_is_what_templates_and_figures_make():
    assert README.read_text(encoding="utf-8") == render(ANSWERS)


def test_every_section_is_answered_and_every_answer_has_a_section():
    assert set(TEMPLATES) == set(ANSWERS)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_section_has_its_module_and_its_study_file(name):
    assert (HERE / f"{name}.py").is_file()
    assert Settings.load(HERE / f"{name}.toml").question


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_section_takes_its_figures_from_the_answers(name):
    text = (HERE / f"{name}.md").read_text(encoding="utf-8")
    assert len(re.findall(r"\{\{", text)) >= 3
    assert f"studies/{name}.toml" in text or f"python -m studies {name}" in text


def test_links_and_pictures_are_there():
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", README.read_text(encoding="utf-8"))
    assert [link for link in links if not link.startswith("https://") and not (HERE / link).exists()] == []


def test_figures_are_kept_at_six_digits():
    assert rounded(ANSWERS) == ANSWERS


def test_an_unknown_section_is_refused_and_the_known_ones_are_named():
    with pytest.raises(SystemExit, match=r"no section q99; valid: .*q1_curve"):
        main(["q99"])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_is_close_and_stable(value):
    once = rounded({"a": [value]})["a"][0]
    assert once == pytest.approx(value, rel=5.1e-6)
    assert rounded(once) == once
