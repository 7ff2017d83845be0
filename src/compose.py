"""Compose conf/ into params.yaml, as `dvc exp run` does, without running anything; takes the same overrides as -S."""

import sys
from pathlib import Path

from slipway.entry import UserError, parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("overrides", nargs="*", help="such as automl=reproducible or seed=7")
    overrides = arguments.parse_args().overrides
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import compose_and_dump
    from hydra.errors import MissingConfigException
    from yaml import YAMLError

    from slipway.files import whole_file
    from slipway.settings import closest

    root = Path.cwd()
    sys.path.remove(str(root / "src"))  # Hydra's plug-ins are looked for there; DVC puts it on the path itself
    try:
        with whole_file(Path("params.yaml")) as part:
            written = part.with_suffix(".yaml")
            compose_and_dump(str(written), str(root / "conf"), None, "config", str(root / "src"), overrides)
            written.replace(part)
    except DvcException as error:
        raise UserError(str(error)) from error
    except MissingConfigException as error:
        missing = str(error.missing_cfg_file)
        known = [f"{Path(missing).parent}/{option}" for option in error.options or []]
        raise UserError(
            f"Got no file conf/{missing}.yaml, expected one{closest(missing, known)}. Edit conf/."
        ) from error
    except YAMLError as error:
        raise UserError(f"Got a file that is not YAML: {' '.join(str(error).split())}. Edit conf/.") from error
    print("Composed params.yaml from conf/. `dvc repro` runs what changed.")


if __name__ == "__main__":
    run(main)
