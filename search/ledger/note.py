"""A study's note as optuna-dashboard keeps it.

Its own `save_note` does the same; but importing it takes longer than a search of a small table, and every search
leaves a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from optuna import Study

VERSION: Final = "dashboard:note_ver"
PIECE: Final = "dashboard:note_str:"
LONGEST: Final = 2045  # characters in a database's column


def read_note(study: Study) -> str:
    """The study's note, "" where it has none."""
    attributes = study._storage.get_study_system_attrs(study._study_id)
    count = sum(key.startswith(PIECE) for key in attributes)
    return "".join(attributes[f"{PIECE}{number}"] for number in range(count))


def write_note(study: Study, text: str) -> None:
    """Leave this note in the place of an earlier one; pieces that the earlier one had more become empty."""
    storage, number = study._storage, study._study_id
    known = storage.get_study_system_attrs(number)
    pieces = [text[start : start + LONGEST] for start in range(0, len(text), LONGEST)]
    pieces += [""] * (sum(key.startswith(PIECE) for key in known) - len(pieces))
    storage.set_study_system_attr(number, VERSION, known.get(VERSION, 0) + 1)
    for place, piece in enumerate(pieces):
        storage.set_study_system_attr(number, f"{PIECE}{place}", piece)
