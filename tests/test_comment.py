"""The pull-request comment: made without any forge, of what DVC says of two revisions; and the workflow that posts it."""

import json
import re

import pytest
from conftest import REPOSITORY
from ruamel.yaml import YAML

from comment import comment, table


def test_table_shows_old_new_and_change():
    """A key a line, numbers with their change; what would break a table of Markdown is escaped, the digest left out."""
    found = {
        "m.json": {
            "roc_auc": {"old": 0.5, "new": 0.75},
            "why": {"old": "a|b", "new": "<c>\nd"},
            "conf_digest.x": {"old": "1", "new": "2"},
        }
    }
    assert table(found, "main")[2:] == ["| roc_auc | 0.5000 | 0.7500 | +0.25 |", "| why | a\\|b | &lt;c> d |  |"]
    assert table({}, "main") == ["Nothing changed."]


def test_missing_metrics_of_main_are_said():
    """Where main has no metrics, the comment says so instead of showing empty cells alone."""
    assert "`main` has no metrics here" in comment({"m": {"f1": {"new": 0.5}}}, {}, "main", None, None)
    said = comment({"m": {"f1": {"old": 0.5, "new": 0.5}}}, {}, "main", "It passed.", "https://example.org/plots")
    assert "has no metrics" not in said
    assert "### May it be registered?\n\nIt passed." in said
    assert said.endswith("[Plots, card and leaderboard](https://example.org/plots)\n")


@pytest.mark.slow
def test_comment_of_a_changed_setting(finished):
    """In a real project the comment shows the setting that changed, metrics before and after, and needs no network."""
    finished.run("dvc", "exp", "run", "-S", "evaluate.metrics.binary=[accuracy]", "-S", "seed=7")
    said = finished.run("python", "src/comment.py", "HEAD").stdout
    accuracy = json.loads(finished.read("reports/metrics.json"))["accuracy"]
    assert re.search(rf"(?m)^\| accuracy \| 0\.\d+ \| {accuracy:.4f} \| ", said)
    assert re.search(r"(?m)^\| seed \| 42 \| 7 \| -35 \|$", said)
    assert "conf_digest" not in said
    commit = finished.run("git", "rev-parse", "HEAD").stdout.strip()
    assert f"| | {commit[:7]} | here | change |" in finished.run("python", "src/comment.py", commit).stdout
    refused = finished.run("python", "src/comment.py", "nowhere", ok=False)
    assert (refused.code, refused.stderr.count("\n")) == (1, 1)


def test_workflow_gives_forks_no_secret():
    """The job that has secrets starts for this repository's own branches alone, and no pull_request_target is in it."""
    text = (REPOSITORY / ".github/workflows/project.yml.jinja").read_text(encoding="utf-8")
    says = YAML(typ="safe").load(text.replace("{% raw -%}\n", "").replace("{% endraw %}", ""))
    assert set(says["on"]) == {"push", "pull_request"}
    assert "secrets" not in json.dumps(says["jobs"]["test"])
    assert "head.repo.full_name == github.repository" in says["jobs"]["pipeline"]["if"]
    assert says["permissions"] == {"contents": "read"}
    assert not re.search(r"run:.*\$\{\{", text)  # nothing that somebody else writes gets into a shell


def test_editor_tasks_are_commands_that_are_there():
    """Every task of VS Code is a target of the Makefile or a script; DVC's extension is recommended."""
    tasks = json.loads((REPOSITORY / ".vscode/tasks.json").read_text(encoding="utf-8"))["tasks"]
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    named = {task["command"].removeprefix("make ") for task in tasks}
    assert set(re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE)) - named == {"help", "lint", "lock"}
    for task in tasks:
        if target := re.match(r"make (\w+)", task["command"]):
            assert f"\n{target[1]}:" in makefile
        elif script := re.search(r"src/\w+\.py", task["command"]):
            assert (REPOSITORY / script[0]).is_file()
    assert (
        "iterative.dvc"
        in json.loads((REPOSITORY / ".vscode/extensions.json").read_text(encoding="utf-8"))["recommendations"]
    )
