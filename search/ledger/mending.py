"""The lines of a journal mended: what checksums put right, what is left out, and trials that have failed after all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from search.ledger.lines import GAP, Chain, chained, from_line, put_right, to_line
from search.ledger.replay import Lines, MisfitError, Owner, Owners, Replay
from search.ledger.trials import INTERRUPTED, STATES

# Optuna's operations, by their numbers.
CREATE_STUDY: Final = 0
DELETE_STUDY: Final = 1
CREATE_TRIAL: Final = 4
SET_STATE: Final = 6
SET_ATTRIBUTE: Final = 8
MINIMIZE: Final = 1
ENDED: Final = [STATES.index(state) for state in ("complete", "pruned", "failed")]
SHORTEST: Final = 60  # bytes of a record that makes a trial
MOST: Final = 100_000  # trials that are made anew for those whose records are missing as a whole
REPAIR: Final = "repair"  # in a worker's place
MAKES: Final = re.compile(rb'\{"op_code":4,.*"study_id":(\d{1,9}),', re.DOTALL)


class LineDamage(NamedTuple):
    """A damaged line by its number from 0, whose it is, what is wrong with it, and what mending does about it.

    "closed" is a gap before a line that is whole.
    """

    number: int
    owner: Owner
    why: str
    repair: Literal["put right", "left out", "closed"]


class Mended(NamedTuple):
    """Whole lines, which fit each other, and what was damaged before."""

    lines: list[bytes]
    damages: list[LineDamage]


def mend(lines: Sequence[bytes]) -> Mended:
    """The lines without damage: a flipped bit is put right, any other damaged line is left out, a gap is closed.

    A trial or a study whose making is lost is made anew where later lines speak of it: their ids count.
    """
    whys = {number: why for number, line in enumerate(lines) if (why := _why(line))}
    instead: dict[int, list[bytes]] = {number: [] for number in whys}
    right: set[int] = set()
    for block in _blocks(whys):
        for part in (block, *([number] for number in block)):
            found = None if right.issuperset(part) else put_right(b"".join(lines[number] for number in part))
            if found is not None:
                instead[part[0]] = found
                right.update(part)
    gaps = _gaps(lines, instead, right)
    while True:
        made = _made_anew(lines, instead, instead.keys() - right, gaps)
        now = [
            (number, each)
            for number, line in enumerate(lines)
            for each in (*made.get(number, ()), *instead.get(number, (line,)))
        ]
        try:
            storage = Replay(Lines([line for _, line in now]))
        except MisfitError as error:
            number = now[error.number][0]
            whys[number], instead[number] = "it does not fit the others", []
            right.discard(number)
            continue
        owners = Owners(storage)
        damages = [
            LineDamage(n, owners.of(lines[n]), whys.get(n, GAP), _repair(n, right, instead))
            for n in sorted(whys.keys() | gaps)
        ]
        return Mended(chained(line for _, line in now), damages)


def failed(lines: Sequence[bytes], why: Mapping[int, str]) -> list[bytes]:
    """The lines of trials, by their ids, that have failed after all, and are to be asked again."""
    found: list[bytes] = []
    known = _Known()
    for line in lines:
        record = from_line(line)
        made = known.take(record)
        trial = _id(record, "trial_id") if record["op_code"] == SET_STATE else made
        if trial is not None and trial in why and record.get("state") in ENDED:
            attribute = {"op_code": SET_ATTRIBUTE, "worker_id": REPAIR, "trial_id": trial}
            note = {INTERRUPTED: why[trial]}
            changed = record | {"state": STATES.index("failed"), "values": None}
            if made is None:
                found += [to_line(attribute | {"user_attr": note}), to_line(changed)]
            else:
                found.append(to_line(changed | {"value": None, "user_attrs": record.get("user_attrs", {}) | note}))
        else:
            found.append(line)
    return chained(found)


def _why(line: bytes) -> str:
    try:
        from_line(line)
    except ValueError as error:
        return str(error)
    return ""


def _blocks(numbers: Collection[int]) -> Iterator[list[int]]:
    """Runs of neighbours: a flipped end of a line makes one of two, or two of one."""
    block: list[int] = []
    for number in sorted(numbers):
        if block and number != block[-1] + 1:
            yield block
            block = []
        block.append(number)
    if block:
        yield block


def _gaps(lines: Sequence[bytes], instead: Mapping[int, list[bytes]], right: Collection[int]) -> set[int]:
    """The whole lines before which others are missing; beside damage that stays that cannot be told."""
    chain, found = Chain(), set()
    for number, line in enumerate(lines):
        if number in instead and number not in right:
            chain.latest = None
        else:
            for each in instead.get(number, (line,)):
                if not chain.takes(each):
                    found.add(number)
    return found


def _repair(
    number: int, right: Collection[int], instead: Collection[int]
) -> Literal["put right", "left out", "closed"]:
    if number in right:
        return "put right"
    return "left out" if number in instead else "closed"


@dataclass
class _Known:
    """The studies and trials that records have made; their ids count them."""

    names: dict[str, int] = field(default_factory=dict)  # of the studies that are there
    studies: int = 0
    trials: int = 0
    latest: int = 0  # the study that the latest trial is of

    def take(self, record: Mapping[str, Any]) -> int | None:
        """The id of the trial that a record makes, if it makes one."""
        operation, study = record["op_code"], record.get("study_id")
        if operation == CREATE_STUDY and record.get("study_name") not in self.names:
            self.names[str(record.get("study_name"))] = self.studies
            self.studies += 1
        elif operation == DELETE_STUDY:
            self.names = {name: number for name, number in self.names.items() if number != study}
        elif operation == CREATE_TRIAL and study in self.names.values():
            self.latest = int(record["study_id"])
            self.trials += 1
            return self.trials - 1
        return None


def _made_anew(
    lines: Sequence[bytes], instead: Mapping[int, list[bytes]], out: Collection[int], gaps: Collection[int]
) -> dict[int, list[bytes]]:
    """What has to stand in the place of lines that are left out, and before those that stand behind a gap.

    A trial that one of them is seen to have made, and as many trials and studies as others speak of.
    """
    if not out and not gaps:
        return {}
    most = MOST if gaps else sum(len(lines[number]) for number in out) // SHORTEST
    records = {n: [from_line(each) for each in instead.get(n, [line])] for n, line in enumerate(lines)}
    made: dict[int, list[bytes]] = {}
    known, gap = _Known(), None
    for number, found in records.items():
        if number in out:
            gap = number
            if (study := MAKES.match(lines[number])) and known.take(trial := _trial(int(study[1]))) is not None:
                made[number] = [to_line(trial)]
        if number in gaps:
            gap = number
        for record in found:
            if gap is not None:
                new = [to_line(each) for each in _lacking(record, known, records, most)]
                most -= len(new)
                if new:
                    made.setdefault(gap, []).extend(new)
            known.take(record)
    return made


def _trial(study: int) -> dict[str, Any]:
    return {"op_code": CREATE_TRIAL, "worker_id": REPAIR, "study_id": study, "datetime_start": None}


def _lacking(
    record: Mapping[str, Any], known: _Known, records: Mapping[int, list[dict[str, Any]]], most: int
) -> list[dict[str, Any]]:
    """The records of the study or the trials that a record speaks of and that are not there, `most` at most."""
    found: list[dict[str, Any]] = []
    study, trial = (_id(record, name) for name in ("study_id", "trial_id"))
    if max(0, study + 1 - known.studies) + max(0, trial + 1 - known.trials) > most:
        return []
    while known.studies <= study:
        name = _name(records, known.studies)
        found.append({"op_code": CREATE_STUDY, "worker_id": REPAIR, "study_name": name, "directions": [MINIMIZE]})
        known.take(found[-1])
    while known.trials <= trial and known.studies:
        known.latest = known.latest if known.latest in known.names.values() else known.studies - 1
        found.append(_trial(known.latest))
        if known.take(found[-1]) is None:
            return found[:-1]
    return found


def _id(record: Mapping[str, Any], name: str) -> int:
    found = record.get(name)
    return found if isinstance(found, int) else -1


def _name(records: Mapping[int, list[dict[str, Any]]], study: int) -> str:
    """A study's name, which its settings hold too."""
    for found in records.values():
        for record in found:
            if record.get("study_id") == study and "settings" in record.get("user_attr", {}):
                return str(record["user_attr"]["settings"].get("name"))
    return f"lost-{study}"
