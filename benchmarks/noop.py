"""A `dvc repro` that has nothing to do: this pipeline against five empty stages, alternating. Target: at most 1.15 times.

And `python src/why.py`, which says that there is nothing to do, beside a Python that does nothing. Target: two seconds.
"""

import statistics
import subprocess
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from measure import Timed, environment, fresh_clone, shown, timed

CONFIG = "[core]\n    analytics = false\n    check_update = false\n"


def five_empty_stages(folder: Path, env: dict[str, str]) -> Path:
    """Make a repository whose five stages copy one line each; return its folder."""
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").write_text(CONFIG)
    stages = "".join(
        f"  stage{n}:\n    cmd: cp file{n - 1} file{n}\n    deps: [file{n - 1}]\n    outs: [file{n}]\n"
        for n in range(1, 6)
    )
    (folder / "dvc.yaml").write_text(f"stages:\n{stages}")
    (folder / "file0").write_text("nothing\n")
    (folder / ".gitignore").write_text("".join(f"/file{n}\n" for n in range(1, 6)))
    subprocess.run(["git", "init", "--quiet"], cwd=folder, env=env, check=True)
    return folder


def asked(folder: Path, env: dict[str, str], runs: int) -> None:
    """Print what asking why takes, and what a Python that does nothing does, in turns."""
    commands = {"src/why.py": ["python", "src/why.py"], "python -c pass": ["python", "-c", "pass"]}
    found: dict[str, list[Timed]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(timed(command, folder, env))
    for name, took in found.items():
        print(f"{name:18} {shown([t.wall for t in took])} s; of the CPU {shown([t.cpu for t in took])} s")


def main() -> None:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=15)
    runs = arguments.parse_args().runs
    with tempfile.TemporaryDirectory() as scratch:
        env = environment(Path(scratch))
        places = {"this pipeline": fresh_clone(Path(scratch, "clone")), "five empty stages": Path(scratch, "empty")}
        five_empty_stages(places["five empty stages"], env)
        for folder in places.values():
            timed(["dvc", "repro"], folder, env)
            timed(["dvc", "repro"], folder, env)  # brings the files' stats into DVC's state
        found: dict[str, list[float]] = {place: [] for place in places}
        cpu: dict[str, list[float]] = {place: [] for place in places}
        for _ in range(runs):
            for place, folder in places.items():
                took = timed(["dvc", "repro"], folder, env)
                if "up to date" not in took.output:
                    raise SystemExit(f"`dvc repro` of {place} was no no-op:\n{took.output}")
                found[place].append(took.wall)
                cpu[place].append(took.cpu)
        asked(places["this pipeline"], env, min(runs, 9))
    for place in places:
        print(f"{place:18} {shown(found[place])} s; of the CPU {shown(cpu[place])} s")
    by_clock, by_cpu = (
        statistics.median(f["this pipeline"]) / statistics.median(f["five empty stages"]) for f in (found, cpu)
    )
    print(f"ratio of the medians of {runs} runs: {by_clock:.2f} by the clock, {by_cpu:.2f} of the CPU; target 1.15")


if __name__ == "__main__":
    main()
