"""Write what a change does to the model as Markdown: metrics and params against another revision, the gate's verdict."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from slipway.project.entry import UserError, parser, run


def differences(what: str, revision: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return file → key → its ``old`` and ``new`` value between a revision and the workspace, as DVC tells them."""
    every = ["--all"] if what == "metrics" else []
    command = ["dvc", what, "diff", "--json", *every, revision]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  DVC, found on the path
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason"]
        raise UserError(
            f"Got no differences from `{' '.join(command)}` ({lines[0]}), expected a revision that is here: `git fetch`."
        )
    return json.loads(done.stdout or "{}")


def in_words(value: Any) -> str:
    r"""Return a value for a cell of a table.

    >>> in_words(0.84661), in_words(None), in_words("a|b"), in_words(262)
    ('0.8466', '', 'a\\|b', '262')
    """
    if value is None:
        return ""
    text = f"{value:.4f}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def table(found: dict[str, dict[str, dict[str, Any]]], before: str) -> list[str]:
    """Return the lines of a Markdown table; keys of params.yaml's digest of conf/ say nothing to people."""
    lines = [f"| | {before} | here | change |", "|---|---|---|---|"]
    for file in sorted(found):
        for key, values in found[file].items():
            old, new = values.get("old"), values.get("new")
            numbers = [value for value in (old, new) if isinstance(value, int | float) and not isinstance(value, bool)]
            change = f"{numbers[1] - numbers[0]:+.4g}" if len(numbers) == 2 and old != new else ""
            if not key.startswith("conf_digest"):
                lines.append(f"| {in_words(key)} | {in_words(old)} | {in_words(new)} | {change} |")
    return lines if len(lines) > 2 else ["Nothing changed."]


def comment(metrics: dict[str, Any], params: dict[str, Any], before: str, gate: str | None, plots: str | None) -> str:
    """Return the whole comment."""
    if not any(values.get("old") is not None for keys in metrics.values() for values in keys.values()):
        before_said = (
            f"`{before}` has no metrics here: its dvc.lock is not committed, or `dvc fetch` did not bring them."
        )
        metrics_lines = [before_said, "", *table(metrics, before)]
    else:
        metrics_lines = table(metrics, before)
    lines = ["## The model of this change", "", "### Metrics on the test rows, and of the search", "", *metrics_lines]
    lines += ["", "### Settings", "", *table(params, before)]
    if gate:
        lines += ["", "### May it be registered?", "", gate.strip()]
    if plots:
        lines += ["", f"[Plots, card and leaderboard]({plots})"]
    return "\n".join(lines) + "\n"


def main() -> None:
    wanted = parser(__doc__)
    wanted.add_argument("revision", nargs="?", default="main", help="what to compare with, such as origin/main")
    wanted.add_argument("--plots", help="the address of the plots, to be linked")
    given = wanted.parse_args()
    if not Path("reports/metrics.json").is_file():
        raise UserError("Got no reports/metrics.json, expected the metrics of a finished pipeline. Run `dvc repro`.")
    gate = Path("reports/gate.md")
    name = re.sub(r"^([0-9a-f]{7})[0-9a-f]{33}$", r"\1", given.revision)
    print(
        comment(
            differences("metrics", given.revision), differences("params", given.revision), name,
            gate.read_text(encoding="utf-8") if gate.is_file() else None, given.plots,
        ), end="",
    )  # fmt: skip


if __name__ == "__main__":
    run(main)
