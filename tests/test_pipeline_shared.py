"""Two people with a clone each, a DVC remote, and an MLflow server on PostgreSQL: what docs/team.md says."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY, Project, end, environment, until_it_says
from mlflow import MlflowClient
from servers import free_port, postgres_cluster

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
PAGE = (REPOSITORY / "docs/team.md").read_text(encoding="utf-8")
MODEL = "titanic-survival"
RATE = "+automl.models.GBM.learning_rate"


def commands(heading: str, **instead: str) -> list[str]:
    """Return the page's blocks of commands under a heading, with our places instead of the page's."""
    section = next(part for part in PAGE.split("\n## ") if part.startswith(heading))
    for said, here in instead.items():
        assert said in section
        section = section.replace(said, here)
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def carry_out(project: Project, script: str) -> str:
    """Run commands as a person would paste them, the first that fails ends the test; return what they say."""
    done = project.run("bash", "-euc", script)
    return done.stdout + done.stderr


def ran(told: str) -> set[str]:
    """Return the stages whose commands really ran."""
    return set(re.findall(r"^Running stage '(\w+)'", told, re.MULTILINE))


@pytest.fixture
def server(tmp_path: Path, stopping: list) -> Iterator[str]:
    """Start the server with the page's own line, on a port and with a folder of our own; give its address."""
    port, log = free_port(), tmp_path / "server.log"
    with postgres_cluster() as store:
        places = {
            "postgresql+psycopg2://mlflow:secret@127.0.0.1/mlflow": store,
            "--port 5000": f"--port {port}",
            "/srv/mlflow": str(tmp_path / "served"),
        }
        [block] = commands("Once: the server", **places)
        install, line = block.splitlines()
        assert install.endswith("psycopg2-binary")  # requirements-dev.lock has it
        here = Project(tmp_path, environment(tmp_path))
        stopping.append(process := here.start(*shlex.split(line), log=log))
        until_it_says("Application startup complete", process, log)
        yield f"http://127.0.0.1:{port}"
        end(process)


def person(name: str, folder: Path, home: Path, server: str) -> Project:
    """Return somebody's clone, on a machine of their own as far as DVC can tell, with the page's variables."""
    home.mkdir()
    env = environment(home) | {"LOGNAME": name}
    [block] = commands("Everyone", **{"https://mlflow.example.org": server})[:1]
    env |= dict(word.split("=", 1) for word in shlex.split(block, comments=True) if "=" in word)
    identity = home / "gitconfig"
    identity.write_text(identity.read_text(encoding="utf-8").replace("Test", name), encoding="utf-8")
    return Project(folder, env)


def test_two_people(finished: Project, server: str, tmp_path: Path):
    """Pulls reuse what the other one trained; runs and versions are there once; a stale clone moves no champion."""
    ada = person("ada", finished.folder, tmp_path / "ada", server)
    for store in ("mlflow.db", "models/registered.json"):
        (ada.folder / store).unlink()
    ada.run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "origin.git"))
    ada.run("git", "checkout", "--quiet", "-B", "main")
    ada.run("git", "remote", "set-url", "origin", str(tmp_path / "origin.git"))
    ada.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
    client = MlflowClient(server)

    # Ada shares the project, an experiment with a name and one with a commit.
    setup, share = commands("Once: the project", **{"/mnt/store/titanic": str(tmp_path / "remote")})
    carry_out(ada, setup)
    assert ran(carry_out(ada, "dvc repro")) == {"register"}
    assert {"automl"} < ran(carry_out(ada, f"dvc exp run --name rate -S {RATE}=0.5"))
    ada.run("git", "checkout", "--quiet", "--force", "main")
    carry_out(ada, "dvc checkout && dvc repro")
    carry_out(ada, share)
    assert versions(client) == [1, 2]

    # Ben begins: nothing is trained, and he finds her runs and versions.
    ben = person("ben", tmp_path / "ben-clone", tmp_path / "ben", server)
    ada.run("git", "clone", "--quiet", str(tmp_path / "origin.git"), str(ben.folder))
    _, begin, take = commands("Everyone")
    told = carry_out(ben, begin)
    assert ran(told) <= {"check", "register"}
    assert "Found the same model as version 1" in told
    told = carry_out(ben, take)
    assert ran(told) <= {"check", "register"}
    assert "Found the same model as version 2" in told
    ben.run("git", "checkout", "--quiet", "--force", "main")

    # Both work at once, on different things; each has a run and a version of their own.
    logs = [tmp_path / "0.3", tmp_path / "0.1"]
    trials = [
        p.start("dvc", "exp", "run", "-S", f"{RATE}={log.name}", log=log)
        for p, log in zip((ada, ben), logs, strict=True)
    ]
    assert [trial.wait(300) for trial in trials] == [0, 0], [log.read_text() for log in logs]
    assert versions(client) == [1, 2, 3, 4]
    for each in (ada, ben):
        carry_out(each, "git commit --quiet --all --message Mine")
    carry_out(ada, f"{share}dvc push --run-cache --all-commits")

    # Ben takes her commit into his: either side's settings, made true by the pipeline, train nothing; nor does her trial.
    assert "CONFLICT" in ben.run("git", "pull", "--quiet", "--no-rebase", ok=False).stdout
    [settle] = commands("At once")
    assert ran(carry_out(ben, settle)) <= {"check", "register"}
    carry_out(ben, "git commit --quiet --all --message Merged && dvc pull --run-cache")
    told = carry_out(ben, f"dvc exp run --pull -S {RATE}=0.3")
    assert ran(told) <= {"check", "register"}
    assert "Found the same model as version" in told
    assert versions(client) == [1, 2, 3, 4]
    runs = client.search_runs([client.get_experiment_by_name("titanic").experiment_id])
    users = [run.data.tags["mlflow.user"] for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert sorted(users) == ["ada", "ada", "ada", "ben"]

    # Ada moves the champion; Ben, who does not know, moves nothing.
    [promote] = commands("Who is the champion")
    carry_out(ada, promote)
    ben.run("git", "checkout", "--quiet", "--force", "HEAD^")
    assert "Found the same model as" in carry_out(ben, "dvc checkout && dvc repro --force --single-item register")
    for words in (["1"], ["3", "--replacing", "1"]):
        refused = ben.run("python", "src/promote.py", *words, "--reason", "I think it is 1", ok=False)
        assert "which is version 2 at present; expected you to know" in refused.told[0]
    assert client.get_registered_model(MODEL).aliases["champion"] == "2"


def versions(client: MlflowClient) -> list[int]:
    """Return the versions of the model, in order."""
    return sorted(int(version.version) for version in client.search_model_versions(f"name = '{MODEL}'"))
