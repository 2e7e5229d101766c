"""Processes of the command line that begin at once: made of one that has all modules already, and has done nothing."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

MODULES: Final = ["pytest", "torch", "optuna", "psycopg", "search.doors.cli", "search.doors.running", "search.runs"]


def started(log: Path, *words: str) -> BaseProcess:
    """`lambda-search` with these words; what it says, and where it stops in an error, is in the log."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    log.touch()
    process = context.Process(target=_run, args=(str(log), words), daemon=True)
    process.start()
    return process


def _run(log: str, words: tuple[str, ...]) -> None:
    with open(log, "wb", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["lambda-search", *words]
    from search.doors.cli import main

    main()
