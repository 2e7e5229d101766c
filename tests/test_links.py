"""Every link of every page leads to a file that is there, and to a heading that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MADE = {"template.md", "macros.md"}  # of these the pages are made
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(page for room in ("search", "studies", "tests") for page in (ROOT / room).rglob("*.md")),
    ]
    if path.name not in MADE
)
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)|(?:href|src)=\"([^\"]+)\"", re.MULTILINE)


def links(text: str) -> list[str]:
    """Where a page leads, code left out."""
    return ["".join(found) for found in LINK.findall(CODE.sub("`code`", text))]


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to the headings of a page, the second of the same name with -1 behind it."""
    found: set[str] = set()
    for heading in re.findall(
        r"^#+ +(.+?) *$", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    ):
        shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        copies = sum(each == name or re.fullmatch(rf"{re.escape(name)}-\d+", each) is not None for each in found)
        found.add(f"{name}-{copies}" if copies else name)
    return found


def leads_nowhere(page: Path, link: str) -> bool:
    if link.startswith("https://"):
        return False
    name, _, anchor = link.partition("#")
    file = page.parent / name if name else page
    if not file.resolve().is_relative_to(ROOT) or not file.exists():
        return True
    return bool(anchor) and anchor not in anchors(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    assert [link for link in links(page.read_text(encoding="utf-8")) if leads_nowhere(page, link)] == []


def test_the_reader_of_links_sees_what_it_should(tmp_path):
    page = ROOT / "page.md"
    text = '[a](README.md#start) `[b](c)` ![p](p.png "title")\n```text\n[d](e)\n```\n[f]: g.md\n<a href="h">h</a>'
    assert links(text) == ["README.md#start", "p.png", "g.md", "h"]
    assert [leads_nowhere(page, link) for link in links(text)] == [False, True, True, True]
    assert leads_nowhere(page, "README.md#nowhere")
    assert leads_nowhere(page, "../outside.md")


def test_headings_have_the_names_that_github_gives_them():
    text = "# A `b` & c\n## [Four doors](x.md)\n```text\n# no heading\n```\n## Four doors\n### Is it 1 %?"
    assert anchors(text) == {"a-b--c", "four-doors", "four-doors-1", "is-it-1-"}


def test_links_are_there_to_be_read():
    found = [link for page in PAGES for link in links(page.read_text(encoding="utf-8"))]
    assert len(found) > 100
    assert any("#" in link for link in found)
