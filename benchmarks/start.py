"""From nothing to version 1: commands and seconds, for the example and a table of one's own; a new project's size; an update.

The environment is linked from the one that this runs in, unless --install asks for making one, which takes minutes.
"""

import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path

from measure import ROOT, Timed, environment, fresh_clone, timed

GIT = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
OWN = ["example=false", "table=wines", "label=cultivar", "task=multiclass"]


def template(folder: Path) -> Path:
    """Clone the last commit, packed as a server sends it, and tag it as a release; return the folder."""
    fresh_clone(folder)
    subprocess.run(["git", "tag", "0.1.0"], cwd=folder, check=True)
    subprocess.run(["git", "gc", "--quiet", "--prune=now"], cwd=folder, check=True)
    return folder


def link_environment(project: Path) -> None:
    """Put this environment in the place of the one that `make run` would make."""
    venv = project / ".venv"
    (venv / "made-from").mkdir(parents=True)
    for part in Path(sys.prefix).iterdir():
        if part.name != "made-from":
            (venv / part.name).symlink_to(part)
    for lock in project.glob("requirements*.lock"):
        shutil.copy(lock, venv / "made-from")


def start(project: Path, source: Path, answers: list[str], install: bool) -> dict[str, Timed]:
    """Carry out what a newcomer types, a table of their own included where the answers name one; return command → time."""
    env = environment(project.parent)
    took = {}

    def does(shown: str, command: list[str], folder: Path = project) -> None:
        took[shown] = timed(command, folder, env)

    said = [f"--data={answer}" for answer in answers]
    does("copier copy", ["copier", "copy", "--defaults", "--quiet", *said, str(source), str(project)], project.parent)
    if answers:
        does("cp", ["cp", str(ROOT / "data/raw/wine/wine.csv"), "data/raw/wines/"])
    does("git init", ["git", "init", "--quiet"])
    if install:
        does("make run: the environment", ["./environment.sh"])
    else:
        link_environment(project)
    does("make run", ["make", "run"])
    if "Registered version 1" not in took["make run"].output:
        raise SystemExit(took["make run"].output)
    return took


def edited(project: Path) -> list[str]:
    """Bring another table into a running project with new_table.py; return the lines that are then edited by hand."""
    env = environment(project.parent)
    subprocess.run([*GIT, "add", "--all"], cwd=project, check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--message", "x"], cwd=project, check=True)
    new = ["python", "src/new_table.py", str(ROOT / "data/raw/diabetes"), "--label", "progression", "--yes"]
    timed(new, project, env)
    config = project / "conf/config.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("data: titanic", "data: diabetes"), encoding="utf-8")
    difference = subprocess.run(["git", "diff", "-U0", "conf"], cwd=project, capture_output=True, text=True, check=True)
    lines = [line for line in difference.stdout.splitlines() if line[0] == "+" and line[:3] != "+++"]
    if "diabetes" not in timed(["dvc", "exp", "run"], project, env).output:
        raise SystemExit("the new table did not run")
    return lines


def size(project: Path) -> Counter[tuple[str, str]]:
    """Return (part of the project, files or lines) → how many, of all that Git would take."""
    found: Counter[tuple[str, str]] = Counter()
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=project, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, names):
        part = name.partition("/")[0] if "/" in name else "at the root"
        if name.endswith(".lock") and name != "dvc.lock":
            part = "requirements*.lock"
        for of in (part, "in all"):
            found[of, "files"] += 1
            found[of, "lines"] += (project / name).read_bytes().count(b"\n")
    return found


def update(source: Path, project: Path) -> float:
    """Release a change of the machinery; return the seconds that `copier update` takes in a committed project."""
    summary = source / "src/summary.py"
    summary.write_text(summary.read_text(encoding="utf-8") + "# newer\n", encoding="utf-8")
    for command in (["commit", "--quiet", "--all", "--message", "newer"], ["tag", "0.2.0"]):
        subprocess.run([*GIT, *command], cwd=source, check=True)
    subprocess.run([*GIT, "add", "--all"], cwd=project, check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--message", "x"], cwd=project, check=True)
    took = timed(["copier", "update", "--defaults", "--quiet"], project, environment(project.parent))
    if "# newer" not in (project / "src/summary.py").read_text(encoding="utf-8"):
        raise SystemExit("the update brought nothing")
    return took.wall


def main() -> None:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--install", action="store_true", help="make the environment too, from the package index")
    install = arguments.parse_args().install
    with tempfile.TemporaryDirectory() as scratch:
        source = template(Path(scratch, "slipway"))
        made = {}
        for name, answers in {"the example": [], "a table of one's own": OWN}.items():
            made[name] = Path(scratch, "own" if answers else "example")
            took = start(made[name], source, answers, install and not answers)
            print(f"{name}: {len(took) + 1} commands with `cd`, {sum(t.wall for t in took.values()):.1f} s")
            for command, time in took.items():
                print(f"  {command:26} {time.wall:6.1f} s, of the CPU {time.cpu:.1f} s")
            print(f"  answers to give {len(answers)}, files to edit 0")
        sizes = size(made["the example"])
        for part in sorted({part for part, _ in sizes}):
            print(f"  {part:26} {sizes[part, 'files']:4} files {sizes[part, 'lines']:6} lines")
        lines = edited(made["the example"])
        print(f"another table in a running project: 1 file, {len(lines)} line to edit: {' '.join(lines)}")
        seconds = update(source, made["a table of one's own"])
        print(f"copier update: {seconds:.1f} s")


if __name__ == "__main__":
    main()
