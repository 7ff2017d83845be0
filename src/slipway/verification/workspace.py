"""Whether the workspace holds the search that its settings, data and code ask for."""

from pathlib import Path

from slipway.project.entry import UserError


def search_is_current(*paths: str) -> None:
    """Raise a UserError unless the paths are there and DVC would run neither the search nor what comes before it."""
    from dvc.repo import Repo

    missing = [path for path in paths if not Path(path).exists()]
    with Repo() as repo:
        stale = missing or list(repo.status(targets=["automl"], with_deps=True))
    if stale:
        why = f"no {', '.join(missing)}" if missing else f"an outdated {', '.join(stale)}"
        raise UserError(
            f"Got a workspace with {why}, expected a finished search of its present settings. Run `dvc repro`."
        )
