"""Files are whole or not there."""

import json

import numpy as np
import pandas as pd
import pytest

from slipway.project.files import whole_file, write_json, write_text


def test_whole_file_appears_with_its_folder(tmp_path):
    """What the block wrote is there when it ended well, in folders made for it, and nothing else."""
    with whole_file(tmp_path / "a/b/report.md") as part:
        part.write_text("done")
        assert not (tmp_path / "a/b/report.md").exists()
    assert [file.name for file in (tmp_path / "a/b").iterdir()] == ["report.md"]
    assert (tmp_path / "a/b/report.md").read_text() == "done"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_whole_file_keeps_the_old_one(tmp_path, error):
    """An exception in the middle leaves the file that was there, and no half-written one beside it."""
    path = tmp_path / "report.md"
    write_text(path, "old")

    def stumble():
        with whole_file(path) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        stumble()
    assert [file.name for file in tmp_path.iterdir()] == ["report.md"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan")], ids=["nan", "inf", "NumPy's nan"])
def test_json_has_no_nan(tmp_path, value):
    """A figure that JSON has no word for is refused, and no file is left."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "metrics.json", {"f1": value})
    assert list(tmp_path.iterdir()) == []


def test_json_takes_what_tables_hold(tmp_path):
    """NumPy's numbers become JSON's, dates become texts, other scripts stay readable, and lines end with a newline."""
    content = {"rows": np.int64(3), "share": np.float64(0.5), "any": np.bool_(True), "城": pd.Timestamp("2026-01-02")}
    write_json(tmp_path / "profile.json", content)
    text = (tmp_path / "profile.json").read_bytes().decode()
    assert json.loads(text) == {"rows": 3, "share": 0.5, "any": True, "城": "2026-01-02 00:00:00"}
    assert "城" in text
    assert text.endswith("}\n")
    assert "\r" not in text
