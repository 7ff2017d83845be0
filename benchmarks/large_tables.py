"""How memory and time of check and dataprep grow with the table, and against the same work written by hand.

    python benchmarks/large_tables.py                      # 1, 5 and 10 million rows; about 10 GB of disk
    python benchmarks/large_tables.py --millions 1 --rounds 1

Every figure is of a process of its own: its seconds, those of the processor, and the largest memory that the system saw it use. What is compared
is measured in turns, after each other; the medians are shown.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DISK_PER_MILLION_GB = 0.6
LIMIT_MIB = 1536
SEED = 42

# A made-up passenger list with the columns, kinds and gaps of the real one; whole numbers from a fixed seed.
PASSENGERS = """
SELECT
    1 + floor(random() * 3)::INT AS pclass,
    (random() < 0.38)::INT AS survived,
    'Passenger, Mr. ' || i || ' of ' || floor(random() * 1000)::INT AS name,
    CASE WHEN random() < 0.01 THEN NULL WHEN random() < 0.6 THEN 'male' ELSE 'female' END AS sex,
    CASE WHEN random() < 0.2 THEN NULL ELSE round(random() * 80, 1) END AS age,
    floor(random() * 5)::INT AS sibsp,
    floor(random() * 5)::INT AS parch,
    floor(random() * 1e6)::INT AS ticket,
    CASE WHEN random() < 0.01 THEN NULL ELSE round(random() * 500, 4) END AS fare,
    CASE WHEN random() < 0.77 THEN NULL ELSE 'C' || floor(random() * 120)::INT END AS cabin,
    CASE WHEN random() < 0.01 THEN NULL ELSE ['S', 'C', 'Q'][1 + floor(random() * 3)::INT] END AS embarked,
    CASE WHEN random() < 0.6 THEN NULL ELSE floor(random() * 15)::INT || 'B' END AS boat,
    CASE WHEN random() < 0.9 THEN NULL ELSE floor(random() * 300)::INT END AS body,
    CASE WHEN random() < 0.4 THEN NULL ELSE 'Town ' || floor(random() * 400)::INT || ', NY' END AS "home.dest"
