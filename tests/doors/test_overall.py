"""Workers as one run: what each says, added up."""

from __future__ import annotations

from search.core.candidate import Candidate
from search.doors.overall import Overall
from search.runs import Progress


class Seen:
    """A display that keeps what it was shown."""

    def update(self, reached):
        self.last = reached

    def note(self, text):
        raise AssertionError(text)


def progress(finished, fits, left, stage="search", seconds_left=40.0, best=None):
    return Progress(finished, 20, fits, 1.0, best, None, stage, fits + left, seconds_left)


def test_fits_are_those_of_all_and_the_rest_is_as_the_one_says_who_knows_most():
    shown, best = Seen(), Candidate("l1", 0.5)
    overall = Overall(shown)
    overall.told(1, progress(4, fits=6, left=30))
    overall.told(2, progress(8, fits=5, left=20, best=best), among=2)
    assert (shown.last.finished, shown.last.fits, shown.last.best) == (8, 11, best)
    assert shown.last.fits_wanted == 11 + 20
    assert shown.last.seconds_left == 20.0  # two share what one alone would need 40 seconds for


def test_a_worker_that_died_has_done_what_it_did():
    shown = Seen()
    overall = Overall(shown)
    overall.told(1, progress(4, fits=6, left=30))
    overall.told(1, progress(6, fits=8, left=28))  # in place of what it said before
    overall.told(3, progress(6, fits=0, left=28))
    assert (overall.fits, overall.finished) == (8, 6)


def test_trials_and_stages_never_go_back():
    shown = Seen()
    overall = Overall(shown)
    overall.told(1, progress(20, fits=6, left=3, stage="grid"))
    overall.told(2, progress(12, fits=6, left=9))  # it has not heard of the others' last trials
    assert (shown.last.finished, shown.last.stage) == (20, "grid")
    overall.told(0, progress(20, fits=0, left=0))  # whoever comes late begins with a search that is over
    assert shown.last.stage == "grid"
    overall.told(0, progress(20, fits=0, left=0, stage="verdict", seconds_left=None))
    assert (shown.last.stage, shown.last.seconds_left) == ("verdict", None)
