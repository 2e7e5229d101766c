"""The files of the page on many workers, as far as a machine without those clusters can check them."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command_line import study_file

PAGE = (Path(__file__).parents[1] / "studies" / "guide" / "workers.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return found


def programs(folder: Path, **texts: str) -> dict[str, str]:
    """The environment with programs of these texts, and `lambda-search`, on its path."""
    texts["lambda-search"] = f'exec {sys.executable} -m search "$@"'
    for name, text in texts.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(stat.S_IRWXU)
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def run(text: str, env: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.rest
def test_the_list_of_machines_with_this_machine_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study_file(tmp_path, "study", search={"trials": 8, "batch": 1, "sampler": "grid"})
    (tmp_path / "hosts.txt").write_text("one\ntwo\n")
    env = programs(tmp_path, ssh='shift; exec bash -c "$1"') | {"SHARED": str(tmp_path), "STORAGE": "sqlite:///a.db"}
    assert "Use " in run(block("ssh"), env)
    assert "study: 8 of 8 trials" in run("lambda-search status study --storage sqlite:///a.db", env)


@pytest.mark.rest
def test_a_task_of_the_array_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study_file(tmp_path, "study")
    job = block("slurm")
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)$", job, re.MULTILINE))
    assert options.keys() == {"array", "time", "signal", "cpus-per-task"}
    env = programs(tmp_path) | {"SHARED": str(tmp_path), "STORAGE": "sqlite:///a.db", "SLURM_CPUS_PER_TASK": "1"}
    assert "6 complete trials" in run(job, env)


def test_the_job_of_kubernetes():
    """Its fields by name and kind, as the API's reference has them; its command is one that the program takes."""
    job = yaml.safe_load(block("yaml"))
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", job["metadata"]["name"])
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"]  # all are workers at once
    assert spec.keys() <= {"completionMode", "completions", "parallelism", "backoffLimitPerIndex", "template"}
    assert pod["restartPolicy"] == "Never"  # which a limit per index asks for
    (container,) = pod["containers"]
    assert container["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "storage", "key": "url"}
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    words = [*container["command"], *container["args"]]
    assert words[:2] == ["lambda-search", "run"]
    options = [word for word in words if word.startswith("--")]
    told = subprocess.run([sys.executable, "-m", "search", "run", "--help"], capture_output=True, text=True, check=True)
    assert all(option in told.stdout for option in options)
