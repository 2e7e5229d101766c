"""What `status` shows of a study: how far it is, who works on it, what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from search.core.text import duration

if TYPE_CHECKING:
    from search.ledger import Status

SHOWN = 5  # kinds of failure


def print_status(status: Status) -> None:
    """A few lines for people."""
    console = Console(soft_wrap=True, highlight=False)
    done = status.wanted - status.left
    states = ", ".join(f"{count} {state}" for state, count in status.states.items() if state != "complete")
    console.print(f"[bold]{escape(status.name)}[/]: {done} of {status.wanted} trials" + f" ({states})" * bool(states))
    console.print(f"pace: {status.per_minute:.3g} trials a minute" + _left(status))
    for each in status.workers:
        word = f"silent for {duration(each.silent)}" if each.late else f"heard {duration(each.silent)} ago"
        console.print(f"worker {escape(each.name)}: {each.trials} trials in hand, {word}")
    if not status.workers:
        console.print("no worker" if status.left or not status.confirmed else "no worker, and nothing left to do")
    for reason, count in list(status.failures.items())[:SHOWN]:
        console.print(f"failed, {count} times: {escape(reason)}")


def _left(status: Status) -> str:
    if not status.left:
        return "" if status.confirmed else ", what confirms the search is left"
    minutes = status.minutes_left
    return "" if minutes is None else f", about {duration(60 * minutes)} left"


def status_facts(status: Status) -> dict[str, Any]:
    """The same for programs."""
    return {
        "study": status.name,
        "wanted": status.wanted,
        "trials": dict(status.states),
        "per_minute": status.per_minute,
        "minutes_left": status.minutes_left,
        "confirmed": status.confirmed,
        "workers": [
            {
                "worker": each.name,
                "host": each.host,
                "silent_seconds": each.silent,
                "lease_seconds": each.lease,
                "late": each.late,
                "trials": each.trials,
            }
            for each in status.workers
        ],
        "failures": dict(status.failures),
    }
