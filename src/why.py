"""Say for every stage whether `dvc repro` would run it, and why; and what the last run reused. Nothing is run to ask."""

from pathlib import Path
from tempfile import TemporaryDirectory

from compose import compose_into
from slipway.project.entry import parser, run


def main() -> None:
    parser(__doc__).parse_args()
    from dvc.repo import Repo
    from ruamel.yaml import YAML

    from slipway.project.data_settings import Read
    from slipway.project.guard import changed_files
    from slipway.reuse.journal import last_run
    from slipway.reuse.reasons import Reasons

    settings = dict(YAML(typ="safe").load(Path("params.yaml")))
    stale = changed_files(Path("conf"), settings["conf_digest"])
    if stale:
        print(f"params.yaml is older than {', '.join(stale)}; `dvc exp run` composes it first, and then:")
        with TemporaryDirectory() as folder:
            compose_into(file := Path(folder, "params.yaml"), [])
            settings = dict(YAML(typ="safe").load(file))
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
