"""Compose conf/ into params.yaml, as `dvc exp run` does, without running anything; takes the same overrides as -S."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from slipway.project.entry import UserError, parser, run


def settings_in(path: Path) -> dict[str, Any]:
    """Return the settings of a params.yaml in dotted form; none where it is missing or torn by a merge."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from slipway.project.sections import flat

    says = None
    with suppress(FileNotFoundError, YAMLError):
        says = YAML(typ="safe").load(path)
    return flat({key: value for key, value in says.items() if key != "conf_digest"}) if isinstance(says, dict) else {}


def compose_into(file: Path, overrides: list[str]) -> None:
    """Compose conf/ into a file, whose name ends in .yaml."""
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import compose_and_dump

    root = Path.cwd()
    sys.path.remove(str(root / "src"))  # Hydra's plug-ins are looked for there; DVC puts it on the path itself
    try:
        compose_and_dump(str(file), str(root / "conf"), None, "config", str(root / "src"), overrides)
    except DvcException as error:
        raise UserError(str(error)) from error


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("overrides", nargs="*", help="such as automl=reproducible or seed=7")
    overrides = arguments.parse_args().overrides
    from slipway.project.files import whole_file
    from slipway.reuse.changes import changes

    params = Path("params.yaml")
    before = settings_in(params)
    with whole_file(params) as part:
        written = part.with_suffix(".yaml")
        compose_into(written, overrides)
        written.replace(part)
    changed = changes(before, settings_in(params)) if before else []
    print("Composed params.yaml from conf/" + (":" if changed else "; every setting is as it was."))
    for line in changed:
        print(f"  {line}")
    if changed:
        print("`dvc repro` runs what changed; `python src/why.py` says what that is.")


if __name__ == "__main__":
    run(main)
