"""What dvc.yaml says of the stages is what their scripts do."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
STAGES = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")["stages"]
RECIPE = "src/recipes/${data.recipe.name}.py"


def test_table_of_experiments_leaves_out_what_all_stages_are_made_from():
    """No column of `make compare` is a file of requirements, as experiments that lack an extra, or an update, would fill it."""
    dropped = re.compile(
        "|".join(re.findall(r"^DROP := (?:\$\(DROP\)\|)?(.*)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    )
    files = {dep for stage in STAGES.values() for dep in stage["deps"] if "/" not in dep and "." in dep}
    assert {"requirements.lock", "requirements-torch.txt"} <= files
    assert [file for file in sorted(files) if not dropped.fullmatch(file)] == []


def imported(file: Path) -> set[Path]:
    """Return the modules of ours that a file imports, in functions too; what only the type checker sees is left out."""
    found = set()
    todo: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        names = []
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
        paths = {SRC / f"{name.replace('.', '/')}.py" for name in names}
        found |= {path for path in paths if path.is_file()}
        todo += ast.iter_child_nodes(node)
    return found


def code_of(stage: str) -> set[str]:
    """Return all code of ours that a stage runs or packs into the model, as dvc.yaml writes it: scripts and folders."""
    from slipway.search.packaging import CARRIED

    recipes = set((SRC / "recipes").glob("[!_]*.py"))
    carried = {file for name in CARRIED for file in (SRC / "slipway" / name).glob("[!_]*.py")}
    todo, found = {SRC / f"{stage}.py"}, set()
    while todo:
        file = todo.pop()
        found.add(file)
        more = imported(file)
        if file.stem == "recipe":
            more |= recipes
        if file.stem == "packaging":
            more |= recipes | carried
        todo |= more - found
    folders = {file.parent for file in found if file.parent.parent == SRC / "slipway"}
    written = folders | {file for file in found if file.parent not in folders}
    return {RECIPE if path in recipes else str(path.relative_to(ROOT)) for path in written}


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_code_that_runs(stage: str):
    """A stage depends on the folder of every module of ours that its script imports, sooner or later, and on no other."""
    assert {dep for dep in STAGES[stage]["deps"] if dep.startswith("src/")} == code_of(stage)


def test_package_files_hold_no_code():
    """A package file says what its folder is for and holds no code: not every one of them is a dependency."""
    for file in SRC.rglob("__init__.py"):
        assert [type(node) for node in ast.parse(file.read_text(encoding="utf-8")).body] == [ast.Expr], file


def test_automl_gets_no_test_row():
    """The search's only rows are train and validation rows: nothing else under data/ is among its inputs."""
    data = [dep for dep in STAGES["automl"]["deps"] if not dep.startswith(("src/", "requirements"))]
    assert data == ["data/prepared/train.parquet", "data/prepared/validation.parquet", "models/recipe"]


def test_demo_table_is_named_where_it_belongs_alone():
    """The machinery never names the demo table: its settings, data, recipe, the tests and the documents do."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    allowed = ("conf/", "data/", "tests/", "benchmarks/", "src/recipes/titanic.py", "params.yaml", "dvc.lock")
    allowed += ("copier.yml", "README.md.jinja")  # which bring it into a project or not
    others = [n for n in names if n and not n.startswith(allowed) and not n.endswith(".md") and (ROOT / n).is_file()]
    assert len(others) > 30
    assert [n for n in others if "titanic" in n.lower() or b"titanic" in (ROOT / n).read_bytes().lower()] == []
