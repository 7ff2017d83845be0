"""The digest of conf/: what conf/ says counts, how it is written does not."""

import pytest

from slipway.project.entry import UserError
from slipway.project.guard import check_conf_is_composed, conf_digest

WRITTEN = "label: survived\nsplit:\n  test_size: 0.2\n  seed: 1\nmetrics: [f1, mcc]\n"


@pytest.fixture
def conf(tmp_path):
    folder = tmp_path / "conf"
    (folder / "data").mkdir(parents=True)
    (folder / "data/titanic.yaml").write_bytes(WRITTEN.encode())
    (folder / "config.yaml").write_bytes(b"seed: 1\n")
    return folder


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n" + WRITTEN,
        WRITTEN.replace("\n", "\r\n"),
        "metrics: [f1, mcc]\nsplit: {seed: 1, test_size: 0.2}\nlabel: survived\n",
        WRITTEN.replace("[f1, mcc]", "\n  - f1\n\n  - mcc   # the last"),
        WRITTEN.replace("survived", "'survived'"),
    ],
    ids=["comment", "line endings", "order of keys", "layout", "quotes"],
)
def test_digest_ignores_how_it_is_written(conf, text):
    """Comments, line endings, the order of keys and layout change no digest."""
    before = conf_digest(conf)
    (conf / "data/titanic.yaml").write_bytes(text.encode())
    assert conf_digest(conf) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.2", "0.25"),
        ("survived", "Survived"),
        ("[f1, mcc]", "[mcc, f1]"),
        ("seed: 1", "seed: '1'"),
        ("seed: 1", "seed: true"),
        ("seed: 1", "seed: null"),
        ("seed: 1", "seeds: 1"),
        ("label", "${label}"),
    ],
)
def test_digest_hangs_on_every_value(conf, old, new):
    """Another value, type, order of a list or name of a key changes the digest of that file and of no other."""
    before = conf_digest(conf)
    (conf / "data/titanic.yaml").write_text(WRITTEN.replace(old, new), encoding="utf-8")
    after = conf_digest(conf)
    assert after["data/titanic"] != before["data/titanic"]
    assert after["config"] == before["config"]


def test_changed_added_and_removed_files_are_named(conf):
    """The sentence names the files that changed, came and went, and no others, and what to run."""
    (conf / "same.yaml").write_text("a: 1\n", encoding="utf-8")
    composed = conf_digest(conf)
    check_conf_is_composed(conf, composed)
    (conf / "config.yaml").write_text("seed: 2\n", encoding="utf-8")
    (conf / "new.yaml").write_text("a: 1\n", encoding="utf-8")
    (conf / "data/titanic.yaml").unlink()
    with pytest.raises(UserError) as refused:
        check_conf_is_composed(conf, composed)
    assert "older than conf/config.yaml, conf/data/titanic.yaml, conf/new.yaml," in str(refused.value)
    assert "dvc exp run" in str(refused.value)


def test_broken_yaml_is_named(conf):
    """A file of conf/ that is not YAML ends in a sentence with its name and the place in it."""
    (conf / "config.yaml").write_text("seed: [1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"not YAML: .*line 2.* Edit .*config.yaml"):
        conf_digest(conf)


def test_empty_file_is_a_file(conf):
    """A file of comments alone is part of conf/, and its digest is not that of a missing one."""
    (conf / "empty.yaml").write_text("# nothing yet\n", encoding="utf-8")
    assert "empty" in conf_digest(conf)
