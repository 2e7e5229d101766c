"""The answers' book: each question's folder holds its figures, a template and the page made of both.

A folder has study.toml (or is answered by one of the study files beside the folders), compute.py, template.md; made
from them are answer.json, picture.svg and README.md. The README beside the folders is one table of all answers.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from studies.reference import PAGE, reference

if TYPE_CHECKING:
    import plotly.graph_objects as go

HERE = Path(__file__).parent
DIGITS = 6
PARTS = ("q*", "real_*", "method*")

FOOTER = """---

Every figure on this page comes from [answer.json](answer.json). `python -m studies {name}` computes it again
([compute.py](compute.py)) and writes the page from [template.md](template.md). [All questions](../README.md)
"""

TABLE = """# The textbook's questions, answered

Readers of a deep-learning textbook's chapter on weight decay asked these questions. Each has a folder: a page with the
answer and its reasons, a study file to run, and the computation of every figure.

| question | answer | page |
|---|---|---|
{rows}

## Compute the answers again

```bash
python -m studies              # all of them: about five minutes on one core
python -m studies q1 real      # those named, by folder or by the first part of its name
python -m studies --render     # no computation: the pages alone, from the figures that are there
```

The figures repeat on the same machine and versions. Another processor or another torch may round otherwise.

## Study files to start from

Three study files stand beside the folders, to be run and changed first. Each is also the study of a question above.

| study file | data | its page |
|---|---|---|
| [weight_decay.toml](weight_decay.toml) | 20 training rows, 200 features | [q2_optimal](q2_optimal/README.md) |
| [diabetes.toml](diabetes.toml) | 442 patients, 285 features | [real_diabetes](real_diabetes/README.md) |
| [digits.toml](digits.toml) | 1,797 images, a small network | [real_digits](real_digits/README.md) |

```bash
python -m search run studies/weight_decay.toml
```
"""


class Page(NamedTuple):
    """One question's page: what was asked, the answer in one line, and the whole text."""

    question: str
    answer: str
    text: str


def sections() -> list[str]:
    """The folders' names in the book's order: the textbook's questions, real data, the method itself."""
    return [path.parent.name for part in PARTS for path in sorted(HERE.glob(f"{part}/template.md"))]


def read_answer(name: str) -> dict[str, Any]:
    """A section's figures, as they were last computed."""
    found: dict[str, Any] = json.loads((HERE / name / "answer.json").read_text(encoding="utf-8"))
    return found


def write_answer(name: str, figures: dict[str, Any]) -> None:
    """Keep a section's figures, in an order and with digits that do not depend on the run."""
    text = json.dumps(rounded(figures), indent=2, sort_keys=True, allow_nan=False)
    (HERE / name / "answer.json").write_text(text + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value with every number at 6 significant digits, as answer.json keeps it."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def page(name: str, figures: dict[str, Any]) -> Page:
    """A section's page; a figure that the template names and the answer lacks is an error.

    The template's first line is the question, as a heading, and its variable `one_line` the answer in one line.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    module = environment.get_template(f"{name}/template.md").make_module(figures)
    body = str(module).strip()
    question = body.partition("\n")[0].removeprefix("# ")
    one_line: str = vars(module)["one_line"]
    return Page(question, one_line.strip(), f"{body}\n\n{FOOTER.format(name=name)}")


def table(pages: dict[str, Page]) -> str:
    """The README beside the folders: every question with its answer in one line."""
    rows = [
        f"| {_cell(each.question)} | {_cell(each.answer)} | [{name}]({name}/README.md) |"
        for name, each in pages.items()
    ]
    return TABLE.format(rows="\n".join(rows))


def write_pages() -> None:
    """Write every section's README, the table of them all, and the study file's reference."""
    pages = {name: page(name, read_answer(name)) for name in sections()}
    for name, each in pages.items():
        (HERE / name / "README.md").write_text(each.text, encoding="utf-8")
    (HERE / "README.md").write_text(table(pages), encoding="utf-8")
    PAGE.write_text(reference(), encoding="utf-8")


def draw(figure: go.Figure, name: str) -> None:
    """Write a section's picture.svg, by a browser that this machine has; without one the old picture stays."""
    from search.report.theme import LIGHT

    figure.update_layout(template=LIGHT.template(), paper_bgcolor="white", plot_bgcolor="white")
    try:
        picture = figure.to_image("svg", width=900, height=420).decode("utf-8")
    except RuntimeError as error:
        print(f"{name}: no picture drawn, {str(error).strip().splitlines()[0]}", file=sys.stderr)
    else:
        (HERE / name / "picture.svg").write_text(steady(picture), encoding="utf-8")


def steady(picture: str) -> str:
    """The picture with numbers for plotly's random names, so that the same figures make the same file."""
    names = dict.fromkeys(re.findall(r"(?:defs-|clip|legend|trace)([0-9a-f]{6})", picture))
    for number, name in enumerate(names):
        picture = picture.replace(name, f"{number:06}")
    return picture


def _cell(text: str) -> str:
    """A text as a table's cell, where a bar would begin the next one."""
    return " ".join(text.split()).replace("|", r"\|")
