"""What ties a run to the revision, the settings, the data and the people it came from."""

import getpass
import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.sections import flat

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

VERSIONS = (
    "autogluon.tabular",
    "mlflow",
    "dvc",
    "scikit-learn",
    "pandas",
    "numpy",
    "lightgbm",
    "xgboost",
    "catboost",
    "torch",
)
# Where a file that Git does not know yet decides about the outcome.
OURS = ("src", "conf", "data/schema")


def digests(data: str, recipe: str) -> dict[str, str]:
    """Return the SHA-256 of what the outcome came from, as far as it is there: tag → hexadecimal digits."""
    files = {
        "digest.raw": f"data/raw/{data}",
        "digest.train": "data/split/train.parquet",
        "digest.split": "data/split/test.parquet",
        "digest.params": "params.yaml",
        "digest.lock": "requirements.lock",
        "digest.recipe": f"src/recipes/{recipe}.py",
    }
    return {tag: digest_of(Path(path)) for tag, path in files.items() if Path(path).exists()}


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, or of the names and bytes of all files of a folder."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = [(file.relative_to(path).as_posix(), digest_of(file)) for file in files]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def origin() -> tuple[dict[str, str], str]:
    """Return the tags that say which revision, experiment, versions, person and machine, and the patch of a dirty tree."""
    patch = _patch()
    revision = _git("rev-parse", "HEAD") or "none"
    tags = {
        "git.revision": revision,
        "git.dirty": str(bool(patch)).lower(),
        "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
        "python": platform.python_version(),
        "host": platform.node(),
        "platform": platform.platform(),
        # MLflow's own names, which its pages show.
        "mlflow.user": _user(),
        "mlflow.source.name": "src/register.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": revision,
    }
    for name in VERSIONS:
        try:
            tags[name] = version(name)
        except PackageNotFoundError:
            continue
    tags["autogluon"] = tags.pop("autogluon.tabular")
    return tags, patch


def dataset_inputs(data: str, kept: dict[str, str], rows: dict[str, int]) -> "list[DatasetInput]":
    """Return MLflow's inputs of a run: the raw table and its parts, each with its place in the project and its digest."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    places = {"raw": f"data/raw/{data}", "train": "data/split/train.parquet", "split": "data/split/test.parquet"}
    names = {"raw": data, "train": f"{data} train", "split": f"{data} test"}
    return [
        DatasetInput(
            Dataset(
                name=names[part],
                digest=kept[f"digest.{part}"][:36],  # MLflow takes no more
                source_type="local",
                source=json.dumps({"uri": place}),
                profile=json.dumps({"num_rows": rows[part]}) if part in rows else None,
            ),
            [InputTag("mlflow.data.context", {"split": "test"}.get(part, part))],
        )
        for part, place in places.items()
        if f"digest.{part}" in kept
    ]


def mlflow_params(settings: dict[str, Any]) -> dict[str, str]:
    """Return nested settings as MLflow's params: dotted names, values as texts of at most 6 000 characters.

    >>> mlflow_params({"split": {"test_size": 0.2}})
    {'split.test_size': '0.2'}
    """
    return {key: str(value)[:6000] for key, value in flat(settings).items()}


def _patch() -> str:
    """Return what the tree has that its revision has not, also code and settings that Git does not know yet."""
    index = _git("rev-parse", "--git-path", "index")
    if not index or not Path(index).is_file():
        return ""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "index")
        shutil.copyfile(index, copy)
        _git("add", "--update", index=copy)
        _git("add", "--all", "--", *(place for place in OURS if Path(place).exists()), index=copy)
        return _git("diff", "--cached", "--binary", "HEAD", index=copy, strip=False)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


def _git(*command: str, index: Path | None = None, strip: bool = True) -> str:
    env = os.environ | ({"GIT_INDEX_FILE": str(index)} if index else {})
    done = subprocess.run(["git", *command], capture_output=True, check=False, env=env)  # noqa: S603, S607
    said = done.stdout.decode("utf-8", "replace")
    return said.strip() if strip else said
