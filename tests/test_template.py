"""Projects made of this repository: what comes along, the first run, updates that leave the owner's files alone."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from conftest import REPOSITORY, SMALL_SEARCH, Done, Project, clone, environment, with_environment
from packaging.version import Version
from pathspec import PathSpec
from ruamel.yaml import YAML

from slipway.start.files import TABLE_NAME

QUESTIONS = YAML(typ="safe").load((REPOSITORY / "copier.yml").read_text(encoding="utf-8"))
EXAMPLES = QUESTIONS["examples"]["default"]
# What a file of the template may have filled in.
ANSWERS = "project_name|description|example|table|label|task|_copier[a-z_]*"
SEARCH = SMALL_SEARCH
# Special in YAML, TOML, Python, Jinja, Markdown or shells.
ODD = "a: 'b' \"c\" #d \\ $HOME `id` ${x} {{ 7 * 7 }} {% raw %} <e> & | * %f é 😀 "
LABELS = ["yes", 'left ${x}: "q" #1', "{{ y }} - 😀"]


def copier(template: Project, *arguments: str, at: Project | None = None, ok: bool = True) -> Done:
    return Project((at or template).folder, template.env).run("copier", *arguments, ok=ok)


def made(template: Project, to: Path, ref: str = "HEAD", **answers: object) -> Project:
    """Make a project of the template, as a person would, and link this Python's environment into it."""
    said = [f"--data={name}={value}" for name, value in answers.items()]
    copier(template, "copy", "--quiet", "--defaults", "--vcs-ref", ref, *said, str(template.folder), str(to))
    project = with_environment(Project(to, template.env))
    project.run("git", "init", "--quiet")
    return project


def churn() -> str:
    """Return a table whose label has the odd name."""
    head = '"' + ODD.strip().replace('"', '""') + '",n'
    rows = [f"{'yes' if (i * 37 % 101 > 60) != (i % 6 == 0) else 'no'},{i * 37 % 101 + i % 7}" for i in range(200)]
    return "\n".join([head, *rows]) + "\n"


def files(project: Project) -> dict[str, bytes]:
    names = project.run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z").stdout.split("\0")
    return {name: (project.folder / name).read_bytes() for name in names if name}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a clone of the working state, tagged as a release; tests add commits to copies of it."""
    home = tmp_path_factory.mktemp("template")
    project = clone(home / "slipway", environment(home))
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--allow-empty", "--message", "A release")
    project.run("git", "tag", "0.1.0")
    # As from a server: Copier looks at each file of .git before it leaves it out, and a working clone has thousands.
    project.run("git", "gc", "--quiet", "--prune=now")
    return project


def test_questions_know_the_examples_and_the_names_of_tables():
    """The answers that are refused are those that the machinery refuses, and every example of the repository is known."""
    assert sorted(file.stem for file in (REPOSITORY / "conf/data").glob("*.yaml")) == EXAMPLES
    assert f"^{TABLE_NAME}$" in QUESTIONS["table"]["validator"]
    asked = [name for name, question in QUESTIONS.items() if name[0] != "_" and question.get("when") is not False]
    assert asked == ["project_name", "description", "example", "table", "label", "task"]
    assert not {"_tasks", "_migrations", "_jinja_extensions"} & set(QUESTIONS)


def test_changelog_says_of_every_release_what_an_update_asks():
    """Releases are numbered as Copier sorts tags, newest first, the next one among them; each begins with what to do."""
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (\S+)\n\n### What an updating project must know\n\n\w", changes, re.MULTILINE)
    assert re.findall("^## (.*)", changes, re.MULTILINE) == sections
    assert sections == sorted(sections, key=Version, reverse=True)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert sections[0] == project["version"]


@pytest.mark.slow
@pytest.mark.parametrize("example", [True, False], ids=["example", "own table"])
def test_new_project_has_what_is_its_own_and_nothing_else(template, tmp_path, example):
    """Nothing of the template's own life comes along, no placeholder is left, and what is parsed parses."""
    answers = {} if example else {"table": "churn", "label": "left"}
    project = made(template, tmp_path / "project", example=example, project_name="Old Ships", **answers)
    all_files = files(project)
    gone = re.compile(
        r"(^|/)(CHANGELOG.*|LICENSE|copier\.yml|params\.yaml|dvc\.lock|benchmarks|\.ci|test\.yml|.*\.jinja|.*\.rej)(/|$)"
    )
    assert [name for name in all_files if gone.search(name) and name != "src/slipway/LICENSE"] == []
    assert [name for name in all_files if name.startswith("tests/")] == ["tests/test_project.py"]
    others = [name for name in EXAMPLES if not (example and name == "titanic")]
    assert [name for name in all_files if any(f"/{other}" in f"/{name}" for other in others)] == []
    for name, content in all_files.items():
        text = content.decode("utf-8")
        if not name.endswith((".j2", ".lock")) and name != "src/slipway/start/files.py":
            assert not re.search(rf"\{{%|\{{\{{ ?({ANSWERS}) ?\}}\}}|TODO|FIXME", text), name
        if name.startswith(("src/", "conf/")) and not example:
            assert not re.search("titanic", text), name
        if name.endswith((".yaml", ".yml")):
            list(YAML(typ="safe").load_all(text))
    assert tomllib.loads(project.read("pyproject.toml"))["project"]["name"] == "old-ships"
    assert project.read("README.md").startswith("# Old Ships\n")
    assert f"came from a template ({template.folder});" in project.read("README.md")  # not Copier's own clone of it
    assert not re.search(
        "[Ss]lipway", project.read("README.md").replace("src/slipway", "").replace(str(template.folder), "")
    )


