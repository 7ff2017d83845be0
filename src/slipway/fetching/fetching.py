"""What a run, an experiment, a revision or a model version left behind, brought back. Also for notebooks.

>>> from slipway.fetching.fetching import leaderboard, load_model  # doctest: +SKIP
>>> leaderboard("champion").head(3), load_model("tidal-bore").predict(rows)  # doctest: +SKIP
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import UserError
from slipway.project.settings import load_params
from slipway.registration.registry import aliases_of
from slipway.registration.runs import ignoring
from slipway.registration.tracking import client_of_store

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.pyfunc import PyFuncModel

# What each part is: in the project, so for DVC, and among a run's artifacts.
PARTS = {
    "metrics": [(f"reports/{name}", name) for name in ("metrics.json", "automl.json", "leaderboard.csv")],
    "plots": [("reports/plots", "plots")],
    "model": [("models/model", "model")],
}


# The tag of a run that tells test rows apart, and the file that it is of.
SPLIT, TEST_ROWS = "digest.split", "data/split/test.parquet"


@dataclass(frozen=True)
class Found:
    """Where a result is kept.

    Attributes
    ----------
    what
        As it was asked for.
    run_id
        The MLflow run, where there is one.
    version
        ``models:/name/version``, where the model is registered.
    revision
        The Git revision, also of a DVC experiment, whose dvc.lock names the result; None for one that only MLflow has.
    digest
        The model's, as the run or the version says; None where neither is known.
    """

    what: str
    run_id: str | None
    version: str | None
    revision: str | None
    digest: str | None


def find(what: str) -> Found:
    """Return where a result is kept.

    Parameters
    ----------
    what
        An alias or a number of a version of the project's own model, ``models:/name/version``, ``models:/name@alias``, an
        MLflow run's id, the name of a DVC experiment, or a Git revision.
    """
    client, own = client_of_store(), load_params(open_task=True).register_.model
    named = re.fullmatch(r"models:/([^/@]+)[/@](.+)", what)
    name, of = (named[1], named[2]) if named else (own, what.removeprefix("@"))
    version = aliases_of(client, name).get(of) or (int(of) if re.fullmatch(r"\d{1,6}", of) else None)
    if version is not None:
        with ignoring("RESOURCE_DOES_NOT_EXIST"):
            it = client.get_model_version(name, str(version))
            return Found(what, it.run_id, f"models:/{name}/{version}", None, it.tags.get("digest"))
    if re.fullmatch(r"[0-9a-f]{32}", what):
        with ignoring("RESOURCE_DOES_NOT_EXIST"):
            return _of_run(client, what, client.get_run(what), own, None)
    revision = _revision(what)
    if revision is None:
        raise UserError(
            f"Got {what!r}, expected an alias or a version of {own}, a run's id, a DVC experiment or a Git revision. "
            "`dvc exp list` and `make ui` show them."
        )
    experiment = client.get_experiment_by_name(load_params(open_task=True).register_.experiment)
    for tag in (
        f"tags.`dvc.experiment` = '{what}'",
        f"tags.`git.revision` = '{revision}' AND tags.`git.dirty` = 'false'",
    ):
        for run in client.search_runs([experiment.experiment_id], tag, max_results=1) if experiment else []:
            return _of_run(client, what, run, own, revision)
    return Found(what, None, None, revision, None)


def _of_run(client: "MlflowClient", what: str, run: Any, name: str, revision: str | None) -> Found:
    """Return where the result of a run is kept; a run that names an experiment, or a clean revision, leads to DVC."""
    tags = run.data.tags
    digest = tags.get("model.digest")
    same = client.search_model_versions(f"name = '{name}' AND tags.digest = '{digest}'")
    version = f"models:/{name}/{min(int(v.version) for v in same)}" if same else None
    of_run = _revision(tags.get("dvc.experiment", "")) or _revision(tags.get("git.revision", ""))
    return Found(what, run.info.run_id, version, revision or of_run, digest)


def _revision(what: str) -> str | None:
    """Return the commit of a DVC experiment or of a Git revision, None where there is none."""
    if not what or what.startswith("-"):
        return None
    listed = ["git", "for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{what}"]
    commit = ["git", "rev-parse", "--verify", "--quiet", f"{what}^{{commit}}"]
    for command in (listed, commit):
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  git, nothing of a shell
        if done.returncode == 0 and done.stdout:
            return done.stdout.split()[0]
    return None


def bring(what: str, parts: list[str], folder: Path) -> Found:
    """Bring parts of a result into a folder, whole or not at all.

    From MLflow where the run or the version is there, else from DVC's cache or remote. A model whose digest is not the
    run's is refused: the revision is then not the one that made it.
    """
    found = find(what)
    if folder.exists() and any(folder.iterdir()) and not (folder / "found.json").is_file():
        raise UserError(f"Got {folder}, which holds other files; expected a new folder. Give another one by --to.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch") as staging:
        for part in parts:
            print(f"fetch: bringing {part} of {what}", file=sys.stderr)
            for path, artifact in PARTS[part]:
                _bring_one(found, path, artifact, Path(staging))
        says = {key: value for key, value in vars(found).items() if value}
        Path(staging, "found.json").write_text(json.dumps(says, indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(staging, folder)
    return found


def _bring_one(found: Found, path: str, artifact: str, folder: Path) -> None:
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    place = found.version if artifact == "model" else found.run_id and f"runs:/{found.run_id}/{artifact}"
    why = "MLflow has none"
    if place:
        try:
            into = folder / "model" if artifact == "model" else folder
            into.mkdir(exist_ok=True)
            download_artifacts(place, dst_path=str(into))
        except (MlflowException, OSError) as error:
            why = f"MLflow: {str(error).partition(chr(10))[0]}"
        else:
            return
    if found.revision is None:
        raise UserError(f"Got no {path} of {found.what} ({why}), expected it in MLflow, or in DVC under a revision.")
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from fsspec.callbacks import NoOpCallback, TqdmCallback

    bar = TqdmCallback({"desc": artifact}) if sys.stderr.isatty() else NoOpCallback()
    try:
        kept = DVCFileSystem(".", rev=found.revision)
        shutil.rmtree(folder / artifact, ignore_errors=True)
        kept.get(path, str(folder / artifact), recursive=kept.isdir(path), callback=bar)
    except (DvcException, OSError) as error:
        raise UserError(
            f"Got no {path} of {found.what} ({why}; DVC: {str(error).partition(chr(10))[0]}), expected it in MLflow or in "
            "DVC's cache or remote. `dvc pull` from where it was made, or run the revision again."
        ) from error
    if artifact == "model" and found.digest:
        from mlflow.models import Model

        if Model.load(str(folder / "model")).metadata["digest"] != found.digest:
            raise UserError(
                f"Got another model at revision {found.revision[:12]} than the one of {found.what}, expected the same: the "
                "tree was dirty when it was made. Apply the run's git.patch to that revision and run `dvc repro`."
            )


def leaderboard(what: str) -> "pd.DataFrame":
    """Return the ranking of the search's models."""
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        bring(what, ["metrics"], Path(folder, "it"))
        return pd.read_csv(Path(folder, "it/leaderboard.csv"))


