"""Repeat the search in a temporary place: ends with 0 only if its predictions and leaderboard are the same to the last bit."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from slipway.project.entry import UserError, parser, run
from slipway.project.settings import load_params
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


def main() -> None:
    parser(__doc__).parse_args()
    params = load_params()
    limit = params.automl.time_limit
    search_is_current(*READS, *COMPARED)
    if limit is not None:
        print(
            f"verify: automl.time_limit={limit:g} lets the clock decide what is fitted; a search that can be proved has none"
        )
    with tempfile.TemporaryDirectory(prefix="verify-") as scratch:
        repeat_search(Path(scratch))
        import pandas as pd

        from slipway.verification.comparison import answers, different_answers, different_leaderboards

        rows = pd.read_parquet("data/split/test.parquet").drop(columns=params.data.label)
        before, after = (answers(str(Path(place, "models/model")), rows) for place in (".", scratch))
        board = Path("reports/leaderboard.csv")
        differences = different_leaderboards(board, scratch / board) + different_answers(before, after)
    for difference in differences[:10]:
        print(f"verify: {difference}")
    if differences:
        raise UserError(
            f"Got {len(differences)} differences between the workspace's search and its repetition, expected none. "
            "Search with `dvc exp run -S automl=reproducible` for one that can be repeated to the last bit."
        )
    print(f"verify: the search repeats: {len(rows)} test rows and the leaderboard agree to the last bit")


if __name__ == "__main__":
    run(main)
