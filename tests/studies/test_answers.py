"""The answers' book: text and figures agree, and every question has what it needs."""

import re
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from search.settings import Settings
from studies import book
from studies.__main__ import main
from studies.book import HERE, page, read_answer, rounded, sections, steady, table

SECTIONS = sections()
PAGES = {name: page(name, read_answer(name)) for name in SECTIONS}
READMES = [HERE / "README.md", *(HERE / name / "README.md" for name in SECTIONS)]
STUDY_FILES = sorted(HERE.rglob("*.toml"))


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(HERE)) for path in paths]


def template(name: str) -> str:
    return (HERE / name / "template.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SECTIONS)
def test_every_page_is_what_its_template_and_its_figures_make(name):
    assert (HERE / name / "README.md").read_text(encoding="utf-8") == PAGES[name].text


def test_the_table_is_what_the_pages_make():
    assert (HERE / "README.md").read_text(encoding="utf-8") == table(PAGES)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_table_has_the_question_the_answer_in_one_line_with_figures_and_the_link(name):
    rows = [row for row in table(PAGES).splitlines() if f"({name}/README.md) |" in row]
    question, answer, link = (cell.strip() for cell in re.split(r"(?<!\\)\|", rows[0])[1:-1])
    assert question.replace("\\|", "|") == PAGES[name].question
    assert answer.replace("\\|", "|") == PAGES[name].answer
    assert link == f"[{name}]({name}/README.md)"
    assert "\n" not in answer
    assert re.search(r"\d", answer)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_page_begins_with_the_question_and_the_answer(name):
    heading, answer = PAGES[name].text.split("\n\n")[:2]
    assert heading == f"# {PAGES[name].question}"
    assert answer == f"**{PAGES[name].answer}**"


def test_every_folder_with_an_answer_is_a_section_and_has_its_computation():
    folders = {path.parent.name for path in HERE.glob("*/answer.json")}
    assert folders == set(SECTIONS) == {path.parent.name for path in HERE.glob("*/compute.py")}


@pytest.mark.parametrize("path", STUDY_FILES, ids=names(STUDY_FILES))
def test_every_study_file_asks_a_question_and_belongs_to_a_page_that_says_how_to_run_it(path):
    assert Settings.load(path).question
    pages = [name for name in SECTIONS if f"studies/{path.relative_to(HERE)}" in template(name)]
    assert len(pages) == 1
    assert path.parent in (HERE, HERE / pages[0])


@pytest.mark.parametrize("name", SECTIONS)
def test_every_page_says_how_to_run_its_study(name):
    commanded = re.findall(r"python -m search run studies/([\w/]+\.toml)", template(name))
    assert commanded
    assert all((HERE / each).is_file() for each in commanded)


def test_every_study_has_a_name_of_its_own():
    # They share one ledger by default, where a name is a study.
    found = [Settings.load(path).name for path in STUDY_FILES]
    assert len(set(found)) == len(found) >= len(SECTIONS)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_page_takes_its_figures_from_the_answer(name):
    assert len(re.findall(r"\{\{", template(name))) >= 3
    with pytest.raises(UndefinedError):
        page(name, {})


def test_every_picture_is_on_its_page():
    drawn = {path.parent.name for path in HERE.glob("*/picture.svg")}
    assert drawn == {name for name in SECTIONS if "](picture.svg)" in PAGES[name].text}


@pytest.mark.parametrize("name", SECTIONS)
def test_figures_are_kept_at_six_digits(name):
    assert rounded(read_answer(name)) == read_answer(name)


def test_pages_are_written_again_without_computing(tmp_path, monkeypatch):
    copied = copytree(HERE, tmp_path / "studies")
    monkeypatch.setattr(book, "HERE", copied)
    for path in READMES:
        (copied / path.relative_to(HERE)).unlink()
    main(["--render"])
    for path in READMES:
        assert (copied / path.relative_to(HERE)).read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


def test_an_unknown_section_is_refused_and_the_known_ones_are_named():
    with pytest.raises(SystemExit, match=r"no section q99; valid: .*q1_curve"):
        main(["q99"])


def test_a_picture_does_not_keep_plotlys_random_names():
    drawn = '<defs id="defs-{0}"><clipPath id="clip{0}xy"/></defs><g class="trace{1}" fill="#d55e00"/>'
    assert steady(drawn.format("5188be", "5e310b")) == steady(drawn.format("d2f45b", "278b09"))
    assert "#d55e00" in steady(drawn.format("5188be", "5e310b"))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_is_close_and_stable(value):
    once = rounded({"a": [value]})["a"][0]
    assert once == pytest.approx(value, rel=5.1e-6)
    assert rounded(once) == once
