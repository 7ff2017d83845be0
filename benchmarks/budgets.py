"""Does the search keep its limit? Its stage over presets, limits and tables, beside AutoGluon's own fit under the same.

`python benchmarks/budgets.py FOLDER` makes a project in FOLDER per table, runs the stages before the search once, then per
preset and limit the search and bare AutoGluon in turn, and prints a row of Markdown for each: the stage's seconds against
1.1 times the limit and 10 s, both validation scores, the deployed megabytes, and what was cut short.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
# AutoGluon's presets that ours are named after.
BARE = """
import json, sys, time
started = time.monotonic()
import pandas as pd
from autogluon.tabular import TabularPredictor
train, label, metric, preset, limit, folder = sys.argv[1:]
predictor = TabularPredictor(label=label, eval_metric=metric, path=folder, verbosity=0)
options = {} if preset == "quick" else {"presets": f"{preset}_quality"}
if preset == "quick":
    options["hyperparameters"] = {kind: {} for kind in ("GBM", "XGB", "CAT", "RF", "XT")}
predictor.fit(pd.read_parquet(train), time_limit=float(limit), num_gpus=0, **options)
scores = predictor.leaderboard()["score_val"].dropna()
predictor.clone_for_deployment(folder + "-deployed")
size = TabularPredictor.load(folder + "-deployed").disk_usage()
print(json.dumps({"seconds": time.monotonic() - started, "score": float(scores.max()), "mb": size / 1e6}))
"""


def project(folder: Path, table: str) -> Path:
    """Return a folder with this project, where the table is checked and prepared."""
    home = folder / table
    shutil.rmtree(home, ignore_errors=True)
    for part in ("src", "conf", f"data/raw/{table}"):
        shutil.copytree(ROOT / part, home / part, ignore=shutil.ignore_patterns("__pycache__"))
    for script, *overrides in (["compose", f"data={table}"], ["check"], ["dataprep"]):
        subprocess.run([sys.executable, f"src/{script}.py", *overrides], cwd=home, check=True, capture_output=True)
    return home


def staged(home: Path, table: str, preset: str, limit: float) -> dict:
    """Return the seconds of the stage under a limit, with the figures that it reports."""
    overrides = [f"data={table}", f"automl={preset}", f"automl.time_limit={limit:g}"]
    subprocess.run([sys.executable, "src/compose.py", *overrides], cwd=home, check=True, capture_output=True)
    started = time.monotonic()
    subprocess.run([sys.executable, "src/automl.py"], cwd=home, check=True, capture_output=True)
    seconds = time.monotonic() - started
    return {"seconds": seconds, **json.loads((home / "reports/automl.json").read_text(encoding="utf-8"))}


def bare(home: Path, preset: str, limit: float, metric: str) -> dict:
    """Return what AutoGluon alone takes and reaches on the same rows; nothing where it fails under the limit."""
    shutil.rmtree(home / "bare", ignore_errors=True)
    shutil.rmtree(home / "bare-deployed", ignore_errors=True)
    label = json.loads((home / "models/recipe/contract.json").read_text(encoding="utf-8"))["label"]
    command = [sys.executable, "-c", BARE, "data/prepared/train.parquet", label, metric, preset, str(limit), "bare"]
    done = subprocess.run(command, cwd=home, check=False, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tables", nargs="+", default=["titanic", "tickets"])
    parser.add_argument("--presets", nargs="+", default=["quick", "medium", "high", "best"])
    parser.add_argument("--limits", nargs="+", type=float, default=[10, 30, 60, 300])
    parser.add_argument("--without-bare", action="store_true", help="leave out AutoGluon's own fit")
    asked = parser.parse_args()
    print(
        "| table | preset | limit | stage s | promised s | kept | bare s | score | bare | MB | bare | cut short | load |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for table in asked.tables:
        home = project(asked.folder, table)
        for preset in asked.presets:
            for limit in asked.limits:
                ours = staged(home, table, preset, limit)
                alone = {} if asked.without_bare else bare(home, preset, limit, ours["eval_metric"])
                promised, said = 1.1 * limit + 10, {name: f"{value:.4g}" for name, value in alone.items()}
                kept = "yes" if ours["seconds"] <= promised else f"no, {ours['seconds'] - promised:.1f} s over"
                print(
                    f"| {table} | {preset} | {limit:g} | {ours['seconds']:.1f} | {promised:.0f} | {kept} "
                    f"| {said.get('seconds', '')} | {ours['score_val']:.4f} | {said.get('score', '')} "
                    f"| {ours['deployed_mb']:.1f} | {said.get('mb', '')} | {'' if ours['reproducible'] else 'yes'} "
                    f"| {os.getloadavg()[0]:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
