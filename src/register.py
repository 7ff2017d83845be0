"""Log the run in MLflow and register the tested model, unless that very model is registered already."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import parser, run
from slipway.project.settings import Params, load_params

if TYPE_CHECKING:
    from mlflow import MlflowClient


def log_run(client: "MlflowClient", experiment_id: str, params: Params, figures: dict[str, Any], digest: str) -> str:
    """Log settings, metrics, reports and lineage as one MLflow run; return its id."""
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.utils.time import get_current_time_millis

    from slipway.registration.tracking import flat, lineage

    now = get_current_time_millis()
    settings = params.model_dump(by_alias=True, exclude={"conf_digest", "sweep"})
    tags = {**lineage(), "dvc.sweep": params.sweep or "", "model.digest": digest, "model.best": figures["best_model"]}
    logged = client.create_run(experiment_id, run_name=os.environ.get("DVC_EXP_NAME"))
    run_id = logged.info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric(k, v, now, 0) for k, v in figures.items() if isinstance(v, int | float)],
        params=[Param(key, value) for key, value in flat(settings).items()],
        tags=[RunTag(key, value) for key, value in tags.items()],
    )
    client.log_artifacts(run_id, "reports")
    client.set_terminated(run_id)
    return str(run_id)


def main() -> None:
    parser(__doc__).parse_args()
    params = load_params()
    from mlflow import MlflowClient
    from mlflow.models import Model

    from slipway.project.files import write_json
    from slipway.registration.registry import described, find_version, give_alias_if_free, register_model
    from slipway.registration.tracking import connect, in_queue

    settings = params.register_
    folder = Path("models/model")
    digest = Model.load(folder).metadata["digest"]
    metrics = json.loads(Path("reports/metrics.json").read_text(encoding="utf-8"))
    search = json.loads(Path("reports/automl.json").read_text(encoding="utf-8"))
    experiment_id = connect(settings.experiment)
    client = MlflowClient()
    run_id = log_run(client, experiment_id, params, {**search, **metrics}, digest)
    registration = None
    if not in_queue():
        registration = find_version(client, settings.model, digest)
        if registration is None:
            about = [Path("reports", name).read_text(encoding="utf-8") for name in ("card.md", "findings.md")]
            registration = register_model(client, settings.model, digest, folder, run_id, described(*about))
        has_alias = give_alias_if_free(client, settings.model, settings.alias, registration.version)
    receipt = {"model": settings.model, "alias": settings.alias, "digest": digest, "run_id": run_id}
    write_json(Path("models/registered.json"), {**receipt, "version": registration and registration.version})
    if registration is None:
        print(f"register: logged run {run_id}; an experiment of the queue registers nothing, apply it to register it")
        return
    did = "Registered" if registration.new else "Found the same model as"
    print(f"{did} version {registration.version} of model {settings.model}")
    if has_alias:
        print(f"register: version {registration.version} is the {settings.alias}")


if __name__ == "__main__":
    run(main)
