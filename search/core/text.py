"""Numbers and names in the form in which people read them, on every page and in every sentence."""

from __future__ import annotations

import math

PLAIN_BELOW = 1e9  # 1100 and 1,239,000 are read more easily than 1.1e+03 and 1.239e+06
NOTHING = "–"  # noqa: RUF001 - a dash is what readers know for "nothing here"


def number(value: float | None, digits: int = 3) -> str:
    """A number with that many significant digits; a word for infinity, a dash for what is not there.

    >>> number(0.0123456), number(1234.5), number(25_330.0, 4), number(math.inf), number(None)
    ('0.0123', '1230', '25,330', 'infinity', '–')
    >>> number(0.0000123), number(1.2e15)  # as the figures' ticks write them
    ('1.23e-5', '1.2e15')
    """
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    text = f"{value:.{digits}g}"
    if "e+" in text and abs(float(text)) < PLAIN_BELOW:
        return f"{float(text):.0f}" if abs(float(text)) < 10_000 else f"{float(text):,.0f}"
    mantissa, exponential, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponential else text


def percent(share: float) -> str:
    """A share as per cent with two digits, or as many as its whole part has.

    >>> percent(0.0123), percent(0.5), percent(math.inf)
    ('1.2 %', '50 %', 'infinitely many %')
    """
    if math.isnan(share):
        return NOTHING
    if math.isinf(share):
        return "infinitely many %"
    return f"{100 * share:.0f} %" if abs(share) >= 0.1 else f"{100 * share:.2g} %"


def rows_right(share: float) -> str:
    """The share of rows that are right as per cent: 100 % where none is wrong and nowhere else.

    >>> rows_right(0.934), rows_right(0.997), rows_right(0.99999), rows_right(1.0)
    ('93 %', '99.7 %', 'over 99.9 %', '100 %')
    """
    if not 0.99 < share < 1:
        return percent(share)
    return f"{100 * share:.1f} %" if share < 0.9995 else "over 99.9 %"


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> duration(4.21), duration(200), duration(7500)
    ('4.2 s', '3 min 20 s', '2 h 5 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def words(name: str) -> str:
    """A name of the code as words: "elastic_net" as "elastic net"."""
    return name.replace("_", " ")


def one_line(message: object) -> str:
    """A message without line breaks or runs of blanks."""
    return " ".join(str(message).split())
