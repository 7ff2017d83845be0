"""What DVC's composing of conf/ needs to know of this project; Hydra finds it through DVC's hydra.plugins_path.

It runs in DVC's own process, also when an experiment is queued: a bad setting is refused before anything is queued.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from dvc.exceptions import InvalidArgumentError
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.errors import ConfigCompositionException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

# Groups whose files say something about another section, or about the whole, as in the defaults of conf/config.yaml.
PLACES = {"experiment": "_global_", "compute": "automl"}

SRC = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SRC))
try:
    from slipway.project.entry import UserError
    from slipway.project.guard import conf_digest
    from slipway.project.sections import closest
    from slipway.project.settings import validate
finally:
    sys.path.remove(str(SRC))


def composed_digest() -> DictConfig:
    """Return the digest of conf/ for ``${conf_digest:}``."""
    return OmegaConf.create(conf_digest(SRC.parent / "conf"))


def sweep() -> str | None:
    """Return what the experiments of one `dvc exp run --queue` share, for ``${sweep:}``: their --name, or the time.

    DVC numbers them, ``trees-1`` and so on; one that is queued again under its full name belongs to the same sweep, and
    has the MLflow run that its worker logged before it died.
    """
    if "--queue" not in sys.argv:
        return None
    named = re.search(r"(?:^|\0)(?:-n|--name)[=\0]([^\0]+)", "\0".join(sys.argv))
    return (
        re.sub(r"-\d+$", "", named[1])
        if named
        else datetime.fromtimestamp(psutil.Process().create_time(), UTC).strftime("%Y-%m-%d %H:%M:%S")
    )


def refuse_unknown_to_git() -> None:
    """Raise a UserError when an experiment that runs in a folder of its own would run without files that are here."""
    if not {"--queue", "--temp"} & set(sys.argv):
        return
    # DVC adds what the pipeline writes by itself, so data/ other than raw/ is no concern.
    listed = ["git", "ls-files", "--others", "--exclude-standard", "conf", "src", "data/raw"]
    files = subprocess.run(listed, cwd=SRC.parent, capture_output=True, text=True, check=False).stdout.split()  # noqa: S603
    if files:
        raise UserError(
            f"Got {', '.join(files[:3])}{' and others' * (len(files) > 3)}, which Git does not know, so that the experiment "
            f"would run without, expected it to know them. `git add {files[0]}`, or keep it out by .gitignore."
        )


def dotted_keys(settings: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield every key of nested settings in dotted form."""
    for key, value in settings.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from dotted_keys(value, f"{prefix}{key}.")


def apply_overrides(overrides: list[Any], cfg: DictConfig) -> None:
    """Apply the -S overrides as Hydra does, one by one, to tell which does not fit.

    Raises
    ------
    InvalidArgumentError
        DVC's own, which it shows as it is: names the closest known key, which Hydra leaves out.
    """
    for override in overrides:
        known = list(dotted_keys(OmegaConf.to_container(cfg)))  # type: ignore[arg-type]
        try:
            hydra_apply_overrides([override], cfg)
        except ConfigCompositionException as error:
            got = f"Got -S {override.input_line}, expected"
            if override.key_or_group in known:
                raise InvalidArgumentError(f"{got} what fits conf/: {one_line(error)}.") from None
            hint = closest(override.key_or_group, known)
            raise InvalidArgumentError(f"{got} a setting that conf/ has{hint}. Write + before a new one.") from None


def placed(override: str) -> str:
    """Return a -S with the section that a group's files are about, where that is not the group's own name.

    >>> placed("compute=half"), placed("+experiment=smoke"), placed("automl=quick")
    ('compute@automl=half', 'experiment@_global_=smoke', 'automl=quick')
    """
    group, _, option = override.partition("=")
    place = PLACES.get(group.lstrip("+"))
    return f"{group.lstrip('+')}@{place}={option}" if place else override


def load_configuration(loader: ConfigLoaderImpl, *args: Any, **kwargs: Any) -> DictConfig:
    """Compose conf/ as Hydra does and check the settings as a whole.

    Raises
    ------
    InvalidArgumentError
        DVC's own, for what Hydra cannot read or find and for all that the schema refuses.
    """
    try:
        kwargs["overrides"] = [placed(override) for override in kwargs["overrides"]]
        refuse_unknown_to_git()
        composed_digest()  # reads every file of conf/, also those that this composition leaves out
        cfg = hydra_load_configuration(loader, *args, **kwargs)
        settings: Any = OmegaConf.to_container(cfg)
        settings.pop("hydra")
        settings["conf_digest"] = {}
        validate(OmegaConf.to_container(OmegaConf.create(settings), resolve=True))
    except MissingConfigException as error:
        missing = str(error.missing_cfg_file)
        known = [f"{Path(missing).parent}/{option}" for option in error.options or []]
        raise InvalidArgumentError(
            f"Got no file conf/{missing}.yaml, expected one{closest(missing, known)}. Edit conf/, or the -S."
        ) from None
    except (UserError, OmegaConfBaseException) as error:
        raise InvalidArgumentError(one_line(error)) from None
    else:
        return cfg


def one_line(error: Exception) -> str:
    """Return what an error says without its line breaks."""
    return " ".join(str(error).split())


def once(owner: type, name: str, ours: Callable[..., Any]) -> Any:
    """Put a function of ours in the place of Hydra's and return Hydra's, also when DVC loads this file again."""
    hydras = getattr(owner, f"hydra_{name}", getattr(owner, name))
    setattr(owner, f"hydra_{name}", staticmethod(hydras))
    setattr(owner, name, ours)
    return hydras


OmegaConf.register_new_resolver("conf_digest", composed_digest, replace=True)
OmegaConf.register_new_resolver("sweep", sweep, replace=True)
hydra_apply_overrides = once(ConfigLoaderImpl, "_apply_overrides_to_config", staticmethod(apply_overrides))
hydra_load_configuration = once(ConfigLoaderImpl, "load_configuration", load_configuration)
