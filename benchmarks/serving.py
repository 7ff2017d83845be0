"""How quickly the deliverable answers: one raw row, many rows, and over HTTP; on the binary, multiclass and regression examples.

    python benchmarks/serving.py            # five minutes
    python benchmarks/serving.py levels     # what size and latency limits on the model buy and cost; three minutes
    python benchmarks/serving.py one FOLDER # a project that ran: what the first one does for each example

Both sides alternate in one process: AutoGluon's full predictor on rows that are prepared already, once as it is loaded
and once with its models kept in memory, and the deliverable on raw rows, through MLflow. As preparing rows takes longer than
a small model does to predict them, the full predictor is also measured on raw rows with the recipe, scikit-learn's own, before it.
"""

import http.client
import itertools
import json
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
from measure import ROOT, environment, fresh_clone, timed

EXAMPLES = ("titanic", "wine", "diabetes")
PORT = 5391
ROWS = 100_000
CLIENTS = 4
# Limits on what may be deployed, for a search of bagged models that ends by itself.
LEVELS_OF = ["data=titanic", "automl=quick", "automl.num_bag_folds=5", "automl.time_limit=600"]
LEVELS = {
    "as it comes: 40 MB": [],
    "no limit": ["automl.max_size_mb=null"],
    "1 MB": ["automl.max_size_mb=1"],
    "0.1 ms a row": ["automl.infer_limit=0.0001"],
}
COLUMNS = "row, full predictor on disk, ms | in memory, ms | deliverable, ms | ratio to disk | in turns of one call | to memory | rows/s, full predictor | after the recipe | deliverable | ratio | to the recipe's"


def milliseconds(functions: list[Callable[[], object]], runs: int, in_a_row: int = 1) -> list[list[float]]:
    """Return each function's times; they take turns, of so many calls each, so that whatever else goes on meets them all."""
    times: list[list[float]] = [[] for _ in functions]
    for run, (place, function), _ in itertools.product(range(-5, runs), enumerate(functions), range(in_a_row)):
        started = time.perf_counter()
        function()
        if run >= 0:  # the first ones warm up
            times[place].append((time.perf_counter() - started) * 1000)
    return times


