"""Numbers and names as people read them."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from search.core.text import NOTHING, duration, number, one_line, percent, words

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (3, "3"),
        (0.5, "0.5"),
        (18.2345, "18.2"),
        (-0.00123456, "-0.00123"),
        (1e-12, "1e-12"),
        (12345.6, "12,300"),
    ],
)
def test_a_number_has_three_digits(value, text):
    assert number(value) == number(np.float64(value)) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, NOTHING), (math.nan, NOTHING), (math.inf, "infinity"), (-math.inf, "-infinity")]
)
def test_what_is_no_number(value, text):
    assert number(value) == text


@given(FINITE, st.integers(1, 17))
def test_a_number_is_read_back_up_to_its_digits(value, digits):
    assume(value == 0 or 1e-300 < abs(value) < 1e300)
    text = number(value, digits).replace(",", "")
    assert abs(float(text) - value) <= 0.5000001 * 10.0 ** (1 - digits) * abs(value)
    assert len(text.partition("e")[0].replace("-", "").replace(".", "").strip("0")) <= digits


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.01, "1 %"),
        (0.0123, "1.2 %"),
        (0.055, "5.5 %"),
        (0.00004, "0.004 %"),
        (0.5, "50 %"),
        (0.126, "13 %"),
        (12.5, "1250 %"),
        (-0.25, "-25 %"),
        (math.inf, "infinitely many %"),
    ],
)
def test_a_share_is_per_cent(share, text):
    assert percent(share) == text


@given(st.floats(1e-6, 100))
def test_per_cent_are_right_to_two_digits(share):
    assert float(percent(share).removesuffix(" %")) == pytest.approx(100 * share, rel=0.0501)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (4.21, "4.2 s"),
        (60, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (100_000, "27 h 46 min"),
    ],
)
def test_a_duration(seconds, text):
    assert duration(seconds) == text


@given(st.floats(0, 1e6))
def test_a_duration_is_right_to_its_last_unit(seconds):
    unit = {"h": 3600, "min": 60, "s": 1}
    pieces = duration(seconds).split()
    total = sum(float(count) * unit[name] for count, name in zip(pieces[::2], pieces[1::2], strict=True))
    allowed = 0.05 if seconds < 60 else 0.5 if len(pieces) == 4 and pieces[-1] == "s" else 60
    assert abs(total - seconds) <= allowed + 1e-6


def test_names_and_messages_as_words():
    assert words("elastic_net") == "elastic net"
    assert words("l2") == "l2"
    assert one_line("two\n  lines,\tand   blanks ") == "two lines, and blanks"
    assert one_line(ValueError("first\nsecond")) == "first second"
