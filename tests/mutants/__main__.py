"""Mutants of a room's formulas, and how many of them its tests kill: `python tests/mutants ROOM [COUNT]`.

It works in a copy (the folder --work) on the mutants that mutmut makes; so many of the room's are drawn at random, by
the seed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HOME, TRIES = Path(__file__).parents[2], Path(__file__).with_name("tries.py")
NEEDED = ("search", "studies", "tests", "pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")
MAKE = (  # what mutmut does before it tries any: the mutants, and which test reaches which function
    "import mutmut.__main__ as m; m.set_mutant_under_test('mutant_generation'); m.makedirs(m.Path('mutants'), "
    "exist_ok=True); m.copy_src_dir(); m.copy_also_copy_files(); m.setup_source_paths(); "
    "m.store_lines_covered_by_tests(); m.create_mutants(2); m.collect_or_load_stats(m.get_mutant_runner(1))"
)


class Room(NamedTuple):
    """Which files are mutated, and which tests belong to them."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


VERDICT = ("bounds", "multiplier", "confidence_set", "optimism", "matter", "rows_needed")
TRAINING = ("optimizer", "regulariser", "schedule", "curve")
ROOMS = {
    "penalties": Room(("search/penalties/*.py",), ("tests/contracts/test_penalties.py",)),
    "verdict": Room(
        (*(f"search/verdict/{name}.py" for name in VERDICT), "search/verdict/against.py"),
        (*(f"tests/verdict/test_{name}.py" for name in VERDICT), "tests/verdict/test_judge.py"),
    ),
    "training": Room(
        tuple(f"search/training/{name}.py" for name in TRAINING),
        (
            "tests/training/test_regulariser.py",
            "tests/training/test_updates.py",
            "tests/training/test_train.py",
            "tests/training/test_searched_settings.py",
            "tests/training/test_strengths.py",
        ),
    ),
    "exact": Room(
        ("search/training/exact/*.py",),
        ("tests/training/exact", "tests/training/test_exact.py", "tests/training/test_extremes.py"),
    ),
}


def prepare(work: Path, room: Room) -> None:
    """A copy of the repository with mutmut's settings."""
    work.mkdir(parents=True, exist_ok=True)
    for name in NEEDED:
        if (HOME / name).is_dir():
            shutil.copytree(HOME / name, work / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(HOME / name, work / name)
    lists = {
        "source_paths": ["search"],
        "only_mutate": room.files,
        "pytest_add_cli_args_test_selection": room.tests,
        "pytest_add_cli_args": ["-n0", "-x"],
        "also_copy": [name for name in NEEDED if name not in ("search", "tests", "pyproject.toml")],
    }
    text = "".join(f"{name} =\n" + "".join(f"    {each}\n" for each in values) for name, values in lists.items())
    (work / "setup.cfg").write_text("[mutmut]\n" + text)


def made(work: Path) -> list[str]:
    """The names of all mutants."""
    metas = sorted((work / "mutants").rglob("*.meta"))
    return sorted(name for meta in metas for name in json.loads(meta.read_text())["exit_code_by_key"])


def outcomes(work: Path, names: list[str], tests: tuple[str, ...]) -> dict[str, str]:
    """What comes of these mutants, by their names; of those that were tried before, what came of them then."""
    mutants = work / "mutants"
    (mutants / "names.json").write_text(json.dumps(names))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(mutants)}
    subprocess.run([sys.executable, "-P", TRIES, "names.json", *tests], cwd=mutants, env=environment, check=True)
    lines = [json.loads(line) for line in (mutants / "tries.jsonl").read_text().splitlines()]
    return {line["name"]: line["state"] for line in lines if line["name"] in set(names)}


def main() -> None:
    """Draw, run, and print the counts and the names of those that live."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("room", choices=ROOMS)
    ask.add_argument("count", nargs="?", type=int, default=0, help="how many mutants to draw; 0: all of them")
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--work", type=Path, default=Path("/tmp/mutants"))
    asked = ask.parse_args()
    work = asked.work / asked.room
    prepare(work, ROOMS[asked.room])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    subprocess.run([sys.executable, "-c", MAKE], cwd=work, env=environment, check=True)
    names = made(work)
    drawn = random.Random(asked.seed).sample(names, min(asked.count or len(names), len(names)))
    ended = outcomes(work, drawn, ROOMS[asked.room].tests)
    counts = {state: list(ended.values()).count(state) for state in sorted(set(ended.values()))}
    print(f"{asked.room}: {len(names)} mutants, {len(drawn)} drawn (seed {asked.seed}): {counts}")
    for name, state in sorted(ended.items()):
        if state != "killed":
            print(f"  {state}: mutmut show {name}  (in {work})")


if __name__ == "__main__":
    main()
