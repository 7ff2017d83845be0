"""The project as it was when a model was registered: its revision, its changes, its raw data."""

import os
import subprocess
from pathlib import Path

from slipway.project.entry import UserError


def past_project(revision: str, patch: str, folder: Path) -> None:
    """Check out a revision of this project into an empty folder, with the changes that were not committed then.

    Raw data that DVC keeps come from this project's cache, or else from its remote.

    Parameters
    ----------
    revision
        Of Git, in full.
    patch
        What the tree had besides it, as `git diff --binary` writes it; may be empty.

    Raises
    ------
    UserError
        This repository does not have the revision, or DVC does not have its data.
    """
    _run(["git", "clone", "--quiet", "--shared", "--no-checkout", ".", str(folder)], Path.cwd())
    if _run(["git", "cat-file", "-e", f"{revision}^{{commit}}"], folder).returncode:
        raise UserError(
            f"Got a model of the revision {revision[:12]}, which this repository does not have. "
            "Fetch it (`git fetch --all`), or run this where the model was made."
        )
    _run(["git", "checkout", "--quiet", "--detach", revision], folder)
    if patch:
        done = _run(["git", "apply", "-"], folder, given=patch)
        if done.returncode:
            raise UserError(
                f"Got changes of the model's tree that do not apply to {revision[:12]}: {done.stderr.strip()}."
            )
    kept = [str(file.relative_to(folder)) for file in sorted(folder.glob("data/raw/**/*.dvc"))]
    if kept:
        settings = [f"[cache]\n    dir = {Path('.dvc/cache').resolve()}\n"]
        here = Path(".dvc/config.local")
        settings += [here.read_text(encoding="utf-8")] if here.is_file() else []
        (folder / ".dvc/config.local").write_text("".join(settings), encoding="utf-8")
        if (
            _run(["dvc", "checkout", *kept], folder).returncode
            and (done := _run(["dvc", "pull", *kept], folder)).returncode
        ):
            raise UserError(
                f"Got no raw data for the revision {revision[:12]}, neither in DVC's cache nor in its remote: "
                f"{done.stderr.strip().splitlines()[-1]}"
            )


def environment() -> dict[str, str]:
    """Return the environment of commands in another folder: nothing there points back to this project's pipeline."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}


def _run(command: list[str], folder: Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment(), input=given, capture_output=True, text=True, check=False
    )
