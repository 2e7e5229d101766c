"""Rebuild answers: python -m studies [SECTION ...], all of them or those named (q1, q2b_heuristic, real)."""

from __future__ import annotations

import sys
import time
from importlib import import_module

from studies.book import ANSWERS, README, draw, read_answers, render, rounded, sections, write_answers


def main(names: list[str]) -> None:
    """Compute the answers of the named sections (none named: all), then render the README from all there are."""
    unknown = [name for name in names if not any(belongs(section, name) for section in sections())]
    if unknown:
        sys.exit(f"python -m studies: no section {', '.join(unknown)}; valid: {', '.join(sections())}")
    for section in sections():
        if not names or any(belongs(section, name) for name in names):
            answer(section)
    README.write_text(render(read_answers()), encoding="utf-8")
    print(f"{README.name} and {ANSWERS.name} are written")


def belongs(section: str, name: str) -> bool:
    """Whether a section is the one named, or one of the group named by its first part."""
    return name in {section, section.split("_", maxsplit=1)[0]}


def answer(section: str) -> None:
    """Compute one section's figures, keep them, and draw its picture."""
    started = time.perf_counter()
    module = import_module(f"studies.{section}")
    figures = rounded(module.answer())
    write_answers(read_answers() | {section: figures})
    if hasattr(module, "picture"):
        draw(module.picture(figures), section)
    print(f"{section}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
