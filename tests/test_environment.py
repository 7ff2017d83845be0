"""Making the environment: what is wrong is said in one line, what is up to date is left alone."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-build.lock"]
# A Python that says which version it is, makes an environment of itself, and cannot install.
PYTHON = """#!/bin/sh
case "$*" in
    --version) echo "Python {version}" ;;
    *version_info*) exit {unfit} ;;
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    "-m pip "*) {pip} ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    """Return a folder with the script, small locks, and programs of its own in front of the system's."""
    shutil.copy(ROOT / "environment.sh", tmp_path)
    for lock in LOCKS:
        (tmp_path / lock).write_text("six==1.17.0\n")
    (tmp_path / "bin").mkdir()
    # Nothing but what the script calls: no Python of this machine is found by accident.
    for tool in ("sh", "dirname", "cmp", "awk", "df", "tail", "grep", "rm", "cp", "mkdir", "cat"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    return tmp_path


def program(project, name, text):
    """Put a program of its own into the project's path."""
    file = project / "bin" / name
    file.unlink(missing_ok=True)
    file.write_text(text)
    file.chmod(0o755)


def python(project, name="python3", version="3.12.1", pip="exit 0", fit=True):
    program(project, name, PYTHON.format(version=version, unfit=0 if fit else 1, pip=pip))


def run(project, *arguments, **environment):
    """Run the script with the project's programs alone."""
    return subprocess.run(
        ["/bin/sh", str(project / "environment.sh"), *arguments],
        env={"PATH": str(project / "bin"), **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def one_line(done):
    """Return the one line of a failure."""
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Got ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("version", ["3.10.13", "3.14.0"], ids=["too old", "too new"])
def test_unfit_python_is_named(project, version):
    """A Python that is too old or too new is named with its version, and what is expected; nothing is made."""
    python(project, version=version, fit=False)
    assert f"Got Python {version}, expected Python 3.11, 3.12 or 3.13." in one_line(run(project))
    assert not (project / ".venv").exists()


def test_python_is_really_asked():
    """The versions that the script takes are those of pyproject.toml."""
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in (ROOT / "environment.sh").read_text(encoding="utf-8")
    assert 'requires-python = ">=3.11,<3.14"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_no_python_is_said(project):
    """Where there is no Python at all, the line says that."""
    assert "Got no Python, expected Python 3.11, 3.12 or 3.13." in one_line(run(project))
    assert "Got no Python, expected" in one_line(run(project, PYTHON="python9"))


def test_fitting_python_is_found_behind_an_unfit_one(project):
    """If python3 is too old but a python3.12 is there, that one is taken."""
    python(project, version="3.10.13", fit=False)
    python(project, "python3.12", version="3.12.4")
    done = run(project)
    assert done.returncode == 0
    assert "with Python 3.12.4" in done.stdout


def test_named_python_is_taken(project):
    """PYTHON names the Python to take, and no other is taken in its place."""
    python(project)
    python(project, "mine", version="3.10.1", fit=False)
    assert "Got Python 3.10.1" in one_line(run(project, PYTHON="mine"))


def test_small_disk_is_said_before_anything(project):
    """Too little room is said with the megabytes there are, before the old environment is removed."""
    python(project)
    program(project, "df", "#!/bin/sh\necho head\necho /dev/disk 9000 8500 500 95% /\n")
    (project / ".venv").mkdir()
    assert "Got 500 MB free" in one_line(run(project))
    assert (project / ".venv").is_dir()


def test_failed_install_is_one_line(project):
    """A failed install ends in one line with the installer's reason and the log's name, and is not taken for done."""
    python(project, pip="echo 'Collecting'; echo 'ERROR: No matching distribution found for six' >&2; exit 1")
    said = one_line(run(project))
    assert "ERROR: No matching distribution found for six" in said
    assert ".venv-install.log" in said
    assert "Collecting" in (project / ".venv-install.log").read_text()
    assert not (project / ".venv/made-from").exists()
    python(project)
    assert run(project).returncode == 0


def test_disk_that_fills_while_installing_is_said(project):
    """A disk that runs full in the middle is said to be full."""
    python(project, pip="echo 'ERROR: [Errno 28] No space left on device'; exit 1")
    assert "Got a full disk while installing" in one_line(run(project))


def test_up_to_date_environment_is_left_alone(project):
    """An environment made from these locks is taken as it is, in well under a second, without a word."""
    python(project)
    assert run(project).returncode == 0
    (project / ".venv/mark").touch()
    started = time.monotonic()
    done = run(project)
    assert time.monotonic() - started < 0.9
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (project / ".venv/mark").exists()
    assert not (project / ".venv-install.log").exists()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_changed_lock_makes_it_anew(project, lock):
    """Another pin in a lock makes the environment anew."""
    python(project)
    run(project)
    (project / ".venv/mark").touch()
    (project / lock).write_text("six==1.16.0\n")
    assert "Making the environment" in run(project).stdout
    assert not (project / ".venv/mark").exists()


def test_development_environment_serves_both(project):
    """The environment with the tests' tools is enough for a run, but not the other way round."""
    python(project)
    run(project)
    assert "requirements-dev.lock" in run(project, "dev").stdout
    assert run(project).stdout == ""
    assert run(project, "dev").stdout == ""


def test_script_needs_no_bash():
    """The script is a plain POSIX one, executable as it comes from Git."""
    script = ROOT / "environment.sh"
    assert script.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert os.access(script, os.X_OK)
    assert subprocess.run(["/bin/sh", "-n", str(script)], check=False).returncode == 0


EXTRA, NEURAL = "requirements-forecasting.lock", "requirements-neural.lock"


@pytest.fixture
def with_extra(project):
    """Return the folder with small locks of the extra too, and a Python that installs whatever it is told and notes it."""
    (project / EXTRA).write_text("seven==1.0\n")
    (project / NEURAL).write_text("eight==1.0\n")
    (project / "requirements-torch.txt").write_text("torch==2\n")
    python(project, pip='echo "$*" >> .venv/installed; exit 0')
    return project


def installed(project):
    """Return the locks that were installed, in order, with whether each line's hash was asked for."""
    lines = (project / ".venv/installed").read_text().splitlines()
    return [(line.split()[-1], "--require-hashes" in line) for line in lines]


def test_extra_is_added_to_what_is_there(with_extra):
    """The extra goes on top of an environment that is up to date, its lock with hashes, PyTorch after it without."""
    run(with_extra)
    before = installed(with_extra)
    done = run(with_extra, "forecasting")
    assert f"Adding {EXTRA} and PyTorch" in done.stdout
    assert installed(with_extra) == [*before, (EXTRA, True), ("requirements-torch.txt", False)]
    for words in ((), ("forecasting",)):
        again = run(with_extra, *words)
        assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_new_environment_has_base_and_extra(with_extra):
    """From nothing, and after another lock of the base, an extra that was asked for comes with it."""
    run(with_extra, "forecasting")
    wanted = ["requirements-build.lock", "requirements.lock", EXTRA, "requirements-torch.txt"]
    assert [name for name, _ in installed(with_extra)] == wanted
    (with_extra / "requirements.lock").write_text("six==1.16.0\n")
    run(with_extra)
    assert [name for name, _ in installed(with_extra)] == wanted


def test_extras_do_not_put_each_other_out(with_extra):
    """A second extra goes on top of the first, both stay with a new lock of the base, and only what changed is installed."""
    run(with_extra, "neural")
    before = installed(with_extra)
    assert f"Adding {EXTRA}" in run(with_extra, "forecasting").stdout
    assert installed(with_extra) == [*before, (EXTRA, True), ("requirements-torch.txt", False)]
    assert run(with_extra).stdout == run(with_extra, "neural", "forecasting").stdout == ""
    (with_extra / NEURAL).write_text("eight==1.1\n")
    done = run(with_extra)
    assert (done.stdout.count("Adding"), f"Adding {NEURAL}" in done.stdout) == (1, True)
    (with_extra / "requirements.lock").write_text("six==1.16.0\n")
    run(with_extra)
    both = {"requirements-build.lock", "requirements.lock", EXTRA, NEURAL, "requirements-torch.txt"}
    assert {name for name, _ in installed(with_extra)} == both


def test_other_words_are_refused(with_extra):
    """A word that the script does not know is refused with those that it does, and nothing is made."""
    assert "Got nueral, expected dev, forecasting or neural" in one_line(run(with_extra, "nueral"))
    assert not (with_extra / ".venv").exists()


def test_failed_extra_is_not_taken_for_done(with_extra):
    """An extra whose install broke off is installed again, and the base stays."""
    run(with_extra)
    python(with_extra, pip="echo 'ERROR: No matching distribution found for seven' >&2; exit 1")
    shutil.copy(with_extra / "bin/python3", with_extra / ".venv/bin/python")
    assert "expected all of requirements-forecasting.lock" in one_line(run(with_extra, "forecasting"))
    python(with_extra, pip="exit 0")
    shutil.copy(with_extra / "bin/python3", with_extra / ".venv/bin/python")
    assert f"Adding {EXTRA}" in run(with_extra, "forecasting").stdout


@pytest.mark.parametrize(("name", "holds"), [(EXTRA, "autogluon-timeseries"), (NEURAL, "sympy")])
def test_lock_of_an_extra_has_no_build_of_torch(name, holds):
    """The lock of an extra agrees with the base's, and leaves torch, with all of CUDA, to pip's own settings."""
    lock, base = (dict(line.split(" ")[0].split("==") for line in (ROOT / name).read_text().splitlines() if "==" in line)
                  for name in (name, "requirements.lock"))  # fmt: skip
    assert {name: version for name, version in lock.items() if base.get(name, version) != version} == {}
    assert [name for name in lock if name == "torch" or name.startswith(("nvidia", "cuda", "triton"))] == []
    assert holds in lock
