"""Repeat the search in a temporary place: ends with 0 only if its predictions and leaderboard are the same to the last bit."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from slipway.project.entry import UserError, parser, run
from slipway.project.settings import load_params
from slipway.verification.history import environment, past_project
from slipway.verification.workspace import search_is_current

# All that the search reads, and by what it is compared.
READS = ["src", "params.yaml", "data/prepared/train.parquet", "data/prepared/validation.parquet", "models/recipe"]
COMPARED = ["data/split/test.parquet", "models/model", "reports/leaderboard.csv"]


def repeat_search(folder: Path) -> None:
    """Run the automl stage on copies of all that it reads, in a folder of its own."""
    for name in READS:
        to = folder / name
        to.parent.mkdir(parents=True, exist_ok=True)
        if Path(name).is_dir():
            shutil.copytree(name, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(name, to)
    subprocess.run([sys.executable, "src/automl.py"], cwd=folder, check=True)


def repeat_workspace(folder: Path) -> tuple[Path, Path]:
    """Repeat the workspace's search in a folder; return its model and its leaderboard."""
    limit = load_params().automl.time_limit
    search_is_current(*READS, *COMPARED)
    if limit is not None:
        print(
            f"verify: automl.time_limit={limit:g} lets the clock decide what is fitted; a search that can be proved has none"
        )
    repeat_search(folder)
    return Path("models/model"), Path("reports/leaderboard.csv")


def repeat_version(what: str, folder: Path, downloads: Path) -> tuple[Path, Path]:
    """Repeat all that led to a registered version, from the raw data on, in a folder; return its model and leaderboard."""
    from mlflow.artifacts import download_artifacts

    from slipway.fetching.fetching import bring
    from slipway.registration.lineage import digests
    from slipway.registration.tracking import client_of_store

    found = bring(what, ["metrics", "model"], downloads / "found")
    if found.run_id is None:
        raise UserError(f"Got --model {what}, which no MLflow run tells the origin of; expected a registered version.")
    client = client_of_store()
    kept = client.get_run(found.run_id).data.tags
    patch = ""
    if "git.patch" in [file.path for file in client.list_artifacts(found.run_id)]:
        file = download_artifacts(run_id=found.run_id, artifact_path="git.patch", dst_path=str(downloads))
        patch = Path(file).read_text(encoding="utf-8")
    past_project(kept["git.revision"], patch, folder)
    for stage in ("check", "dataprep", "automl"):
        subprocess.run([sys.executable, f"src/{stage}.py"], cwd=folder, env=environment(), check=True)  # noqa: S603
    with contextlib.chdir(folder):
        data = load_params().data
        present = digests(data.name, data.recipe.name)
    differing = [tag.removeprefix("digest.") for tag, value in present.items() if kept.get(tag, value) != value]
    if differing:
        raise UserError(
            f"Got another {' and '.join(differing)} at revision {kept['git.revision'][:12]} than {what} was made from, "
            "expected the same: what was not committed then can't be brought back."
        )
    return downloads / "found/model", downloads / "found/leaderboard.csv"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--model",
        metavar="WHAT",
        help="repeat a registered version instead: models:/NAME@champion, or an alias or version of this project's",
    )
    uri = arguments.parse_args().model
    with tempfile.TemporaryDirectory(prefix="verify-") as scratch:
        again, downloads = Path(scratch, "again"), Path(scratch, "downloads")
        for folder in (again, downloads):
            folder.mkdir()
        model, leaderboard = repeat_version(uri, again, downloads) if uri else repeat_workspace(again)
        import pandas as pd

        from slipway.rows.series import load_contract
        from slipway.verification.comparison import answers, different_answers, different_leaderboards

        test = again / "data/split/test.parquet"
        contract = load_contract(again / "models/recipe/contract.json")
        rows = contract.asked(pd.read_parquet(test if uri else "data/split/test.parquet"))
        before, after = answers(str(model), rows), answers(str(again / "models/model"), rows)
        differences = different_leaderboards(leaderboard, again / "reports/leaderboard.csv")
        differences += different_answers(before, after)
    for difference in differences[:10]:
        print(f"verify: {difference}")
    if differences:
        raise UserError(
            f"Got {len(differences)} differences between {uri or 'the search in the workspace'} and its repetition, "
            "expected none. Search with `dvc exp run -S automl=reproducible` for one that repeats to the last bit."
        )
    print(f"verify: the search repeats: {len(before)} test rows and the leaderboard agree to the last bit")


if __name__ == "__main__":
    run(main)