FROM range({rows}) AS passengers(i)
"""
INTEGERS = {"sex": ["male", "female"], "embarked": ["C", "Q", "S"]}
FEATURES = ["pclass", "sibsp", "parch", "age", "fare", "sex", "embarked"]


def generate(rows: int, file: Path) -> None:
    """Write a passenger list as CSV, the same one for the same number of rows."""
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SELECT setseed(0.5)").fetchall()
        connection.execute(f"COPY ({PASSENGERS.format(rows=rows)}) TO '{file}' (HEADER)")


def by_pandas(table: Path, out: Path) -> None:
    """Prepare a passenger list as it is usually written down."""
    import numpy as np
    import pandas as pd

    passengers = pd.read_csv(table)
    train = passengers.groupby("survived").sample(frac=0.8, random_state=SEED)
    test = passengers.drop(train.index)
    random = np.random.default_rng(SEED)
    edges = {c: np.unique(train[c].quantile([0, 0.2, 0.4, 0.6, 0.8, 1])) for c in ("age", "fare")}
    present = {c: train[c].dropna().to_numpy() for c in edges}
    for part, rows in {"train": train, "test": test}.items():
        rows.to_csv(out / f"split-{part}.csv", index=False)
        prepared = rows[[*FEATURES, "survived"]].copy()
        for c, bins in edges.items():
            missing = prepared[c].isna()
            prepared.loc[missing, c] = random.choice(present[c], missing.sum())
            prepared[c] = pd.cut(prepared[c], bins, labels=False, include_lowest=True)
        for c, values in INTEGERS.items():
            prepared[c] = prepared[c].map({value: i for i, value in enumerate(values)}).fillna(-1)
        prepared.to_csv(out / f"prepared-{part}.csv", index=False)


def by_duckdb(table: Path, out: Path) -> None:
    """Prepare a passenger list as someone who knows DuckDB would: read once, split by a hash, fill, cut and map in SQL."""
    import duckdb

    cut = "(filled_{c} > {e[0]})::INT + (filled_{c} > {e[1]})::INT + (filled_{c} > {e[2]})::INT + (filled_{c} > {e[3]})::INT AS {c}"
    with duckdb.connect(config={"memory_limit": "1GiB", "temp_directory": str(out / "spill")}) as connection:
        connection.execute(
            f"CREATE TEMP TABLE passengers AS SELECT *, hash(name, ticket, {SEED}) % 1000 < 200 AS test FROM read_csv('{table}')"
        )
        edges, filled = {}, []
        for c in ("age", "fare"):
            sql = f"SELECT approx_quantile({c}, [0.2, 0.4, 0.6, 0.8]), list({c}) FILTER (hash(name) % 1000 < 2) FROM passengers"
            edges[c], drawn = connection.execute(f"{sql} WHERE NOT test AND {c} IS NOT NULL").fetchall()[0]
            filled.append(f"coalesce({c}, {drawn[:1000]}[1 + (hash(name, '{c}') % 1000)::INT]) AS filled_{c}")
        features = ", ".join(
            ["pclass", "sibsp", "parch", *(cut.format(c=c, e=edges[c]) for c in edges)]
            + [f"coalesce(list_position({values}, {c}), 0) - 1 AS {c}" for c, values in INTEGERS.items()]
        )
        for part, condition in {"train": "NOT test", "test": "test"}.items():
            rows = f"SELECT * EXCLUDE (test) FROM passengers WHERE {condition}"
            connection.execute(f"COPY ({rows}) TO '{out}/split-{part}.parquet'")
            prepared = f"SELECT {features}, survived FROM (SELECT *, {', '.join(filled)} FROM ({rows}))"
            connection.execute(f"COPY ({prepared}) TO '{out}/prepared-{part}.parquet'")


def measure(command: list[str], folder: Path) -> dict[str, float]:
    """Run a command; return its seconds, those of the processor, and the most memory it used, in MiB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with exit code {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return {"s": time.perf_counter() - started, "cpu": cpu, "mib": usage.ru_maxrss / 1024}


def new_project(folder: Path, rows: int) -> Path:
    """Return a folder with the project's code, its settings and a generated passenger list as its raw table."""
    project = folder / f"{rows}"
    for part in ("src", "conf"):
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", project)
    raw = project / "data/raw/titanic"
    raw.mkdir(parents=True)
    generate(rows, raw / "passengers.csv")
    return project


def size(project: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Measure everything on one table, in turns; return contestant → the medians of its seconds and the most memory."""
    table, out = project / "data/raw/titanic/passengers.csv", project / "by-hand"
    by_hand = [sys.executable, str(Path(__file__).resolve()), "--table", str(table), "--out", str(out), "--as"]
    commands = {
        "check": [sys.executable, "src/check.py"],
        "dataprep": [sys.executable, "src/dataprep.py"],
        "pandas": [*by_hand, "pandas"],
        "DuckDB by hand": [*by_hand, "duckdb"],
    }
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            taken[name].append(measure(command, project))
            print(f"  {name}: " + ", ".join(f"{n:.1f} {unit}" for unit, n in taken[name][-1].items()), flush=True)
    return {
        name: {
            "s": statistics.median(run["s"] for run in found),
            "cpu": statistics.median(run["cpu"] for run in found),
            "mib": max(run["mib"] for run in found),
        }
        for name, found in taken.items()
    }


def report(found: dict[int, dict[str, dict[str, float]]]) -> str:
    """Return the figures as Markdown, with what was promised."""
    lines = ["| rows | what | seconds | rows/s | processor seconds | peak MiB |", "|---|---|---|---|---|---|"]
    for rows, figures in found.items():
        for name, says in figures.items():
            lines.append(
                f"| {rows:,} | {name} | {says['s']:.1f} | {rows / says['s']:,.0f} | {says['cpu']:.1f} | {says['mib']:.0f} |"
            )
    small, large = min(found), max(found)
    lines += ["", "| promise | wanted | measured |", "|---|---|---|"]
    for stage in ("check", "dataprep"):
        most = found[large][stage]["mib"]
        lines.append(
            f"| memory of {stage}, {large:,} against {small:,} rows | at most 1.3x | {most / found[small][stage]['mib']:.2f}x |"
        )
        lines.append(f"| memory of {stage}, {large:,} rows | under {LIMIT_MIB} MiB | {most:.0f} MiB |")
    for rows, figures in found.items():
        times = {name: figures[name]["s"] / figures["dataprep"]["s"] for name in ("pandas", "DuckDB by hand")}
        lines.append(f"| dataprep's rows/s against pandas', {rows:,} rows | at least 5x | {times['pandas']:.1f}x |")
        lines.append(
            f"| dataprep's rows/s against DuckDB's, {rows:,} rows | at least 0.5x | {times['DuckDB by hand']:.2f}x |"
        )
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--millions", type=float, nargs="+", default=[1, 5, 10], help="sizes of the tables")
    arguments.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    arguments.add_argument("--folder", type=Path, help="where there is room (default: the system's temporary folder)")
    arguments.add_argument("--as", dest="contestant", choices=["pandas", "duckdb"], help=argparse.SUPPRESS)
    arguments.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.contestant:
        {"pandas": by_pandas, "duckdb": by_duckdb}[given.contestant](given.table, given.out)
        return
    place = given.folder or Path(tempfile.gettempdir())
    needed = max(given.millions) * DISK_PER_MILLION_GB
    if (free := shutil.disk_usage(place).free / 1e9) < needed:
        raise SystemExit(
            f"Got {free:.1f} GB free in {place}, expected {needed:.0f}. Give another --folder, or fewer --millions."
        )
    found = {}
    with tempfile.TemporaryDirectory(dir=place) as folder:
        for millions in given.millions:
            rows = int(millions * 1_000_000)
            print(f"{rows:,} rows", flush=True)
            project = new_project(Path(folder), rows)
            found[rows] = size(project, given.rounds)
            shutil.rmtree(project)
    print(f"\n{report(found)}")


if __name__ == "__main__":
    main()
