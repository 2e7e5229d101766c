"""A real study, run once by the command line, and a real browser, for the tests that look at what people see."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import call, study_file
from hostile_study import HOSTILE, HOSTILE_NAME, hostile_file

from search import load

BROWSER_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory):
    """A working folder with judged studies, "small" and one of hostile texts, and with "sealed", which is sealed."""
    folder = tmp_path_factory.mktemp("report")
    space = {"penalty": ["none", "l1", "l2", "elastic_net"]}
    files = [study_file(folder, name, training={"seeds": 2}, space=space) for name in ("small", "sealed")]
    before = Path.cwd()
    os.chdir(folder)
    try:
        for file, *options in ([files[0]], [files[1], "--sealed"], [hostile_file(folder)]):
            done = call("run", file, "--quiet", *options)
            assert done.code == 0, done.err
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(scope="session")
def storage(study_folder):
    return str(study_folder / "runs" / "ledger.journal")


@pytest.fixture(scope="session")
def study(storage):
    return load("small", storage)


@pytest.fixture(scope="session")
def sealed(storage):
    return load("sealed", storage)


@pytest.fixture(scope="session")
def hostile(storage):
    """A study whose file and data were written by somebody who wants to run a script in the reader's browser."""
    view = load(HOSTILE_NAME, storage).view
    return replace(view, study=replace(view.study, name=HOSTILE))


@pytest.fixture(scope="session")
def browser():
    """Debian's chromium through playwright; without them the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no browser: neither chromium nor google-chrome is on the PATH")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=path, args=BROWSER_OPTIONS)
        yield running
        running.close()
