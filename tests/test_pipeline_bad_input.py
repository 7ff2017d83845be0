"""Bad input, a full disk, Ctrl-C: one sentence, exit code 1, and nothing lost or half-written."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import STAGES, Project, until_it_says

pytestmark = pytest.mark.slow

RAW = "data/raw/titanic"


def written(project: Project) -> dict[str, str]:
    """Return path → digest of all that the stages wrote, but for check's profile, which DVC removes before check runs."""
    roots = ["data/split", "data/prepared", "models", "reports", "dvc.lock"]
    found = [project.folder / root for root in roots]
    files = [f for root in found for f in ([root] if root.is_file() else root.rglob("*")) if f.is_file()]
    return {str(f.relative_to(project.folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def without_files(project: Project) -> None:
    for file in (project.folder / RAW).glob("*.csv"):
        file.unlink()


def without_label(project: Project) -> None:
    for file in (project.folder / RAW).glob("*.csv"):
        file.write_text(file.read_text().replace("survived", "survivor", 1))


def one_class(project: Project) -> None:
    for file in (project.folder / RAW).glob("*.csv"):
        header, *rows = file.read_text().splitlines()
        file.write_text("\n".join([header, *(re.sub("^([123]),[01],", r"\1,0,", row) for row in rows)]) + "\n")


def bytes_of_no_text(project: Project) -> None:
    (project.folder / RAW / "passengers-2.csv").write_bytes(bytes(range(256)) * 200)


def other_columns(project: Project) -> None:
    project.edit(f"{RAW}/passengers-2.csv", "cabin,embarked", "cabin,harbour")


def no_csv(project: Project) -> None:
    project.write(f"{RAW}/passengers-2.csv", "")


def params_by_hand(project: Project) -> None:
    project.edit("params.yaml", "time_limit: 60", "time_limit: soon")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(without_files, [f"no file in {RAW}", "one or more files of a table"], id="empty-raw-folder"),
        pytest.param(
            without_label, ["data.label='survived'", "closest: 'survivor'", "conf/data/"], id="no-label-column"
        ),
        pytest.param(one_class, ["the class 0 alone in the label 'survived'", "expected 2"], id="one-class-only"),
        pytest.param(bytes_of_no_text, [f"{RAW}/passengers-2.csv", "NUL byte"], id="unreadable-file"),
        pytest.param(no_csv, [f"{RAW}/passengers-2.csv"], id="file-of-no-bytes"),
        pytest.param(other_columns, ["passengers-2.csv", "embarked, harbour", "one schema"], id="other-columns"),
        pytest.param(params_by_hand, ["automl.time_limit='soon'", "number"], id="params-by-hand"),
    ],
)
def test_bad_input_ends_in_one_sentence(finished: Project, spoil: Callable[[Project], None], says: list[str]):
    """Bad input ends check with exit code 1 and one sentence; what was there stays, and mended, all is as it was."""
    before = written(finished)
    spoil(finished)
    done = finished.repro(ok=False)
    assert done.code != 0
    assert done.ran == ["check"]
    assert "python src/check.py, exited with 1" in done.stderr
    [sentence] = done.told
    assert sentence.startswith("Error: Got ")
    assert [part for part in says if part not in sentence] == []
    assert written(finished) == before
    assert not (finished.folder / "data/profile.json").exists()

    finished.run("git", "checkout", "--quiet", ".")
    assert finished.repro().ran == []
    assert written(finished) == before


def may_mount() -> str:
    """Return why a file system of one's own cannot be mounted here, or nothing."""
    if not shutil.which("unshare"):
        return "there is no unshare"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.strip()


@pytest.mark.parametrize(
    ("stage", "folder", "kilobytes"),
    [
        pytest.param("dataprep", "data", 200, id="dataprep"),
        pytest.param("automl", "models", 24, id="automl-predictor"),
        pytest.param("automl", "models", 300, id="automl-model"),
        pytest.param("evaluate", "reports/plots", 8, id="evaluate"),
    ],
)
def test_full_disk_ends_in_one_sentence(finished: Project, stage: str, folder: str, kilobytes: int):
    """A stage that finds the disk full ends with exit code 1 and one sentence, and leaves no half-written file."""
    if why := may_mount():
        pytest.skip(f"a small file system cannot be mounted: {why}")
    (finished.folder / folder).mkdir(exist_ok=True)
    inputs = {"data": "data/raw/titanic data/profile.json", "models": "models/recipe"}.get(folder, "")
    script = f"""
        mkdir -p $1 && tar -cf ../inputs.tar --files-from /dev/null {inputs}
        mount -t tmpfs -o size={kilobytes}k none $1 || exit 9
        tar -xf ../inputs.tar
        python src/{stage}.py; code=$?
        find $1 -type f -not -path '*/recipe/*' -not -path '*/raw/*' -not -name profile.json > found
        exit $code
    """
    done = finished.run("unshare", "-rm", "sh", "-c", script, "sh", folder, ok=False)
    assert done.code == 1, done.stderr
    [sentence] = done.told
    assert sentence.startswith("Error: Got a full disk while writing ")
    left = finished.read("found").split()
    assert [file for file in left if file.endswith(".part") or "models/model/" in file or "/." in file] == []


def group_members(group: int) -> list[str]:
    """Return the command lines of the living processes of a group."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                members.append(stat.with_name("cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return members


def test_ctrl_c_during_search_loses_nothing(fresh: Project, tmp_path: Path, stopping: list[subprocess.Popen[bytes]]):
    """Ctrl-C during the search leaves no process and nothing that is taken for whole; the next repro goes on from there."""
    fresh.edit("conf/automl/quick.yaml", "GBM: {num_boost_round: 20}", "RF: {n_estimators: 2000}")
    fresh.run("python", "src/compose.py")
    log = tmp_path / "log"
    repro = fresh.start("dvc", "repro", log=log)
    stopping.append(repro)
    until_it_says("fitting RandomForest", repro, log)
    time.sleep(0.5)
    os.killpg(repro.pid, signal.SIGINT)
    assert repro.wait(timeout=60) != 0
    said = log.read_text()
    assert "Interrupted. Finished stages are kept; `dvc repro` goes on from here." in said
    assert "Traceback" not in said
    assert group_members(repro.pid) == []
    lock = fresh.read("dvc.lock")
    assert [stage for stage in STAGES if f"\n  {stage}:" in lock] == ["check", "dataprep"]
    assert not (fresh.folder / "models/model").exists()
    assert not (fresh.folder / "mlflow.db").exists()

    fresh.edit("conf/automl/quick.yaml", "n_estimators: 2000", "n_estimators: 10")
    fresh.run("python", "src/compose.py")
    done = fresh.repro()
    assert done.ran == ["check", *STAGES[2:]]
    assert "Registered version 1" in done.stdout
