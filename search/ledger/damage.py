"""Looks at all that a study keeps, and finds what is not as it was written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from search.core.errors import UserError
from search.ledger import recorded, trials
from search.ledger.agreement import agree, difference
from search.ledger.artifacts import LostError
from search.ledger.confirmations import Confirmation
from search.ledger.foreign import ForeignLedger
from search.ledger.losses import Place
from search.ledger.roles import Roles
from search.ledger.study import LOSSES, MODEL, SAME_AS, StudyLedger
from search.settings import Settings

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from search.ledger.storage import Storage

NEEDED: Final = ("settings", "fingerprint", "versions", "seal")
# What a repair does about damage: nothing can be done about the last.
Repair = Literal["put right", "left out", "closed", "asked again", "trained again", "none"]


class Damage(NamedTuple):
    """Something that is not as it was written: `what` in words, whose it is, and what a repair does about it.

    `part` says what of a study has to be made anew: a confirmation, a part of one, "facts" or "model". `line` is that
    of a journal, from 1. A trial's `trial_id` is the storage's own.
    """

    what: str
    study: str | None
    repair: Repair
    trial: int | None = None
    trial_id: int | None = None
    part: str | None = None
    line: int | None = None


def damage_in(storage: Storage, name: str, study_id: int) -> Iterator[Damage]:
    """All damage in one study of the storage, whoever ran it."""
    attributes = storage.attributes(study_id)
    every = storage.trials(study_id)
    if any(map(recorded.recorded, every)):
        yield from _in_records(ForeignLedger(storage, name, study_id, Roles()), every)
    if not any(key in attributes for key in NEEDED) and not any(LOSSES in trial.user_attrs for trial in every):
        return  # somebody else's
    lost = [key for key in NEEDED if key not in attributes]
    for key in lost:
        yield Damage(f"its {key} are lost: bring the storage back as it was", name, "none")
    if not lost:
        ledger = StudyLedger(storage, name, study_id)
        yield from _in_settings(ledger)
        files = {trial.user_attrs[LOSSES] for trial in every if LOSSES in trial.user_attrs}
        if files and not any(ledger.losses.has(file) for file in files):
            # Whoever looks has another machine, or another folder, than those who ran it.
            place = ledger.losses.storage.place
            yield Damage(f"all its losses are missing below {place}: bring them back to where they were", name, "none")
            return
        yield from _in_trials(ledger, every)
        yield from _in_confirmations(ledger)
        yield from _in_model(ledger, attributes.get(MODEL))


def _in_records(ledger: ForeignLedger, every: list[FrozenTrial]) -> Iterator[Damage]:
    for trial in filter(recorded.recorded, every):
        try:
            ledger.losses(trial, with_test=True)
        except UserError as error:
            yield Damage(_short(error, ledger.name), ledger.name, "none", trial.number)


def _in_settings(ledger: StudyLedger) -> Iterator[Damage]:
    try:
        Settings.stored(ledger.settings)
    except Exception as error:  # what is damaged can raise anything
        yield Damage(f"its settings cannot be read: {error}; bring the storage back as it was", ledger.name, "none")


def _in_trials(ledger: StudyLedger, every: list[FrozenTrial]) -> Iterator[Damage]:
    """Of trials that have ended, file by file."""
    files: dict[str, list[FrozenTrial]] = defaultdict(list)
    for trial in every:
        if trials.state_of(trial) in {"complete", "pruned"}:
            files[str(trial.user_attrs.get(LOSSES))].append(trial)
    for together in files.values():
        for trial, what in _disagreeing(ledger, together):
            yield Damage(what, ledger.name, "asked again", trial.number, trial._trial_id)


def _disagreeing(ledger: StudyLedger, together: list[FrozenTrial]) -> Iterator[tuple[FrozenTrial, str]]:
    """The trials of one file that are not what it says, and how they differ."""
    if LOSSES not in together[0].user_attrs:
        yield from ((trial, "it has no losses") for trial in together)
        return
    places = [ledger.place(trial.number, trial.user_attrs) for trial in together]
    try:
        ledger.losses.verify(places[0].artifact)
    except LostError as error:
        yield from ((trial, _short(error, ledger.name)) for trial in together)
        return
    try:
        results = ledger.losses.read(places, with_test=True)
        measured = trials.attributes(results)
    except (LostError, ValueError) as error:
        if len(together) > 1:  # it may be one of them alone
            for trial in together:
                yield from _disagreeing(ledger, [trial])
        else:
            yield together[0], _short(error, ledger.name)
        return
    where = ledger.storage.name, ledger.losses.storage.place
    for row, trial in enumerate(together):
        if what := difference(trial, results, row, *where) or _otherwise(trial, measured[row]):
            yield trial, what


def _otherwise(trial: FrozenTrial, measured: Mapping[str, Any]) -> str:
    """Which of a trial's figures is not what its losses give."""
    for name, expected in measured.items():
        found = trial.user_attrs.get(name)
        if not agree(found, expected) and not (name == "seconds" and SAME_AS in trial.user_attrs):
            return f"has {name} {found} in the storage, and its losses give {expected}"
    return ""


def _in_confirmations(ledger: StudyLedger) -> Iterator[Damage]:
    kept = ledger.confirmations
    for each in get_args(Confirmation):
        try:
            kept.read(each, with_test=True)
        except (LostError, KeyError, TypeError) as error:
            yield Damage(f"{each}: {_short(error, ledger.name)}", ledger.name, "trained again", part=each)
    for part, count in kept.parts().items():  # of a confirmation that is not complete
        try:
            ledger.losses.read([Place(part, row) for row in range(count)], with_test=True)
        except LostError as error:
            yield Damage(f"{part}: {_short(error, ledger.name)}", ledger.name, "trained again", part=part)
    try:
        kept.facts(with_test=True)
    except Exception as error:  # what is damaged can raise anything
        yield Damage(f"its facts cannot be read: {error}", ledger.name, "trained again", part="facts")


def _in_model(ledger: StudyLedger, kept: Mapping[str, Any] | None) -> Iterator[Damage]:
    if kept is None or kept.get("sha256", "") is None:
        return
    try:
        ledger.models.read(kept)
        ledger.models.coefficients(kept)
    except (LostError, KeyError, TypeError) as error:
        yield Damage(_short(error, ledger.name), ledger.name, "trained again", part="model")


def _short(error: Exception, name: str) -> str:
    """What an error says, to stand behind the study's name, and without its advice."""
    return str(error).removeprefix(f"study {name!r}: ").removeprefix(f"study {name!r} ").partition("; ")[0]
