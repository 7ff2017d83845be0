"""The guard in every way a person works: never "up to date" on stale settings, never a false alarm."""

import shutil
import time
from dataclasses import replace

import pytest
from conftest import Done, Project, moved

pytestmark = pytest.mark.slow

STALE = "Error: Got a params.yaml older than conf/{}.yaml, expected one composed from conf/ as it is."
EXP_RUN = ["dvc", "exp", "run"]


@pytest.fixture(scope="module")
def project_once(finished_once: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project that ran, whose tests clean up after each other."""
    return moved(finished_once, tmp_path_factory.mktemp("guard") / "project")


@pytest.fixture
def project(project_once: Project) -> Project:
    """Return the project as it was committed."""
    project_once.run("git", "checkout", "--quiet", "--force", "main")
    project_once.run("git", "reset", "--quiet", "--hard", "finished")
    project_once.run("git", "clean", "--quiet", "--force")
    return project_once


@pytest.fixture(scope="module", autouse=True)
def _tag(project_once: Project):
    project_once.run("git", "tag", "finished")


def edit(project: Project, seconds: int = 590) -> None:
    """Change what conf/ says, and its length: within one second Git may miss what is as long as before."""
    project.edit("conf/automl/quick.yaml", "time_limit: 60", f"time_limit: {seconds}")


def check(project: Project, *, ok: bool = True) -> Done:
    """Run the pipeline as far as check."""
    return project.repro("check", ok=ok)


def is_quiet(project: Project) -> bool:
    """Return whether check has nothing against the settings; what it accepted it need not see again."""
    return set(check(project).ran) <= {"check"}


def told(done: Done) -> str:
    """Return the one sentence with which a command failed."""
    assert done.code != 0
    [sentence] = done.told
    return sentence


def test_repro_stops_until_composed(project: Project):
    """`dvc repro` stops at stale settings as often as it is tried; `python src/compose.py` says what changes, and it goes on."""
    edit(project)
    for _ in range(2):
        assert STALE.format("automl/quick") in told(check(project, ok=False))
    assert "  automl.time_limit: 60 → 590\n" in project.run("python", "src/compose.py").stdout
    assert is_quiet(project)
    assert "up to date" in check(project).stdout
    assert "every setting is as it was" in project.run("python", "src/compose.py").stdout


def test_exp_run_composes(project: Project):
    """`dvc exp run` takes conf/ as it is, with -S and without, in the workspace and in a temporary folder."""
    edit(project)
    project.run(*EXP_RUN, "check")
    assert "time_limit: 590" in project.read("params.yaml")
    assert is_quiet(project)
    project.run(*EXP_RUN, "-S", "seed=7", "check")
    assert "time_limit: 590" in project.read("params.yaml")
    assert project.read("params.yaml").startswith("seed: 7\n")
    assert is_quiet(project)
    project.run(*EXP_RUN, "--temp", "check")
    assert is_quiet(project)


def test_no_hydra_does_not_get_past_the_guard(project: Project):
    """`dvc exp run --no-hydra` leaves params.yaml alone: stale settings stop it, its own -S does not."""
    project.run(*EXP_RUN, "--no-hydra", "-S", "seed=7", "check")
    assert is_quiet(project)
    edit(project)
    assert STALE.format("automl/quick") in told(project.run(*EXP_RUN, "--no-hydra", "check", ok=False))
    assert STALE.format("automl/quick") in told(project.run(*EXP_RUN, "--no-hydra", "-S", "seed=8", "check", ok=False))


def test_queued_experiments_keep_the_settings_of_their_time(project: Project):
    """An experiment that was queued runs with the settings of then, though conf/ is edited before a worker takes it.

    One that was queued without composing fails with the guard's sentence, with which `dvc queue logs` ends.
    """
    edit(project)
    project.run(*EXP_RUN, "--queue", "--name", "then", "check")
    project.run(*EXP_RUN, "--queue", "--name", "stale", "--no-hydra", "check")
    edit_back = project.read("conf/automl/quick.yaml").replace("time_limit: 590", "time_limit: 5800")
    project.write("conf/automl/quick.yaml", edit_back)
    try:
        project.run("dvc", "queue", "start")
        deadline = time.monotonic() + 120
        while (status := project.run("dvc", "queue", "status").stdout).count("Success") + status.count("Failed") < 2:
            assert time.monotonic() < deadline, status
            time.sleep(1)
    finally:
        project.run("dvc", "queue", "stop", "--kill", ok=False)
    assert [line.split()[-1] for line in sorted(status.splitlines()) if " then " in line] == ["Success"]
    lines = [line for line in project.run("dvc", "queue", "logs", "stale").stdout.splitlines() if line.strip()]
    assert any(STALE.format("automl/quick") in line for line in lines[-4:])

    project.run("git", "checkout", "--quiet", "conf")
    project.run("dvc", "exp", "apply", "then")
    assert "time_limit: 590" in project.read("conf/automl/quick.yaml")
    assert is_quiet(project)
    project.run("git", "reset", "--quiet", "--hard", "finished")
    project.run("dvc", "exp", "branch", "then", "from-then")
    project.run("git", "checkout", "--quiet", "from-then")
    assert is_quiet(project)
    edit_back = project.read("conf/automl/quick.yaml").replace("time_limit: 590", "time_limit: 5700")
    project.write("conf/automl/quick.yaml", edit_back)
    assert STALE.format("automl/quick") in told(check(project, ok=False))
    project.run("git", "reset", "--quiet", "--hard")
    project.run("dvc", "queue", "remove", "--all", ok=False)


@pytest.mark.parametrize("where", ["--queue", "--temp"])
def test_file_that_git_does_not_know_is_named_before_it_is_missed(project: Project, where: str):
    """An experiment in a folder of its own would run without a file that nobody added to Git: it is refused by name."""
    project.write("conf/automl/mine.yaml", project.read("conf/automl/quick.yaml"))
    sentence = told(project.run(*EXP_RUN, where, "-S", "automl=mine", "check", ok=False))
    assert "Got conf/automl/mine.yaml, which Git does not know" in sentence
    assert "`git add conf/automl/mine.yaml`" in sentence
    project.run("git", "add", "conf")
    project.run(*EXP_RUN, where, "--name", f"added{where}", "-S", "automl=mine", "check")
    project.run("dvc", "queue", "remove", "--all", ok=False)


def test_another_commit_brings_both(project: Project):
    """After `git checkout` of another commit conf/ and params.yaml agree; with conf/ of another one alone they don't."""
    edit(project)
    project.run("python", "src/compose.py")
    project.commit()
    project.run("git", "checkout", "--quiet", "finished")
    assert is_quiet(project)
    project.run("git", "checkout", "--quiet", "main")
    assert is_quiet(project)
    project.run("git", "checkout", "--quiet", "finished", "--", "conf")
    assert STALE.format("automl/quick") in told(check(project, ok=False))


def test_stash_takes_both_away_and_back(project: Project):
    """`git stash` and `git stash pop` leave settings that agree; an edit that came back alone does not pass."""
    edit(project)
    project.run("git", "stash", "--quiet")
    assert is_quiet(project)
    project.run("git", "stash", "pop", "--quiet")
    assert STALE.format("automl/quick") in told(check(project, ok=False))
    project.run("python", "src/compose.py")
    assert is_quiet(project)
    project.run("git", "stash", "--quiet")
    project.run("git", "stash", "pop", "--quiet")
    assert is_quiet(project)


def test_merge_with_conflicts(project: Project):
    """Both sides of a merge in conf/ or params.yaml are one sentence; taking either params.yaml is not enough."""
    project.run("git", "checkout", "--quiet", "-B", "theirs")
    edit(project, 500)
    project.edit("conf/evaluate/default.yaml", "calibration_bins: 10", "calibration_bins: 9")
    project.run("python", "src/compose.py")
    project.commit()
    project.run("git", "checkout", "--quiet", "main")
    edit(project, 7000)
    project.run("python", "src/compose.py")
    project.commit()
    merge = project.run("git", "merge", "theirs", ok=False)
    assert "CONFLICT" in merge.stdout

    torn = check(project, ok=False)
    assert torn.code != 0
    assert "'params.yaml', YAML file structure is corrupted" in torn.stderr  # DVC's words: it reads it before any of us
    conflict = "Got both sides of a merge in {}conf/automl/quick.yaml, line 2, expected one of them."
    absolute = conflict.format(f"{project.folder}/")
    assert absolute in told(project.run("python", "src/compose.py", ok=False))
    project.run("git", "checkout", "--quiet", "--ours", "params.yaml")
    refused = project.run(*EXP_RUN, "check", ok=False)  # in DVC's words, which takes no workspace that is being merged
    assert (refused.code != 0, refused.ran) == (True, [])
    assert conflict.format("") in told(check(project, ok=False))
    project.run("git", "checkout", "--quiet", "--ours", "conf/automl/quick.yaml")
    assert STALE.format("evaluate/default") in told(check(project, ok=False))
    assert "evaluate.calibration_bins: 10 → 9" in project.run("python", "src/compose.py").stdout
    project.commit()
    assert is_quiet(project)


def test_worktree(project: Project):
    """A worktree of Git stands for itself: its edit stops it and not the project beside it."""
    beside = replace(project, folder=project.folder.with_name("worktree"))
    project.run("git", "worktree", "add", "--quiet", "--force", "--detach", str(beside.folder), "finished")
    try:
        assert is_quiet(beside)
        edit(beside)
        assert STALE.format("automl/quick") in told(check(beside, ok=False))
        assert is_quiet(project)
    finally:
        project.run("git", "worktree", "remove", "--force", str(beside.folder))


def test_clone_with_other_line_endings(project: Project):
    """In a clone with core.autocrlf every file has the bytes that it has elsewhere: nothing is stale, nothing runs again."""
    folder = project.folder.with_name("crlf")
    project.run("git", "clone", "--quiet", "-c", "core.autocrlf=true", str(project.folder), str(folder))
    other = replace(project, folder=folder)
    listed = other.run("git", "ls-files", "--eol").stdout.splitlines()
    assert [line for line in listed if "w/crlf" in line and "i/crlf" not in line] == []
    other.run("dvc", "cache", "dir", "--local", str(project.folder / ".dvc/cache"))
    other.run("dvc", "checkout", "--allow-missing")
    assert set(other.repro("--dry", "--allow-missing").ran) <= {"register"}
    assert is_quiet(other)
    shutil.rmtree(folder)


def test_crlf_in_conf_is_no_alarm(project: Project):
    """An editor that saves conf/ and params.yaml with other line endings changes nothing that they say."""
    for file in [*(project.folder / "conf").rglob("*.yaml"), project.folder / "params.yaml"]:
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert is_quiet(project)


@pytest.mark.parametrize("words", ["-fs", "--force --single-item", "--force --downstream"])
def test_stage_that_dvc_runs_without_check(project: Project, words: str):
    """`dvc repro -s` leaves check out: the stage looks itself, and has nothing against settings that are as they were."""
    edit(project)
    assert STALE.format("automl/quick") in told(project.repro(*words.split(), "register", ok=False))
    project.run("git", "checkout", "--quiet", "conf")
    assert project.repro(*words.split(), "register").ran == ["register"]


@pytest.mark.parametrize("stage", ["check", "dataprep", "automl", "evaluate", "register"])
def test_stage_run_by_hand(project: Project, stage: str):
    """A stage's script that is started by hand stops at stale settings before it touches what is there."""
    edit(project)
    before = {path: path.stat().st_mtime_ns for path in sorted((project.folder / "models").rglob("*"))}
    sentence = told(project.run("python", f"src/{stage}.py", ok=False))
    assert STALE.format("automl/quick") in sentence
    assert {path: path.stat().st_mtime_ns for path in sorted((project.folder / "models").rglob("*"))} == before
