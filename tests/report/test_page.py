"""The page as text: what comes first, what is escaped, what is inside, and how large it is."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
import shlex
import tomllib
from html.parser import HTMLParser

import pytest
from command_line import call
from hostile_study import HOSTILE, HOSTILE_NAME

from search.core.errors import UserError
from search.report.answer import answer_of
from search.report.page import command_of, render, write_report
from search.settings import Settings
from search.verdict.text import describe


class Parts(HTMLParser):
    """Texts by tag, ids, links, and every address that a browser would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self._open.append(tag)
        self.texts.setdefault(tag, []).append("")
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.loads += [found[name] for name in ("src", "srcset", "data", "action") if name in found]
        self.loads += [found["href"]] if tag == "link" else []
        self.handlers += [name for name in found if name.startswith("on")]

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        for tag in set(self._open):
            self.texts[tag][-1] += data


@pytest.fixture(scope="module")
def page(study):
    return render(study.view)


@pytest.fixture(scope="module")
def parts(page):
    return Parts(page)


def packed(page: str, name: str) -> str:
    body = re.search(rf'<script type="application/gzip" id="{name}">([^<]*)</script>', page)
    assert body is not None
    return gzip.decompress(base64.b64decode(body.group(1))).decode()


def test_the_verdict_comes_first_and_is_whole(study, page):
    first, second, *rest = describe(study.verdict).split("\n")
    answer = answer_of(study.view)
    assert answer.sentence == f"{first} {second}"
    assert [*answer.basis, *(f"Warning: {message}" for message in answer.warnings)] == rest
    assert page.index('class="answer') < page.index('class="plot"') < page.index("<table")


def test_each_figure_has_its_place_its_question_and_its_data(study, page, parts):
    data = json.loads(packed(page, "data"))
    assert list(data["figures"]) == list(study.figures)
    assert {f"plot-{name}" for name in study.figures} < set(parts.ids)
    assert all(figure["data"] and "template" not in figure["layout"] for figure in data["figures"].values())
    assert set(data["themes"]) == {"light", "dark"}


def test_nothing_is_loaded_from_elsewhere_and_only_known_scripts_run(page, parts):
    assert parts.loads == []
    assert parts.handlers == []
    policy = html.unescape(re.search(r'Policy" content="([^"]*)"', page).group(1))
    running = [packed(page, "plotly"), re.search(r'<script type="module">(.*?)</script>', page, re.S).group(1)]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in running]
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{hashes[0]}' 'sha256-{hashes[1]}'; ")


def test_ids_are_unique_and_links_within_the_page_lead_somewhere(parts):
    assert len(set(parts.ids)) == len(parts.ids)
    assert all(link.startswith("#") and link[1:] in parts.ids for link in parts.links)


def test_the_study_file_in_the_page_is_the_study(study, parts):
    command, text = parts.texts["pre"]
    assert Settings.parse(tomllib.loads(text)) == Settings.parse(study.snapshot.settings) == study.settings
    assert command.split("\n") == ["lambda-search run small.toml", "lambda-search report small"]
    assert command_of("two words").split("\n")[1] == "lambda-search report 'two words'"
    assert command_of("ridge", of_file=False).split("\n")[1] == "lambda-search report ridge --storage STORAGE"
    assert [shlex.split(line)[-1] for line in command_of(HOSTILE).split("\n")] == [f"{HOSTILE}.toml", HOSTILE]


def test_a_hostile_study_is_text_and_nothing_else(hostile, parts):
    shown = Parts(render(hostile))
    assert set(shown.texts) <= set(parts.texts)
    assert len(shown.texts["script"]) == len(parts.texts["script"])
    assert shown.handlers == []
    assert shown.texts["h1"] == [HOSTILE]
    settings = tomllib.loads(shown.texts["pre"][1])
    assert (settings["name"], settings["question"], settings["data"]["target"]) == (HOSTILE_NAME, HOSTILE, [HOSTILE])


def test_a_sealed_study_is_shown_without_a_test_loss_and_stays_sealed(sealed, storage, tmp_path, study_folder):
    assert sealed.verdict is None
    output = tmp_path / "sealed.html"
    done = call("report", "sealed", "--storage", storage, "-o", output)
    assert done.code == 0, done.err
    assert "lambda-search verdict sealed" in done.err
    shown = Parts(output.read_text(encoding="utf-8"))
    assert "test rows are sealed" in "".join(shown.texts["p"])
    assert not any("test loss" in heading for heading in shown.texts["th"])
    again = call("export", "sealed", "--storage", storage, "-o", tmp_path / "trials.csv")
    assert again.code == 0, again.err
    assert call("report", study_folder / "sealed.toml", "--storage", storage, "-o", output).code == 0


def test_where_the_page_goes(study, storage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("report", "small", "--storage", storage).code == 0
    assert (tmp_path / "small.html").stat().st_size < 3e6
    with pytest.raises(UserError, match=r"--output: .*missing.* cannot be written"):
        write_report(study.view, tmp_path / "missing" / "page.html")
