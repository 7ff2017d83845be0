"""Bad and odd input: the reader does what a user would expect, or says in one sentence what is wrong, where, and what to do."""

import gzip
import io
import lzma
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbook import write_workbook

from slipway.project.data_settings import Read
from slipway.project.entry import UserError
from slipway.tables.reading import read_raw_table

GOOD = b"a,b\n1,x\n2,y\n"


def text(content: bytes | str, name: str = "t.csv") -> Callable[[Path], None]:
    """Return what writes one file into a folder."""
    return lambda folder: (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def both(*writers: Callable[[Path], object]) -> Callable[[Path], None]:
    """Return what does several things to a folder."""

    def write(folder: Path) -> None:
        for writer in writers:
            writer(folder)

    return write


def archive(**members: bytes) -> Callable[[Path], None]:
    """Return what writes a zip archive."""

    def write(folder: Path) -> None:
        with zipfile.ZipFile(folder / "t.zip", "w") as packed:
            for name, content in members.items():
                packed.writestr(name.replace("_", "."), content)

    return write


def parquet(cut: int | None = None, name: str = "t.parquet", **columns: object) -> Callable[[Path], None]:
    """Return what writes a Parquet file, perhaps cut short."""

    def write(folder: Path) -> None:
        stream = io.BytesIO()
        pq.write_table(pa.table(columns or {"a": [1, 2]}), stream)
        (folder / name).write_bytes(stream.getvalue()[:cut])

    return write


def twice_named(folder: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), folder / "t.parquet")


def book(rows: list[list[object]], merged: str = "", **more: list[list[object]]) -> Callable[[Path], None]:
    """Return what writes a workbook."""
    return lambda folder: write_workbook(folder / "t.xlsx", {"one": rows, **more}, merged)


def broken_book(folder: Path) -> None:
    with zipfile.ZipFile(folder / "t.xlsx", "w") as packed:
        packed.writestr("[Content_Types].xml", "<x/>")


def encrypted(folder: Path) -> None:
    archive(t_csv=GOOD)(folder)
    packed = bytearray((folder / "t.zip").read_bytes())
    packed[6] |= 1  # the flag of the entry, and of the directory
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    (folder / "t.zip").write_bytes(packed)


def bomb(folder: Path) -> None:
    with lzma.open(folder / "t.xz", "wb") as stream:
        stream.write(b"a,b\n")
        for _ in range(64):
            stream.write(b"1,1\n" * (1 << 18))