def test_nothing_that_a_run_leaves_is_a_part_of_the_template():
    """What Git ignores stays in a template that is a plain folder; dvc.lock, which a project commits, in a clone that ran."""
    left = PathSpec.from_lines("gitignore", [name for name in QUESTIONS["_exclude"] if "{" not in name])
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()
    written = [
        line.strip("/") for line in ignored if line.startswith(("/", ".")) and not line.startswith((".DS", ".ipy"))
    ]
    assert len(written) > 15
    assert [name for name in [*written, "dvc.lock", ".dvc/cache", ".dvc/tmp"] if not left.match_file(name)] == []
    kept = ["data/schema/titanic.yaml", "src/slipway/rows/steps.py", "conf/config.yaml", ".dvc/config", ".gitignore"]
    assert [name for name in kept if left.match_file(name)] == []


@pytest.mark.slow
def test_clone_in_which_it_ran_makes_projects_that_can_be_updated(template, tmp_path):
    """A branch of a clone with a dvc.lock of its own: none comes along, and the commit is one that an update finds."""
    used = Project(shutil.copytree(template.folder, tmp_path / "slipway"), template.env)
    branch = used.run("git", "branch", "--show-current").stdout.strip()
    used.write("dvc.lock", "schema: '2.0'\n")
    assert not (made(used, tmp_path / "dirty").folder / "dvc.lock").exists()
    used.run("git", "tag", "--delete", "0.1.0")  # before a first release
    project = made(used, tmp_path / "project", ref=branch)
    assert not (project.folder / "dvc.lock").exists()
    project.commit()
    copier(used, "update", "--defaults", "--quiet", "--vcs-ref", branch, at=project)


@pytest.mark.slow
def test_new_project_with_the_example_runs_at_once(template, tmp_path):
    """`make test` passes in the project as it is, before anything ran; `make run` right after `git init` registers a model."""
    project = made(template, tmp_path / "project")
    tested = project.run("make", "test").stdout
    assert re.search(r"\d+ passed, \d+ skipped in", tested)  # params.yaml is not composed yet
    project.write("conf/automl/quick.yaml", SEARCH)
    assert "Registered version 1 of model titanic-survival" in project.run("make", "run").stdout
    tested = project.run("python", "-m", "pytest", "-q", "tests", "-m", "not slow").stdout
    assert re.search(r"(?m)^\d+ passed, 1 deselected", tested)  # none of the project's own tests is skipped


@pytest.mark.slow
def test_new_project_asks_for_the_file_and_for_nothing_else(template, tmp_path):
    """With odd answers everywhere, the first run ends in one sentence that asks for the table's files; then it registers."""
    project = made(
        template,
        tmp_path / "project",
        example=False,
        project_name=ODD,
        description=ODD,
        table="churn",
        label=ODD.strip(),
    )
    project.write("conf/automl/quick.yaml", SEARCH)
    asked = project.run("make", "run", ok=False)
    assert [line for line in asked.told if line.startswith("Error")] == [
        "Error: Got no file in data/raw/churn, expected one or more files of a table. Put the raw table there."
    ]
    assert re.search(r"\d+ passed, \d+ skipped", project.run("make", "test").stdout)
    project.write("data/raw/churn/churn.csv", churn())
    done = project.run("make", "run")
    assert "check: the positive class is yes, the second in order" in done.stdout
    assert "Registered version 1 of model churn" in done.stdout


