"""A folder of files is one table, whose types hold for every row."""

import pytest

from slipway.entry import UserError
from slipway.profile import profile_of
from slipway.reading import read_raw_table


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes files and returns their folder."""

    def write(*contents, **named):
        files = {f"part-{n}.csv": content for n, content in enumerate(contents)} | named
        for name, content in files.items():
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "0"], "integer"),
        (["1", "29.5"], "number"),
        (["1e3", "-0.5"], "number"),
        (["true", "FALSE"], "boolean"),
        (["1", "0"], "integer"),
        (["2026-01-02", "2026-01-02 10:00:00"], "datetime"),
        (["01067", "80331"], "text"),
        (["5", "S"], "text"),
        (["1", ""], "integer"),
        (["12345678901234567890", "1"], "number"),
    ],
)
def test_kind_fits_every_value(folder, values, kind):
    """The kind is the narrowest that fits all values; codes with leading zeros stay texts, 29.5 is never rounded."""
    raw = read_raw_table(folder("id,value\n" + "".join(f"{n},{value}\n" for n, value in enumerate(values))))
    assert raw.kinds["value"] == kind
    if kind == "text":
        assert raw.relation.df()["value"].tolist() == values


def test_one_odd_value_at_the_end_decides(folder):
    """A text after thousands of numbers, in the last file, makes the whole column a text."""
    raw = read_raw_table(folder("n\n" + "1\n" * 30_000, "n\n1\nlast\n"))
    assert raw.kinds == {"n": "text"}
    assert raw.relation.aggregate("count(*)").fetchall() == [(30_002,)]


def test_files_are_joined_in_name_order(folder):
    """Rows come in the order of the files' names."""
    raw = read_raw_table(folder(**{"b.csv": "n\n3\n", "a.csv": "n\n1\n2\n"}))
    assert raw.relation.df()["n"].tolist() == [1, 2, 3]
    assert [file.name for file in raw.files] == ["a.csv", "b.csv"]


def test_quotes_bom_and_scripts(folder):
    """Quoted commas, quotes and newlines, a leading BOM and names in any script are read as they were meant."""
    text = '\ufeff城,note\n1,"a, ""b""\nc"\n2,\n'
    table = read_raw_table(folder(text)).relation.df()
    assert list(table.columns) == ["城", "note"]
    assert table["note"].tolist() == ['a, "b"\nc', None]


def test_readme_and_hidden_files_are_no_data(folder):
    """A README, hidden files and DVC's own files beside the data are left alone."""
    raw = read_raw_table(
        folder("n\n1\n", **{"README.md": "# About\n", ".DS_Store": b"\0\0", "part-0.csv.dvc": "outs: []\n"})
    )
    assert [file.name for file in raw.files] == ["part-0.csv"]


def test_column_without_values(folder):
    """A column that is empty throughout is there, with nothing but missing values."""
    table = read_raw_table(folder("n,empty\n1,\n2,\n")).relation.df()
    assert table["empty"].isna().all()


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        ([], "Got no file in "),
        (["a,b\n1,2\n", "a,c\n1,2\n"], r"Got other columns in .*part-1.csv than in .*part-0.csv \(b, c\)"),
        (["a,b\n1,2\n", "b,a\n1,2\n"], "their order"),
    ],
    ids=["no files", "other columns", "other order"],
)
def test_what_is_no_table_is_refused(folder, contents, says):
    """An empty folder, and files of different columns, end in a sentence that names them."""
    with pytest.raises(UserError, match=says):
        read_raw_table(folder(*contents))


def test_missing_folder_is_refused(tmp_path):
    """A folder that is not there ends in a sentence with its path."""
    with pytest.raises(UserError, match=r"Got no folder .*nowhere"):
        read_raw_table(tmp_path / "nowhere")


def test_profile_counts_every_row(folder):
    """The profile's figures are exact: missing and unique values, ranges, means and classes, the most frequent first."""
    raw = read_raw_table(folder("label,age,sex\n1,30,f\n0,,m\n0,20,\n", "label,age,sex\n,40,f\n"))
    profile, _ = profile_of(raw, "label", "binary", 1000)
    assert profile["rows"] == 4
    assert profile["files"] == ["part-0.csv", "part-1.csv"]
    assert profile["columns"]["age"] == {
        "kind": "integer",
        "missing": 1,
        "unique": 3,
        "min": 20,
        "max": 40,
        "mean": 30.0,
        "infinite": 0,
    }
    assert profile["columns"]["sex"] == {
        "kind": "text",
        "missing": 1,
        "unique": 2,
        "min": "f",
        "max": "m",
        "mean": None,
        "infinite": 0,
    }
    assert profile["label"] == {
        "column": "label",
        "count": 2,
        "classes": {"0": 2, "1": 1},
        "rarest": {"1": 1, "0": 2},
    }
