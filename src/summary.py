"""Say what is registered, how good it is, and what to try next."""

import json
import os
import subprocess
from pathlib import Path

from slipway.project.entry import UserError, parser, run


def has_commit() -> bool:
    """Return whether Git has a first commit here."""
    asked = ["git", "rev-parse", "--quiet", "--verify", "HEAD"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603  git, nothing of a shell


def next_steps(name: str, alias: str, by_make: bool) -> str:
    """Return three commands to go on with: make's targets, or what is behind them in an environment that is on."""
    serve = f"mlflow models serve -m models:/{name}@{alias} --env-manager local --host 127.0.0.1 --port 5001"
    sweep = "dvc exp run --queue -S 'seed=range(1,4)' && dvc queue start && dvc queue status"
    commit = "git add --all && git commit -m 'A first model' && "
    first = "" if has_commit() else commit  # experiments are kept beside one
    steps = {
        "see the runs": ("make ui", "mlflow server --host 127.0.0.1 --port 5000"),
        "serve the model": ("make serve", serve),
        "start a sweep": (first + "make sweep", first + sweep),
    }
    return "\n".join(f"  {what:<17}{make if by_make else bare}" for what, (make, bare) in steps.items())


def main() -> None:
    parser(__doc__).parse_args()
    receipt = Path("models/registered.json")
    if not receipt.is_file():
        raise UserError(f"Got no {receipt}, expected the registration's receipt. Run `dvc repro`.")
    says = json.loads(receipt.read_text(encoding="utf-8"))
    metrics = json.loads(Path("reports/metrics.json").read_text(encoding="utf-8"))
    if says["version"] is None:
        print(f"Registered nothing: {says['why']}")
    else:
        print(f"Registered version {says['version']} of model {says['model']}")
    print(f"  on {metrics.pop('test_rows')} test rows: " + ", ".join(f"{k} {v:.4f}" for k, v in metrics.items()))
    print(next_steps(says["model"], says["alias"], by_make="MAKELEVEL" in os.environ))


if __name__ == "__main__":
    run(main)
