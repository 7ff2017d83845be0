"""The digest of conf/: whether params.yaml was composed from the conf/ that is there now."""

import hashlib
import json
import re
from pathlib import Path

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
    from omegaconf import OmegaConf
    from yaml import YAMLError

    digests = {}
    for file in sorted(conf.rglob("*.yaml")):
        refuse_conflict(file)
        try:
            says = OmegaConf.to_container(OmegaConf.load(file))
        except YAMLError as error:
            problem = " ".join(str(error).split())
            raise UserError(f"Got a file that is not YAML: {problem}. Edit {file}.") from error
        key = file.relative_to(conf).with_suffix("").as_posix()
        text = json.dumps(says, sort_keys=True, default=str)
        digests[key] = hashlib.sha256(text.encode()).hexdigest()[:12]
    return digests


def changed_files(conf: Path, composed: dict[str, str]) -> list[str]:
    """Return the files of conf/ that changed, came or went after params.yaml was composed."""
    present = conf_digest(conf)
    changed = sorted(key for key in present.keys() | composed.keys() if present.get(key) != composed.get(key))
    return [f"{conf.name}/{key}.yaml" for key in changed]


def check_conf_is_composed(conf: Path, composed: dict[str, str]) -> None:
    """Raise a UserError that names the files of conf/ that changed after params.yaml was composed."""
    if changed := changed_files(conf, composed):
        raise UserError(
            f"Got a params.yaml older than {', '.join(changed)}, expected one composed from conf/ as it is. "
            "Run `dvc exp run`, or `make params` and then `dvc repro`."
        )


def check_is_passed_by() -> bool:
    """Return whether DVC, which runs this stage, was told to leave out those before it: -s, --single-item, --downstream."""
    import psutil

    words = [word for process in psutil.Process().parents()[:2] for word in process.cmdline()]  # a shell may be between
    return any(re.fullmatch(r"-[a-z]*s[a-z]*|--single-item|--downstream", word) for word in words)


def refuse_conflict(file: Path) -> None:
    """Raise a UserError when Git left a merge's conflict in a file."""
    found = re.search(rb"^<{7} ", content := file.read_bytes(), re.MULTILINE)
    if found:
        line = content.count(b"\n", 0, found.start()) + 1
        raise UserError(
            f"Got both sides of a merge in {file}, line {line}, expected one of them. "
            "Edit it, then `make params` and `git add conf params.yaml`."
        )
