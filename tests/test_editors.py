"""The schema for editors is the one that the stages check by, and says so of every file of conf/."""

import json
from fnmatch import fnmatch
from pathlib import Path

import jsonschema
import pytest
import yaml

from schema import schemas

ROOT = Path(__file__).parents[1]
FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "conf").rglob("*.yaml"))


def schema_of(file: Path) -> dict:
    """Return the schema by which VS Code checks a file, as the workspace's settings say."""
    patterns = json.loads((ROOT / ".vscode/settings.json").read_text(encoding="utf-8"))["yaml.schemas"]
    listed = {schema: [says] if isinstance(says, str) else says for schema, says in patterns.items()}
    [schema] = [schema for schema, globs in listed.items() if any(fnmatch(str(file), glob) for glob in globs)]
    return json.loads((ROOT / schema).read_text(encoding="utf-8"))


def faults(file: Path, settings: dict) -> list[str]:
    """Return what an editor would underline, on any level."""
    todo, found = list(jsonschema.Draft7Validator(schema_of(file)).iter_errors(settings)), []
    while todo:
        fault = todo.pop()
        todo += fault.context or []
        found.append(fault.message)
    return found


def test_schema_is_the_codes():
    """The written schema is the code's; `python src/schema.py` writes it again after a setting was added."""
    written = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (ROOT / ".vscode/schema").iterdir()}
    assert written == schemas(), "run `python src/schema.py` and commit .vscode/schema"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_file_of_conf_passes(file: Path):
    """An editor underlines nothing in the files of conf/, interpolations and partial files included."""
    assert faults(file, yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("conf/automl/quick.yaml", {"time_limt": 5}, "'time_limt' was unexpected"),
        ("conf/automl/quick.yaml", {"time_limit": -1}, "-1 is less than or equal to the minimum of 0"),
        ("conf/automl/quick.yaml", {"models": {"GBMS": {}}}, "'GBMS' is not one of"),
        ("conf/data/titanic.yaml", {"task": "binray"}, "'binray' is not one of"),
        ("conf/config.yaml", {"seed": "often"}, "'often' is not of type 'integer'"),
        ("conf/experiment/smoke.yaml", {"automl": {"time_limt": 5}}, "'time_limt' was unexpected"),
    ],
)
def test_wrong_setting_is_underlined(file: str, change: dict, says: str):
    """A key or a value that nothing can work with is underlined."""
    settings = yaml.safe_load((ROOT / file).read_text(encoding="utf-8")) | change
    assert [fault for fault in faults(Path(file), settings) if says in fault]


def test_missing_setting_is_underlined():
    """A file that builds on no other one has every key of its section."""
    assert "'calibration_bins' is a required property" in faults(Path("conf/evaluate/default.yaml"), {"metrics": {}})
