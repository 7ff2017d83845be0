"""Log the run in MLflow and register the tested model: each once, however often and from wherever this runs."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from slipway.project.entry import UserError, parser, run
from slipway.project.settings import Params, load_params


def record(params: Params) -> dict[str, Any]:
    """Return what there is to register, read from the project: `slipway.registration` needs no more of it."""
    from mlflow.models import Model

    from slipway.registration.lineage import digests, mlflow_params, origin

    texts = {name: Path(name).read_text(encoding="utf-8") for name in ("data/profile.json", "params.yaml")}
    search, metrics = (
        json.loads(Path(f"reports/{name}.json").read_text(encoding="utf-8")) for name in ("automl", "metrics")
    )
    settings = mlflow_params(params.model_dump(by_alias=True, exclude={"conf_digest", "sweep"}))
    digest = Model.load("models/model").metadata["digest"]
    kept = digests(params.data.name, params.data.recipe.name)
    of_outcome = {tag: value for tag, value in kept.items() if tag != "digest.params"}  # which are there as settings
    # Two who search the same at once, or one whose worker died, differ in its seconds alone.
    timeless = {key: value for key, value in search.items() if key != "fit_s"}
    outcome = json.dumps([digest, settings, params.sweep, timeless, metrics, of_outcome], sort_keys=True)
    tags, patch = origin()
    return {
        "digest": digest,
        "key": hashlib.sha256(outcome.encode()).hexdigest(),
        "tags": {
            **tags,
            **kept,
            "dvc.sweep": params.sweep or "",
            "model.digest": digest,
            "model.best": search["best_model"],
            "search.reproducible": str(search["reproducible"]).lower(),
            "search.cut_short": "; ".join(search["cut_short"])[:5000],
        },
        "params": settings,
        "figures": {**search, **metrics},
        "rows": {"raw": json.loads(texts["data/profile.json"])["rows"], "split": metrics["test_rows"]},
        "others": texts | ({"git.patch": patch} if patch else {}),
    }


def register(params: Params, of: dict[str, Any]) -> dict[str, Any]:
    """Log the run, and register the model if it passes the gate, each unless it is there; return what came of it."""
    from mlflow import MlflowClient

    from slipway.registration import gate, registry
    from slipway.registration.judging import judged
    from slipway.registration.lineage import dataset_inputs
    from slipway.registration.runs import KEY, log_run, run_once
    from slipway.registration.tracking import connect, in_queue

    settings = params.register_
    experiment_id = connect(settings.experiment)
    client = MlflowClient()
    inputs = dataset_inputs(params.data.name, of["tags"], of["rows"])
    run_id, new_run = run_once(client, experiment_id, of["key"], lambda: log_run(
        client, experiment_id, os.environ.get("DVC_EXP_NAME"), {**of["tags"], KEY: of["key"]}, of["params"],
        of["figures"], inputs, Path("reports"), of["others"],
    ))  # fmt: skip
    print(f"register: {'logged' if new_run else 'found the same as'} run {run_id}")
    conditions = judged(client, params, of["digest"], of["tags"]["digest.split"], of["figures"])
    verdict, told, passes = gate.as_metrics(conditions), gate.lines(conditions), gate.passed(conditions)
    print("\n".join(["register: the gate is " + told[0], *told[1:]]))
    client.set_tag(run_id, "gate", "; ".join(line.strip() for line in told)[:5000])
    client.log_dict(run_id, verdict, "gate.json")
    client.log_text(run_id, gate.markdown(conditions), "gate.md")
    outcome: dict[str, Any] = {
        "receipt": {"model": settings.model, "alias": settings.alias, "digest": of["digest"], "run_id": run_id},
        "verdict": verdict,
        "page": gate.markdown(conditions),
        "why": None,
    }
    if in_queue():
        outcome["why"] = "an experiment of the queue registers nothing; apply it to register it"
    registration = None if in_queue() else registry.find_version(client, settings.model, of["digest"])
    if passes and not in_queue():
        texts = (Path("reports", name).read_text(encoding="utf-8") for name in ("card.md", "findings.md"))
        registration = registry.register_once(
            client, settings.model, of["digest"], Path("models/model"), run_id, registry.described(*texts),
            {**of["tags"], "run": run_id},
        )  # fmt: skip
        registry.settle_alias(
            client, settings.model, registration.version, settings.alias, always=settings.promote == "passed"
        )
    elif not passes:
        outcome["why"] = f"the gate is {'; '.join(line.strip() for line in told if not line.startswith('  yes'))}"
    outcome["receipt"] |= {"version": registration and registration.version, "why": outcome["why"]}
    if registration is None:
        print(f"register: registered nothing: {outcome['why']}")
        return outcome
    did = "Registered" if registration.new else "Found the same model as"
    print(f"{did} version {registration.version} of model {settings.model}")
    aliases = registry.aliases_of(client, settings.model).items()
    if has := [alias for alias, version in aliases if version == registration.version]:
        print(f"register: version {registration.version} is the {' and '.join(has)}")
    return outcome


def main() -> None:
    parser(__doc__).parse_args()
    params = load_params()
    from slipway.project.files import write_json, write_text
    from slipway.registration.tracking import in_queue, retrying

    of = record(params)
    outcome = retrying("register", lambda: register(params, of))
    write_json(Path("reports/gate.json"), outcome["verdict"])
    write_text(Path("reports/gate.md"), outcome["page"])
    write_json(Path("models/registered.json"), outcome["receipt"])
    if params.register_.gate.fail and not outcome["verdict"]["passed"] and not in_queue():
        raise UserError(
            f"Got a model with which {outcome['why']}; expected one that passes. "
            f"Its run {outcome['receipt']['run_id']} is logged; edit conf/register/ if the gate asks too much."
        )


if __name__ == "__main__":
    run(main)
