"""Real projects for the slow tests: the repository's working state, cloned, made small, run once and copied from then on."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import tracking_server  # noqa: F401  a fixture for all
from tasks import diabetes, diabetes_range, wine  # noqa: F401  fixtures for all

# Where pytest is a shell's background job, Ctrl-C is ignored, and all that the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).parents[1]
STAGES = ["check", "dataprep", "automl", "evaluate", "register"]

# Two models of a second each, in the place of the settings of conf/ that take longer.
SMALL_SEARCH = """\
defaults: [base, _self_]
time_limit: 60
models:
  GBM: {num_boost_round: 20}
  DUMMY: {}
ensemble: false
"""


@dataclass(frozen=True)
class Done:
    """What became of a command."""

    code: int
    stdout: str
    stderr: str

    @property
    def ran(self) -> list[str]:
        """The stages whose commands really ran, in order; those from the cache are not among them."""
        return re.findall(r"^Running stage '(\w+)'", self.stdout, re.MULTILINE)

    @property
    def told(self) -> list[str]:
        """The lines on stderr that are not DVC's own."""
        dvcs = ("ERROR: failed to reproduce", "WARNING:")
        return [line for line in self.stderr.splitlines() if line.strip() and not line.startswith(dvcs)]


@dataclass(frozen=True)
class Project:
    """A clone of the repository in a folder of its own, and the environment in which its commands run."""

    folder: Path
    env: dict[str, str]

    def run(self, *command: str, ok: bool = True, timeout_s: float = 300) -> Done:
        """Run a command in the project's folder; with ``ok``, it has to end well."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        if ok:
            assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return Done(done.returncode, done.stdout, done.stderr)

    def repro(self, *arguments: str, ok: bool = True) -> Done:
        return self.run("dvc", "repro", *arguments, ok=ok)

    def start(self, *command: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own; all that it says goes to a file."""
        with log.open("wb") as out:
            return subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def read(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text, encoding="utf-8", newline="\n")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace the one place in a file that says ``old``."""
        text = self.read(path)
        assert text.count(old) == 1, f"{path} says {old!r} {text.count(old)} times"
        self.write(path, text.replace(old, new))

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "A state to come back to")

    def store(self) -> str:
        """Return the address of the project's MLflow store."""
        return f"sqlite:///{self.folder}/mlflow.db"


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a project's commands: this Python's tools, and nothing of the user's own settings."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "GIT_", "MAKE", "HYDRA_"))}
    git = folder / "gitconfig"
    git.write_text("[user]\nname = Test\nemail = test@example.org\n[init]\ndefaultBranch = main\n", encoding="utf-8")
    return env | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}",
        "GIT_CONFIG_GLOBAL": str(git),
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_SITE_CACHE_DIR": str(folder / "dvc-site"),
        "DVC_GLOBAL_CONFIG_DIR": str(folder / "dvc-global"),
        "DVC_SYSTEM_CONFIG_DIR": str(folder / "dvc-system"),
        "DVC_NO_ANALYTICS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def clone(to: Path, env: dict[str, str]) -> Project:
    """Clone the repository's working state: what is committed, and what is not yet."""
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, to], env=env, capture_output=True, check=True)
    list_files = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(list_files, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).unlink(missing_ok=True)
        if (REPOSITORY / name).exists():
            shutil.copy2(REPOSITORY / name, to / name)
    return Project(to, env)


def with_environment(project: Project) -> Project:
    """Link this Python's environment into a project, so that `make` takes it for one made from the project's own locks."""
    venv = project.folder / ".venv"
    venv.mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != "made-from":
            (venv / part.name).symlink_to(part)
    (venv / "made-from").mkdir()
    for lock in ("requirements.lock", "requirements-dev.lock", "requirements-build.lock"):
        shutil.copy(project.folder / lock, venv / "made-from")
    return project


def moved(project: Project, to: Path) -> Project:
    """Copy a project with all that it made; its MLflow store then speaks of the new place."""
    shutil.copytree(project.folder, to, symlinks=True)
    store = to / "mlflow.db"
    if store.exists():
        with closing(sqlite3.connect(store)) as database, database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            places = ("artifact_uri", "artifact_location", "source", "storage_location")
            for table in tables:
                for _, column, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
                    if column in places:
                        change = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
                        database.execute(change, (str(project.folder), str(to)))
    return Project(to, project.env)


def until_it_says(what: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a process that `Project.start` started says something in its log; it must not end before."""
    deadline = time.monotonic() + 120
    while what not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that `Project.start` started, with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait(timeout=30)


@pytest.fixture(scope="session")
def clone_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a clone with a small search, committed, in which nothing ran; to be copied, not changed."""
    home = tmp_path_factory.mktemp("projects")
    project = clone(home / "clone", environment(home))
    project.write("conf/automl/quick.yaml", SMALL_SEARCH)
    project.edit("conf/evaluate/default.yaml", "importance_repeats: 5", "importance_repeats: 1")
    project.run("python", "src/compose.py")
    project.commit()
    return project


@pytest.fixture(scope="session")
def finished_once(clone_once: Project) -> Project:
    """Return a clone in which `dvc repro` ran, its dvc.lock committed; to be read or copied, not changed."""
    project = moved(clone_once, clone_once.folder.with_name("finished"))
    assert project.repro().ran == STAGES
    project.commit()
    return project


@pytest.fixture
def fresh(clone_once: Project, tmp_path: Path) -> Project:
    """Return a clone of one's own, in which nothing ran."""
    return moved(clone_once, tmp_path / "fresh")


@pytest.fixture
def finished(finished_once: Project, tmp_path: Path) -> Project:
    """Return a clone of one's own, in which `dvc repro` ran."""
    return moved(finished_once, tmp_path / "finished")


@pytest.fixture
def stopping() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Return a list for processes that were started; their groups are ended after the test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        end(process)
