"""The pages under docs/ and the README: commands run and say what is shown, every sentence of the code has its advice."""

import ast
import re
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from conftest import REPOSITORY, Project, with_environment
from ruamel.yaml import YAML

PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted((REPOSITORY / "docs").glob("*.md"))}
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# Pages whose commands need a server, a web site or a repository of their own have a test of their own.
ELSEWHERE = {
    "adopt.md": "tests/test_adopt.py",
    "data.md": "tests/test_pipeline_data.py",
    "forecasting.md": "tests/test_extras.py",
    "serving.md": "tests/test_docs.py",
    "team.md": "tests/test_pipeline_shared.py",
}


def steps(page: str) -> list[tuple[str, list[str]]]:
    """Return each command, or script, of a page's blocks in order, with the lines that the page shows of its output."""
    found: list[tuple[str, list[str]]] = []
    for kind, block in BLOCK.findall(page):
        if kind == "sh":
            found.append((block, []))
        elif kind == "python":
            found.append((f"python - <<'END_OF_PYTHON'\n{block}\nEND_OF_PYTHON", []))
        elif kind == "console":
            # A command whose quotes are open goes on in the next line.
            for line in re.sub(r"(\$ [^']*'[^'\n]*(?:'[^'\n]*'[^'\n]*)*)\n(?=  )", r"\1", block).splitlines():
                if line.startswith("$ "):
                    found.append((line[2:], []))
                elif line != "...":
                    found[-1][1].append(line)
    return found


def shape(line: str) -> str:
    """Return a line of output without what differs from run to run: scores, seconds, ids of runs.

    >>> shape("automl: CatBoost won of 6 models with roc_auc 0.9064 on validation rows")
    'automl: CatBoost won of 6 models with roc_auc # on validation rows'
    """
    return re.sub(r"\d+\.\d+(e-?\d+)?|\d+(?= s\b)|\d+(?= of \d+ s\b)|\b[0-9a-f]{32}\b", "#", line).rstrip()


def carry_out(project: Project, page: str) -> None:
    """Run a page's commands; those after which it shows an error have to fail, the others to end well."""
    for command, shown in steps(page):
        refused = any(line.lower().startswith("error:") for line in shown)
        done = project.run("sh", "-euc", command, ok=False)
        assert (done.code != 0) == refused, f"{command}\n{done.stdout}\n{done.stderr}"
        said = [shape(line) for line in [*done.stdout.splitlines(), *done.stderr.splitlines()]]
        absent = [line for line in shown if shape(line) not in said]
        assert absent == [], f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
def test_readmes_run_says_what_it_shows(fresh):
    """`make run` of a plain clone, with the settings that are there, says each line that the README shows, with figures like its."""
    for file in ("conf/automl/quick.yaml", "conf/evaluate/default.yaml"):
        fresh.write(file, (REPOSITORY / file).read_text(encoding="utf-8"))
    fresh.run("python", "src/compose.py")
    run, shown = next(step for step in steps(README) if step[0] == "make run")
    said = with_environment(fresh).run("sh", "-euc", run).stdout.splitlines()
    begins, *others = shown
    assert "Making the environment in .venv from $lock with $(" in (REPOSITORY / "environment.sh").read_text("utf-8")
    assert begins.startswith("Making the environment in .venv from requirements.lock with Python 3.")
    shapes = [shape(line) for line in said]
    for line in others:
        line = shape(line)  # noqa: PLW2901
        assert line in shapes or any(
            each.startswith(line.removesuffix(" ...")) for each in shapes if line[-4:] == " ..."
        )


@pytest.mark.slow
def test_readmes_other_commands_run(finished):
    """What the README installs with is what the script installs with; its experiments compose; what is quick runs."""
    script = (REPOSITORY / "environment.sh").read_text(encoding="utf-8")
    without_make, experiments = (command for command, _ in steps(README) if "\n" in command.strip())
    assert set(re.findall(r"--[a-z-]+", without_make)) <= set(re.findall(r"--[a-z-]+", script))
    finished.run("sh", "-euc", "dvc repro && python src/summary.py")
    finished.run("git", "add", "conf")
    for line in experiments.splitlines():
        command = line.partition(" #")[0].strip()
        if command.startswith("dvc exp run -S"):  # an hour, some of them: that they compose is asked here
            finished.run("sh", "-euc", command.replace("dvc exp run -S", "python src/compose.py"))
        elif not command.startswith(("dvc exp apply", "python src/verify.py", "make")):  # docs/search.md verifies
            finished.run("python", "src/compose.py")
            finished.run("sh", "-euc", command)


