"""Reads every record and every stored loss of a storage, says what is damaged, and mends what can be mended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast, get_args

from search.core.errors import UserError
from search.core.writing import whole_file
from search.ledger.confirmations import Confirmation
from search.ledger.damage import Damage, damage_in
from search.ledger.files import naming
from search.ledger.identity import find, known_studies
from search.ledger.storage import Storage, UnreadableError, journal_path, on_journal, open_storage
from search.ledger.study import StudyLedger
from search.ledger.workers import Worker

if TYPE_CHECKING:
    from search.ledger.mending import LineDamage

WHY: Final = "damaged, found by lambda-search check"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at: studies by name, the records of a journal (None of a database), trials; and all damage.

    `repaired`: whether what can be mended was mended; `copy` is where the journal of before is kept then.
    """

    storage: str
    studies: Sequence[str]
    records: int | None
    trials: int
    damages: Sequence[Damage]
    repaired: bool = False
    copy: Path | None = None

    @property
    def left(self) -> list[Damage]:
        """The damage that is there now."""
        return [each for each in self.damages if not self.repaired or each.repair == "none"]


def check(where: str | None, name: str | None = None, *, repair: bool = False) -> Checked:
    """Look at all studies of a storage, see `open_storage`, or at one.

    With `repair` a flipped bit of a journal is put right; its other damaged records are left out, and where records are
    missing the others follow on each other again; the file is replaced as a whole, and a copy of it is kept. Trials
    whose losses are lost fail and are asked again by the next run, which also trains again what else was lost.
    `UserError` for a study that is not there, and, with `repair`, for one that is being run.
    """
    path = journal_path(where)
    if path is not None:
        return _check_journal(path, name, repair=repair)
    storage = open_storage(where, create=False)
    names = _named(storage, name)
    damages = list(_found(storage, names))
    if repair:
        _refuse_running(storage)
        storage.fail_ended({each.trial_id: WHY for each in damages if each.trial_id is not None})
        _train_again(storage, names, damages)
    return Checked(storage.name, names, None, _count(storage, names), damages, repair)


def _check_journal(path: Path, name: str | None, *, repair: bool) -> Checked:
    from search.ledger.journal import Journal, held_still
    from search.ledger.lines import split
    from search.ledger.mending import failed, mend
    from search.ledger.replay import Lines, Replay

    if not path.exists():
        return Checked(str(path), [], 0, 0, [], repair)
    with held_still(path) if repair else nullcontext():
        with naming(path):
            body = path.read_bytes()
        lines, _ = split(body)
        mended = mend(lines)
        storage = on_journal(path, Journal(path), Replay(Lines(mended.lines)))
        names = _named(storage, name)
        damages = [_of_line(each) for each in mended.damages] + list(_found(storage, names))
        found = Checked(storage.name, names, len(lines), _count(storage, names), damages)
        if not repair:
            return found
        _refuse_running(storage)
        lost = {each.trial_id: WHY for each in damages if each.trial_id is not None}
        now = failed(mended.lines, lost)
        copy = None if now == lines else _replaced(path, body, now)
    _train_again(open_storage(str(path)), names, damages)
    return replace(found, repaired=True, copy=copy)


def _named(storage: Storage, name: str | None) -> list[str]:
    known = known_studies(storage)
    if name is not None and name not in known:
        find(storage, name)  # says which there are
    return list(known) if name is None else [name]


def _found(storage: Storage, names: Sequence[str]) -> Iterator[Damage]:
    known = known_studies(storage)
    for name in names:
        try:
            yield from damage_in(storage, name, known[name])
        except UnreadableError as error:
            yield Damage(str(error), name, "none")


def _count(storage: Storage, names: Sequence[str]) -> int:
    """The trials that can be read."""
    known, found = known_studies(storage), 0
    for name in names:
        with suppress(UnreadableError):
            found += len(storage.trials(known[name]))
    return found


def _of_line(each: LineDamage) -> Damage:
    return Damage(each.why, each.owner.study, each.repair, each.owner.trial, line=each.number + 1)


def _refuse_running(storage: Storage) -> None:
    """A worker knows what it has read of a storage, which is not changed behind its back."""
    for name, study_id in known_studies(storage).items():
        if workers := Worker(storage, name, study_id).running():
            raise UserError(
                f"study {name!r} in {storage.name} is being run by {', '.join(workers)}; stop it, or wait until it has "
                "ended, then repair"
            )


def _replaced(path: Path, before: bytes, now: Sequence[bytes]) -> Path:
    """Put these lines in the place of a journal; returns where the one of before is kept."""
    kept = path.with_name(f"{path.name}.before-repair")
    copy = next(each for each in (kept, *(Path(f"{kept}-{n}") for n in range(2, 10_000))) if not each.exists())
    with naming(path):
        with whole_file(copy, new=True) as file:
            file.write(before)
        with whole_file(path) as file:
            file.write(b"".join(now))
    return copy


def _train_again(storage: Storage, names: Sequence[str], damages: Sequence[Damage]) -> None:
    """Have the next runs make anew what the storage tells of and has lost; what hangs on it too."""
    known = known_studies(storage)
    for name in names:
        own = [each for each in damages if each.study == name]
        if not any(each.part or each.trial_id is not None for each in own):
            continue
        ledger = StudyLedger(storage, name, known[name])
        for part in filter(None, (each.part for each in own)):
            _forget(ledger, part)
        if any(each.part not in {None, "model"} or each.trial_id is not None for each in own):
            ledger.confirmations.forget()  # it is of other trials than those that there will be


def _forget(ledger: StudyLedger, part: str) -> None:
    if part == "model":
        ledger.forget_model()
    elif part == "facts":
        ledger.confirmations.forget_facts()
    elif part in get_args(Confirmation):
        ledger.confirmations.forget(cast("Confirmation", part))
    else:
        ledger.confirmations.forget_part(part)