SAME = [(1, "x"), (2, "y")]
# What is written, the settings, and what comes out: rows, or what the sentence says.
CASES: dict[str, tuple[Callable[[Path], object], dict[str, object], list[tuple] | str]] = {
    # Files and folders
    "empty-folder": (lambda _: None, {}, "no file in"),
    "only-litter": (text("x", "README.md"), {}, "no file in"),
    "stray-DS_Store": (both(text(GOOD), text(b"\0\0\0\1Bud1", ".DS_Store")), {}, SAME),
    "stray-gitignore": (both(text(GOOD), text("*", ".gitignore")), {}, SAME),
    "stray-checkpoints": (both(text(GOOD), lambda f: (f / ".ipynb_checkpoints").mkdir()), {}, SAME),
    "stray-notes": (both(text(GOOD), text("just words\n", "z.txt")), {}, "other columns in .*z.txt"),
    "stray-picture": (both(text(GOOD), text(b"\x89PNG\r\n\x1a\n", "z.png")), {}, "a picture in .*z.png"),
    "folder-in-folder": (both(text(GOOD), lambda f: (f / "more").mkdir()), {}, "the folder .*more"),
    "folder-that-says-a-column": (
        lambda f: [(f / m).mkdir() or text(GOOD)(f / m) for m in ("m=01", "m=02")],
        {},
        "the folder .*m=01, expected files of plain Parquet",
    ),
    "broken-link": (lambda f: (f / "t.csv").symlink_to("nowhere"), {}, "leads nowhere at .*t.csv"),
    "link-to-outside": (
        both(lambda f: text(GOOD)(f.parent), lambda f: (f / "t.csv").symlink_to(f.parent / "t.csv")),
        {},
        SAME,
    ),
    "link-loop": (lambda f: (f / "t.csv").symlink_to("t.csv"), {}, "no file at|nowhere"),
    "pipe": (lambda f: os.mkfifo(f / "t.csv"), {}, "no file at .*t.csv"),
    "device": (lambda f: (f / "t.csv").symlink_to("/dev/zero"), {}, "no file at .*t.csv"),
    "read-fails": (lambda f: (f / "t.csv").symlink_to("/proc/self/mem"), {}, "damaged file .*t.csv"),
    "odd-file-name": (text(GOOD, "it's [a] *.csv"), {}, SAME),
    "two-schemas": (both(text(GOOD), text("a,c\n1,2\n", "z.csv")), {}, "z.csv .*b, c"),
    "two-formats": (both(text(GOOD), parquet(name="z.parquet")), {}, "Parquet in .*z.parquet"),
    "column-order-differs": (both(text(GOOD), text("b,a\nz,3\n", "z.csv")), {}, [*SAME, (3, "z")]),
    # Bytes
    "empty-file": (text(b""), {}, "an empty file in .*t.csv"),
    "blanks": (text("\n\n  \n"), {}, "a file of blanks"),
    "NUL-bytes": (text(b"\0" * 5000), {}, "NUL bytes in .*t.csv"),
    "one-NUL": (text(b"a,b\n1,x\n2,y\0\n"), {}, "NUL byte in .*line 3"),
    "random-bytes": (text(bytes(range(256)) * 40), {}, "t.csv"),
    "broken-UTF-8": (text(b"a,b\n1,x\n2,\xff\xfe\xfa\n"), {"encoding": "utf-8"}, "line 3.*data.read.encoding"),
    "wrong-encoding-set": (text(b"a,b\n1,\x81\xff\n"), {"encoding": "euc_kr"}, "t.csv, line 2.*euc_kr"),
    "half-a-UTF-16": (text("a,b\n1,x\n".encode("utf-16") + b"\x00"), {}, "utf-16"),
    "undecidable-encoding": (text("a,b\n1,서울\n".encode("euc_kr")), {}, "cannot be told.*data.read.encoding"),
    "BOM-alone": (text(b"\xef\xbb\xbf"), {}, "t.csv"),
    "emoji": (text("a,b\n1,👍🏽\n"), {}, [(1, "👍🏽")]),
    "control-letters": (text("a,b\n1,x\x07y\n"), {}, [(1, "x\x07y")]),
    # Compression
    "truncated-gzip": (text(gzip.compress(GOOD * 500)[:-20]), {}, "damaged file .*t.csv"),
    "corrupt-gzip": (text(gzip.compress(GOOD)[:-6] + b"\0" * 6), {}, "damaged file .*t.csv"),
    "gzip-of-nothing": (text(gzip.compress(b"")), {}, "an empty file"),
    "gzip-in-gzip": (text(gzip.compress(gzip.compress(GOOD))), {}, SAME),
    "gzip-in-gzip-in-gzip": (text(gzip.compress(gzip.compress(gzip.compress(GOOD)))), {}, "t.csv"),
    "corrupt-xz": (text(lzma.compress(GOOD)[:-9]), {}, "damaged file"),
    "corrupt-bzip2": (text(b"BZh91AY&SY\0\0"), {}, "damaged file"),
    "corrupt-zstd": (text(b"\x28\xb5\x2f\xfd\0\0\0"), {}, "t.csv"),
    "zip-of-two": (archive(a_csv=GOOD, b_csv=GOOD), {}, "2 files in .*t.zip .*a.csv, b.csv"),
    "zip-of-none": (archive(), {}, "zip archive without files"),
    "corrupt-zip": (text(b"PK\x03\x04" + b"\0" * 40), {}, "damaged file"),
    "encrypted-zip": (encrypted, {}, "damaged file .*encrypted|password"),
    # Delimited text
    "short-row": (text("a,b\n1,x\n2\n"), {}, "1 fields where the header has 2 in .*line 3"),
    "long-row": (text("a,b\n1,x\n2,y,z\n"), {}, "3 fields where the header has 2 in .*line 3"),
    "short-row-after-many": (text("a,b\n" + "1,x\n" * 50_000 + "2\n"), {}, "line 50002"),
    "short-row-second-file": (both(text(GOOD), text("a,b\n1\n", "z.csv")), {}, "z.csv, line 2"),
    "open-quote": (text('a,b\n1,"x\n2,y\n'), {}, "quote .* in .*line 2"),
    "text-after-quote": (text('a,b\n1,"x"y\n'), {}, "line 2"),
    "quote-inside": (text('a,b\n1,5" pipe\n'), {}, [(1, '5" pipe')]),
    "quoted-newlines": (text('a,b\r\n1,"x\ny"\r\n'), {}, [(1, "x\ny")]),
    "mixed-line-ends": (text(b"a,b\r\n1,x\n2,y\r"), {}, SAME),
    "blank-lines": (text("\na,b\n\n1,x\n\n2,y\n\n"), {}, SAME),
    "no-last-newline": (text("a,b\n1,x\n2,y"), {}, SAME),
    "header-only": (text("a,b\n"), {}, []),
    "one-row": (text("a,b\n1,x\n"), {}, [(1, "x")]),
    "one-column": (text("a\n1\n2\n"), {}, [(1,), (2,)]),
    "no-header": (text("5.1,3.5,1.4,x\n4.9,3.0,1.4,y\n"), {}, "numbers for names in .*t.csv"),
    "empty-name": (text("a,,c\n1,2,3\n"), {}, "no name for column 2 of 3 in the header of .*t.csv"),
    "equal-names": (text("a,b,a\n1,2,3\n"), {}, "the name 'a' twice"),
    "equal-after-strip": (text("a,b, a\n1,2,3\n"), {}, "the name 'a' twice"),
    "equal-but-for-case": (text("a,b,A\n1,2,3\n"), {}, "'a' and 'A', alike but for case"),
    "trailing-delimiter": (text("a,b,\n1,x,\n"), {}, "no name for column 3"),
    "50000-columns": (
        text(",".join(f"c{i}" for i in range(50_000)) + "\n" + "1," * 49_999 + "1\n"),
        {},
        "50000 columns in .*t.csv",
    ),
    "500-columns": (text(",".join(f"c{i}" for i in range(500)) + "\n" + "1," * 499 + "1\n"), {}, [(1,) * 500]),
    "long-field": (text("a,b\n1," + "x" * 3_000_000 + "\n"), {}, "t.csv"),
    "wrong-delimiter-set": (text(GOOD), {"delimiter": ";"}, [("1,x",), ("2,y",)]),
    "unit-suffixes": (text("a,b\n1,5 kg\n2,7 kg\n"), {}, [(1, "5 kg"), (2, "7 kg")]),
    "unit-suffixes-as-number": (
        text("a,b\n1,5\n2,7 kg\n"),
        {"types": {"b": "number"}},
        "'7 kg' in the column 'b' of .*line 3.*missing",
    ),
    "nothing-that-fits": (
        text(GOOD),
        {"types": {"b": "number"}},
        "'x' in .*line 2, expected a number there; none of 2 values is one",
    ),
    "CSV-injection": (text("a,b\n1,=cmd|' /C calc'!A0\n2,@SUM(1)\n"), {}, [(1, "=cmd|' /C calc'!A0"), (2, "@SUM(1)")]),
    "SQL-in-header": (text('a,"b""; DROP TABLE x; --"\n1,x\n'), {}, [(1, "x")]),
    "names-of-the-reader": (text("filename,slipway,row_number\n1,2,3\n"), {}, [(1, 2, 3)]),
    "two-decimal-signs": (
        both(text("a;b\n1,5;x\n"), text("a;b\n1.5;x\n", "z.csv")),
        {},
        "decimal comma in .*data.read.decimal",
    ),
    "date-of-another-format": (
        text("a\n31.01.2026\n2026-01-31\n"),
        {"dates": {"a": "%d.%m.%Y"}},
        "'2026-01-31' in the column 'a' of .*line 3",
    ),
    "impossible-date": (text("a\n2026-02-30\n"), {}, [("2026-02-30",)]),
    "huge-numbers": (text("a\n1e308\n1e-400\n"), {}, [(1e308,), (0.0,)]),
    # Settings that do not fit the table
    "unknown-column-set": (text(GOOD), {"types": {"bb": "text"}}, "the column 'bb' in data.read.*closest: 'b'"),
    "filter-that-is-no-SQL": (text(GOOD), {"where": "a >"}, "data.read.where='a >'"),
    "filter-on-no-column": (text(GOOD), {"where": "age > 3"}, "data.read.where"),
    "filter-that-writes": (text(GOOD), {"where": "1=1; COPY (SELECT 1) TO 'x.csv'"}, "data.read.where"),
    # Other formats
    "truncated-parquet": (parquet(cut=-10), {}, "t.parquet"),
    "parquet-head-alone": (parquet(cut=8), {}, "t.parquet"),
    "parquet-equal-names": (twice_named, {}, "the name 'a' twice"),
    "parquet-types-differ": (
        both(parquet(a=[1]), parquet(name="z.parquet", a=["x"])),
        {},
        "'a' as text in .*z.parquet",
    ),
    "parquet-integer-and-number": (both(parquet(a=[1]), parquet(name="z.parquet", a=[1.5])), {}, [(1.0,), (1.5,)]),
    "parquet-all-missing": (parquet(a=pa.array([1, 2]), b=pa.nulls(2)), {}, [(1, None), (2, None)]),
    "arrow-cut": (text(b"ARROW1\0\0" + b"\1" * 50), {}, "damaged file .*t.csv"),
    "JSON-broken-line": (text('{"a": 1}\n{"a": 2\n{"a": 3}\n'), {}, "t.csv.*line"),
    "JSON-no-objects": (text('{"a": 1}\n5\n'), {}, "t.csv"),
    "JSON-equal-keys": (text('{"a": 1, "a": 2}\n'), {}, "duplicate key"),
    "JSON-alike-keys": (text('{"a": 1, "A": 2}\n'), {}, "alike but for case"),
    "JSON-mixed-types": (text('{"a": 1}\n{"a": "x"}\n'), {}, [("1",), ("x",)]),
    "text-that-begins-with-a-brace": (text("{a},b\n1,x\n"), {}, [(1, "x")]),
    "Excel-merged-cells": (
        book([["a", "b"], [1, "x"], [None, "y"]], merged="A2:A3"),
        {},
        "merged cells in the sheet 'one' of .*t.xlsx",
    ),
    "Excel-two-sheets": (book([["a"], [1]], two=[["a"], [2]]), {}, "2 sheets in .*'one', 'two'.*data.read.sheet"),
    "Excel-no-such-sheet": (book([["a"], [1]]), {"sheet": "x"}, "no sheet 'x' in"),
    "Excel-empty-sheet": (book([]), {}, "t.xlsx"),
    "Excel-title-above": (book([["Report"], ["a", "b"], [1, 2]]), {}, "no name for column 2"),
    "Excel-broken": (broken_book, {}, "workbook .*t.xlsx"),
    # No tables
    "PDF": (text(b"%PDF-1.7\n%\xe2\xe3"), {}, "a PDF in .*t.csv"),
    "web-page": (text("<!DOCTYPE html><html><body>Log in</body></html>"), {}, "a web page in"),
    "SQLite": (text(b"SQLite format 3\0" + b"\0" * 90), {}, "an SQLite database"),
    "pickle": (text(pickle.dumps({"a": [1, 2]})), {}, "a Python pickle"),
}


