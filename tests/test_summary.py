"""The end of `make run`: what is registered, how good it is, what to try next."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def says(folder, version=1, **environment):
    """Run summary.py where a receipt and metrics lie."""
    receipt = {"model": "titanic-survival", "alias": "champion", "version": version, "why": "the gate is not passed"}
    for name, content in {
        "models/registered.json": receipt,
        "reports/metrics.json": {"f1": 0.75, "test_rows": 262},
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    cleared = {key: value for key, value in os.environ.items() if key != "MAKELEVEL"}
    return subprocess.run(
        [sys.executable, str(ROOT / "src/summary.py")],
        cwd=folder, env=cleared | environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_summary_says_version_and_metrics(tmp_path):
    """The version, the model's name and the metrics with the number of test rows are said."""
    lines = says(tmp_path).splitlines()
    assert lines[:2] == ["Registered version 1 of model titanic-survival", "  on 262 test rows: f1 0.7500"]
    assert len(lines) == 5


def test_next_steps_are_makes_under_make(tmp_path):
    """Under make the next steps are targets that the Makefile has."""
    targets = re.findall(r"make (\w+)", says(tmp_path, MAKELEVEL="1"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert len(targets) == 3
    assert all(f"\n{target}:" in makefile for target in targets)


def test_sweep_begins_with_a_commit_where_there_is_none(tmp_path):
    """In a repository without a commit, which experiments need, making one is the first part of the step; later it is not."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    assert re.search(
        r"start a sweep +git add --all && git commit -m '.*' && make sweep\n", says(tmp_path, MAKELEVEL="1")
    )
    person = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *person, "commit", "--quiet", "--allow-empty", "-m", "x"], cwd=tmp_path, check=True)
    assert re.search(r"start a sweep +make sweep\n", says(tmp_path, MAKELEVEL="1"))


def test_make_sweep_asks_for_a_commit_in_a_sentence(tmp_path):
    """Without a commit `make sweep` ends in a sentence, and nothing of DVC's."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "environment.sh").write_text("#!/bin/sh\n")
    (tmp_path / "environment.sh").chmod(0o755)
    alone = {key: value for key, value in os.environ.items() if key not in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")}
    done = subprocess.run(["make", "sweep"], cwd=tmp_path, capture_output=True, text=True, check=False, env=alone)
    first, *others = done.stderr.splitlines()
    assert first.startswith(
        "Error: Got a project without a commit, expected one, beside which experiments are kept. Run: git"
    )
    assert (done.stdout, len(others), "make: ***" in others[0]) == ("", 1, True)


def test_summary_says_why_nothing_is_registered(tmp_path):
    """What was not registered is not called registered, and the reason is said."""
    assert says(tmp_path, version=None).startswith("Registered nothing: the gate is not passed\n")


def test_summary_without_a_run_ends_in_a_sentence(tmp_path):
    """Before the first run the sentence says which command is missing."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "src/summary.py")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "Error: Got no models/registered.json, expected the registration's receipt. Run `dvc repro`.\n"
    )


@pytest.mark.parametrize("target", ["run", "test", "fast", "lint", "params", "ui", "serve", "sweep", "lock"])
def test_make_help_lists_every_target(target):
    """`make help` has a line with a few words for every target."""
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(rf"^{target} +\S+ \S+", done.stdout, flags=re.MULTILINE)
