"""Names of folders for studies of any name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from search.ledger.files import folder_name


@given(st.sets(st.text(min_size=1, max_size=200), min_size=2, max_size=5))
def test_study_folders_are_safe_and_never_shared(names):
    folders = {folder_name(name).casefold() for name in names}
    assert len(folders) == len(names)
    for folder in folders:
        assert folder not in {".", ".."}
        assert len(folder.encode()) <= 100
        assert not set(folder) & set('/\\:*?"<>|\0')


def test_plain_study_names_are_their_own_folder():
    assert folder_name("weight_decay") == "weight_decay"
    assert folder_name("Weight_Decay") != "weight_decay"