@pytest.mark.parametrize("case", CASES)
def test_works_or_says_in_one_sentence_what_is_wrong(tmp_path, case, monkeypatch):
    """Every odd input is read as a user would expect, or refused with a sentence that names the place and the way out."""
    write, given_settings, expected = CASES[case]
    folder = tmp_path / "table"
    (tmp_path / "scratch").mkdir()
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    write(folder)
    started = time.monotonic()
    try:
        with read_raw_table(folder, Read(**given_settings)) as raw:
            found = raw.relation.fetchall()
    except UserError as error:
        found = str(error)
        assert_is_a_sentence(found, folder)
    if isinstance(expected, str):
        assert isinstance(found, str), f"was read as {found[:3]}"
        assert re.search(expected, found), found
    else:
        assert found == expected
    assert time.monotonic() - started < 20


def assert_is_a_sentence(message: str, folder: Path) -> None:
    assert message.startswith("Got ")
    assert "\n" not in message
    assert len(message) < 1000
    assert str(folder) in message or "data.read" in message
    assert re.search(r"expected .*[.;] [A-Z]\w+ .*\.$|[Ee]dit|Rename|Run|Unpack|closest", message), message


def test_a_bomb_is_not_unpacked(tmp_path):
    """A small file that unpacks to gigabytes is refused before the disk is full."""
    bomb(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("slipway.tables.formats.UNPACKED_FREELY", 1 << 20)
        with pytest.raises(UserError, match="unpacks to more than"):
            read_raw_table(tmp_path, Read())


def test_a_file_that_vanishes_is_named(tmp_path):
    """A file that goes while it is read ends in a sentence, not in fewer rows."""
    text(GOOD)(tmp_path)
    with pytest.raises(UserError, match=r"no file .*t\.csv any more"), read_raw_table(tmp_path, Read()):
        (tmp_path / "t.csv").unlink()


def test_a_file_that_changes_is_named(tmp_path):
    """A file that changes while it is read spoils the result, and that is said."""
    text(GOOD)(tmp_path)
    with pytest.raises(UserError, match=r"another .*t\.csv than when it was opened"), read_raw_table(tmp_path, Read()):
        text(GOOD + b"3,z\n")(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    """A file that may not be read is named, with the command that mends it."""
    text(GOOD)(tmp_path)
    (tmp_path / "t.csv").chmod(0)
    with pytest.raises(UserError, match=r"chmod u\+r .*t\.csv"):
        read_raw_table(tmp_path, Read())


def test_a_denied_file_is_named(tmp_path, monkeypatch):
    """What the system says of a denied file becomes a sentence, also where the tests run as root."""

    def denied(*_args: object) -> None:
        raise PermissionError(13, "Permission denied")

    text(GOOD)(tmp_path)
    monkeypatch.setattr("slipway.tables.formats._head", denied)
    with pytest.raises(UserError, match=r"chmod u\+r .*t\.csv"):
        read_raw_table(tmp_path, Read())


def test_a_full_disk_is_no_damaged_file(tmp_path):
    """A scratch folder without room says so as OSError, which every script turns into its sentence; nothing is blamed on the file."""
    text(gzip.compress(GOOD * 100_000))(tmp_path)
    script = (
        "from pathlib import Path; from slipway.tables.reading import read_raw_table; "
        "from slipway.project.data_settings import Read; import slipway.tables.formats as f\n"
        "f.new_path = lambda s: Path('/dev/full')\n"
        "from slipway.project.entry import run\n"
        f"run(lambda: read_raw_table(Path({str(tmp_path)!r}), Read()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "src"},
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"Got a full disk while writing {tempfile.gettempdir()}" in done.stderr
    assert "TMPDIR" in done.stderr


def test_too_little_memory_is_a_sentence(tmp_path, monkeypatch):
    """Where DuckDB runs out of the memory that reading may take, the sentence says what to leave out; no traceback."""
    text("a,b\n" + "".join(f"{n},{n * 7}\n" for n in range(300_000)))(tmp_path)

    def gathered(statement: str) -> None:
        with read_raw_table(tmp_path, Read(types={"a": "text", "b": "text"})) as raw:
            raw.connection.execute(statement)
            raw.relation.aggregate("list(a), list(b)").fetchall()

    with pytest.raises(duckdb.OutOfMemoryException):  # the caller's own limit, and its own sentence
        gathered("SET memory_limit = '8MB'")
    monkeypatch.setattr("slipway.tables.sources.MEMORY_LIMIT", "8MB")
    with pytest.raises(UserError, match=r"takes more than 8MB at once.*data\.read\.drop"):
        gathered("SET temp_directory = ''")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_table(tmp_path):
    """A table of 100 MB is read in much less than twice the memory of one of 10 MB."""
    script = (
        "import resource, sys; from pathlib import Path; from slipway.tables.reading import read_raw_table; from slipway.project.data_settings import Read\n"
        "with read_raw_table(Path(sys.argv[1]), Read()) as raw:\n"
        "    sum(batch.num_rows for batch in raw.relation.to_arrow_reader())\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for megabytes in (10, 100):
        folder = tmp_path / str(megabytes)
        folder.mkdir()
        piece = b"".join(b"%d,some words here,%d.25,2026-01-01\n" % (i, i) for i in range(25_000))
        with (folder / "t.csv").open("wb") as stream:
            stream.write(b"a,b,c,d\n")
            for _ in range(megabytes):
                stream.write(piece)
        run = [sys.executable, "-c", script, str(folder)]
        done = subprocess.run(run, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": "src"})
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] < 1.3 * peaks[0] + 64, peaks


@pytest.mark.parametrize("case", ["truncated-parquet", "short-row", "NUL-bytes"])
def test_check_ends_with_one_sentence_and_writes_nothing(tmp_path, case):
    """The stage behind the reader ends with exit code 1 and one line, and leaves no profile that a later run would take."""
    for part in ("conf", "params.yaml", "src"):
        (tmp_path / part).symlink_to(Path(part).resolve())
    folder = tmp_path / "data" / "raw" / "titanic"
    folder.mkdir(parents=True)
    CASES[case][0](folder)
    check = [sys.executable, "src/check.py"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert re.search(
        f"Error: {CASES[case][2].replace('.*t', '.*data/raw/titanic/t')}|Error: Got .*{CASES[case][2]}", done.stderr
    )
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["raw"]


FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def holds(folder: Path, content: bytes) -> None:
    """Assert the reader's promise for one file."""
    for file in folder.iterdir():
        file.unlink()
    (folder / "t").write_bytes(content)
    try:
        with read_raw_table(folder, Read()) as raw:
            raw.relation.fetchall()
    except UserError as error:
        assert_is_a_sentence(str(error), folder)


@FUZZ
@given(content=st.binary(max_size=400))
def test_fuzz_bytes(tmp_path_factory, content):
    """Whatever bytes a file holds, it is read or refused in a sentence."""
    holds(tmp_path_factory.mktemp("fuzz"), content)


@FUZZ
@given(
    content=st.text(alphabet='ab1.5,;\t|"\n\r é€京 -{}[]:0', max_size=120),
    encoding=st.sampled_from(["utf-8", "utf-16", "gb18030"]),
)
def test_fuzz_text(tmp_path_factory, content, encoding):
    """Whatever text of delimiters, quotes and line ends a file holds, it is read or refused in a sentence."""
    holds(tmp_path_factory.mktemp("fuzz"), content.encode(encoding))


@FUZZ
@given(data=st.data(), kind=st.sampled_from(["gzip", "zip", "parquet", "xlsx", "json"]))
def test_fuzz_damage(tmp_path_factory, data, kind):
    """A good file with a few bytes changed or its end cut off is read or refused in a sentence."""
    folder = tmp_path_factory.mktemp("fuzz")
    writers = {
        "gzip": text(gzip.compress(GOOD)),
        "zip": archive(a_csv=GOOD),
        "parquet": parquet(a=[1, 2], b=["x", "y"]),
        "xlsx": book([["a"], [1]]),
        "json": text('{"a": 1, "b": "x"}\n{"a": 2}\n'),
    }
    writers[kind](folder)
    (file,) = folder.iterdir()
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    holds(folder, bytes(content[: data.draw(st.integers(1, len(content)))]))


@given(
    table=st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-(10**17), 10**17)), st.text(alphabet='ab c,";\n\té京0.', max_size=8)
        ),
        min_size=1,
        max_size=20,
    )
)
@FUZZ
def test_what_is_written_is_what_is_read(tmp_path_factory, table):
    """A table that Python's csv module writes is read back value by value."""
    import csv

    folder = tmp_path_factory.mktemp("fuzz")
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("n", "text"), *table])
    with read_raw_table(folder, Read(types={"text": "text"}, delimiter=",")) as raw:
        assert raw.relation.fetchall() == [(n, word or None) for n, word in table]
