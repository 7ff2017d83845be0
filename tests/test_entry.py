"""How scripts end: one sentence for what the user can mend, a traceback for a bug."""

import errno
import os
import py_compile
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from slipway.project.entry import STAGES, project_root

ROOT = Path(__file__).parents[1]
SCRIPTS = [*STAGES, "compose", "predict", "summary", "serve"]


def ends(body, name="-c", kept=None, stdout=subprocess.PIPE, **environment):
    """Run ``main`` with a body in a process of its own, as a script of a name does."""
    script = (
        f"import errno, os, sys\nfrom slipway.project.entry import UserError, run\nsys.argv[0] = {name!r}\n"
        f"def main():\n    {body}\nrun(main, {kept!r})\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_stages_are_those_of_dvc():
    """The scripts that speak of `dvc repro` are the stages."""
    assert tuple(YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]) == STAGES


def test_success_is_quiet():
    """A script that does its work ends with 0 and adds nothing to what it printed."""
    done = ends("print('kept 3 of 4 rows')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "kept 3 of 4 rows\n", "")


def test_users_error_is_one_sentence():
    """What the user can mend ends with 1 and its sentence, without a traceback, also where it was raised from another."""
    done = ends("raise UserError('Got 3, expected 4. Edit conf/.') from ValueError('inner')")
    assert (done.returncode, done.stderr) == (1, "Error: Got 3, expected 4. Edit conf/.\n")


def test_bug_keeps_its_traceback():
    """A bug ends with 1 and the traceback that leads to it."""
    done = ends("{}['missing']")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "KeyError: 'missing'" in done.stderr


@pytest.mark.parametrize("number", ["ENOSPC", "EDQUOT"])
def test_full_disk_is_one_sentence(number):
    """A full disk, or a used-up quota, ends with 1 and a sentence that names the file."""
    done = ends(f"raise OSError(errno.{number}, os.strerror(errno.{number}), 'data/split/train.parquet')")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Got a full disk while writing data/split/train.parquet, expected room")
    assert done.stderr.count("\n") == 1
    assert "dvc" not in done.stderr
    stage = ends(f"raise OSError(errno.{number}, os.strerror(errno.{number}), 'data/x')", "src/dataprep.py")
    assert stage.stderr.endswith("Free some space. Finished stages are kept; `dvc repro` goes on from here.\n")


@pytest.mark.parametrize("says", ["(sqlite3.OperationalError) database or disk is full", "No space left on device: x"])
def test_full_disk_in_a_librarys_own_words_is_one_sentence(says):
    """What sqlite or a library in C++ met is said as what it is, in the place of a traceback through the library."""
    done = ends(f"raise ValueError({says!r})", "src/register.py")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: Got a full disk while writing {Path.cwd()}, expected room")
    assert done.stderr.count("\n") == 1


def test_bytecode_that_a_full_disk_cut_off_is_made_anew(tmp_path):
    """Half a file of Python's own ends in a sentence, once; the next run compiles the code anew."""
    home = tmp_path / "src/slipway/project"
    home.mkdir(parents=True)
    (home / "entry.py").write_bytes((ROOT / "src/slipway/project/entry.py").read_bytes())
    (home / "more.py").write_text("x = 3\n")
    compiled = Path(py_compile.compile(str(home / "more.py")))
    compiled.write_bytes(compiled.read_bytes()[:-9])
    body = "from slipway.project.more import x; print(x)"
    done = ends(body, PYTHONPATH=str(tmp_path / "src"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "Error: Got half of a file in __pycache__" in done.stderr
    assert not compiled.exists()
    assert ends(body, PYTHONPATH=str(tmp_path / "src")).stdout == "3\n"


def test_other_os_errors_are_bugs():
    """An error of the system that is no full disk keeps its traceback."""
    done = ends("raise OSError(errno.EIO, os.strerror(errno.EIO), 'data')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert os.strerror(errno.EIO) in done.stderr


@pytest.mark.parametrize(
    ("name", "kept", "says"),
    [
        ("src/automl.py", None, " Finished stages are kept; `dvc repro` goes on from here."),
        ("src/serve.py", None, ""),
        ("src/predict.py", "Run it again.", " Run it again."),
    ],
)
def test_interrupt_ends_with_130(name, kept, says):
    """Ctrl-C ends with 130, as shells have it, and says how to go on where something is kept: stages by `dvc repro`."""
    done = ends("raise KeyboardInterrupt", name, kept)
    assert done.returncode == 130
    assert done.stderr == f"Interrupted.{says}\n"


def test_interrupt_in_the_middle_of_an_import_says_nothing_else():
    """Python forgets a package whose import was interrupted, though its binding stays and would tell of every object it made."""
    done = ends("import duckdb; del sys.modules['duckdb']; raise KeyboardInterrupt")
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


@pytest.mark.parametrize("variable", ["DVC_NO_ANALYTICS", "MLFLOW_DISABLE_TELEMETRY"])
def test_usage_reports_are_off(variable):
    """Whatever the caller's environment says, a script and what it starts report no usage."""
    done = ends(f"print(os.environ[{variable!r}])", **{variable: ""})
    assert done.stdout.strip() in ("1", "true")


@pytest.mark.parametrize(
    ("body", "unbuffered", "code"),
    [("print(3)", "", 0), ("print(3)", "1", 141), ("[print('x' * 9999) for _ in range(99)]", "", 141)],
    ids=["at the end", "at once", "in the middle"],
)
def test_reader_that_has_enough_ends_a_script_quietly(body, unbuffered, code):
    """After `| head` nothing is said; the code is 0 only where all was done that was to be done."""
    reader, writer = os.pipe()
    os.close(reader)
    done = ends(body, PYTHONUNBUFFERED=unbuffered, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (code, "")


def test_other_broken_pipes_are_bugs():
    """A server that hangs up is no reader of the script's own words."""
    done = ends("raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("script", sorted(file.stem for file in (ROOT / "src").glob("*.py")))
def test_python_without_the_packages_is_named_in_a_sentence(script, tmp_path):
    """A script that another Python than the project's runs says so in a sentence, wherever it imports what that lacks."""
    (tmp_path / "params.yaml").write_text("seed: 1\n", encoding="utf-8")
    (tmp_path / "models").mkdir()
    arguments = {"new_table": ["x.csv"], "predict": ["x.csv"], "promote": ["1", "--reason", "x"], "comment": ["x"]}
    command = [sys.executable, "-S", str(ROOT / f"src/{script}.py"), *arguments.get(script, [])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    if script not in ("comment", "summary"):  # which need none
        assert re.search(r"Got a Python without \w+ \(.+\), expected that of the project's environment", done.stderr)


def test_missing_package_of_nobodys_is_a_bug():
    """A module that the project never asked for keeps its traceback."""
    done = ends("import nobodys_module")
    assert "Traceback" in done.stderr
    assert "ModuleNotFoundError: No module named 'nobodys_module'" in done.stderr


def test_project_root_is_dvcs(monkeypatch, tmp_path):
    """In a queued experiment's folder the project is the one that DVC names; without DVC it is where one stands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert project_root() == tmp_path
    monkeypatch.setenv("DVC_ROOT", str(ROOT))
    assert project_root() == ROOT


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_needs_no_heavy_import(script):
    """``--help`` shows the script's own words and imports none of the libraries that take seconds."""
    command = [sys.executable, "-X", "importtime", f"src/{script}.py", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "usage:" in done.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "argparse" in imported
    assert not imported & {"autogluon", "dvc", "duckdb", "matplotlib", "mlflow", "pandas", "sklearn"}


@pytest.mark.parametrize("script", STAGES)
def test_stage_without_params_ends_in_a_sentence(script, tmp_path):
    """A stage that is run where no params.yaml is says so before it imports anything heavy."""
    command = [sys.executable, str(ROOT / f"src/{script}.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Got no params.yaml, expected it in ")
    assert list(tmp_path.iterdir()) == []