@pytest.fixture
def web(finished):
    """Serve the example's raw files over HTTP, as example.org would; give the address."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(finished.folder / "data/raw/titanic"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if steps(page) and name not in ELSEWHERE])
def test_commands_of_the_page_run(finished, web, name):
    """Every command of a page ends as it says, in the page's order, and each line that it shows is in the output."""
    carry_out(with_environment(finished), PAGES[name].replace("https://example.org", web))


@pytest.mark.slow
def test_servers_of_the_pages_answer(finished, stopping, tmp_path):
    """The servers that docs/serving.md starts come up, and what it and the README ask them is answered as they show."""
    [starts] = [command for command, _ in steps(PAGES["serving.md"]) if "serve.py" in command]
    asked = [step for step in steps(PAGES["serving.md"]) if step[0].startswith("curl")]
    [predicts] = [command for command, _ in steps(PAGES["serving.md"]) if "predict.py" in command]
    (finished.folder / "tables").mkdir()
    for file in sorted((finished.folder / "data/raw/titanic").glob("*.csv")):
        rows = pd.read_csv(file, dtype=str).drop(columns="survived").rename(columns={"ticket": "customer_id"})
        rows.assign(ticket="x").to_csv(finished.folder / "tables" / file.name, index=False)
    shutil.copy(finished.folder / "tables" / file.name, finished.folder / "table.csv")
    finished.run("sh", "-euc", predicts)
    assert list(pd.read_parquet(finished.folder / "predictions.parquet")) == ["row", "customer_id", "prediction"]
    assert len(pd.read_csv(finished.folder / "predictions.csv")) == 1309
    lines = [line.partition(" &")[0] for line in starts.splitlines()]
    assert len(lines) == 2
    for number, line in enumerate(lines):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        command = line.replace("8080", port) if "--port" in line else f"{line.strip()} --port {port}"
        stopping.append(finished.start("sh", "-c", f"exec {command}", log=tmp_path / f"log-{number}"))
        deadline = time.monotonic() + 120
        while True:
            assert stopping[-1].poll() is None, (tmp_path / f"log-{number}").read_text()
            assert time.monotonic() < deadline
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except urllib.error.URLError:
                time.sleep(0.2)
        [curl] = [step for step in steps(README) if step[0].startswith("curl")]
        for ask, shown in [*asked, curl]:
            [answer] = finished.run("sh", "-euc", ask.replace("5001", port)).stdout.splitlines()
            assert shape(answer) == shape(shown[-1])


@pytest.mark.parametrize("name", PAGES)
def test_blocks_and_links_are_what_the_tests_know(name):
    """A block is one of commands, or of YAML that parses; links lead somewhere; a page fits two screens."""
    for kind, block in BLOCK.findall(PAGES[name]):
        assert kind in ("console", "sh", "python", "yaml", "text"), f"a block of {kind or 'no language'}"
        if kind == "yaml":
            YAML(typ="safe").load(block)
    assert not re.search(r"(?m)^ {4}(?:dvc|python|make|git|copier) ", BLOCK.sub("", PAGES[name]))
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGES[name]):
        assert (REPOSITORY / "docs" / target).exists(), target
    assert PAGES[name].count("\n") <= 140


@pytest.mark.parametrize("name", ELSEWHERE)
def test_page_that_another_test_runs_is_read_there(name):
    """A page that is left out here is carried out by the test that is named."""
    assert name in (REPOSITORY / ELSEWHERE[name]).read_text(encoding="utf-8")


def test_commands_in_sentences_are_there():
    """Targets of make and scripts that a sentence names are there, and every command of DVC's is one that DVC reads."""
    from dvc.cli import DvcParserError
    from dvc.cli.parser import get_main_parser

    reads = get_main_parser()
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for name, page in {**PAGES, "README.md": README}.items():
        spans = [span for line in BLOCK.sub("", page).splitlines() for span in re.findall(r"`([^`]+)`", line)]
        for span in spans:
            if target := re.match(r"make ([a-z]\w*)", span):
                assert f"\n{target[1]}:" in makefile, f"{name}: {span}"
            elif script := re.match(r"python (src/\w+\.py)", span):
                assert (REPOSITORY / script[1]).is_file(), f"{name}: {span}"
            elif re.match(r"dvc [a-z]", span):
                words = span.replace("'", "").partition(" …")[0].partition(" && ")[0].split()[1:]
                words += ["x=1"] if words[-1] == "-S" else ["--help"] if not words[1:] else []  # named, not shown
                try:
                    reads.parse_args(words)
                except (DvcParserError, SystemExit) as error:
                    assert getattr(error, "code", 1) == 0, f"{name}: DVC does not read `{span}`"  # noqa: PT017


