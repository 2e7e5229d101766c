"""How fast a run is, and what is left of it."""

from __future__ import annotations

import pytest

from search.runs.pace import FIRST, Job, Pace, Smoothed
from search.runs.tracker import Tracker


def test_what_is_left_takes_as_long_for_its_price_as_what_was_done():
    pace = Pace().noted("steps", 300.0, 100.0).noted("judging", 0.1, 0.1)
    assert pace.seconds([Job("steps", 5, 200.0)]) == pytest.approx(600, rel=0.01)
    assert pace.seconds([Job("exact", 5, 200.0)]) == pytest.approx(600, rel=0.01)  # not met yet: as training is
    assert pace.seconds([Job("judging", 0, 2.0)]) == pytest.approx(2.0)
    assert pace.noted("exact", 50.0, 100.0).seconds([Job("exact", 5, 200.0)]) == pytest.approx(100, rel=0.02)


def test_nothing_measured_is_a_plain_machine():
    assert not Pace().known
    assert not Pace().noted("asking", 3.0, 1.0).known
    assert Pace().seconds([Job("steps", 1, 3.0), Job("asking", 0, 1.0)]) == pytest.approx(4.0)


def test_the_time_left_is_not_told_at_once_and_does_not_jump():
    smoothed = Smoothed()
    assert smoothed.left(FIRST - 0.1, 100.0) is None
    assert smoothed.left(10.0, 100.0) == 100.0
    jumped = smoothed.left(10.1, 200.0)
    assert 99.9 < jumped < 115
    for second in range(11, 60):
        told = smoothed.left(float(second), 210.1 - second)
    assert told == pytest.approx(151.1, rel=0.01)
    assert smoothed.left(1000.0, 0.0) < 100


def test_a_tracker_counts_what_is_done_and_what_is_ahead(monkeypatch):
    monkeypatch.setattr("search.runs.tracker.OFTEN", 0.0)
    told = []
    tracker = Tracker(hear=told.append)
    search, grid = Job("steps", 4, 1.0), Job("steps", 6, 1.5)
    tracker.ahead = {("search", "search"): search, ("grid", "grid"): grid, ("model", "model"): Job("steps", 1, 0.1)}
    tracker.begin("search", 0.5)
    with tracker.doing("search", search.times(0.5)) as report:
        report(0.5)
        report(1.5)
    assert tracker.progress.fits_wanted == 4 + 6 + 1
    tracker.begin("grid")
    with tracker.doing("grid", grid) as report:
        report(6)
    assert [(each.stage, each.fits) for each in told] == [
        ("search", 0),
        ("search", 0),
        ("search", 2),
        ("grid", 2),
        ("grid", 8),
    ]
    assert tracker.progress.fits_wanted == 8 + 1  # the other half of the trials was not to be
    assert tracker.progress.seconds_left is None
