"""The accepted schema: what new files are held to, and how it is accepted anew."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.checks.profile import profile_of
from slipway.checks.schema import check_schema, load_schema, schema_of, write_schema
from slipway.project.data_settings import Read
from slipway.project.entry import UserError
from slipway.tables.reading import read_raw_table

HEADER = "id,age,sex,cabin,sold\n"
ROWS = [
    f"{i},{20 + i % 30}.5,{'female' if i % 2 else 'male'},{'C1' if i % 3 else ''},2026-01-{1 + i % 28:02}"
    for i in range(40)
]


def write(folder: Path, rows: list[str], header: str = HEADER) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "t.csv").write_text(header + "\n".join(rows) + "\n")


def accept(folder: Path, path: Path) -> None:
    with read_raw_table(folder, Read()) as raw:
        profile, _ = profile_of(raw, "sex", "binary", 1000)
        write_schema(path, schema_of(raw, profile))


def check(folder: Path, path: Path, **settings) -> str | None:
    with read_raw_table(folder, Read(**settings)) as raw:
        profile, _ = profile_of(raw, next(iter(raw.kinds)), "binary", 1000)
        return check_schema(raw, profile, path)


@pytest.fixture
def accepted(tmp_path):
    """Give a folder with a table, and the schema that was accepted for it."""
    write(tmp_path / "table", ROWS)
    accept(tmp_path / "table", tmp_path / "t.yaml")
    return tmp_path / "table", tmp_path / "t.yaml"


def test_schema_says_what_the_table_held(accepted):
    """Kinds, gaps, ranges of numbers that are no identifiers, categories of few texts; dates go on."""
    assert load_schema(accepted[1]) == {
        "id": {"kind": "integer", "missing": False},
        "age": {"kind": "number", "missing": False, "range": [20.5, 49.5]},
        "sex": {"kind": "text", "missing": False, "categories": ["female", "male"]},
        "cabin": {"kind": "text", "missing": True, "categories": ["C1"]},
        "sold": {"kind": "datetime", "missing": False},
    }


def test_the_same_and_later_rows_pass(accepted):
    """The table itself passes, and so do new rows of the same kind."""
    folder, path = accepted
    assert check(folder, path) is None
    write(folder, [*ROWS, "99,30,male,,2027-05-05"])
    assert check(folder, path) is None


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("40,120,male,,2026-01-01", r"120.0 in the column 'age' \(.*t.csv, line 42\), expected 20.5 to 49.5"),
        ("40,30,other,,2026-01-01", r"'other' in the column 'sex' \(.*line 42\), expected one of 'female', 'male'"),
        ("40,30,,,2026-01-01", r"no value in 1 rows of 'sex' \(first .*line 42\)"),
        (
            "x,30,male,,2026-01-01",
            r"text in the column 'id' \('id' is integer in 97.6%.*line 42: 'x'\), expected integer",
        ),
        ("40.5,30,male,,2026-01-01", r"number in the column 'id' \(such as .*\), expected integer"),
        ("40,30,male,,soon", r"text in the column 'sold' .*'soon'.*expected datetime"),
    ],
    ids=["range", "category", "missing", "type", "wider-number", "date"],
)
def test_a_broken_schema_names_column_expectation_and_row(accepted, row, says):
    """New files that break the schema stop check, which says what, where, and how to accept it."""
    folder, path = accepted
    write(folder, [*ROWS, row])
    with pytest.raises(UserError, match=says) as told:
        check(folder, path)
    assert "python src/accept.py" in str(told.value)
    accept(folder, path)
    assert check(folder, path) is None


def test_columns_gone_and_new_are_named(accepted):
    """A column that went and one that came are both named."""
    folder, path = accepted
    write(folder, ROWS, HEADER.replace("cabin", "deck"))
    with pytest.raises(UserError, match="no column 'cabin'; a new column 'deck'"):
        check(folder, path)


def test_rows_that_the_filter_drops_break_nothing(accepted):
    """The schema is of the rows that are kept, and so is the row that is shown."""
    folder, path = accepted
    write(folder, [*ROWS, "40,120,male,,2026-01-01", "41,130,male,,2026-01-01"])
    assert check(folder, path, where="id < 40") is None
    with pytest.raises(UserError, match=r"130.0 .*line 43"):
        check(folder, path, where="id <> 40")


def test_without_a_schema_check_goes_on_and_says_the_command(tmp_path):
    """No schema is no error: a sentence names the command that writes one."""
    write(tmp_path / "table", ROWS)
    assert "python src/accept.py" in check(tmp_path / "table", tmp_path / "none.yaml")


@pytest.mark.parametrize("content", ["a: [", "- 1", "a: {kind: text}", "a: {kind: text, missing: true, rnge: [1, 2]}"])
def test_an_edited_schema_that_says_nothing_known_is_refused(accepted, content):
    """A slip in an edited schema is a sentence that names the file."""
    folder, path = accepted
    path.write_text(content)
    with pytest.raises(UserError, match=r"t\.yaml"):
        check(folder, path)


def test_the_command_accepts_the_table(tmp_path):
    """`python src/accept.py` writes the schema that check then holds the table to."""
    for part in ("conf", "params.yaml", "src"):
        (tmp_path / part).symlink_to(Path(part).resolve())
    shutil.copytree("data/raw", tmp_path / "data" / "raw")
    for script, out in (("check", "accept"), ("accept", "Accepted 14 columns"), ("check", "1309 rows")):
        done = subprocess.run(
            [sys.executable, f"src/{script}.py"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert out in done.stdout
    assert "src/accept.py" not in done.stdout
    assert (tmp_path / "data/schema/titanic.yaml").read_text() == Path("data/schema/titanic.yaml").read_text()
