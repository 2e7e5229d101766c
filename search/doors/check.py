"""What `check` shows: all that is damaged, and what is done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from search.ledger import Checked, Damage

NONE: Final = "none"
# What can be done about damage, and what was done.
CAN: Final = {
    "put right": "one bit of it is flipped, and can be put right",
    "left out": "it can be left out",
    "asked again": "the trial can be asked again",
    "trained again": "it can be trained again",
    NONE: "nothing here can mend it",
}
DONE: Final = {
    "put right": "the flipped bit is put right",
    "left out": "it is left out now",
    "asked again": "the trial has failed now, and the next run asks it again",
    "trained again": "the next run trains it again",
    NONE: "nothing here can mend it",
}


def print_check(found: Checked, repair: str) -> None:
    """A line for all that is damaged, and what was looked at; `repair` is the command that mends it."""
    console = Console(soft_wrap=True, highlight=False)
    for each in found.damages:
        console.print(f"[bold]{escape(_where(found, each))}[/]: {escape(each.what)}; {_done(found, each)}")
    if found.copy is not None:
        console.print(f"The journal of before is kept as {escape(str(found.copy))}.")
    counts = f"studies: {len(found.studies)}, trials: {found.trials}"
    counts += "" if found.records is None else f", records: {found.records}"
    console.print(f"{escape(found.storage)}: {_answer(found)} ({counts})")
    if any(each.repair != NONE for each in found.left):
        console.print(f"To mend what can be mended: {escape(repair)}")


def _answer(found: Checked) -> str:
    if not found.damages:
        return "all of it is whole"
    if not found.repaired:
        return f"{len(found.damages)} damaged"
    return f"{len(found.damages) - len(found.left)} mended" + f", {len(found.left)} left" * bool(found.left)


def _where(found: Checked, damage: Damage) -> str:
    names = [f"trial {damage.trial}"] * (damage.trial is not None)
    whose = " of ".join([*names, f"study {damage.study!r}"]) if damage.study is not None else ""
    if damage.line is None:
        return whose
    return f"{found.storage}, line {damage.line}" + f" ({whose})" * bool(whose)


def _done(found: Checked, damage: Damage) -> str:
    return (DONE if found.repaired else CAN)[damage.repair]


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
