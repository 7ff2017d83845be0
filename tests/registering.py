"""Run the register stage's own main function many times quickly: in forks of a process that has imported everything.

Started by test_register_once.py with the finished project's folder as its working directory: `registering.py kill FOLDER` or
`registering.py together FOLDER COUNT URI`. Prints a line of JSON per case: what the store holds at its end.
"""

import json
import os
import shutil
import signal
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from traceback import print_exc

sys.path.insert(0, str(Path.cwd() / "src"))
import mlflow
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

import register
from slipway.project.entry import ENVIRONMENT
from slipway.project.settings import load_params

os.environ.update(ENVIRONMENT)
FROM = Path.cwd()


def workspace(folder: Path) -> Path:
    """Make a folder in which the stage can run as in the project, with a store of its own."""
    (folder / "models").mkdir(parents=True)
    shutil.copytree(FROM / "reports", folder / "reports")
    for name in ("data", "src", "conf", "params.yaml", "requirements.lock", "models/model"):
        (folder / name).symlink_to(FROM / name)
    return folder


def fork(folder: Path, work) -> int:
    """Run something in a child process in a folder; return the child's id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(folder)
        out = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.argv = ["register.py"]
        work()
        code = 0
    except BaseException:  # noqa: BLE001  whatever it is goes to the log, and this process ends here
        print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(call: int | None, copied: int | None = None) -> dict[str, int]:
    """Run the stage, and kill it when so many of its calls to MLflow are done, or so many files copied; count them."""
    done = {"calls": 0, "copies": 0}

    def after(kind: str, function, limit: int | None):
        def counted(*args, **kwargs):
            result = function(*args, **kwargs)
            done[kind] += 1
            if done[kind] == limit:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted

    for name in dir(MlflowClient):
        if name[0] != "_" and callable(function := getattr(MlflowClient, name)):
            setattr(MlflowClient, name, after("calls", function, call))
    shutil.copyfile = after("copies", shutil.copyfile, copied)
    register.main()
    return dict(done)


def state() -> dict:
    """Return what the store holds of this model, in words that a test compares."""
    params = load_params()
    name = params.register_.model
    client = MlflowClient()
    [experiment] = [e for e in client.search_experiments() if e.name == params.register_.experiment]
    runs = client.search_runs([experiment.experiment_id], max_results=5000)
    versions = client.search_model_versions(f"name = '{name}'")
    files = Path(download_artifacts(f"models:/{name}@champion"))
    model = Path("models/model")
    arrived = {file.relative_to(files).as_posix() for file in files.rglob("*") if file.is_file()}
    sent = {file.relative_to(model).as_posix() for file in model.rglob("*") if file.is_file()}
    receipt = json.loads(Path("models/registered.json").read_text())
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    return {
        "aliases": {a: int(v) for a, v in client.get_registered_model(name).aliases.items()},
        "versions": len(versions),
        "described": [bool(v.description) and len(v.tags["digest"]) == 64 for v in versions],
        "whole": arrived - {"registered_model_meta"} == sent,
        "uploads": [m.status for m in client.search_logged_models([experiment.experiment_id])],
        "runs": len(parents),
        "children": len(runs) - len(parents),
        "ended": all(run.info.status == "FINISHED" for run in runs),
        "metrics": len(parents[0].data.metrics) > 10
        and "card.md" in [f.path for f in client.list_artifacts(parents[0].info.run_id)],
        "of one": {v.run_id for v in versions} == {parents[0].info.run_id} == {receipt["run_id"]},
        "receipt": receipt["version"] in [int(v.version) for v in versions],
        "experiments": sorted(e.name for e in client.search_experiments()),
        "signs": len({run.data.tags["slipway.key"] for run in runs}),
    }


def warm(folder: Path, store: bytes = b"") -> dict[str, int]:
    """Run the stage in this process, which counts its steps: what is imported and compiled by then, children need not."""
    place = workspace(folder / "warm")
    if store:
        (place / "mlflow.db").write_bytes(store)
    os.chdir(place)
    sys.argv = ["register.py"]
    with redirect_stdout(StringIO()):
        done = killed_at(None)
        state()
    del os.environ["MLFLOW_TRACKING_URI"]  # MLflow sets it
    return dict(done)


def kill(folder: Path) -> None:
    """Kill the stage at each of its steps in turn and run it again."""
    template = workspace(folder / "template")
    ended(
        fork(
            template,
            lambda: (mlflow.set_tracking_uri(f"sqlite:///{template}/mlflow.db"), MlflowClient().search_experiments()),
        )
    )
    store = (template / "mlflow.db").read_bytes()
    done = warm(folder, store)
    cases = [(call, None) for call in range(1, done["calls"] + 1)] + [(None, done["copies"] - 3)]
    for call, copied in cases:
        place = workspace(folder / f"{call}-{copied}")
        (place / "mlflow.db").write_bytes(store)
        first = ended(fork(place, lambda call=call, copied=copied: killed_at(call, copied)))
        said = place / "state.json"
        again = ended(fork(place, lambda said=said: (register.main(), said.write_text(json.dumps(state())))))
        print(
            json.dumps(
                {
                    "call": call,
                    "copied": copied,
                    "first": first,
                    "again": again,
                    "log": (place / "log").read_text()[-600:],
                    "state": json.loads(said.read_text()) if said.exists() else None,
                }
            ),
            flush=True,
        )


def together(folder: Path, count: int, uri: str) -> None:
    """Run the stage so many times at once, each in a clone of its own, against one store."""
    warm(folder)
    os.environ["MLFLOW_TRACKING_URI"] = uri
    ready, go = os.pipe()
    places = [workspace(folder / str(number)) for number in range(count)]
    children = [fork(place, lambda: (os.close(go), os.read(ready, 1), register.main())) for place in places]
    os.close(go)
    codes = [ended(child) for child in children]
    said = folder / "state.json"
    ended(fork(places[0], lambda: (mlflow.set_tracking_uri(uri), said.write_text(json.dumps(state())))))
    receipts = {
        (place / "models/registered.json").read_text()
        for place in places
        if (place / "models/registered.json").exists()
    }
    logs = [(place / "log").read_text() for place in places]
    print(
        json.dumps(
            {
                "codes": codes,
                "receipts": len(receipts),
                "logs": logs,
                "state": json.loads(said.read_text()) if said.exists() else None,
            }
        )
    )


if __name__ == "__main__":
    what, where, *rest = sys.argv[1:]
    Path(where).mkdir(parents=True, exist_ok=True)
    if what == "kill":
        kill(Path(where))
    else:
        together(Path(where), int(rest[0]), rest[1])
