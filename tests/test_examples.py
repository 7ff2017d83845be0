"""The example tables that the repository carries."""

import re
from pathlib import Path

import make_examples
import pytest

RAW = Path(__file__).parents[1] / "data/raw"


@pytest.mark.parametrize(("name", "text"), list(make_examples.example_tables()), ids=lambda value: value[:8])
def test_example_is_what_its_maker_makes(name, text):
    """A committed example table is what make_examples.py makes today, byte for byte, so where it comes from is known."""
    assert (RAW / name / f"{name}.csv").read_bytes() == text.encode()
    assert (RAW / name / "README.md").is_file()


def test_examples_are_small():
    """All of data/raw together stays under a megabyte: it lies in Git."""
    assert sum(file.stat().st_size for file in RAW.rglob("*") if file.is_file()) < 1_000_000


def test_every_example_has_its_accepted_schema():
    """Each table that is described in conf/data/ comes with what new files are held to."""
    conf = (RAW.parents[1] / "conf/data").glob("*.yaml")
    described = {re.search(r"^name: (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)[1] for file in conf}
    assert {file.stem for file in (RAW.parent / "schema").glob("*.yaml")} == described
