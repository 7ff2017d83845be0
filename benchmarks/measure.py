"""What the benchmarks share: fresh clones, a fixed environment, and commands timed by the clock and by the CPU."""

import os
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data/raw/titanic"


class Timed(NamedTuple):
    """Seconds that a command took, by the clock and of the CPU."""

    wall: float
    cpu: float
    output: str


def environment(scratch: Path) -> dict[str, str]:
    """Return an environment in which nothing of an earlier run is found: no tracking server, no site cache of DVC."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "PYTHON"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    off = {"DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "RAY_USAGE_STATS_ENABLED": "0"}
    return kept | off | {"PATH": path, "DVC_SITE_CACHE_DIR": str(scratch / "site-cache")}


def fresh_clone(folder: Path) -> Path:
    """Clone the last commit of this project into a folder; return the folder."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    return folder


def small_clone(folder: Path, env: dict[str, str]) -> Path:
    """Clone the last commit, with a search of one small model in place of the quick one; return the folder."""
    quick = fresh_clone(folder) / "conf/automl/quick.yaml"
    quick.write_text(
        re.sub(r"models:\n(?:  .*\n)+", "models:\n  GBM: {num_boost_round: 5}\n", quick.read_text(encoding="utf-8")),
        encoding="utf-8",
    )
    timed(["python", "src/compose.py"], folder, env)
    timed(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qam", "small"], folder, env)
    return folder


def timed(command: list[str], folder: Path, env: dict[str, str]) -> Timed:
    """Run a command in a folder; fail with its output when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return Timed(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout)


def shown(seconds: list[float]) -> str:
    """Return the median and the spread.

    >>> shown([3.0, 1.0, 2.0])
    '2.00 (1.00-3.00)'
    """
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f}-{max(seconds):.2f})"


def clocked_python(folder: Path, log: Path, runs: str) -> Path:
    """Put a `python` into a folder that notes script, start and end of each call in a log; return the folder.

    DVC starts the stages by that name from PATH; `runs` is what it calls in place of `python`.
    """
    folder.mkdir()
    shim = folder / "python"
    shim.write_text(
        "#!/bin/sh\n"
        "STARTED=$(date +%s.%N); export STARTED\n"
        f'{runs} "$@"; code=$?\n'
        f'echo "$1 $STARTED $(date +%s.%N)" >> "{log}"\n'
        "exit $code\n",
        encoding="utf-8",
    )
    shim.chmod(0o755)
    return folder


def stage_seconds(log: Path) -> dict[str, float]:
    """Return stage → seconds from a log of `clocked_python`."""
    lines = [line.split() for line in log.read_text(encoding="utf-8").splitlines()]
    return {Path(script).stem: float(end) - float(start) for script, start, end in lines}