def metrics(what: str) -> dict[str, Any]:
    """Return the figures of the model on the test rows and those of the search."""
    with tempfile.TemporaryDirectory() as folder:
        bring(what, ["metrics"], Path(folder, "it"))
        read = (json.loads(Path(folder, "it", name).read_text("utf-8")) for name in ("automl.json", "metrics.json"))
        return {key: value for figures in read for key, value in figures.items()}


def load_model(what: str) -> "PyFuncModel":
    """Return the model, loaded, as `mlflow.pyfunc.load_model` does."""
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory() as folder:
        bring(what, ["model"], Path(folder, "it"))
        return mlflow.pyfunc.load_model(str(Path(folder, "it/model")), suppress_warnings=True)


def compare(one: str, other: str) -> "pd.DataFrame":
    """Return two results side by side, a row for each figure that either has, and the difference of numbers.

    The row ``digest.split`` tells test rows apart: where it differs, or is missing, so may figures for that alone.
    """
    import pandas as pd

    both = {what: metrics(what) | {SPLIT: _test_rows(find(what))} for what in (one, other)}
    table = pd.DataFrame({what: pd.Series(says, dtype=object) for what, says in both.items()})
    numbers = table.drop(index=SPLIT).apply(pd.to_numeric, errors="coerce")
    return table.assign(difference=numbers[other] - numbers[one])


def _test_rows(found: Found) -> str | None:
    """Return the first digits of the test rows' SHA-256: as its run says, else of those that DVC has; None without either."""
    with ignoring("RESOURCE_DOES_NOT_EXIST"):
        if found.run_id and (digest := client_of_store().get_run(found.run_id).data.tags.get(SPLIT)):
            return str(digest)[:12]
    if found.revision and not found.run_id:
        from dvc.api import DVCFileSystem
        from dvc.exceptions import DvcException

        with suppress(DvcException, OSError), DVCFileSystem(".", rev=found.revision).open(TEST_ROWS) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    return None
