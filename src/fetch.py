"""Bring back what a run, a DVC experiment, a Git revision, or a model version or alias left behind, or compare two."""

import os
import sys
from pathlib import Path

from slipway.project.entry import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("what", nargs="?", default="champion", help="which result (default: the champion)")
    choices = ["metrics", "plots", "model", "all"]
    arguments.add_argument("--parts", nargs="+", choices=choices, default=["metrics"], help="default: metrics")
    arguments.add_argument("--to", type=Path, help="a folder (default: fetched/<what>)")
    arguments.add_argument("--compare", nargs=2, metavar="WHAT", help="show two side by side instead")
    given = arguments.parse_args()
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = str(sys.stderr.isatty()).lower()
    import pandas as pd

    from slipway.fetching.fetching import PARTS, SPLIT, bring, compare

    if given.compare:
        table = compare(*given.compare)
        print(table.to_string(na_rep="", line_width=160))
        one, other = (table.loc[SPLIT, what] for what in given.compare)
        if one is None or other is None:
            print("fetch: whether both were tested on the same rows is not known")
        elif one != other:
            print(f"fetch: they were tested on other rows ({SPLIT}): a difference may be the rows' and not the models'")
        return
    parts = list(PARTS) if "all" in given.parts else given.parts
    folder = given.to or Path("fetched", given.what.replace("models:/", "").replace("/", "-").replace("@", "-"))
    found = bring(given.what, parts, folder)
    if "metrics" in parts:
        ranking = pd.read_csv(folder / "leaderboard.csv").drop(columns="hyperparameters", errors="ignore")
        print(ranking.to_string(index=False, line_width=160))
        print((folder / "metrics.json").read_text(encoding="utf-8"), end="")
    of = [f"run {found.run_id}"] * bool(found.run_id) + [f"version {found.version}"] * bool(found.version)
    print(f"fetch: {', '.join(parts)} of {', '.join(of) or f'revision {found.revision}'} in {folder}")


if __name__ == "__main__":
    run(main)
