"""The digest of conf/: whether params.yaml was composed from the conf/ that is there now."""

import hashlib
import json
from pathlib import Path

from omegaconf import OmegaConf

from slipway.project.entry import UserError


def conf_digest(conf: Path) -> dict[str, str]:
    """Return a digest of what each file of conf/ says; comments, order of keys and line endings don't count.

    Parameters
    ----------
    conf
        The folder with the settings.

    Returns
    -------
    dict
        Path below conf/ without its ``.yaml`` → 12 hexadecimal digits, sorted by path.
    """
    from yaml import YAMLError

    digests = {}
    for file in sorted(conf.rglob("*.yaml")):
        try:
            says = OmegaConf.to_container(OmegaConf.load(file))
        except YAMLError as error:
            problem = " ".join(str(error).split())
            raise UserError(f"Got a file that is not YAML: {problem}. Edit {file}.") from error
        key = file.relative_to(conf).with_suffix("").as_posix()
        text = json.dumps(says, sort_keys=True, default=str)
        digests[key] = hashlib.sha256(text.encode()).hexdigest()[:12]
    return digests


def check_conf_is_composed(conf: Path, composed: dict[str, str]) -> None:
    """Raise a UserError that names the files of conf/ that changed after params.yaml was composed."""
    present = conf_digest(conf)
    changed = sorted(key for key in present.keys() | composed.keys() if present.get(key) != composed.get(key))
    if changed:
        files = ", ".join(f"{conf.name}/{key}.yaml" for key in changed)
        raise UserError(
            f"Got a params.yaml older than {files}, expected one composed from conf/ as it is. "
            "Run `dvc exp run`, or `make params` and then `dvc repro`."
        )
