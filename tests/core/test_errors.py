"""The one error that people are meant to see is one line."""

from __future__ import annotations

from search.core.errors import UserError


def test_whatever_is_told_in_it():
    error = UserError('a.csv: the first "x\u2028y" in row 1\r\nand \x1c so on')
    assert str(error) == 'a.csv: the first "x y" in row 1 and   so on'
    assert len(str(error).splitlines()) == 1
