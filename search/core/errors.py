"""The one error that people are meant to see."""

from __future__ import annotations

from collections.abc import Iterator


class UserError(Exception):
    """What the user got wrong and can mend: one line that names the place and what would be valid.

    The command line prints it and ends with exit code 2; it never shows a traceback for it.
    """

    def __init__(self, *told: object) -> None:
        """Names and values of the user's that are told may hold ends of lines of any kind: a blank stands for each."""
        super().__init__(*(" ".join(each.splitlines()) if isinstance(each, str) else each for each in told))


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it comes from, and so on.

    >>> [type(each).__name__ for each in causes(UserError("a"))]
    ['UserError']
    """
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
