"""The report as one page: self-contained, readable without a network, the verdict first."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shlex
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from search.core.errors import UserError
from search.core.writing import whole_file
from search.report.answer import answer_of
from search.report.axis import RANK
from search.report.facts import facts_of, figures_of, file_name, without_paths
from search.report.gallery import Gallery
from search.report.judged_tables import judged_tables
from search.report.study_file import study_file
from search.report.tables import Table, rules_table, seeds_of, trials_table, versions_of
from search.report.theme import DARK, LIGHT
from search.report.view import StudyView

# Whatever a study's texts might hold, only the scripts with these hashes run, and nothing reaches a network.
POLICY: Final = (
    "default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def write_report(view: StudyView, path: Path) -> Path:
    """Write the page of a study as one HTML file; returns its path. `UserError` where it cannot be written."""
    page = render(view)
    try:
        with whole_file(path) as file:
            file.write(page.encode())
    except OSError as error:
        raise UserError(f"--output: {path} cannot be written: {error.strerror}") from error
    return path


def render(view: StudyView) -> str:
    """The page of a study as HTML text: everything is inside it, every text of the study is escaped."""
    gallery = Gallery(view)
    script = _asset("page.js")
    page: str = _template().render(
        policy=POLICY.format(hashes=" ".join(_hash(each) for each in (get_plotlyjs(), script))),
        css=Markup(_asset("page.css")),
        plotly=_packed_plotly(),
        script=Markup(script),
        data=_packed(_data(gallery)),
        study=view.study,
        answer=answer_of(view),
        strength=None if view.placed.axis.name == RANK else view.placed.axis.name,
        unpenalised=view.placed.axis.none is not None,
        facts=facts_of(view),
        numbers=figures_of(view.verdict),
        storage=file_name(view.study.storage),
        figures={name: gallery.entry(name) for name in gallery},
        left_out=gallery.left_out(),
        tables=_tables(view, gallery),
        file_name=f"{view.study.name}.toml",
        command=command_of(view.study.name, of_file=bool(view.study.settings)),
        study_file=study_file(without_paths(view.study.settings)) if view.study.settings else None,
        seeds=seeds_of(view.study.settings),
        versions=versions_of(view.study.versions),
    )
    return page


def command_of(name: str, *, of_file: bool = True) -> str:
    """The commands that search the same study again, or judge one that has no study file, and write this page."""
    first, where = (["run", f"{name}.toml"], []) if of_file else (["verdict", name], ["--storage", "STORAGE"])
    return "\n".join(shlex.join(["lambda-search", *words, *where]) for words in (first, ["report", name]))


def _tables(view: StudyView, gallery: Gallery) -> list[Table]:
    rules = [] if view.verdict is None or not view.verdict.rules else [rules_table(view.verdict)]
    trials = [trials_table(view)] if len(view.study.trials) else []
    return [*rules, *judged_tables(view, gallery.numbers("regret")), *trials]


def _data(gallery: Gallery) -> str:
    """The figures, and both themes as the templates that the page puts on them, as JSON."""
    figures: dict[str, Any] = {name: json.loads(figure.to_json()) for name, figure in gallery.items()}
    for figure in figures.values():
        del figure["layout"]["template"]
    themes = {theme.name: theme.template().to_plotly_json() for theme in (LIGHT, DARK)}
    return json.dumps({"figures": figures, "themes": themes}, separators=(",", ":"))


@cache
def _packed_plotly() -> str:
    return _packed(get_plotlyjs())


def _packed(text: str) -> str:
    """Text as gzip in base64, which holds no markup: plotly's script is 5 MB otherwise."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _asset(name: str) -> str:
    return resources.files("search.report").joinpath("template", name).read_text(encoding="utf-8")


@cache
def _template() -> Any:  # noqa: ANN401 - jinja2's
    return Environment(loader=PackageLoader("search.report", "template"), autoescape=True).get_template("page.html")
