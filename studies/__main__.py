"""Compute the answers again: python -m studies [NAME ...], all or those named (q2b_heuristic, or a group: q1, real)."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from importlib import import_module

from studies.book import draw, read_answer, sections, write_answer, write_pages


def main(arguments: list[str]) -> None:
    """Compute the named sections (without names: all), unless only the pages are wanted; then write all pages."""
    parser = ArgumentParser(prog="python -m studies", description="Computes the answers again, and writes their pages.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a folder, or a group: q1, real; none: all")
    parser.add_argument("--render", action="store_true", help="write the pages from the figures that are there")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if not any(belongs(section, name) for section in sections())]
    if unknown:
        sys.exit(f"python -m studies: no section {', '.join(unknown)}; valid: {', '.join(sections())}")
    for section in [] if given.render else sections():
        if not given.names or any(belongs(section, name) for name in given.names):
            compute(section)
    write_pages()


def belongs(section: str, name: str) -> bool:
    """Whether a section is the one named, or one of the group named by its first part."""
    return name in {section, section.split("_", maxsplit=1)[0]}


def compute(section: str) -> None:
    """Compute one section's figures, keep them, and draw its picture."""
    started = time.perf_counter()
    module = import_module(f"studies.{section}.compute")
    write_answer(section, module.answer())
    if hasattr(module, "picture"):
        draw(module.picture(read_answer(section)), section)
    print(f"{section}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