@pytest.mark.slow
def test_every_answer_may_be_odd(template, tmp_path):
    """Whatever a label is called, the settings of the new project say just that."""
    for number, label in enumerate(LABELS):
        project = made(template, tmp_path / f"p{number}", example=False, table="t", label=label, task="regression")
        project.run("python", "src/compose.py")
        says = YAML(typ="safe").load(project.folder / "params.yaml")["data"]
        assert (says["label"], says["task"], says["metric"]) == (label, "regression", "root_mean_squared_error")


@pytest.mark.slow
@pytest.mark.parametrize(
    "answers",
    [
        *({"table": name} for name in ["", "My table", "wine", "yes", "null", "../up", "1st", "a" * 64, "é"]),
        {"label": ""}, {"label": "???"}, {"label": "a\nb"}, {"project_name": " "}, {"description": "a\nb"}, {"task": "clustering"},
    ],
    ids=lambda answers: " ".join(f"{name} {value!r}"[:30] for name, value in answers.items()),
)  # fmt: skip
def test_answer_that_cannot_work_is_refused(template, tmp_path, answers):
    """An answer that could not work is refused with what is expected, and no project is made."""
    said = [f"--data={name}={value}" for name, value in answers.items()]
    done = copier(
        template,
        "copy",
        "--quiet",
        "--defaults",
        "--vcs-ref=HEAD",
        "--data=example=false",
        *said,
        ".",
        str(tmp_path / "p"),
        ok=False,
    )
    assert done.code != 0
    assert next(iter(answers)) in done.stderr
    assert not (tmp_path / "p/dvc.yaml").exists()


def own(project: Project) -> None:
    """Edit a project as its owner would: settings, a recipe, a table, tests, the README, a remote."""
    project.write("conf/automl/quick.yaml", SEARCH + "# ours\n")
    project.edit("conf/config.yaml", "seed: 42", "seed: 7")
    project.write("conf/automl/ours.yaml", SEARCH)
    project.edit("src/recipes/titanic.py", '"""Yours.', '"""Ours.')
    project.write("src/recipes/ours.py", project.read("src/recipes/as_is.py"))
    project.write("conf/data/ours.yaml", project.read("conf/data/titanic.yaml").replace("name: titanic", "name: ours"))
    (project.folder / "data/raw/ours").mkdir()
    project.write("data/raw/ours/ours.csv", project.read("data/raw/titanic/passengers-1.csv"))
    project.write("README.md", "# Ours\n")
    project.write("tests/test_ours.py", '"""Ours."""\n\n\ndef test_ours():\n    """Holds."""\n')
    project.edit("tests/test_project.py", '"""Yours.', '"""Ours.')
    project.run("dvc", "remote", "add", "--default", "storage", "/tmp/storage")
    project.run("python", "src/compose.py")
    project.commit()


def release(template: Project, tag: str) -> None:
    """Make a release that changes machinery, and every kind of file that is the owner's in a project."""
    summary = template.read("src/summary.py")
    template.write("src/summary.py", re.sub("\\A[^\n]*", f'"""{tag}: say what is registered."""', summary))
    template.write(f"src/slipway/start/new_{tag[2]}.py", '"""New machinery."""\n')
    for path in (
        "README.md.jinja",
        "conf/automl/quick.yaml",
        "src/recipes/titanic.py",
        "tests/test_project.py",
        ".dvc/config",
    ):
        template.write(path, template.read(path) + f"# {tag}\n")
    template.write("conf/automl/quick.yaml", f"# {tag}\n" + template.read("conf/automl/quick.yaml"))
    template.write(f"conf/automl/new_{tag[2]}.yaml", SEARCH)
    template.commit()
    template.run("git", "tag", tag)


