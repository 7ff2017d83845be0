"""What DVC's composing of conf/ needs to know of this project; Hydra finds it through DVC's hydra.plugins_path.

It runs in DVC's own process, also when an experiment is queued: a bad setting is refused before anything is queued.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dvc.exceptions import InvalidArgumentError
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf

SRC = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SRC))
try:
    from slipway.entry import UserError
    from slipway.guard import conf_digest
    from slipway.settings import closest, validate
finally:
    sys.path.remove(str(SRC))


def composed_digest() -> DictConfig:
    """Return the digest of conf/ for ``${conf_digest:}``."""
    return OmegaConf.create(conf_digest(SRC.parent / "conf"))


def dotted_keys(settings: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield every key of nested settings in dotted form."""
    for key, value in settings.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from dotted_keys(value, f"{prefix}{key}.")


def apply_overrides(overrides: list[Any], cfg: DictConfig) -> None:
    """Apply the -S overrides as Hydra does, then check the settings as a whole.

    Raises
    ------
    InvalidArgumentError
        DVC's own, which it shows as it is: for an unknown key with the closest known one, which Hydra leaves out, and
        for all that the schema refuses.
    """
    try:
        hydra_apply_overrides(overrides, cfg)
        settings: Any = OmegaConf.to_container(cfg)
        settings.pop("hydra", None)
        settings["conf_digest"] = {}
        validate(OmegaConf.to_container(OmegaConf.create(settings), resolve=True))
    except UserError as error:
        raise InvalidArgumentError(str(error)) from None
    except ConfigCompositionException as error:
        known = list(dotted_keys(OmegaConf.to_container(cfg)))  # type: ignore[arg-type]
        for override in overrides:
            key = override.key_or_group
            if key not in known and not (override.is_add() or override.is_force_add()):
                raise InvalidArgumentError(
                    f"Got -S {override.input_line}, expected a setting that conf/ has{closest(key, known)}."
                ) from None
        raise InvalidArgumentError(f"Got an -S that does not fit conf/: {' '.join(str(error).split())}.") from None


OmegaConf.register_new_resolver("conf_digest", composed_digest, replace=True)
# DVC can load this file more than once in a process; Hydra's own function is wrapped once.
hydra_apply_overrides = getattr(ConfigLoaderImpl, "hydra_apply_overrides", ConfigLoaderImpl._apply_overrides_to_config)
ConfigLoaderImpl.hydra_apply_overrides = hydra_apply_overrides
ConfigLoaderImpl._apply_overrides_to_config = staticmethod(apply_overrides)
