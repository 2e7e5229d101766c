"""Fuzz a reader: python tests/fuzz TARGET --inputs N [--seed S].

TARGET is one of the readers in fuzz_targets.py. With atheris (pip install atheris) the coverage of search/ and of
tomllib guides what is tried next; without it mutations of the seeds are drawn. An input that the reader stumbles over
is kept in found/TARGET/, once for each place where it does, and the run goes on. It ends with the number of inputs, and
of what was found.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

SLOW: Final = 20.0  # seconds of a processor that a reader may take
OUT: Final = Path("found")


class HangError(Exception):
    """A reader took longer than `SLOW`."""


def _hang(number: int, frame: FrameType | None) -> NoReturn:
    raise HangError


@dataclass
class Session:
    """Inputs of a target: how many were tried, and the places of what was found."""

    name: str
    folder: Path
    inputs: int
    tried: int = 0
    found: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def one(self, body: bytes) -> None:
        """Try an input, and keep it where the reader stumbles at a new place."""
        from fuzz_targets import TARGETS

        self.tried += 1
        (OUT / self.name).mkdir(parents=True, exist_ok=True)
        (OUT / self.name / "last").write_bytes(body)  # what a crash of the process leaves
        signal.setitimer(signal.ITIMER_PROF, SLOW)
        try:
            TARGETS[self.name].check(body, self.folder)
        except Exception as error:
            self._keep(body, error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
        if self.tried % 10_000 == 0 or self.tried == self.inputs:  # atheris ends the process, and says nothing
            self.tell()

    def _keep(self, body: bytes, error: Exception) -> None:
        frames = [each for each in traceback.extract_tb(error.__traceback__) if "/search/" in each.filename]
        place = f"{Path(frames[-1].filename).stem}-{frames[-1].lineno}" if frames else "nowhere"
        key = f"{type(error).__name__}-{place}"
        if key in self.found:
            return
        self.found[key] = f"{error}"[:150]
        (OUT / self.name / key).write_bytes(body)
        print(f"{self.name}: {key}: {self.found[key]!r}", flush=True)

    def tell(self) -> None:
        """Where the session stands."""
        seconds = time.monotonic() - self.started
        print(f"{self.name}: {self.tried:,} inputs in {seconds:.0f} s, {len(self.found)} found", flush=True)


def draw(session: Session, inputs: int, seed: int) -> None:
    """Mutations of the seeds and of what was found before."""
    from fuzz_mutate import mutated
    from fuzz_targets import TARGETS

    target, generator = TARGETS[session.name], random.Random(seed)
    seeds = [*target.seeds(), *(path.read_bytes() for path in target.found)]
    for body in seeds:
        session.one(body)
    while session.tried < inputs:
        session.one(mutated(generator.choice(seeds), seeds, generator))


def guided(session: Session, inputs: int, seed: int) -> None:
    """What atheris thinks of, from the same seeds."""
    import atheris

    with atheris.instrument_imports(include=["search", "tomllib"]):
        from fuzz_targets import TARGETS
    with tempfile.TemporaryDirectory() as corpus:
        for place, body in enumerate(TARGETS[session.name].seeds()):
            (Path(corpus) / str(place)).write_bytes(body)
        options = [
            f"-runs={inputs}",
            f"-seed={seed}",
            "-max_len=20000",
            "-rss_limit_mb=6000",
            "-timeout=600",  # of the wall: the first input imports torch, and `SLOW` is what counts
            "-verbosity=0",
        ]
        atheris.Setup([sys.argv[0], *options, corpus], session.one, enable_python_coverage=True)
        with suppress(SystemExit):
            atheris.Fuzz()


def main() -> None:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    faulthandler.enable()
    signal.signal(signal.SIGPROF, _hang)
    warnings.simplefilter("ignore")
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        session = Session(given.target, Path(folder), given.inputs)
        (guided if find_spec("atheris") else draw)(session, given.inputs, given.seed)


if __name__ == "__main__":
    main()
