"""The pipeline, killed at some random moments or with its disk filled; benchmarks/kills.py does both more often."""

import os
import random
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from conftest import Done, Project, moved
from interrupting import PLENTY_KB, SIGNALS, mended, outcome, resize, small_disk, used_kb, who_says_full

# MLflow 3.17 uses what SQLAlchemy 2.1 deprecates; goes when MLflow stops.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")]


def gone_on(project: Project) -> Done:
    """Let the pipeline go on to its end; where DVC cannot read a file that it was writing, that goes first."""
    while (done := project.repro(ok=False)).code:
        assert mended(project.folder, done.stderr), done.stderr
    return done


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_pipeline_ends_as_an_undisturbed_one(fresh: Project, finished_once: Project, tmp_path: Path, seed: int):
    """Killed with all that it started, by each of three signals, `dvc repro` goes on and ends as if nothing had been."""
    draw = random.Random(seed)
    for number in draw.sample(SIGNALS, 3):
        run = fresh.start("dvc", "repro", log=tmp_path / "log")
        with suppress(subprocess.TimeoutExpired):
            run.wait(draw.uniform(1, 10))
        with suppress(ProcessLookupError):
            os.killpg(run.pid, number)
        run.wait(30)
    gone_on(fresh)
    assert outcome(fresh.folder) == outcome(finished_once.folder)
    assert "up to date" in fresh.repro().stdout
    assert list((fresh.folder / "models").glob(".*")) == []


def test_file_that_dvc_left_half_written_is_mended_as_the_page_says(finished: Project, finished_once: Project):
    """DVC writes two files in place and refuses half of one; without it, finished stages come from the cache."""
    lock = finished.read("dvc.lock")
    torn = {".dvc/tmp/rwlock": ['{"/x": {"write": '], "dvc.lock": ["", lock[: lock.index("num_cpus") + 4]]}
    for file, halves in torn.items():
        for half in halves:
            finished.write(file, half)
            refused = finished.repro(ok=False)
            assert refused.code != 0
            assert mended(finished.folder, refused.stderr) == file
    done = gone_on(finished)
    assert "automl" not in done.ran
    assert "Registered" not in done.stdout
    assert outcome(finished.folder) == outcome(finished_once.folder)


def test_full_disk_ends_in_a_sentence_and_given_room_the_pipeline_goes_on(
    clone_once: Project, finished_once: Project, tmp_path: Path
):
    """On a disk with too little room, by chance how little, `dvc repro` says so; with more it ends as if nothing had been."""
    draw = random.Random(1)
    with ExitStack() as unmounting:
        try:
            disk = unmounting.enter_context(small_disk(tmp_path / "disk"))
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("mounting a disk takes root, and a container that lets it")
        scratch = disk / "tmp"
        scratch.mkdir()
        project = Project(moved(clone_once, disk / "project").folder, {**clone_once.env, "TMPDIR": str(scratch)})
        grows_kb = used_kb(finished_once.folder) - used_kb(clone_once.folder)
        began_kb = used_kb(disk)
        for room_kb in sorted(draw.randrange(grows_kb // 2) for _ in range(2)):
            resize(disk, began_kb + room_kb)
            done = project.repro(ok=False)
            assert done.code != 0
            assert who_says_full(done.stdout + done.stderr)
            assert list(scratch.glob("slipway-*")) == []
        resize(disk, PLENTY_KB)
        gone_on(project)
        assert outcome(project.folder) == outcome(finished_once.folder)
        assert "up to date" in project.repro().stdout
        assert list((project.folder / "models").glob(".*")) == []
