"""Tested models of other tasks than the demo's, made once for all slow tests; to be read, not changed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
TINY = """
defaults: [base, _self_]
models: {GBM: {num_boost_round: 40, min_data_in_leaf: 5}}
ensemble: false
num_cpus: 1
verbosity: 0
"""


def made(root: Path, name: str) -> Path:
    """Run the stages from check to evaluate on an example table, in a folder with copies of src/ and conf/."""
    for part in ("src", "conf", f"data/raw/{name.partition('_')[0]}"):
        shutil.copytree(REPOSITORY / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    levels = "quantile_levels: [0.1, 0.5, 0.9]\n" if name == "diabetes_range" else ""
    (root / "conf/automl/tiny.yaml").write_text(TINY + levels, encoding="utf-8")
    steps = [["compose", f"data={name}", "automl=tiny", "evaluate.importance_repeats=2"]]
    steps += [[stage] for stage in ("check", "dataprep", "automl", "evaluate")]
    for script, *overrides in steps:
        command = [sys.executable, f"src/{script}.py", *overrides]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="session")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a model of several classes was made."""
    return made(tmp_path_factory.mktemp("wine"), "wine")


@pytest.fixture(scope="session")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a model of a number was made."""
    return made(tmp_path_factory.mktemp("diabetes"), "diabetes")


@pytest.fixture(scope="session")
def diabetes_range(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a model of a number's quantiles was made."""
    return made(tmp_path_factory.mktemp("range"), "diabetes_range")
