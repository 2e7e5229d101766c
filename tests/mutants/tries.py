"""Tries mutants one after the other, each in a fork of a pytest that has collected the tests.

`python tests/mutants/tries.py NAMES TEST...`, in mutmut's folder of mutants: a json list of names, and files of tests.
What came of each is a line of `tries.jsonl` there, and what has one is not tried again.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

import pytest

SHARE = 0.4  # of the time of all tests that reach a function: the quickest ones. The others take long to tell little
FEWEST = 8  # so many are tried all the same
SECONDS = 60  # of processor time; a mutant that runs for longer never ends
LOG = Path("tries.jsonl")


class Tries:
    """In place of running the tests once: a fork for every mutant, which ends with the first test that fails."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        stats = json.loads(Path("mutmut-stats.json").read_text())
        self.durations, self.reach = stats["duration_by_test"], stats["tests_by_mangled_function_name"]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try those that have not been tried."""
        assert not session.testsfailed, "a file of tests could not be imported"
        done = {json.loads(line)["name"] for line in LOG.read_text().splitlines()} if LOG.exists() else set()
        every = list(dict.fromkeys(test for name in self.names for test in self.tests_of(name)))
        assert self.tried(session, "none", every) == "survived", "a test fails without a mutant"
        for name in self.names:
            if name not in done:
                state = self.tried(session, name, self.tests_of(name))
                with LOG.open("a") as file:
                    file.write(json.dumps({"name": name, "state": state}) + "\n")
        return True

    def tests_of(self, name: str) -> list[str]:
        """The tests that reach the mutant's function, the quickest first, without the dearest."""
        reach = sorted(self.reach.get(name.rpartition("__mutmut_")[0], []), key=lambda test: self.durations[test])
        room, kept = SHARE * sum(self.durations[test] for test in reach), []
        for test in reach:
            room -= self.durations[test]
            if len(kept) >= FEWEST and room < 0:
                break
            kept.append(test)
        return kept

    @staticmethod
    def tried(session: pytest.Session, name: str, tests: list[str]) -> str:
        """`killed` where a test fails or does not end; `survived`; `no tests`."""
        items = {item.nodeid: item for item in session.items}
        own = [items[test] for test in tests if test in items]
        if not own:
            return "no tests"
        child = os.fork()
        if not child:
            os.environ["MUTANT_UNDER_TEST"] = name
            used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
            resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS, used + SECONDS))
            for item, following in zip(own, [*own[1:], None], strict=True):
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    os._exit(1)
            os._exit(0)
        return "killed" if os.waitpid(child, 0)[1] else "survived"


if __name__ == "__main__":
    tries = Tries(json.loads(Path(sys.argv[1]).read_text()))
    code = pytest.main(["-q", "-n0", "--tb=no", "--show-capture=no", *sys.argv[2:]], plugins=[tries])
    sys.exit(code)
