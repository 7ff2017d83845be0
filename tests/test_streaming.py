"""Large tables on their way: how far they are, and what is left of a run that was stopped."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from dataprep import write_split
from slipway.preparation.splitting import Parts
from slipway.preparation.streaming import beside, typed_batch
from slipway.project import files
from slipway.project.data_settings import Read
from slipway.rows.contract import typed
from slipway.tables import progress
from slipway.tables.progress import RowProgress
from slipway.tables.reading import read_raw_table
from slipway.tables.sources import batches_of

ROOT = Path(__file__).resolve().parents[1]


def test_progress_says_rows_rate_and_time_left(capsys):
    """Where there is no terminal, a line now and then says how many rows are done, how fast, and how long the rest takes."""
    now = [0.0]
    with RowProgress("dataprep", clock=lambda: now[0]).step("prepare train rows", 1000) as tell:
        for now[0], rows in ((1, 100), (12, 400), (13, 500)):
            tell(rows)
    assert capsys.readouterr().out == "dataprep: prepare train rows, 400 of 1000 rows, 33 rows/s, 18 s left\n"


def test_quick_work_shows_no_progress(capsys):
    """What takes less than two seconds says nothing."""
    with RowProgress("dataprep", clock=iter([0.0, 0.5, 1.5]).__next__).step("read", 10) as tell:
        tell(5)
        tell(10)
    assert capsys.readouterr().out == ""


def test_reading_says_how_far_it_is(tmp_path, monkeypatch, capsys):
    """While the types of a raw table are inferred, lines say how many megabytes of it are read, and none comes from DuckDB."""
    for name, seconds in {"QUIET_S": 0, "LINE_EVERY_S": 0, "ASK_EVERY_S": 0.002}.items():
        monkeypatch.setattr(progress, name, seconds)
    with duckdb.connect() as connection:
        rows = "SELECT i AS a, i / 7 AS b, 'text ' || i AS c FROM range(150000) AS r(i)"
        connection.execute(f"COPY ({rows}) TO '{tmp_path}/table.csv' (HEADER)")
    with read_raw_table(tmp_path, Read(), progress=progress.RowProgress("check", "MB")):
        pass
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(re.fullmatch(r"check: infer types, \d+ of \d+ MB, \d+ MB/s, \d+ s left", line) for line in lines)
    done = [int(line.split()[3]) for line in lines]
    assert done == sorted(done)


@pytest.mark.parametrize("rows", [3, 30])
@pytest.mark.parametrize("gaps", [True, False])
def test_a_batch_of_duckdbs_becomes_the_table_that_any_rows_become(gaps, rows):
    """Columns of every kind, with gaps and without, are typed to the last bit as a contract types them, and are copies."""
    kinds = {"yes": "boolean", "n": "integer", "x": "number", "text": "text", "day": "datetime", "none": "number"}
    gap = "CASE WHEN i % 3 > 0 THEN" if gaps else "CASE WHEN true THEN"
    values = {"yes": "i % 2 = 0", "n": "9007199254740993 + i", "x": "i / 7", "text": "'é' || i", "none": "NULL::DOUBLE"}
    values["day"] = "TIMESTAMP '9999-12-01 00:00:01' + to_days(i::INT)"
    chosen = ", ".join(f"{gap} {values[column]} END AS {column}" for column in kinds)
    with duckdb.connect() as connection:
        (batch,) = batches_of(connection.sql(f"SELECT {chosen} FROM range({rows}) AS r(i)"), 1000)
    found = typed_batch(batch, kinds)
    assert_frame_equal(found, typed(batch.to_pandas(), kinds), check_exact=True)
    for column in found:
        found[column].to_numpy()[:] = found[column].to_numpy()[::-1]  # fails where it is Arrow's own memory
    assert typed_batch(batch, {"n": "integer"})["n"].isna().sum() == (rows // 3 if gaps else 0)
    assert len(typed_batch(batch, {})) == rows


def test_queries_beside_a_failing_block_are_given_up():
    """A failed recipe does not wait for the rows that are written meanwhile."""
    endless = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b"
    began = time.monotonic()
    with (
        duckdb.connect() as connection,
        pytest.raises(ValueError, match="recipe"),
        beside(lambda: connection.execute(endless).fetchall() and None, connection),
    ):
        raise ValueError("recipe")
    assert time.monotonic() - began < 20


def test_error_beside_a_block_is_raised():
    """What goes wrong with the rows that are written meanwhile is not lost, though the block went well."""
    with (
        duckdb.connect() as connection,
        pytest.raises(duckdb.CatalogException),
        beside(lambda: connection.execute("FROM nowhere").fetchall() and None, connection),
    ):
        pass


def test_bytes_of_the_split_do_not_hang_on_the_row_groups_of_what_was_laid_aside(tmp_path):
    """Threads that read a large table lay its rows aside in row groups that end a little elsewhere each time."""
    written = []
    with duckdb.connect(config={"threads": 1}) as connection:
        rows = connection.sql(
            "SELECT i AS a, hash(i) % 5 < 1 AS test, 'text ' || i % 7 AS b FROM range(300000) AS r(i)"
        )
        tests = rows.filter("test").aggregate("count(*)").fetchall()[0][0]
        counts = {"train": 300_000 - tests, "test": tests, "validation": 0}
        for size in (20_001, 34_567):
            laid, told = tmp_path / f"{size}.parquet", dict.fromkeys(counts, 0)
            pq.write_table(rows.to_arrow_table(), laid, row_group_size=size)
            parts = Parts(laid, ("a", "b"), "CASE WHEN test THEN 'test' ELSE 'train' END", counts, ())
            write_split(parts, connection, tmp_path / str(size), 50_000, ["b"], told)
            assert told == counts
            written.append([(tmp_path / str(size) / f"{name}.parquet").read_bytes() for name in counts])
    assert written[0] == written[1]


def test_what_duckdb_stumbles_on_between_two_batches_is_its_own_error():
    """A value that does not fit, met after the first batches, is no error of the system: who reads a table says where it stands."""
    with duckdb.connect(config={"threads": 1}) as connection:
        rows = connection.sql("SELECT CASE WHEN i = 250000 THEN 'x' ELSE '1' END AS a FROM range(300000) AS r(i)")
        batches = batches_of(rows.project("CAST(a AS INTEGER)"), 2048)
        assert next(batches).num_rows == 2048
        with pytest.raises(duckdb.Error, match="Conversion Error: Could not convert string 'x'"):
            list(batches)


def test_scratch_of_killed_processes_goes(tmp_path, monkeypatch):
    """An old scratch folder that nobody holds goes; one in use, one of just now and another program's stay."""
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(
        files.tempfile, "mkdtemp", lambda prefix: (tmp_path / f"{prefix}new").mkdir() or tmp_path / f"{prefix}new"
    )
    held = []
    for name in ("slipway-left", "slipway-held", "slipway-young", "other"):
        (tmp_path / name).mkdir()
        lock = (tmp_path / name / files.LOCK).open("w")
        held.append(lock)
        if name == "slipway-held":
            fcntl.flock(lock, fcntl.LOCK_EX)
        if name != "slipway-young":
            os.utime(tmp_path / name, (0, 0))
    scratch, lock_file = files.scratch_folder()
    os.close(lock_file)
    for lock in held:
        lock.close()
    assert scratch.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "slipway-held", "slipway-new", "slipway-young"]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["check", "dataprep"])
