"""Making a study, finding it again, and refusing to continue another one under its name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from search.core.errors import UserError
from search.ledger.seal import new_key
from search.ledger.storage import Storage
from search.ledger.turns import keeps_turns
from search.ledger.workers import Worker
from search.settings import Settings, changed_keys

ARTIFACTS: Final = "artifacts"


@dataclass(frozen=True, slots=True)
class Identity:
    """What must stay the same for trials to belong to one study; `versions` may differ and are only noted."""

    settings: Mapping[str, Any]
    fingerprint: str
    versions: Mapping[str, str]


def create_or_resume(storage: Storage, name: str, identity: Identity) -> int:
    """The study's id in the storage, made where there is none; `UserError` where it is another study.

    One whose first run failed before any trial came to a result is made anew where the user has changed something.
    """
    with storage.one_write():
        known = known_studies(storage)
        study_id = known[name] if name in known else _create(storage, name)
        if name in known and _differs(storage, study_id, identity) and _came_to_nothing(storage, name, study_id):
            storage.optuna.delete_study(study_id)
            study_id = _create(storage, name)
        stored = storage.attributes(study_id)
        for key, value in _attributes(storage, name, study_id, identity).items():
            if stored.get(key) != value:
                storage.optuna.set_study_user_attr(study_id, key, value)
    return study_id


def as_begun(storage: Storage, settings: Settings) -> Settings:
    """Settings that continue the study of their name, if there is one: what they do not say is as it began."""
    known = known_studies(storage)
    versions = storage.attributes(known[settings.name]).get("versions") if settings.name in known else None
    return settings.continuing(versions[0].get("lambda-search", "")) if versions else settings


def _differs(storage: Storage, study_id: int, identity: Identity) -> bool:
    """Whether a study of ours was made with other settings, other data or another place for its losses."""
    stored = storage.attributes(study_id)
    moved = storage.asked and stored.get(ARTIFACTS) != storage.losses_at
    if "settings" not in stored:
        return False
    changed = changed_keys(stored["settings"], identity.settings)
    return moved or bool(changed) or stored.get("fingerprint") != identity.fingerprint


def _came_to_nothing(storage: Storage, name: str, study_id: int) -> bool:
    """Whether no trial of a study has a result, and nobody works on one."""
    from optuna.trial import TrialState

    states = {trial.state for trial in storage.optuna.get_all_trials(study_id, deepcopy=False)}
    return not states & {TrialState.COMPLETE, TrialState.PRUNED} and not Worker(storage, name, study_id).others()


def find(storage: Storage, name: str) -> int:
    """The id of an existing study of this project; `UserError` names the nearest and all known ones."""
    known = known_studies(storage)
    if name not in known:
        raise UserError(f"study {name!r} is not in {storage.name}; {_suggestion(name, sorted(known))}")
    if "settings" not in storage.attributes(known[name]):
        raise UserError(_foreign(storage, name))
    return known[name]


def known_studies(storage: Storage) -> dict[str, int]:
    """The studies of a storage, whoever made them, with their ids."""
    every = storage.studies()
    return {study.study_name: study._study_id for study in every if not keeps_turns(study.study_name)}


def _create(storage: Storage, name: str) -> int:
    from optuna.exceptions import DuplicatedStudyError
    from optuna.study import StudyDirection

    try:
        return storage.optuna.create_new_study([StudyDirection.MINIMIZE], name)
    except DuplicatedStudyError:  # another worker was faster
        return known_studies(storage)[name]


def _attributes(storage: Storage, name: str, study_id: int, identity: Identity) -> dict[str, Any]:
    """The study's attributes as they should be from now on."""
    stored = storage.attributes(study_id)
    if "seal" in stored:
        _refuse_another_place(storage, name, stored.get(ARTIFACTS))
    versions = dict(identity.versions)
    fresh = {"settings": dict(identity.settings), "fingerprint": identity.fingerprint}
    if stored.keys() >= {"settings", "fingerprint", "versions", "seal"}:
        _refuse_changes(storage, name, stored, identity)
        return fresh | {"versions": stored["versions"] + [versions] * (versions not in stored["versions"])}
    if storage.optuna.get_n_trials(study_id):
        raise UserError(_foreign(storage, name))
    place = {} if storage.losses_at is None else {ARTIFACTS: storage.losses_at}
    return fresh | place | {"versions": [versions], "seal": new_key()}


def _refuse_another_place(storage: Storage, name: str, noted: str | None) -> None:
    """A study's losses stay where its first trials put them."""
    if storage.asked and noted != storage.losses_at:
        raise UserError(
            f"study {name!r} in {storage.name} keeps its losses {'beside it' if noted is None else f'in {noted}'}, "
            f"found artifacts {storage.losses_at}; leave that out, or give the study another name"
        )


def _refuse_changes(storage: Storage, name: str, stored: Mapping[str, Any], identity: Identity) -> None:
    place = f"study {name!r} in {storage.name}"
    if keys := changed_keys(stored["settings"], identity.settings):
        changes = ", ".join(
            f"{key} was {_value(stored['settings'], key)} and is {_value(identity.settings, key)}" for key in keys
        )
        raise UserError(f"{place} was run with other settings: {changes}; change them back, or give it another name")
    if stored["fingerprint"] != identity.fingerprint:
        raise UserError(f"{place} was run on other data; bring the data back as they were, or give it another name")


def _value(settings: Mapping[str, Any], key: str) -> str:
    value: Any = settings
    for part in key.split("."):
        value = value.get(part, "not set") if isinstance(value, Mapping) else "not set"
    return value if value == "not set" else repr(value)


def _foreign(storage: Storage, name: str) -> str:
    return f"study {name!r} in {storage.name} was not made by lambda-search; give this one another name"


def _suggestion(name: str, known: list[str]) -> str:
    if not known:
        return "there are no studies yet"
    near = difflib.get_close_matches(name, known, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known are: {', '.join(known)}"
