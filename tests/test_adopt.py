"""A repository with a pipeline, data and history of its own takes the template in, by the commands of docs/adopt.md."""

import re
import textwrap
from pathlib import Path

import pytest
from conftest import REPOSITORY, SMALL_SEARCH, Project, clone, environment, with_environment

PAGE = (REPOSITORY / "docs" / "adopt.md").read_text(encoding="utf-8")
OLD = {
    "README.md": "# Orders\n\nOurs.\n",
    ".gitignore": "*.log\n",
    "src/train.py": "import sys\nfrom pathlib import Path\n\n"
    'Path("rows.txt").write_text(str(len(Path(sys.argv[1]).read_text().splitlines())))\n',
    "tests/test_train.py": '"""Ours."""\n\n\ndef test_ours():\n    """Holds."""\n',
    "params.yaml": "depth: 3\n",
    "dvc.yaml": "stages:\n  train:\n    cmd: python src/train.py data/orders.csv\n"
    "    deps: [data/orders.csv, src/train.py]\n    params: [depth]\n    outs: [rows.txt]\n",
}


@pytest.fixture
def old(tmp_path: Path) -> Project:
    """Return a repository as people have them: a DVC pipeline that ran, a tracked table, two commits."""
    folder = tmp_path / "orders"
    folder.mkdir()
    project = Project(folder, environment(tmp_path))
    project.run("git", "init", "--quiet")
    project.run("dvc", "init", "--quiet")
    project.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    for name, text in OLD.items():
        (folder / name).parent.mkdir(exist_ok=True)
        project.write(name, text)
    project.commit()
    (folder / "data").mkdir()
    rows = [f"2026-01-{i % 28 + 1:02d},{i % 7},{'abc'[i % 3]},{i % 7 * 10 + i % 3 * 5 + i % 11}" for i in range(300)]
    project.write("data/orders.csv", "\n".join(["day,shop,kind,amount", *rows]) + "\n")
    project.run("dvc", "add", "data/orders.csv")
    project.repro()
    project.commit()
    return project


@pytest.mark.slow
def test_repository_with_a_history_adopts_the_template(old, tmp_path):
    """The page's commands, one after the other: a registered model, the old pipeline as it was, and nothing of theirs lost."""
    template = clone(tmp_path / "slipway", old.env)
    template.run("git", "add", "--all")
    template.run("git", "commit", "--quiet", "--allow-empty", "--message", "A release")
    template.run("git", "tag", "0.1.0")
    template.run("git", "gc", "--quiet", "--prune=now")
    commits = old.run("git", "log", "--format=%H").stdout.split()
    blocks = [textwrap.dedent(block) for block in re.findall(r" *```sh\n(.*?) *```", PAGE, re.DOTALL)]
    assert len(blocks) == 7
    said = []
    for block in blocks:
        if "make run" in block:
            with_environment(old)
            old.write("conf/automl/quick.yaml", SMALL_SEARCH)
        script = block.replace("https://example.org/slipway.git", str(template.folder))
        said.append(old.run("sh", "-euc", script).stdout)
    assert "Registered version 1 of model orders" in said[-2]
    assert "Stage 'old/dvc.yaml:train' is cached - skipping run" in said[-1]
    assert old.run("git", "status", "--porcelain").stdout in ("", "?? old/.gitignore\n")  # for what the old stage made
    assert set(commits) < set(old.run("git", "log", "--format=%H").stdout.split())
    assert len(old.run("git", "log", "--follow", "--format=%H", "data/raw/orders/orders.csv.dvc").stdout.split()) == 2
    assert old.read("README.md") == OLD["README.md"]
    assert old.read(".gitignore").startswith(OLD[".gitignore"])
    assert old.read("old/tests/test_train.py") == OLD["tests/test_train.py"]
    assert "store" in old.run("dvc", "remote", "list").stdout
    assert "_commit: 0.1.0" in old.read(".copier-answers.yml")
    assert re.search(r"\d+ passed", old.run("python", "-m", "pytest", "-q", "-m", "not slow", "tests").stdout)


def test_page_brings_every_line_that_the_templates_files_have():
    """The lines that the page adds to .gitignore and to DVC's settings are those of the template's own files."""
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()
    written = re.search(r"cat >> .gitignore <<'END'\n(.*?) *END", PAGE, re.DOTALL)[1].split()
    assert set(written) <= set(ignored)
    assert {line for line in ignored if line.startswith("/")} - set(written) == {"/.venv-install.log"}
    settings = re.findall(r"dvc config (\S+ \S+)", PAGE)
    theirs = (REPOSITORY / ".dvc/config").read_text(encoding="utf-8")
    for setting in settings:
        assert f"{setting.split()[0].split('.')[1]} = {setting.split()[1]}" in theirs