def in_python(project: Path, task: str, raw: pd.DataFrame, prepared: pd.DataFrame) -> str:
    """Return a line of a table: one row on disk, in memory, by the deliverable; and 100 000 rows."""
    import mlflow.pyfunc
    from autogluon.tabular import TabularPredictor

    sys.path.insert(0, str(project / "src"))
    recipe = pickle.loads((project / "models/recipe/recipe.pkl").read_bytes())  # noqa: S301  our own

    def predictor(persisted: bool) -> Callable[[pd.DataFrame], object]:
        loaded = TabularPredictor.load(str(project / "models/predictor"))
        if persisted:
            loaded.persist("best", max_memory=None)
        return loaded.predict if task == "regression" else loaded.predict_proba

    params = {} if task == "regression" else {"proba": True}
    for _ in range(
        2
    ):  # trees that are loaded between imports lie scattered, and are a tenth slower: so none of these are
        on_disk, in_memory = predictor(False), predictor(True)
        model = mlflow.pyfunc.load_model(str(project / "models/model"))
    row, prepared_row = raw.iloc[[0]], prepared.iloc[[0]]
    of_one = [lambda: on_disk(prepared_row), lambda: in_memory(prepared_row), lambda: model.predict(row, params=params)]
    # A process asks one of them alone: call by call in turns, each would find the processor's caches full of the others'.
    disk, memory, ours = (statistics.median(times) for times in milliseconds(of_one, 20, in_a_row=10))
    by_turns = [statistics.median(times) for times in milliseconds(of_one, 100)]
    many_raw, many = (pd.concat([t] * (ROWS // len(t) + 1), ignore_index=True)[:ROWS] for t in (raw, prepared))
    typed = model.unwrap_python_model().scorer.contract.table(many_raw)
    sides = [
        lambda: in_memory(many), lambda: in_memory(recipe.transform(typed)), lambda: model.predict(many_raw, params=params),
    ]  # fmt: skip
    theirs, after_recipe, whole = (statistics.median(times) for times in milliseconds(sides, 11))
    return (
        f"{disk:.1f} | {memory:.1f} | {ours:.1f} | {ours / disk:.2f} | {by_turns[2] / by_turns[0]:.2f} | {ours / memory:.2f} | "
        f"{ROWS / theirs * 1000:,.0f} | {ROWS / after_recipe * 1000:,.0f} | {ROWS / whole * 1000:,.0f} | "
        f"{theirs / whole:.2f} | {after_recipe / whole:.2f}"
    )


def over_http(project: Path, raw: pd.DataFrame) -> str:
    """Return a line of a table: the median and the 95th percentile of one row, and requests per second of four clients."""
    told = raw.astype(object).where(raw.notna(), None).to_dict(orient="records")
    bodies = [json.dumps({"dataframe_records": [row]}, default=str) for row in told]

    def client(requests: int) -> list[float]:
        times = []
        with closing(http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)) as connection:
            for body in itertools.islice(itertools.cycle(bodies), requests):
                started = time.perf_counter()
                connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise SystemExit(f"The server answered {answer.status} to {body}")
                times.append((time.perf_counter() - started) * 1000)
        return times

    command = [sys.executable, "src/serve.py", "--model", "models/model", "--port", str(PORT)]
    server = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                client(20)
                break
            except OSError:
                if server.poll() is not None:
                    raise SystemExit("The server did not start") from None
                time.sleep(0.5)
        alone = client(500)
        started = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(client, [500] * CLIENTS))
        seconds = time.perf_counter() - started
    finally:
        server.terminate()
        server.wait()
    return f"{statistics.median(alone):.1f} | {np.percentile(alone, 95):.1f} | {CLIENTS * 500 / seconds:.0f}"


def megabytes(folder: Path) -> float:
    """Return the size of a folder's files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def one(project: Path, level: str = "") -> None:
    """Print the figures of a project whose search has run; of a level of deployment with sizes and score, without HTTP."""
    contract = json.loads((project / "models/recipe/contract.json").read_text(encoding="utf-8"))
    raw, prepared = (
        pd.read_parquet(project / f"data/{part}/test.parquet").drop(columns=contract["label"])
        for part in ("split", "prepared")
    )
    line = in_python(project, contract["task"], raw, prepared)
    if not level:
        print(f"| {project.name} ({contract['task']}) | {line} | {over_http(project, raw)} |", flush=True)
        return
    says = json.loads((project / "reports/automl.json").read_text(encoding="utf-8"))
    sizes = f"{megabytes(project / 'models/predictor'):.1f} | {megabytes(project / 'models/model'):.1f}"
    print(f"| {level} | {says['best_model']} | {says['score_val']:.4f} | {sizes} | {line} |", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["one"]:
        one(Path(sys.argv[2]), *sys.argv[3:])
        return
    levels = sys.argv[1:2] == ["levels"]
    if levels:
        print(
            f"| level | deployed | score_val | MB, full predictor | deliverable | {COLUMNS} |\n|{'---|' * 16}",
            flush=True,
        )
    else:
        http = f"HTTP p50, ms | p95, ms | requests/s, {CLIENTS} clients"
        print(f"| | {COLUMNS} | {http} |\n|{'---|' * 15}", flush=True)
    searches = (
        {level: [*LEVELS_OF, *limits] for level, limits in LEVELS.items()}
        if levels
        else {name: [f"data={name}", "automl=quick"] for name in EXAMPLES}
    )
    with tempfile.TemporaryDirectory() as scratch:
        env = environment(Path(scratch))
        for number, (name, overrides) in enumerate(searches.items()):
            project = fresh_clone(Path(scratch) / (str(number) if levels else name))
            timed([sys.executable, "src/compose.py", *overrides], project, env)
            timed(["dvc", "repro", "automl"], project, env)
            command = [sys.executable, __file__, "one", str(project), *([name] if levels else [])]
            subprocess.run(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
