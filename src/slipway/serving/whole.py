"""Is a model what it was when it was made, and is this the environment that it was made for? Travels inside the model.

The sums tell of damage and of edits, not of malice: who can change a file can change the sums as well.
"""

import hashlib
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SUMS = "SHA256SUMS"
# MLflow writes its own ids, times and sizes into MLmodel when it logs, copies or registers a model, and puts
# `registered_model_meta` beside it. These keys of MLmodel stay, and they decide how the model is opened.
STAYS = ("flavors", "metadata", "saved_input_example_info", "signature")
# What the predictor and the recipe were pickled with: their files open in these very versions alone.
PICKLED_WITH = ("autogluon.tabular", "autogluon.timeseries", "scikit-learn")


class ModelError(Exception):
    """A model that is not to be used as it lies there: says what was got, what was expected and what to do."""


def write_sums(model: Path) -> None:
    """Write the sha256 of every file of a model beside them, as ``sha256sum --check`` reads it, MLmodel in a comment."""
    lines = [f"{_sum(model / name)}  {name}\n" for name in _files(model)]
    (model / SUMS).write_text("".join([f"# {_mlmodel_sum(model)}  MLmodel\n", *lines]), encoding="utf-8", newline="\n")


def check_files(model: Path) -> None:
    """Raise a ModelError that names the first file of a model that was changed, is missing, or joined its parts."""
    way = "Fetch or make the model again."
    if not (model / SUMS).exists():
        raise ModelError(f"Got no {SUMS} in the model {model}, expected the sha256 of its files there. {way}")
    lines = (model / SUMS).read_text(encoding="utf-8").splitlines()
    expected = {name: digest for digest, name in (line.removeprefix("# ").split("  ", 1) for line in lines)}
    for name, digest in expected.items():
        if not (model / name).is_file():
            raise ModelError(f"Got no file {name} in the model {model}, expected the one it was made with. {way}")
        if (_mlmodel_sum(model) if name == "MLmodel" else _sum(model / name)) != digest:
            raise ModelError(f"Got a changed file {name} in the model {model}, expected it as it was made. {way}")
    added = [name for name in _files(model) if name.startswith("artifacts/") and name not in expected]
    if added:
        raise ModelError(
            f"Got a file {added[0]} in the model {model}, which it was made without. Take it out, or fetch the model again."
        )


def check_environment(model: Path) -> None:
    """Raise a ModelError when Python or a package is of another version than the one that pickled the model's parts."""
    pins = dict(line.split("==") for line in (model / "requirements.txt").read_text(encoding="utf-8").split())
    python = (model / "python_env.yaml").read_text(encoding="utf-8").split()[1]
    expected = {"Python": python.rpartition(".")[0]} | {name: pins[name] for name in PICKLED_WITH if name in pins}
    got = {"Python": f"{sys.version_info[0]}.{sys.version_info[1]}"} | {name: _version(name) for name in PICKLED_WITH}
    odd = [name for name in expected if got[name] != expected[name]]
    if odd:
        raise ModelError(
            f"Got {', '.join(f'{name} {got[name]}' for name in odd)}, expected "
            f"{', '.join(f'{name} {expected[name]}' for name in odd)}, with which the model {model} was made. Install its "
            f"requirements.txt into an environment of Python {expected['Python']}."
        )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _files(model: Path) -> list[str]:
    names = sorted(file.relative_to(model).as_posix() for file in model.rglob("*") if file.is_file())
    return [name for name in names if name not in ("MLmodel", "registered_model_meta", SUMS)]


def _sum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _mlmodel_sum(model: Path) -> str:
    import yaml  # MLflow's own

    says = yaml.safe_load((model / "MLmodel").read_text(encoding="utf-8"))
    return hashlib.sha256(json.dumps([says.get(key) for key in STAYS], sort_keys=True).encode()).hexdigest()
