"""Any table in: what a folder holds is read as one table, whatever its files look like."""

import bz2
import datetime as dt
import gzip
import json
import lzma
import tempfile
import zipfile
from math import inf, nan
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbook import Failed, write_workbook

from slipway.checks.profile import profile_of
from slipway.project.data_settings import Read
from slipway.project.entry import UserError
from slipway.rows.contract import FALSE, TRUE
from slipway.tables.inference import Fields, Rule
from slipway.tables.reading import FILE, RawTable, read_raw_table
from slipway.tables.sheets import failed_cells

PLAIN = "id,name,price\n1,Zoë,1.5\n2,Ann,2.25\n"
ROWS = [(1, "Zoë", 1.5), (2, "Ann", 2.25)]
WORDS = {
    "cp1252": "nom,ville\nRené,Orléans\nÉlodie,Besançon\nZoé,Nîmes\n",
    "gbk": "姓名,城市\n王小明,北京\n李娜,上海\n张伟,广州\n",
    "shift_jis": "名前,都市\n山田太郎,東京\nさとう,おおさか\nスズキ,名古屋\n",
    "euc_kr": "이름,도시\n김철수,서울\n이영희,부산\n박민수,대구\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "table").mkdir()
    return tmp_path / "table"


def read(folder: Path, **settings) -> RawTable:
    return read_raw_table(folder, Read(**settings))


def rows(folder: Path, **settings) -> list[tuple]:
    with read(folder, **settings) as raw:
        return raw.relation.fetchall()


def zipped(text: bytes, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/._t.csv", b"litter")
        archive.writestr("t.csv", text)


def zstandard(text: bytes, path: Path) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(text)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "pipe"])
def test_delimiter_is_told_from_the_text(folder, delimiter):
    """Comma, semicolon, tab and pipe are found, and what is no comma is said aloud."""
    (folder / "a.txt").write_text(PLAIN.replace(",", delimiter), encoding="utf-8")
    with read(folder) as raw:
        assert raw.relation.fetchall() == ROWS
        assert bool(raw.notes) == (delimiter != ",")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_and_line_ends(folder, encoding, end):
    """UTF-8 and UTF-16, with and without a mark, with any line ends, are the same table."""
    (folder / "a.csv").write_bytes(PLAIN.replace("\n", end).encode(encoding))
    assert rows(folder) == ROWS


@pytest.mark.parametrize("encoding", WORDS)
def test_encoding_is_guessed_and_said(folder, encoding):
    """Western, Chinese, Japanese and Korean text of old encodings is read right, and the guess is a note."""
    text = WORDS[encoding]
    (folder / "a.csv").write_bytes(text.encode(encoding))
    with read(folder) as raw:
        expected = [tuple(line.split(",")) for line in text.splitlines()]
        assert [tuple(raw.kinds), *raw.relation.fetchall()] == expected
        assert "data.read.encoding" in raw.notes[0]


def test_encoding_that_changes_late_is_seen(folder):
    """A single byte of Latin-1 after a megabyte of ASCII is not overlooked."""
    (folder / "a.csv").write_bytes(b"a,b\n" + b"1,word\n" * 200_000 + "2,café\n".encode("latin-1"))
    assert rows(folder, where="a = 2") == [(2, "café")]


@pytest.mark.parametrize(
    "pack",
    [
        lambda text, path: path.write_bytes(gzip.compress(text)),
        lambda text, path: path.write_bytes(bz2.compress(text)),
        lambda text, path: path.write_bytes(lzma.compress(text)),
        zipped,
        zstandard,
    ],
    ids=["gzip", "bzip2", "xz", "zip", "zstd"],
)
def test_compression_is_told_by_content(folder, pack):
    """Compressed text is unpacked, whatever its name says, and a neighbour may be plain."""
    pack(PLAIN.encode(), folder / "a.csv")
    (folder / "b.csv").write_text("id,name,price\n3,Bo,4\n", encoding="utf-8")
    assert rows(folder) == [*ROWS, (3, "Bo", 4.0)]


