"""Random tables [split], for what must hold of every cut."""

from __future__ import annotations

from hypothesis import strategies as st

from search.settings import Split


def split_settings(most_repeats=3, **more):
    """A strategy of settings of the split; `more` are strategies of further keys."""
    return st.builds(
        Split,
        scheme=st.sampled_from(["holdout", "kfold"]),
        validation=st.sampled_from([0.2, 0.5]),
        folds=st.integers(2, 5),
        repeats=st.integers(1, most_repeats),
        refit=st.sampled_from([None, True, False]),
        test=st.sampled_from([0.0, 0.25]),
        seed=st.integers(0, 2**32 - 1),
        **more,
    )