def test_killed_stage_leaves_nothing(tmp_path, stage):
    """A stage that gets `kill` while it reads says so, and leaves neither scratch files nor half of an output."""
    project, scratch = tmp_path / "project", tmp_path / "tmp"
    for part in ("src", "conf", "data"):
        shutil.copytree(
            ROOT / part,
            project / part,
            ignore=shutil.ignore_patterns("__pycache__", "split", "prepared", "profile.json"),
        )
    shutil.copy(ROOT / "params.yaml", project)
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch)}
    if stage == "dataprep":
        subprocess.run([sys.executable, "src/check.py"], cwd=project, env=environment, check=True, capture_output=True)
    rows = f"SELECT raw.* FROM read_csv('{project}/data/raw/titanic/*.csv', union_by_name=true) AS raw, range(600)"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({rows}) TO '{tmp_path}/many.csv' (HEADER)")
    shutil.rmtree(project / "data/raw/titanic")
    (project / "data/raw/titanic").mkdir()
    (tmp_path / "many.csv").rename(project / "data/raw/titanic/many.csv")
    command = [sys.executable, f"src/{stage}.py"]
    process = subprocess.Popen(command, cwd=project, env=environment, stderr=subprocess.PIPE, text=True)
    started = time.monotonic()
    while not list(scratch.iterdir()) and time.monotonic() - started < 60:
        time.sleep(0.05)
    time.sleep(0.5)
    process.terminate()
    _, says = process.communicate(timeout=60)
    assert (process.returncode, says) == (
        130,
        "Interrupted. Finished stages are kept; `dvc repro` goes on from here.\n",
    )
    assert list(scratch.iterdir()) == []
    left = {path.name for path in (project / "data").iterdir()}
    assert left <= {"raw", "schema", "titanic.dvc"} | ({"profile.json"} if stage == "dataprep" else set())
