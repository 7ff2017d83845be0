"""Compose conf/ into params.yaml, as `dvc exp run` does, without running anything; takes the same overrides as -S."""

import sys
from pathlib import Path

from slipway.project.entry import UserError, parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("overrides", nargs="*", help="such as automl=reproducible or seed=7")
    overrides = arguments.parse_args().overrides
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import compose_and_dump

    from slipway.project.files import whole_file

    root = Path.cwd()
    sys.path.remove(str(root / "src"))  # Hydra's plug-ins are looked for there; DVC puts it on the path itself
    try:
        with whole_file(Path("params.yaml")) as part:
            written = part.with_suffix(".yaml")
            compose_and_dump(str(written), str(root / "conf"), None, "config", str(root / "src"), overrides)
            written.replace(part)
    except DvcException as error:
        raise UserError(str(error)) from error
    print("Composed params.yaml from conf/. `dvc repro` runs what changed.")


if __name__ == "__main__":
    run(main)
