"""Rows as a table for people: medians and spread of every system, beside what the case is to reach."""

from __future__ import annotations

import math
from statistics import median
from typing import NamedTuple

from needs import OURS, needs_of

HEADS = ("case", "size", "ours", "beside", "", "ratio", "of cpu", "MB", "needed", "aim", "reached")
LEAST = {"faster"}  # units of which more is better


class Line(NamedTuple):
    """One comparison of medians: `ours` and `theirs` are rows of seconds a fit (or a turn); figures may be None."""

    case: str
    size: str
    ours: list
    peer: str | None
    theirs: list
    unit: str
    ratio: float
    cpu_ratio: float | None
    needed: float | None
    aim: float | None

    @property
    def reached(self):
        """aim, yes or no; nothing where nothing is needed."""
        if self.aim is not None and self._holds(self.aim):
            return "aim"
        if self.needed is None:
            return "" if self.aim is None else "no"
        return "yes" if self._holds(self.needed) else "no"

    def _holds(self, bound):
        return self.ratio >= bound if self.unit in LEAST else self.ratio <= bound


def lines(rows):
    """All comparisons that the rows allow, in their order."""
    found = []
    for case, size in dict.fromkeys((row["case"], row["size"]) for row in rows):
        own = [row for row in rows if (row["case"], row["size"]) == (case, size)]
        found += [line for need in needs_of(case, size) for line in _compared(case, size, own, need)]
    return sorted(found + slopes(rows), key=lambda line: (int(line.case.split()[0][1:]), line.case))


def _compared(case, size, rows, need):
    """The line of one bound: none where a system that it needs is missing."""
    ours = [row for row in rows if row["system"].startswith(OURS)]
    if not ours or need.unit == "slope":
        return
    if need.unit == "s":
        yield Line(case, size, ours, None, [], "s", middle(ours, "seconds"), None, need.needed, need.aim)
        return
    peers = dict.fromkeys(row["system"] for row in rows if row not in ours and row["system"].startswith(need.peer))
    turns = {peer: [row for row in rows if row["system"] == peer] for peer in peers}
    if not turns:
        return
    peer = min(turns, key=lambda name: middle(turns[name], "seconds"))
    pair = ours, turns[peer]
    ratio, cpu_ratio = (_ratio(*pair, column, need.unit) for column in ("seconds", "cpu_seconds"))
    yield Line(case, size, ours, peer, turns[peer], need.unit, ratio, cpu_ratio, need.needed, need.aim)


def _ratio(ours, theirs, column, unit):
    if not all(column in row for row in ours + theirs):
        return None
    ratio = middle(ours, column) / middle(theirs, column)
    return 1 / ratio if unit == "faster" else ratio


def slopes(rows):
    """Of every case that is to grow linearly at worst: sizes are a word and a number, and the last decade counts."""
    found = []
    grown = [row for row in rows if any(need.unit == "slope" for need in needs_of(row["case"], row["size"]))]
    for case, what in dict.fromkeys((row["case"], row["size"].rpartition(" ")[0]) for row in grown):
        [need] = needs_of(case, what)
        own = [row for row in grown if row["case"] == case and row["size"].rpartition(" ")[0] == what]
        sizes = sorted({number(row["size"]) for row in own})
        if len(sizes) < 2:
            continue
        first, last = ([row for row in own if number(row["size"]) == size] for size in sizes[-2:])
        over = math.log(sizes[-1] / sizes[-2])
        ratio, memory = (
            math.log(middle(last, column) / middle(first, column)) / over for column in ("seconds", "peak_megabytes")
        )
        size = f"{what} {sizes[-2]:,} to {sizes[-1]:,}; memory {memory:.2f}"
        found.append(Line(case, size, last, "itself", first, "slope", ratio, None, need.needed, need.aim))
    return found


def number(size):
    """The number at the end of a size."""
    return int(size.rpartition(" ")[2].replace(",", ""))


def middle(rows, column):
    """The median of a column, of a fit where the rows have fits."""
    return median(row[column] / (row.get("fits") or 1) for row in rows)


def spread(rows):
    """The median and the range of the seconds, or of the fits per second where there are fits."""
    if not rows or "seconds" not in rows[0]:
        return ""
    if rows[0].get("fits"):
        values, unit = [row["fits"] / row["seconds"] for row in rows], " fits/s"
    else:
        values, unit = [row["seconds"] for row in rows], " s"
    between = f" ({min(values):.3g} to {max(values):.3g})" if len(values) > 1 else ""
    return f"{median(values):.3g}{between}{unit}"


def megabytes(rows):
    """The most memory of these turns, where it is known."""
    return f"{max(peaks):.0f}" if (peaks := [row["peak_megabytes"] for row in rows if "peak_megabytes" in row]) else ""


def cells(line):
    """A line as texts, in the order of `HEADS`."""
    texts = ["" if each is None else f"{each:.3g}" for each in (line.ratio, line.cpu_ratio)] + [megabytes(line.ours)]
    bound = [
        "" if each is None else f"{'≥' if line.unit in LEAST else '≤'} {each:g}" for each in (line.needed, line.aim)
    ]
    ours, theirs = spread(line.ours), spread(line.theirs)
    return [line.case, line.size, ours, line.peer or "", theirs, *texts, *bound, line.reached]


def as_markdown(rows):
    """The table of all comparisons, then the machine and the versions."""
    table = [HEADS, ["---"] * len(HEADS), *map(cells, lines(rows))]
    text = "\n".join(f"| {' | '.join(each)} |" for each in table)
    told = dict.fromkeys(f"{row['machine']}; {row['versions']}" for row in rows if "machine" in row)
    days = sorted({row["date"][:10] for row in rows if "date" in row})
    return "\n\n".join(
        [text, *told, *([f"Measured {' to '.join(dict.fromkeys([days[0], days[-1]]))}."] if days else [])]
    )


def as_text(rows):
    """Every system's medians, then what the comparisons say: for a terminal."""
    table = [["case", "size", "system", "median (least to largest)", "cpu s", "MB"]]
    for case, size, system in dict.fromkeys((row["case"], row["size"], row["system"]) for row in rows):
        own = [row for row in rows if (row["case"], row["size"], row["system"]) == (case, size, system)]
        cpu = f"{median(row['cpu_seconds'] for row in own):.3g}" if "cpu_seconds" in own[0] else ""
        table.append([case, size, system, spread(own), cpu, megabytes(own)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    texts = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([*texts, *map(_said, lines(rows))])


def _said(line):
    words = {"faster": "times as fast as", "times": "times the seconds of", "slope": "is the slope", "s": "s"}
    cpu = "" if line.cpu_ratio is None else f", {line.cpu_ratio:.3g} by the processor"
    peer = line.peer if line.peer and line.unit != "slope" else ""
    figure = f"{line.ratio:.3g} {words[line.unit]} {peer}".strip()
    return f"{line.case} {line.size}: {figure}{cpu}; {line.reached}"
