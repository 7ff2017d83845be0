"""The whole pipeline, cold, against the same job as one script written by hand (by_hand.py), alternating.

What is not the search is compared: the total less the seconds of TabularPredictor.fit. Target: at most 1.6 times.
"""

import json
import statistics
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from measure import DATA, clocked_python, environment, fresh_clone, shown, stage_seconds, timed

BY_HAND = Path(__file__).with_name("by_hand.py")
FIT_CLOCK = Path(__file__).with_name("fit_clock.py")


def by_hand(folder: Path) -> dict[str, float]:
    """Run the script in an empty folder; return its seconds, in all and by step."""
    folder.mkdir()
    took = timed([sys.executable, str(BY_HAND), str(DATA)], folder, environment(folder))
    says = json.loads(took.output.splitlines()[-1])
    rest = took.wall - sum(says["seconds"].values())
    return {
        "total": took.wall,
        "fit": says["fit_s"],
        "CPU": took.cpu,
        "CPU of the fit": says["fit_cpu_s"],
        **says["seconds"],
        "start and exit": rest,
    }


def pipeline(folder: Path) -> dict[str, float]:
    """Run the pipeline in a fresh clone, without any cache; return its seconds, in all and by stage."""
    clone = fresh_clone(folder)
    env = environment(folder)
    log, fit_log = folder / ".seconds", folder / ".fit"
    clocked = clocked_python(folder / ".clocked", log, f'{sys.executable} {FIT_CLOCK} "{fit_log}"')
    env["PATH"] = f"{clocked}:{env['PATH']}"
    took = timed(["dvc", "repro"], clone, env)
    stages, fit_cpu = stage_seconds(log), float(fit_log.read_text())
    fit = json.loads((clone / "reports/automl.json").read_text())["fit_s"]
    return {
        "total": took.wall,
        "fit": fit,
        "CPU": took.cpu,
        "CPU of the fit": fit_cpu,
        **stages,
        "DVC itself": took.wall - sum(stages.values()),
    }


def main() -> None:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5)
    runs = arguments.parse_args().runs
    sides = {"by hand": by_hand, "pipeline": pipeline}
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as scratch:
        for run in range(runs + 1):  # the first one warms the disk's cache and does not count
            for side, does in sides.items():
                took = does(Path(scratch, f"{side.replace(' ', '-')}-{run}"))
                took["not the search"] = took["total"] - took["fit"]
                took["CPU of that"] = took["CPU"] - took["CPU of the fit"]
                print(
                    f"{side} {run or 'warming up'}: " + ", ".join(f"{k} {v:.2f}" for k, v in took.items()),
                    file=sys.stderr,
                )
                if run:
                    found[side].append(took)
    for side, took_all in found.items():
        print(f"{side}: seconds, median (lowest-highest) of {runs} runs")
        for part in took_all[0]:
            print(f"  {part:27} {shown([took[part] for took in took_all])}")
    for part in ("not the search", "CPU of that"):
        ours, script = (statistics.median(took[part] for took in found[side]) for side in ("pipeline", "by hand"))
        print(f"{part}: {ours / script:.2f} times what it is by hand; target 1.6")


if __name__ == "__main__":
    main()
