"""Why a stage would run, in words: what differs between settings, tables, files and versions."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pytest
from dvc.repo import Repo

from slipway.project.data_settings import Read
from slipway.project.sections import flat
from slipway.reuse.changes import changes, packages
from slipway.reuse.former import dvc_md5, former_files, present_files
from slipway.reuse.journal import last_run
from slipway.reuse.tables import compare, difference

ROOT = Path(__file__).parents[1]
OLD = pa.table({"a": [1, 2, 3], 'b "x"': ["u", "v", None]})


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (OLD, "the same rows, written otherwise"),
        (OLD.take([2, 1, 0]), "the same rows in another order"),
        (OLD.set_column(0, "a", [[1, 2, 4]]), "1 of 3 rows differ, in a"),
        (OLD.set_column(1, 'b "x"', [["u", None, None]]), '1 of 3 rows differ, in b "x"'),
        (pa.table({"a": [0, 2, 3], 'b "x"': ["u", "v", "w"]}), '2 of 3 rows differ, in a, b "x"'),
        (OLD.slice(1), "0 rows came and 1 went, of 3"),
        (pa.concat_tables([OLD, OLD.slice(2)]), "1 rows came and 0 went, of 3"),
        (OLD.append_column("c", [[1, 1, 1]]), "column c is new"),
        (OLD.rename_columns(["z", 'b "x"']), "column z is new; column a is gone"),
        (OLD.rename_columns(["y", "z"]), 'column y is new; column z is new; column a is gone; column b "x" is gone'),
    ],
)
def test_tables_are_compared_by_rows_and_columns(new, says):
    """How many rows differ and in which columns is said; a missing value is a value like others."""
    assert compare(OLD, new) == says


def test_raw_files_are_read_as_the_stages_read_them():
    """Another delimiter changes no row; a table that cannot be read is not spoken of."""
    old, new = {"t.csv": b"a,b\n1,x\n2,y\n"}, {"t.csv": b"a;b\n1;x\n2;z\n"}
    assert difference(old, new, Read()) == "1 of 2 rows differ, in b"
    assert difference(old, {"t.csv": b""}, Read()) is None


def test_settings_differ_by_key():
    """A changed, new and gone setting is named with both values; a mapping that was filled is no change by itself."""
    old = {"automl": {"models": {"GBM": {}, "CAT": {}}, "limit": 1}, "seed": 1, "flag": 1}
    new = {"automl": {"models": {"GBM": {"n": 2}}, "limit": None}, "seed": 1, "flag": True}
    assert changes(flat(old), flat(new)) == [
        "automl.limit: 1 → null",
        "automl.models.CAT: {} → gone",
        "automl.models.GBM.n: new → 2",
        "flag: 1 → true",
    ]


def test_versions_are_those_of_the_lock_file():
    """Package and version are found whatever stands around them: extras, markers, hashes."""
    lock = "a-b==1.0 \\\n    --hash=sha256:1\nc[x,y]==2.0rc1 ; python_version < '3.12' \\\n    --hash=sha256:2\n"
    assert packages(lock) == {"a-b": "1.0", "c": "2.0rc1"}


def test_file_is_found_in_the_cache(tmp_path):
    """A file that DVC's cache holds is its former state."""
    md5 = hashlib.md5(b"old").hexdigest()
    (tmp_path / md5[:2]).mkdir()
    (tmp_path / md5[:2] / md5[2:]).write_bytes(b"old")
    assert former_files("data/x.csv", md5, tmp_path) == {"": b"old"}
    assert dvc_md5({"": b"old"}) == md5


def test_what_dvc_ignores_is_no_file_of_a_folder(tmp_path):
    """What file browsers and Python leave behind is not called new: DVC does not see it either."""
    (tmp_path / ".dvcignore").write_bytes((ROOT / ".dvcignore").read_bytes())
    raw = tmp_path / "data/raw"
    for name in ("a.csv", "m=1/b.csv", "m=1/.DS_Store", "Thumbs.db", "__pycache__/c.txt", "d.pyc"):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(b"x")
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        assert present_files("data/raw", repo) == {"a.csv": b"x", "m=1/b.csv": b"x"}
        assert present_files("data/raw/a.csv", repo) == {"": b"x"}


def test_journal_tells_what_was_reused(tmp_path, monkeypatch):
    """The last run is told apart from those before; a stage that it reused saved what it took when it ran last."""
    monkeypatch.chdir(tmp_path)
    assert last_run(["a", "b"]) is None
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    lines = [(1, "a", 7.0), (1, "b", 5.0), (2, "a", 6.0), (2, "b", 4.0), (3, "b", 3.0)]
    journal = tmp_path / ".dvc/tmp/stages.jsonl"
    journal.write_text("".join(json.dumps({"run": r, "stage": s, "seconds": t}) + "\n" for r, s, t in lines))
    assert last_run(["a", "b"]) == "The last run ran b in 3.0 s and reused a, which saved 6.0 s."
    assert last_run(["a", "b", "c"]) == "The last run ran b in 3.0 s and reused a, c, which saved 6.0 s at least."
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:2]))
    assert last_run(["a", "b"]) == "The last run ran a, b in 12.0 s and reused nothing."
