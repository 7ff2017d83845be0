"""Where the time of a cold run goes, stage by stage. Watching takes time too: for totals, see pipeline.py."""

import json
import statistics
import sys
import tempfile
from argparse import ArgumentParser
from collections import defaultdict
from pathlib import Path

from measure import clocked_python, environment, fresh_clone, stage_seconds, timed

STOPWATCH = Path(__file__).with_name("stopwatch.py")
PARTS = [
    "start", "imports", "reading", "fitting", "predicting", "writing", "MLflow", "the stage itself", "exit",
]  # fmt: skip


def watched_run(folder: Path) -> dict[str, dict[str, float]]:
    """Run the pipeline in a fresh clone; return stage → part → seconds."""
    clone = fresh_clone(folder)
    env = environment(folder)
    log, parts = folder / ".seconds", folder / ".parts"
    shim = clocked_python(folder / ".clocked", log, f'{sys.executable} {STOPWATCH} "{parts}"')
    env["PATH"] = f"{shim}:{env['PATH']}"
    took = timed(["dvc", "repro"], clone, env)
    ends = {Path(script).stem: float(end) for script, _, end in map(str.split, log.read_text().splitlines())}
    stages = {}
    for line in parts.read_text().splitlines():
        says = json.loads(line)
        stages[says["stage"]] = {**says["seconds"], "exit": ends[says["stage"]] - says["ended"]}
    return stages | {"DVC itself": {"the stage itself": took.wall - sum(stage_seconds(log).values())}}


def main() -> None:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5)
    runs = arguments.parse_args().runs
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as scratch:
        for run in range(runs):
            for stage, parts in watched_run(Path(scratch, str(run))).items():
                for part in PARTS:
                    found[stage][part].append(parts.get(part, 0.0))
    print(f"Seconds, medians of {runs} runs.\n")
    print("| | " + " | ".join(PARTS).replace("the stage itself", "the rest") + " | sum |")
    print("|---|" + "---|" * (len(PARTS) + 1))
    for stage, parts in found.items():
        medians = [statistics.median(parts[part]) for part in PARTS]
        print(
            f"| {stage} | " + " | ".join(f"{s:.2f}" if s >= 0.005 else "" for s in medians) + f" | {sum(medians):.2f} |"
        )


if __name__ == "__main__":
    main()