def arrow_file(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


def arrow_stream(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


@pytest.mark.parametrize(
    "write", [pq.write_table, arrow_file, arrow_stream], ids=["parquet", "feather", "arrow-stream"]
)
def test_typed_files_keep_their_types(folder, write):
    """Parquet and Arrow say what their columns are; a text of digits stays a text, a zoned time is put in UTC."""
    zoned = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    table = pa.table(
        {
            "code": ["007", None],
            "n": [1, None],
            "x": [1.5, 2.0],
            "t": pa.array([zoned, None], pa.timestamp("us", "UTC")),
        }
    )
    write(table, folder / "data.bin")
    with read(folder) as raw:
        assert raw.kinds == {"code": "text", "n": "integer", "x": "number", "t": "datetime"}
        assert raw.relation.fetchall()[0] == ("007", 1, 1.5, dt.datetime(2026, 1, 1, 10))  # noqa: DTZ001


def test_partitioned_parquet_folders(folder):
    """Folders named column=value are a column of the table."""
    for year in (2025, 2026):
        (folder / f"year={year}").mkdir()
        pq.write_table(pa.table({"a": [year - 2000]}), folder / f"year={year}" / "part-0.parquet")
    (folder / "_SUCCESS").touch()
    assert rows(folder) == [(25, 2025), (26, 2026)]


def test_json_lines_and_arrays(folder):
    """JSON Lines and an array of objects are read alike; a key that a row lacks is missing, nested values are text."""
    (folder / "a.jsonl").write_text('{"a": 1, "b": "x"}\n{"a": 2.5, "c": [1, 2]}\n')
    (folder / "b.json").write_text('[{"a": null, "b": "y"}]')
    with read(folder) as raw:
        assert raw.kinds == {"a": "number", "b": "text", "c": "text"}
        assert raw.relation.fetchall() == [(1.0, "x", None), (2.5, None, "[1,2]"), (None, "y", None)]


def test_excel_sheet(folder):
    """A sheet is read as its cells say: whole numbers are integers, empty cells are missing."""
    table = [["id", "größe", "yes"], [1, 1.5, True], [2, None, False]]
    write_workbook(folder / "book.xlsx", {"notes": [["x"]], "data": table})
    with read(folder, sheet="data") as raw:
        assert raw.kinds == {"id": "integer", "größe": "number", "yes": "boolean"}
        assert raw.relation.fetchall() == [(1, 1.5, True), (2, None, False)]


def test_errors_of_formulas_are_missing_and_said(folder):
    """A cell of #DIV/0! is missing, as an empty one is, but counted and told of; a text that says so is none."""
    table = [["id", "rate"], [1, 2], [2, Failed("#DIV/0!")], [3, None], [4, Failed("#N/A")]]
    write_workbook(folder / "book.xlsx", {"other": [["x"], [Failed("#REF!")]], "d é": table, "last": [["#N/A"]]})
    with read(folder, sheet="d é") as raw:
        assert raw.relation.fetchall() == [(1, 2), (2, None), (3, None), (4, None)]
        assert raw.notes == (
            f"{folder / 'book.xlsx'}: 2 cells of the sheet 'd é' hold an error of a formula and are taken as missing, the first B3",
        )
    assert failed_cells(folder / "book.xlsx", "last") == (0, "")


def test_kinds_hold_over_all_rows(folder):
    """One odd value in the last row of the last file decides the type, and it is said where it stands."""
    (folder / "1.csv").write_text("n,text\n" + "1,x\n" * 3000)
    (folder / "2.csv").write_text('n,text\n2,"two\nlines"\n\nmany,y\n')
    with read(folder) as raw:
        assert raw.kinds["n"] == "text"
        (mixed,) = raw.mixed
        assert (mixed.kind, mixed.misfits, mixed.first.value) == ("integer", 1, "many")
        assert (mixed.first.file.name, mixed.first.row, mixed.first.line) == ("2.csv", 2, 5)


def test_column_that_changes_half_way_is_reported(folder):
    """A column of numbers for its first half is reported although texts are as many."""
    (folder / "a.csv").write_text("v\n" + "1.5\n" * 30 + "a\n" * 30)
    with read(folder) as raw:
        assert [str(m.first) for m in raw.mixed] == [f"{folder / 'a.csv'}, line 32"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", " 2", "+3"], "integer"),
        (["1", "29.5"], "number"),
        (["1e5", "inf", "-.5"], "number"),
        (["01234", "12345"], "text"),
        (["12345678901234567890", "1"], "text"),
        (["1_000", "2"], "text"),
        (["true", "FALSE"], "boolean"),
        (["yes", "no"], "text"),
        (["2026-01-31", "2026-02-01 10:00"], "datetime"),
        (["1949-01", "1949-12"], "datetime"),
        (["31/01/2026", "01/02/2026"], "text"),
        (["epoch", "infinity"], "text"),
        (["", "NA"], "number"),
        (["$5", "$6"], "text"),
        (["1", "two"], "text"),
        (["NaN", "nan", "7"], "integer"),
        (["12:30", "13:45"], "text"),
        (["١٢", "3"], "text"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_kind_of_values(folder, values, kind):
    """The narrowest kind that loses nothing: codes keep their zeros, ambiguous dates stay texts."""
    (folder / "a.csv").write_text(
        "row,v\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)), encoding="utf-8"
    )
    with read(folder) as raw:
        assert raw.kinds["v"] == kind
        assert len(raw.relation.fetchall()) == len(values)


def test_a_zone_is_put_in_utc(folder):
    """A time with an offset is moved to UTC, not stripped of it."""
    (folder / "a.csv").write_text("t\n2026-01-01T12:00:00+02:00\n2026-01-01 12:00:00Z\n")
    assert [t.hour for (t,) in rows(folder)] == [10, 12]


@pytest.mark.parametrize(
    ("text", "settings", "value"),
    [
        ("a;b\n1,5;x\n1.234,25;y\n", {}, 1234.25),
        ('a,b\n"1,5",x\n"1.234,25",y\n', {"decimal": ",", "thousands": "."}, 1234.25),
        ('a,b\n2.5,x\n"1,234.25",y\n', {}, 1234.25),
        ("a;b\n1 000;x\n12 345,5;y\n", {"decimal": ",", "thousands": " "}, 12345.5),
        ("a;b\n1'000;x\n12'345.5;y\n", {"thousands": "'"}, 12345.5),
    ],
    ids=["comma-guessed", "comma-set", "groups-guessed", "blanks", "apostrophes"],
)
def test_decimal_and_thousands(folder, text, settings, value):
    """Decimal commas and grouped digits are numbers where they are set, or leave no doubt."""
    (folder / "a.csv").write_text(text)
    assert rows(folder, **settings)[1] == (value, "y")


def test_doubtful_commas_stay_texts(folder):
    """1,234 is a thousand or a bit more than one: nothing is guessed."""
    (folder / "a.csv").write_text('a,b\n"1,234",x\n"5,678",y\n')
    assert rows(folder)[0] == ("1,234", "x")


def test_settings_mend_the_table(folder):
    """Types, date formats, marks, dropped columns and a row filter do what they say."""
    (folder / "a.csv").write_text(
        "zip,day,price,ok,junk\n01234,31.01.2026,$2.39 ,yes,x\n2,01.02.2026,?,no,y\n3,02.02.2026,1,,z\n"
    )
    types = {"zip": "text", "price": "number", "ok": "boolean"}
    settings = {"types": types, "dates": {"day": "%d.%m.%Y"}, "missing": ["?"], "drop": ["junk"], "where": "zip <> '3'"}
    assert rows(folder, **settings) == [
        ("01234", dt.datetime(2026, 1, 31), 2.39, True),  # noqa: DTZ001
        ("2", dt.datetime(2026, 2, 1), None, False),  # noqa: DTZ001
    ]


def test_missing_marks_of_ones_own_replace_the_usual(folder):
    """Namibia's code is a text where the settings say which marks count."""
    (folder / "a.csv").write_text("country,n\nNA,1\nDE,-\n")
    assert rows(folder, missing=["-"]) == [("NA", 1), ("DE", None)]
    assert rows(folder)[0] == (None, "1")


def test_marks_that_occur_are_said_and_are_the_only_ones_read_by(folder):
    """Namibia's code is no missing value in silence; a column whose type is set by hand is looked through too."""
    (folder / "a.csv").write_text("country,code,n\nNA,1,nan\nDE,null,2.5\nNA,02,3\n")
    with read(folder, types={"code": "text"}) as raw:
        assert raw.relation.fetchall() == [(None, "1", None), ("DE", None, 2.5), (None, "02", 3.0)]
        assert raw.notes == (
            "'NA' is taken as missing in 2 fields of 'country'; data.read.missing sets the marks",
            "'nan' is taken as missing in 1 field of 'n'; data.read.missing sets the marks",
            "'null' is taken as missing in 1 field of 'code'; data.read.missing sets the marks",
        )
        assert raw.sources.fields == Fields(["", "NA", "nan", "null"], {"n": "number"}, raw.sources.checksum())
        assert raw.written["missing"][:3] == ("", "#N/A", "#N/A N/A"), "a caller's row may have any of them"
    (folder / "a.csv").write_text("a,b,c,d,e\n-,-,-,-,-\n1,2,-,4,5\n1,2,3,4,-\n")
    assert read(folder, missing=["-", "?"]).notes == (
        "'-' is taken as missing in 7 fields of 'c', 'e', 'a' and 2 more columns; data.read.missing sets the marks",
    )


def test_blank_fields_and_foreign_numbers_are_no_plain_ones(folder):
    """What DuckDB's reader would not cast as the pipeline does stays a text to it."""
    (folder / "a.csv").write_text("a;b;c\n1; ;1,5\n2;3;2,5\n")
    assert read(folder).sources.fields.plain == {}
    (folder / "a.csv").write_text("a,b,c\n1, ,1.5\n2,3,2.5\n")
    assert read(folder).sources.fields.plain == {"a": "integer", "c": "number"}


NUMBERS = st.one_of(
    st.from_regex(r"[ \t]?[+-]?[0-9]{0,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?[ \t]?", fullmatch=True),
    st.sampled_from(
        ["inf", "-Infinity", "nan", "-nan", "NaN", "-0", "-0.0", "1e400", "9223372036854775807", "NA", " "]
    ),
    st.floats().map(repr),
    st.integers().map(str),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=30), st.booleans(), st.sampled_from([None, [], ["0", "-1.0", " "]]))
def test_what_a_look_at_the_fields_has_shown_changes_no_value(fields, in_quotes, missing):
    """A column reads the same as texts that SQL casts, and by DuckDB's reader, which casts plain numbers itself."""
    with tempfile.TemporaryDirectory() as place:
        quote = '"' if in_quotes else ""
        Path(place, "a.csv").write_text("i,x\n" + "".join(f"{i},{quote}{x}{quote}\n" for i, x in enumerate(fields)))
        with read_raw_table(Path(place), Read(missing=missing)) as first:
            found, shown = str(first.relation.fetchall()), first.sources.fields
        with read_raw_table(Path(place), Read(missing=missing), first.kinds) as slow:
            assert str(slow.relation.fetchall()) == found
        with read_raw_table(Path(place), Read(missing=missing), first.kinds, shown) as quick:
            assert quick.sources.fields is shown, "or nothing is read the quick way"
            assert str(quick.relation.fetchall()) == found


@pytest.mark.parametrize("line", ["FR,2.5", "NA,2", "FR,x"])
def test_what_was_seen_of_other_files_or_settings_is_not_gone_by(folder, line):
    """After a change that nobody looked at, a mark is still missing and a misfit still an error: nothing is rounded."""
    (folder / "a.csv").write_text("country,n\nDE,1\nFR,2\n")
    with read(folder) as raw:
        kinds, shown = raw.kinds, raw.sources.fields
    with read_raw_table(folder, Read(missing=["DE", "1"]), kinds, shown) as raw:
        assert raw.relation.fetchall() == [(None, None), ("FR", 2)]
    (folder / "a.csv").write_text(f"country,n\nDE,1\n{line}\n")
    if line == "NA,2":
        with read_raw_table(folder, Read(), kinds, shown) as raw:
            assert raw.relation.fetchall() == [("DE", 1), (None, 2)]
        return
    with (
        pytest.raises(UserError, match=r"Could not convert string '(\?2\.5|x)'"),
        read_raw_table(folder, Read(), kinds, shown) as raw,
    ):
        raw.relation.fetchall()


def test_field_too_many_is_refused_though_it_is_a_mark(folder):
    """A line with one field more than the header is broken, whatever stands in it: DuckDB would drop a mark."""
    (folder / "a.csv").write_text("x,y\n1,2\n3,4,None\n")
    with pytest.raises(UserError, match=r"Got 3 fields where the header has 2 in .*a\.csv, line 3"):
        read(folder)


@pytest.mark.parametrize("mark", ['"', "n,a"])
def test_mark_that_no_field_can_be_is_refused(folder, mark):
    """DuckDB's reader takes no mark with a quote or the delimiter; the sentence says where it is set."""
    (folder / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(UserError, match=r"in data\.read\.missing, expected texts without"):
        read(folder, missing=[mark])


@pytest.mark.parametrize("format_", ["Parquet", "Arrow", "JSON"])
def test_marks_that_are_numbers_count_by_value(folder, format_):
    """-999 means missing as the integer, the number, and the text that it is, in files that have types; a code stays."""
    table = pa.table(
        {
            "n": pa.array([-999, 1, None]),
            "x": [-999.0, -99.9, 2.5],
            "half": pa.array([1.5, -99.9, -999.0], pa.float32()),
            "code": ["-999", "-999.0", "a"],
        }
    )
    if format_ == "Parquet":
        pq.write_table(table, folder / "a.parquet")
    elif format_ == "Arrow":
        arrow_file(table, folder / "a.arrow")
    else:
        (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    expected = [(None, None, 1.5, None), (1, None, None, "-999.0"), (None, 2.5, None, "a")]
    assert rows(folder, missing=["-999", "-99.9", "?"]) == expected
    assert [row[0] for row in rows(folder)] == [-999, 1, None]


def test_headers_keep_their_script_and_lose_blanks(folder):
    """A header in any script keeps its names; blanks around them are stripped, and that is said."""
    (folder / "a.csv").write_text("\ufeff 나이 ,naïve col,x>1\n1,2,3\n", encoding="utf-8")
    with read(folder) as raw:
        assert list(raw.kinds) == ["나이", "naïve col", "x>1"]
        assert "' 나이 '" in raw.notes[0]


def test_files_are_joined_in_name_order_whatever_the_order_of_columns(folder):
    """Rows come in the order of the files' names; a column is found by its name."""
    (folder / "b.csv").write_text("y,x\n3,4\n")
    (folder / "a.csv").write_text("x,y\n1,2\n")
    for litter in (".DS_Store", "README.md", "a.csv.dvc", ".gitignore", "Thumbs.db", "~$book.xlsx"):
        (folder / litter).write_text("no data")
    assert rows(folder) == [(1, 2), (4, 3)]


def test_blank_fields_of_a_number_are_missing_and_said(folder):
    """Fields of blanks make no text of a column of numbers."""
    (folder / "a.csv").write_text("id,total\n1,2.5\n2, \n")
    with read(folder) as raw:
        assert raw.relation.fetchall() == [(1, 2.5), (2, None)]
        assert "1 blank fields of the number column 'total'" in raw.notes[0]


def test_known_kinds_skip_inference_and_are_kept(folder):
    """With the kinds that check found nothing is inferred, and a value that does not fit is an error, not a gap."""
    (folder / "a.csv").write_text("a,b\n1,2\n3,x\n")
    kinds = {"a": "number", "b": "text"}
    with read_raw_table(folder, Read(), kinds) as raw:
        assert raw.relation.fetchall() == [(1.0, "2"), (3.0, "x")]
    with (
        pytest.raises(UserError, match=r"'x'|\?x"),
        read_raw_table(folder, Read(), {"a": "number", "b": "integer"}) as raw,
    ):
        raw.relation.fetchall()


def test_a_relation_outlives_the_table(folder):
    """A relation can be read although nobody keeps the table: its scratch files wait for it."""
    (folder / "a.csv.gz").write_bytes(gzip.compress(PLAIN.encode()))
    relation = read(folder).relation.filter("id = 2")
    assert relation.fetchall() == ROWS[1:]


def test_no_scratch_file_stays(folder, tmp_path, monkeypatch):
    """After the reading, nothing that it unpacked is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (folder / "a.csv.gz").write_bytes(gzip.compress(PLAIN.encode()))
    rows(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def test_the_reader_and_the_contract_know_the_same_truths():
    """What is a boolean in a raw file is one in a served row."""
    sql = Rule("boolean").as_sql("x")
    assert all(f"'{word}'" in sql for word in TRUE | FALSE)


def test_column_without_values(folder):
    """A column that is empty throughout is there, with nothing but missing values."""
    (folder / "a.csv").write_text("n,empty\n1,\n2,\n")
    assert rows(folder) == [(1, None), (2, None)]


def test_missing_folder_is_refused(tmp_path):
    """A folder that is not there ends in a sentence with its path."""
    with pytest.raises(UserError, match=r"Got no folder .*nowhere"):
        read(tmp_path / "nowhere")


def test_profile_counts_every_row(folder):
    """The profile's figures are exact: missing and unique values, ranges, means and classes, the most frequent first."""
    (folder / "part-0.csv").write_text("label,age,sex\n1,30,f\n0,,m\n0,20,\n")
    (folder / "part-1.csv").write_text("label,age,sex\n,40,f\n")
    with read(folder) as raw:
        profile, _ = profile_of(raw, "label", "binary", 1000)
    assert (profile["rows"], profile["files"]) == (4, ["part-0.csv", "part-1.csv"])
    age = {
        "kind": "integer",
        "missing": 1,
        "unique": 3,
        "exact": True,
        "min": 20,
        "max": 40,
        "mean": 30.0,
        "infinite": 0,
    }
    sex = {
        "kind": "text",
        "missing": 1,
        "unique": 2,
        "exact": True,
        "min": "f",
        "max": "m",
        "mean": None,
        "infinite": 0,
    }
    assert (profile["columns"]["age"], profile["columns"]["sex"]) == (age, sex)
    assert profile["label"] == {
        "column": "label", "count": 2, "classes": {"0": 2, "1": 1}, "rarest": {"1": 1, "0": 2},
    }  # fmt: skip


def test_placed_rows_say_their_file(folder):
    """For a split by files every row has the name of its file beside its values, in the order of all rows."""
    (folder / "a.csv").write_text("n\n1\n2\n")
    (folder / "b'c.csv").write_text("n\n3\n4\n")
    with read(folder, where="n <> 2") as raw:
        assert raw.placed.fetchall() == [(1, "a.csv"), (3, "b'c.csv"), (4, "b'c.csv")]
        assert raw.placed.columns == ["n", FILE]


def test_nan_is_missing_and_infinity_is_not(folder):
    """Not-a-number is missing to SQL too, from text and from Parquet, whether a type is set or found."""
    (folder / "a.csv").write_text("x\n1.5\n-nan\ninf\n")
    assert rows(folder, missing=[]) == rows(folder, missing=[], types={"x": "number"}) == [(1.5,), (None,), (inf,)]
    (folder / "a.csv").unlink()
    pq.write_table(pa.table({"x": pa.array([1.5, nan, inf], pa.float32())}), folder / "a.parquet")
    assert rows(folder) == [(1.5,), (None,), (inf,)]


@pytest.mark.slow
def test_thousands_of_columns_are_read_in_bounded_memory(tmp_path):
    """The values of 3 000 columns are more at a time than the reader's memory, so the types are inferred some columns at a time."""
    columns = ", ".join(f"(i * {n}) % 1000 / 8 AS c{n}" for n in range(3000))
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {columns} FROM range(5000) AS r(i)) TO '{tmp_path}/wide.csv' (HEADER)")
    with read_raw_table(tmp_path, Read()) as raw:
        assert set(raw.kinds.values()) == {"number"}
        assert len(raw.kinds) == 3000
