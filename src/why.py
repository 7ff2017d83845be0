"""Say for every stage whether `dvc repro` would run it, and why; and what the last run reused. Nothing is run to ask."""

from pathlib import Path
from typing import Any

from slipway.project.entry import UserError, parser, run


def composed() -> dict[str, Any]:
    """Return the settings that conf/ says now."""
    from tempfile import TemporaryDirectory

    from dvc.exceptions import DvcException
    from dvc.utils.hydra import compose_and_dump
    from ruamel.yaml import YAML

    with TemporaryDirectory() as folder:
        written, root = Path(folder, "params.yaml"), Path.cwd()
        try:
            compose_and_dump(str(written), str(root / "conf"), None, "config", str(root / "src"), [])
        except DvcException as error:
            raise UserError(str(error)) from error
        return dict(YAML(typ="safe").load(written))


def main() -> None:
    parser(__doc__).parse_args()
    import sys

    from ruamel.yaml import YAML

    from slipway.project.data_settings import Read
    from slipway.project.guard import changed_files
    from slipway.reuse.journal import last_run

    sys.path.remove(str(Path.cwd() / "src"))  # as in compose.py
    from dvc.repo import Repo

    from slipway.reuse.reasons import Reasons

    settings = dict(YAML(typ="safe").load(Path("params.yaml")))
    stale = changed_files(Path("conf"), settings["conf_digest"])
    if stale:
        print(f"params.yaml is older than {', '.join(stale)}; `dvc exp run` composes it first, and then:")
        settings = composed()
    with Repo() as repo, repo.lock:
        answers = Reasons(repo, settings, Read.model_validate(settings["data"]["read"])).answers()
    width = max(len(answer.stage) for answer in answers)
    for answer in answers:
        print(f"{answer.stage:<{width}}  {answer.verdict}{':' * bool(answer.reasons)}")
        for reason in answer.reasons:
            print(f"{'':<{width}}    {reason}")
    if said := last_run([answer.stage for answer in answers]):
        print(said)


if __name__ == "__main__":
    run(main)
