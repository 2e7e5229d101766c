"""Texts and numbers as figures hold them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.core.candidate import Candidate
from search.report.labels import escape, hover, rounded


@given(st.floats(-1e20, 1e20))
def test_rounding_keeps_five_digits(value):
    assert rounded([value, np.nan, -np.inf])[1:] == [None, None]
    assert rounded([value])[0] == pytest.approx(value, rel=5e-5)


def test_text_of_users_is_escaped():
    assert escape("<a href='x'>&") == "&lt;a href='x'&gt;&amp;"
    own = Candidate("<i>", 0.5, **{"<b>": "</b>"})
    assert hover(own, 3) == "<b>&lt;i&gt;</b><br>lambda 0.5<br>&lt;b&gt; &lt;/b&gt;<br>trial 3"
    assert hover(Candidate("none")) == "<b>no penalty</b>"
