"""The model registry: one version per model, however often it is registered."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mlflow import MlflowClient


# MLflow's column for a description has room for so many letters; SQLite would take more, other databases refuse them.
MOST_DESCRIBED = 5_000


class Registration(NamedTuple):
    """A version of a registered model, and whether it is a new one."""

    version: int
    run_id: str
    new: bool
    aliases: tuple[str, ...]


def find_version(client: "MlflowClient", name: str, digest: str) -> Registration | None:
    """Return the version of a registered model that is this model, or None."""
    found = client.search_model_versions(f"name = '{name}' AND tags.digest = '{digest}'")
    if not found:
        return None
    oldest = min(found, key=lambda version: int(version.version))
    version = client.get_model_version(name, oldest.version)  # searching leaves the aliases out
    return Registration(int(version.version), version.run_id, new=False, aliases=tuple(version.aliases))


def register_model(
    client: "MlflowClient", name: str, digest: str, folder: Path, run_id: str, card: str
) -> Registration:
    """Upload a model folder as a logged model of a run and make it a new version.

    Parameters
    ----------
    name
        The registered model, made if it is new.
    digest
        Says which model it is; a tag of the version.
    folder
        The deliverable; its files arrive as they are.
    run_id
        The run that logged it.
    card
        The version's description, Markdown.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    logged = client.create_logged_model(client.get_run(run_id).info.experiment_id, name="model", source_run_id=run_id)
    client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    version = client.create_model_version(
        name,
        f"models:/{logged.model_id}",
        run_id,
        tags={"digest": digest},
        description=card,
        model_id=logged.model_id,
    )
    return Registration(int(version.version), run_id, new=True, aliases=())


def described(card: str, findings: str) -> str:
    """Return a version's description: the model's card and what was found in its raw table, as far as MLflow has room."""
    text = f"{card}\n{findings}"
    if len(text) <= MOST_DESCRIBED:
        return text
    rest = "\n\nThe rest is among the run's artifacts: card.md, findings.md.\n"
    return text[: MOST_DESCRIBED - len(rest)].rpartition("\n")[0] + rest


def give_alias_if_free(client: "MlflowClient", name: str, alias: str, version: int) -> bool:
    """Give a version the alias unless another version has it; return whether the version has it now."""
    holder = client.get_registered_model(name).aliases.get(alias)
    if holder is None:
        client.set_registered_model_alias(name, alias, str(version))
        return True
    return int(holder) == version
