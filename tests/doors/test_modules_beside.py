"""A folder is searched for modules only where its study names a function of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

STUDY = """
name = "a"
[data]
source = "{source}"
[training]
optimizer = "exact"
[search]
trials = 2
batch = 2
"""
TRAP = "open('it ran', 'w').close()\n"
FUNCTION = "import numpy as np\n\n\ndef rows():\n    x = np.arange(80.0).reshape(40, 2) % 7\n    return x, x[:, 0]\n"


@pytest.mark.rest
@pytest.mark.parametrize(("source", "runs"), [("diabetes", False), ("redis:rows", True)])
def test_a_module_beside_a_strangers_study_file_is_not_run(tmp_path, source, runs):
    """Optuna imports redis where it finds one: a redis.py beside the file would be it."""
    folder, here = tmp_path / "theirs", tmp_path / "mine"
    folder.mkdir()
    here.mkdir()
    (folder / "study.toml").write_text(STUDY.format(source=source))
    (folder / "redis.py").write_text(TRAP + FUNCTION)
    command = [sys.executable, "-P", "-m", "search", "run", str(folder / "study.toml")]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (here / "it ran").exists() == runs
    assert ("note: runs your own redis:rows" in done.stderr) == runs
