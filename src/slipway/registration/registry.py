"""The model registry: one version per model, however often it is registered."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from slipway.registration.runs import ignoring

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Says of a version which alias it was given when it came; from then on only people move aliases to it.
SETTLED = "slipway.alias"
# MLflow's column for a description has room for so many letters; SQLite would take more, other databases refuse them.
MOST_DESCRIBED = 5_000


class Registration(NamedTuple):
    """A version of a registered model, and whether it is a new one."""

    version: int
    run_id: str
    new: bool


def find_version(client: "MlflowClient", name: str, digest: str) -> Registration | None:
    """Return the version of a registered model that is this model, or None."""
    found = _versions(client, name, digest)
    return Registration(int(found[0].version), found[0].run_id, new=False) if found else None


def _versions(client: "MlflowClient", name: str, digest: str) -> list[Any]:
    found = client.search_model_versions(f"name = '{name}' AND tags.digest = '{digest}'")
    return sorted(found, key=lambda version: int(version.version))


def register_once(
    client: "MlflowClient", name: str, digest: str, folder: Path, run_id: str, card: str, tags: dict[str, str]
) -> Registration:
    """Return the one version of a registered model that is this model, made if there is none.

    Why there is one, from however many places at once: the store numbers versions one after the other, under a
    primary key, and never gives a number twice, not even a deleted version's. Who makes a version sees all of lower
    numbers; the lowest with the digest is the one, and stays it, for whatever comes later is higher. Who made a higher
    one takes it back. Why it is whole: the files are uploaded before, and tags and description come with the version in
    one step. A crash before that step leaves an upload that no version names, one behind it a higher version; the next
    who comes by, of this digest and name, clears both away. An upload that is cleared away while somebody is at it
    fails there, when the version is there already.

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
    tags
        More of the version's tags.
    """
    from mlflow.exceptions import MlflowException

    experiment_id = client.get_run(run_id).info.experiment_id
    with ignoring("RESOURCE_ALREADY_EXISTS"):
        client.create_registered_model(name)
    made = None
    if not _versions(client, name, digest):
        try:
            logged = client.create_logged_model(
                experiment_id, "model", run_id, tags={"digest": digest, "registered": name}
            )
            client.log_model_artifacts(logged.model_id, str(folder))
            client.finalize_logged_model(logged.model_id, "READY")
            if not _versions(client, name, digest):
                source = f"models:/{logged.model_id}"
                all_tags = {**tags, "digest": digest}
                made = client.create_model_version(
                    name, source, run_id, tags=all_tags, description=card, model_id=logged.model_id
                )
        except MlflowException:
            if not _versions(client, name, digest):
                raise
    kept, *others = _versions(client, name, digest)
    with_alias = {int(version) for version in client.get_registered_model(name).aliases.values()} if others else set()
    for other in others:
        if int(other.version) not in with_alias:  # else a person gave it one
            with ignoring("RESOURCE_DOES_NOT_EXIST"):
                client.delete_model_version(name, other.version)
    uploads = client.search_logged_models(
        [experiment_id], f"tags.digest = '{digest}' AND tags.registered = '{name}'", max_results=100
    )
    named = {version.source for version in (kept, *(o for o in others if int(o.version) in with_alias))}
    for upload in uploads:
        if f"models:/{upload.model_id}" not in named:
            with ignoring("RESOURCE_DOES_NOT_EXIST"):
                client.delete_logged_model(upload.model_id)
    new = made is not None and int(made.version) == int(kept.version)
    return Registration(int(kept.version), kept.run_id, new)


def described(card: str, findings: str) -> str:
    """Return a version's description: the model's card and what was found in its raw table, as far as MLflow has room."""
    text = f"{card}\n{findings}"
    if len(text) <= MOST_DESCRIBED:
        return text
    rest = "\n\nThe rest is among the run's artifacts: card.md, findings.md.\n"
    return text[: MOST_DESCRIBED - len(rest)].rpartition("\n")[0] + rest


def aliases_of(client: "MlflowClient", name: str) -> dict[str, int]:
    """Return a registered model's aliases with their versions; none where there is no such model."""
    with ignoring("RESOURCE_DOES_NOT_EXIST"):
        return {alias: int(version) for alias, version in client.get_registered_model(name).aliases.items()}
    return {}


def move_alias(client: "MlflowClient", name: str, alias: str, version: int) -> None:
    """Give a version the alias; the version that had it becomes the previous one, unless it is the same.

    The former's alias is moved first: cut short, the callers' alias stands where it stood, and the next try ends well.
    """
    former = aliases_of(client, name).get(alias)
    if former == version:
        return
    if former is not None:
        client.set_registered_model_alias(name, f"previous-{alias}", str(former))
    client.set_registered_model_alias(name, alias, str(version))


def settle_alias(client: "MlflowClient", name: str, version: int, champion: str, always: bool) -> None:
    """Give a version that passed the gate its alias: the champion's, if that is free or ``always``, else challenger.

    That is settled once, and for the newest version alone: a stale clone that registers what was registered before, or
    a second try after people promoted or rolled back, moves nothing.
    """
    this = client.get_model_version(name, str(version))
    now = aliases_of(client, name)
    if champion in now and SETTLED in this.tags:
        return
    others = [
        v for v in client.search_model_versions(f"name = '{name}'") if v.tags.get("digest") != this.tags["digest"]
    ]
    if now.get(champion, version) == version or (always and all(int(v.version) < version for v in others)):
        given = champion
        move_alias(client, name, champion, version)
    elif all(int(v.version) < version for v in others):
        given = "challenger"
        client.set_registered_model_alias(name, given, str(version))
    else:
        given = "none"
    client.set_model_version_tag(name, str(version), SETTLED, given)
