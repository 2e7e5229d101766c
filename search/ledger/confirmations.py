"""What confirms a search, outside of the trials: parts that workers train, and the facts that end it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from search.core.evidence import Facts
from search.core.results import Results
from search.ledger import facts
from search.ledger.losses import LossStore, Place
from search.ledger.openings import now
from search.ledger.storage import Storage

FACTS: Final = "facts"
CONFIRMED: Final = "confirmed"
SWEPT: Final = "swept"
PART: Final = "part "
Confirmation = Literal["grid", "inner", "exact", "seeds", "plain"]
OWN: Final = frozenset({FACTS, *get_args(Confirmation)})


@dataclass(frozen=True, slots=True)
class Confirmations:
    """The confirmation of one study; `losses` is where its results lie.

    A confirmation is a list of parts, each trained by one worker and kept for all; it counts once it is kept itself.
    """

    storage: Storage
    study_id: int
    losses: LossStore

    def keep_part(self, part: str, results: Results) -> None:
        """Keep results durably, in the place of an earlier part of this name, for all workers to see."""
        if len(results):
            self.losses.write(part, results, range(len(results)))
        self._mark(part, len(results))

    def parts(self) -> dict[str, int]:
        """The parts that are kept, with how many candidates each has."""
        attributes = self.storage.marks(self.study_id)
        return {
            key.removeprefix(PART): count
            for key, count in attributes.items()
            if key.startswith(PART) and count is not None
        }

    def keep(self, confirmation: Confirmation, parts: Sequence[str]) -> None:
        """Keep a confirmation, made of these parts, in the place of an earlier one, whose other parts are deleted."""
        before = self._files(confirmation)
        known = before | self.parts()
        files = {part: known[part] for part in parts if known[part]}
        self._set(confirmation, {"when": now(), "candidates": sum(files.values()), "files": files})
        for part in before.keys() - files.keys():
            self.losses.remove(part)

    def read(self, confirmation: Confirmation, *, with_test: bool) -> Results | None:
        """The results of a confirmation, None without one."""
        files = self._files(confirmation)
        return self._read(files, with_test=with_test) if files else None

    def files(self, confirmation: Confirmation) -> list[str]:
        """The parts that a confirmation is made of."""
        return list(self._files(confirmation))

    def size(self, confirmation: Confirmation) -> int:
        """How many candidates a confirmation has."""
        return sum(self._files(confirmation).values())

    def keep_facts(self, told: Facts, complete: int, *, swept: bool) -> None:
        """Keep the facts, which marks so many complete trials as confirmed."""
        self._set(FACTS, facts.to_json(told, self.losses.key) | {CONFIRMED: complete, SWEPT: swept})
        self._forget_parts()

    def keep_swept(self) -> None:
        """Note that the dense grid that was left out is there now."""
        self._set(FACTS, self._attributes()[FACTS] | {SWEPT: True})
        self._forget_parts()

    def forget(self, lost: Confirmation | None = None) -> None:
        """Have the next run confirm the trials anew, and one confirmation that is lost with it."""
        if lost is not None:
            self._set(lost, {"when": now(), "candidates": 0, "files": {}})
        unswept = {SWEPT: False} if lost == "grid" else {}
        self._set(FACTS, self._attributes().get(FACTS, {}) | {CONFIRMED: None} | unswept)

    def forget_facts(self) -> None:
        """Have the next run find the facts anew, and all else that confirms the trials."""
        self._set(FACTS, {})

    def forget_part(self, part: str) -> None:
        """Have the next run train this part anew."""
        self._mark(part, None)

    def facts(self, *, with_test: bool) -> Facts:
        """The facts, empty ones where none were kept."""
        return facts.from_json(self._attributes().get(FACTS, {}), self.losses.key if with_test else None)

    def confirmed(self, complete: int, *, swept: bool) -> bool:
        """Whether all was kept for the trials as they are now; the grid only if `swept`."""
        kept = self._attributes().get(FACTS, {})
        return bool(kept.get(CONFIRMED) == complete) and (self.swept or not swept)

    @property
    def swept(self) -> bool:
        """Whether the dense grid belongs to what was confirmed last; older versions never left it out."""
        return bool(self._attributes().get(FACTS, {}).get(SWEPT, True))

    def _read(self, files: Mapping[str, int], *, with_test: bool) -> Results:
        places = [Place(part, row) for part, count in files.items() for row in range(count)]
        return self.losses.read(places, with_test=with_test)

    def _files(self, confirmation: Confirmation) -> dict[str, int]:
        """Part to number of candidates; older versions kept each confirmation in one file of its name."""
        kept = self._attributes().get(confirmation, {"candidates": 0})
        files: dict[str, int] = kept.get("files", {confirmation: kept["candidates"]} if kept["candidates"] else {})
        return files

    def _forget_parts(self) -> None:
        """The last step, because other workers look for the parts until all is confirmed."""
        used = {part for each in get_args(Confirmation) for part in self._files(each)}
        for part in self.parts():
            if part not in used:
                self.losses.remove(part)
            self._mark(part, None)

    def _mark(self, part: str, candidates: int | None) -> None:
        self.storage.mark(self.study_id, PART + part, candidates)

    def _attributes(self) -> dict[str, Any]:
        return self.storage.attributes(self.study_id)

    def _set(self, name: str, value: Mapping[str, Any]) -> None:
        self.storage.steadily(lambda: self.storage.optuna.set_study_user_attr(self.study_id, name, dict(value)))