# What the article that docs/azure.md is about uses of the SDK.
AZURE = """
Workspace config.json Dataset URLs register create_new_version get_by_name datastore RunConfiguration PythonScriptStep
as_named_input as_mount PipelineData OutputFileDatasetConfig OutputTabularDatasetConfig read_delimited_files
parse_parquet_files AutoMLConfig task primary_metric iterations iteration_timeout_minutes experiment_timeout_hours
featurization n_cross_validations validation_data training_data label_column_name path debug_log compute_target
passthru_automl_config AutoMLStep TrainingOutput Metrics Model pipeline_output_name allow_reuse=True allow_reuse=False
PipelineParameter Experiment.submit show_output wait_for_completion get_pipeline_output download show_progress DataFrame
PipelineRun find_step_run Model.register
"""


def test_every_name_of_the_article_is_on_the_page():
    """Whatever people know from the article has a line: what it is here, or that it has no counterpart."""
    page = PAGES["azure.md"]
    assert [name for name in AZURE.split() if not re.search(rf"\b{re.escape(name)}\b", page)] == []
    assert "Registered version N of model X" in page
    assert page.count("no counterpart") >= 2


def test_readme_lists_every_page():
    """The README's links are the index of docs/."""
    assert [name for name in PAGES if f"](docs/{name})" not in README] == []
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (REPOSITORY / target).exists(), target


def template(node: ast.AST) -> str | None:
    """Return a text of the code with … for what it fills in; None where it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)  # noqa: PD011  no table's
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (template(node.left) or "…") + (template(node.right) or "…")
    return None


def sentences(tree: ast.AST) -> list[str]:
    """Return what a module may say: every text that begins with Got, and what a UserError says however it begins."""
    text = template(tree)
    if text is not None:
        return [text.removeprefix("Error: ")] if re.match(r"(Error: )?Got .*\w", text) else []
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "UserError":
        return [template(argument) or "…" for argument in tree.args]
    return [text for child in ast.iter_child_nodes(tree) for text in sentences(child)]


# What says sentences beside src/.
OTHERS = ("environment.sh", "copier.yml", "Makefile")


def all_sentences() -> dict[str, str]:
    """Return the sentences of src/, of the script that makes the environment and of Copier's questions → their file."""
    found = {}
    for file in [*sorted((REPOSITORY / "src").rglob("*.py")), *(REPOSITORY / name for name in OTHERS)]:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".py":
            says = sentences(ast.parse(text))
        else:
            filled_in = re.sub(r"\$\{[^}]*\}|\$\(.*?\)|\$\w+|\{\{.*?\}\}", "…", text)
            says = re.findall(r"Got [^\"\n]*?(?=\"|\n|\{%)", filled_in)
        for sentence in says:
            found[re.sub("…+", "…", sentence)] = str(file.relative_to(REPOSITORY))
    return found


# What a UserError hands on: the schema's sentences, which are found where they are written, and DVC's own.
HANDED_ON = {"…", "…. Edit conf/ or the -S of your command, then compose again: `dvc exp run`, or `make params`."}


def fits(shown: str, sentence: str) -> bool:
    """Return whether a page's `Got …` means a sentence of the code: it begins so, or is just that where it says little."""
    if not re.search(r"[^\W\d]", re.sub(r"\b(Got|expected|of|in|no|a)\b", "", shown)):
        return shown == sentence.rstrip(".")
    return re.match(".*?".join(map(re.escape, shown.split("…"))), sentence) is not None


def test_every_sentence_has_its_advice():
    """Each sentence that the project can end with is on the page, under the words that it begins with; and no other is."""
    shown = re.findall(r"`(Got [^`]+)`", PAGES["when-something-fails.md"])
    said = {sentence: file for sentence, file in all_sentences().items() if sentence not in HANDED_ON}
    assert len(said) > 150
    absent = {sentence: file for sentence, file in said.items() if not any(fits(words, sentence) for words in shown)}
    assert absent == {}, "say in docs/when-something-fails.md what to do"
    assert [words for words in shown if not any(fits(words, sentence) for sentence in said)] == []


def test_a_new_sentence_is_missed():
    """A sentence that the page lacks is found, also as a piece of a longer text, and where a UserError begins otherwise."""
    source = 'raise UserError(f"Got {n} moons, expected one. Edit " + place)\nraise UserError(f"{n} moons")\n'
    assert sentences(ast.parse(source)) == ["Got … moons, expected one. Edit …", "… moons"]
    assert not fits("Got …=…, expected …", "Got … moons=…, expected … moons")
    assert Path(REPOSITORY / "docs/when-something-fails.md").is_file()