@pytest.mark.slow
def test_updates_bring_machinery_and_leave_the_owners_files_alone(template, tmp_path):
    """Two updates in a row bring what is new of the machinery, change no file that is the owner's, and tests stay green."""
    releases = Project(shutil.copytree(template.folder, tmp_path / "slipway"), template.env)
    project = made(releases, tmp_path / "project", ref="0.1.0", project_name="Another one")
    project.commit()
    own(project)
    theirs = {
        name: content for name, content in files(project).items()
        if name.startswith(("conf/", "data/", "src/recipes/", "tests/", ".dvc/", "README", "params.yaml"))
    }  # fmt: skip
    for tag in ("0.2.0", "0.3.0"):
        release(releases, tag)
        copier(releases, "update", "--defaults", "--quiet", at=project)
        now = files(project)
        assert {name: now.get(name) for name in theirs} == theirs
        assert not any(b"<<<<<<<" in content or name.endswith(".rej") for name, content in now.items())
        assert f'"""{tag}: say' in project.read("src/summary.py")
        assert f"_commit: {tag}" in project.read(".copier-answers.yml")
        assert {f"src/slipway/start/new_{tag[2]}.py", f"conf/automl/new_{tag[2]}.yaml"} <= set(now)
        assert 'name = "another-one"' in project.read("pyproject.toml")
        project.run("python", "src/compose.py")
        project.run("make", "fast")
        project.commit()
        theirs |= {name: content for name, content in files(project).items() if name in ("params.yaml", ".dvc/config")}


@pytest.mark.slow
def test_machinery_that_the_owner_changed_conflicts_visibly(template, tmp_path):
    """Where owner and template changed the same line of the machinery, both are shown as Git shows them."""
    releases = Project(shutil.copytree(template.folder, tmp_path / "slipway"), template.env)
    project = made(releases, tmp_path / "project", ref="0.1.0")
    project.edit("src/summary.py", '"""Say what is registered', '"""Ours: say what is registered')
    project.commit()
    release(releases, "0.2.0")
    copier(releases, "update", "--defaults", "--quiet", at=project)
    assert "<<<<<<< before updating" in project.read("src/summary.py")
    assert "UU src/summary.py" in project.run("git", "status", "--porcelain").stdout


def renaming_release(template: Project, tag: str) -> None:
    """Make a release that calls one setting otherwise, and wants another one."""
    for file in [*(template.folder / "src").rglob("*.py"), template.folder / "conf/dataprep/default.yaml"]:
        text = file.read_text(encoding="utf-8")
        if "batch_rows" in text:
            file.write_text(text.replace("batch_rows", "rows_of_a_batch"), encoding="utf-8")
    field = "    importance_repeats: Annotated[int, Field(ge=0)]\n"
    template.edit("src/slipway/project/stage_settings.py", field, f"{field}    folds: Annotated[int, Field(ge=2)]\n")
    conf = template.read("conf/evaluate/default.yaml")
    template.write("conf/evaluate/default.yaml", f"{conf}# Parts.\nfolds: 5\n")
    template.commit()
    template.run("git", "tag", tag)


@pytest.mark.slow
def test_setting_that_an_update_renames_or_adds_is_named_with_what_to_write(template, tmp_path):
    """A project made of no release, with odd answers: after the update its conf/ is refused with the keys to write; then all runs."""
    releases = Project(shutil.copytree(template.folder, tmp_path / "slipway"), template.env)
    releases.write("src/slipway/start/between.py", '"""Between two releases."""\n')
    releases.commit()
    answers = {"project_name": ODD, "description": ODD, "label": ODD.strip()}
    project = made(releases, tmp_path / "project", example=False, table="churn", **answers)
    project.write("conf/automl/quick.yaml", SEARCH)
    project.edit("conf/evaluate/default.yaml", "importance_repeats: 5", "importance_repeats: 1")
    project.write("data/raw/churn/churn.csv", churn())
    project.commit()
    theirs = {
        name: content for name, content in files(project).items() if name.startswith(("conf/", "data/", "tests/"))
    }
    renaming_release(releases, "0.2.0")
    copier(releases, "update", "--defaults", "--quiet", at=project)
    now = files(project)
    assert {name: now.get(name) for name in theirs} == theirs
    assert not any(b"<<<<<<<" in content or name.endswith(".rej") for name, content in now.items())
    assert tomllib.loads(project.read("pyproject.toml"))["project"]["description"] == ODD
    refused = project.run("make", "run", ok=False).stderr
    assert "Got no setting 'dataprep.rows_of_a_batch', expected one: an integer, 1000 or more" in refused
    assert "Got the setting 'dataprep.batch_rows', which nothing reads; closest: 'dataprep.rows_of_a_batch'" in refused
    assert "Got no setting 'evaluate.folds', expected one: an integer, 2 or more" in refused
    project.edit("conf/dataprep/default.yaml", "batch_rows", "rows_of_a_batch")
    project.write("conf/evaluate/default.yaml", project.read("conf/evaluate/default.yaml") + "folds: 5\n")
    assert "Registered version 1 of model churn" in project.run("make", "run").stdout
    assert re.search(r"\d+ passed", project.run("make", "fast").stdout)
