"""What `check` shows: all that is damaged, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from search.ledger import Checked

NONE: Final = "none"
AGAIN: Final = ("closed", "asked again", "trained again")
# What can be done about damage, and what was done.
CAN: Final = {
    "put right": "one bit of it is flipped, and can be put right",
    "left out": "can be left out",
    "closed": "the gap can be closed, and what is seen to be lost asked again",
    "asked again": "can be asked again",
    "trained again": "can be trained again",
    NONE: "nothing here can mend it",
}
DONE: Final = {
    "put right": "the flipped bit is put right",
    "left out": "left out now",
    "closed": "the gap is closed now",
    "asked again": "failed now, and to be asked again by the next run",
    "trained again": "to be trained again by the next run",
    NONE: "nothing here can mend it",
}


def print_check(found: Checked, command: str) -> None:
    """A line for all that is damaged, and what was looked at; `command` is the one that mends it."""
    console = Console(soft_wrap=True, highlight=False)
    does = DONE if found.repaired else CAN
    for (what, study, repair, line), alike in groupby(found.damages, lambda each: (*each[:3], each.line)):
        where = _where(found.storage, line, study, [each.trial for each in alike if each.trial is not None])
        console.print(f"[bold]{escape(where)}[/]: {escape(what)}; {does[repair]}")
    if found.copy is not None:
        console.print(f"The journal of before is kept as {escape(str(found.copy))}.")
    counts = f"studies: {len(found.studies)}, trials: {found.trials}"
    counts += "" if found.records is None else f", records: {found.records}"
    console.print(f"{escape(found.storage)}: {_answer(found)} ({counts})")
    if any(each.repair != NONE for each in found.left):
        console.print(f"To mend what can be mended: {escape(command)}")
    again = dict.fromkeys(each.study for each in found.damages if each.repair in AGAIN)
    if found.repaired and again:
        console.print(f"To have again what was lost, run once more: {escape(', '.join(filter(None, again)))}")


def _answer(found: Checked) -> str:
    if not found.damages:
        return "all of it is whole"
    if not found.repaired:
        return f"{len(found.damages)} damaged"
    return f"{len(found.damages) - len(found.left)} mended" + f", {len(found.left)} left" * bool(found.left)


def _where(storage: str, line: int | None, study: str | None, trials: Sequence[int]) -> str:
    """Such as "ledger.journal, line 7 (trial 3 of study 'a')", or "trials 3, 4 of study 'a'"."""
    names = f"trial{'s' * (len(trials) > 1)} {', '.join(map(str, trials))} of " if trials else ""
    whose = "" if study is None else f"{names}study {study!r}"
    if line is None:
        return whose
    return f"{storage}, line {line}" + f" ({whose})" * bool(whose)


def check_facts(found: Checked) -> dict[str, Any]:
    """The same for programs."""
    return {
        "storage": found.storage,
        "whole": not found.left,
        "studies": list(found.studies),
        "trials": found.trials,
        "records": found.records,
        "damages": [
            {
                "study": each.study,
                "trial": each.trial,
                "line": each.line,
                "what": each.what,
                "repair": each.repair,
            }
            for each in found.damages
        ],
        "repaired": found.repaired,
        "copy": None if found.copy is None else str(found.copy),
    }
