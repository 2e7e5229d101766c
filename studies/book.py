"""The answers' book: figures in answers.json, a template for each section, and the README made of both."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

if TYPE_CHECKING:
    import plotly.graph_objects as go

HERE = Path(__file__).parent
ANSWERS = HERE / "answers.json"
README = HERE / "README.md"
PICTURES = HERE / "pictures"
DIGITS = 6
OPENING = """# The textbook's questions, answered

Each section is one question that readers asked about weight decay, in the textbook's order. Every figure comes from
[answers.json](answers.json), which `python -m studies` computes again, all sections or those named (`python -m studies
q1 q3`). A section has a study file, `python -m search run studies/NAME.toml`, and a module beside it, `NAME.py`, for
what the study file cannot say.
"""


def sections() -> list[str]:
    """The sections in the book's order: the textbook's questions, real data, the method itself."""
    return [path.stem for part in ("q*", "real_*", "method*") for path in sorted(HERE.glob(f"{part}.md"))]


def read_answers() -> dict[str, Any]:
    """Section to its figures; empty where none was computed yet."""
    return json.loads(ANSWERS.read_text(encoding="utf-8")) if ANSWERS.exists() else {}


def write_answers(answers: dict[str, Any]) -> None:
    """Keep the figures, in an order that does not depend on which was computed first."""
    ANSWERS.write_text(json.dumps(answers, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value with every number at 6 significant digits, as answers.json keeps it."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def render(answers: dict[str, Any]) -> str:
    """The README: every section's template filled with its figures; one without figures is not answered yet."""
    texts = [section_text(name, answers[name]) for name in sections() if name in answers]
    return "\n\n".join([OPENING.strip(), *texts]) + "\n"


def section_text(name: str, figures: dict[str, Any]) -> str:
    """One section; a figure that the template names and the answer lacks is an error."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    text = (HERE / f"{name}.md").read_text(encoding="utf-8")
    return environment.from_string(text).render(figures).strip()


def draw(figure: go.Figure, name: str) -> None:
    """Write the picture as pictures/NAME.svg, by a browser that this machine has; without one the old one stays."""
    PICTURES.mkdir(exist_ok=True)
    figure.update_layout(paper_bgcolor="white", plot_bgcolor="white")
    try:
        figure.write_image(PICTURES / f"{name}.svg", width=900, height=420)
    except RuntimeError as error:
        print(f"{name}: no picture drawn, {str(error).strip().splitlines()[0]}", file=sys.stderr)
