"""Raw data under DVC, in real clones, with a real web server, a folder and SSH servers as remotes: what docs/data.md says."""

import getpass
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import REPOSITORY, STAGES, Project

pytestmark = pytest.mark.slow
PAGE = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
FLOWERS = "data/raw/flowers"


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder without a word on the terminal; the file's digest is its ETag."""

    def log_message(self, *_: object) -> None:
        pass

    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.send_header("ETag", f'"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}"')
        super().end_headers()


class Taciturn(SimpleHTTPRequestHandler):
    """Says of a file neither what nor of when it is."""

    def log_message(self, *_: object) -> None:
        pass

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Last-Modified":
            super().send_header(keyword, value)


@pytest.fixture
def served(tmp_path, request):
    """Serve a folder over HTTP; give the folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(getattr(request, "param", Handler), directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def flowers(fresh: Project, served) -> Project:
    """Return a clone whose table is flowers: one of its files is there and not in Git, the other one is served."""
    (fresh.folder / FLOWERS).mkdir()
    shutil.copy(fresh.folder / "data/raw/titanic/passengers-1.csv", fresh.folder / FLOWERS / "flowers-1.csv")
    shutil.copy(fresh.folder / "data/raw/titanic/passengers-2.csv", served[0] / "flowers-2.csv")
    fresh.write(f"{FLOWERS}/README.md", "# Flowers\n")
    fresh.write(
        "conf/data/flowers.yaml", fresh.read("conf/data/titanic.yaml").replace("name: titanic", "name: flowers", 1)
    )
    fresh.write("conf/config.yaml", re.sub(r"(- data: )\w+", r"\1flowers", fresh.read("conf/config.yaml")))
    fresh.run("python", "src/compose.py")
    fresh.run("git", "add", "conf", "params.yaml")
    fresh.run("git", "commit", "--quiet", "--message", "A table of flowers")
    return fresh


def commands(heading: str, *, ssh: bool = False) -> list[str]:
    """Return the page's blocks of commands under a heading: those with SSH, or the others."""
    section = next(part for part in PAGE.split("\n## ") if part.startswith(heading))
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [block for block in blocks if ("ssh" in block) == ssh]


def carry_out(project: Project, script: str) -> str:
    """Run commands as a person would paste them; the first that fails ends the test."""
    done = project.run("bash", "-euc", script)
    return done.stdout + done.stderr


def test_the_page_works_from_the_first_file_to_a_colleagues_clone(flowers: Project, served, tmp_path):
    """Files that are added, imported, updated and pushed give what they say, and a colleague's clone computes nothing anew."""
    files, address = served
    (block,) = commands("Files that you have")
    carry_out(flowers, block)
    block, update = commands("Files from elsewhere")
    carry_out(flowers, block.replace("https://example.org", address))
    assert not flowers.run("git", "status", "--porcelain").stdout
    assert "flowers-1.csv\n" not in flowers.run("git", "ls-files", FLOWERS).stdout
    assert "1309 rows, 14 columns in 2 files" in flowers.repro("check").stdout

    assert "didn't change" in carry_out(flowers, f"dvc update {FLOWERS}/*.dvc")
    changed = (files / "flowers-2.csv").read_bytes().replace(b"Abbott", b"Abbett")
    (files / "flowers-2.csv").write_bytes(changed + changed.splitlines(keepends=True)[-1])
    assert flowers.repro("check").ran == []  # nothing is fetched unasked
    told = carry_out(flowers, update)
    assert re.findall(r"^Running stage '(\w+)'", told, re.MULTILINE) == STAGES
    assert "1310 rows" in told

    block, pull = commands("A remote for all of it")
    store = tmp_path / "store"
    carry_out(flowers, block.replace("/mnt/store/flowers", str(store)))
    assert not flowers.run("git", "status", "--porcelain").stdout
    flowers.run("git", "clone", "--quiet", ".", str(tmp_path / "colleague"))
    colleague = Project(tmp_path / "colleague", flowers.env)
    told = colleague.run("python", "src/check.py", ok=False)
    assert re.search(r"Got no file .*flowers-1\.csv, expected it, .* Run `dvc pull", told.stderr)
    assert re.findall(r"^Running stage '(\w+)'", carry_out(colleague, pull), re.MULTILINE) == ["register"]


@pytest.mark.parametrize("served", [Taciturn], indirect=True, ids=["taciturn"])
def test_a_change_that_the_server_hides_is_fetched_by_force(flowers: Project, served):
    """What the page says of servers that say little: a change of the same size goes unseen, and --force fetches it."""
    files, address = served
    fetch = f"dvc import-url {address}/flowers-2.csv {FLOWERS}/"
    carry_out(flowers, fetch)
    changed = (files / "flowers-2.csv").read_bytes().replace(b"Zimmerman", b"Zimmermen")
    (files / "flowers-2.csv").write_bytes(changed)
    assert "didn't change" in carry_out(flowers, f"dvc update {FLOWERS}/*.dvc")
    carry_out(flowers, f"{fetch} --force")
    assert (flowers.folder / FLOWERS / "flowers-2.csv").read_bytes() == changed


def test_a_folder_tracked_as_one_is_read_and_named_when_it_is_gone(flowers: Project):
    """A whole folder under DVC is the table, and a clone without it says the command that brings it."""
    carry_out(flowers, f"dvc add {FLOWERS} && git add {FLOWERS}.dvc data/raw/.gitignore && git commit -qm Track")
    assert "655 rows, 14 columns in 1 file" in flowers.repro("check").stdout
    shutil.rmtree(flowers.folder / FLOWERS)
    assert f"Run `dvc pull {FLOWERS}.dvc`" in flowers.run("python", "src/check.py", ok=False).stderr
    assert flowers.repro("check", ok=False).code != 0
    carry_out(flowers, f"dvc checkout {FLOWERS}.dvc")
    assert flowers.repro("check").ran == []


def test_experiments_elsewhere_find_the_raw_data(flowers: Project):
    """An experiment in a folder of its own, as the queue runs them, has the raw files that DVC tracks."""
    carry_out(flowers, commands("Files that you have")[0])
    told = flowers.run("dvc", "exp", "run", "--temp", "check", "-S", "check.rare_class_rows=14").stdout
    assert "655 rows, 14 columns in 1 file" in told


# An SSH server in Python, where there is no sshd: the same protocol, served by what dvc-ssh speaks it with.
ASYNCSSH = """\
import asyncio, sys, asyncssh
async def serve(port, host, keys):
    await asyncssh.listen("127.0.0.1", port, server_host_keys=[host], authorized_client_keys=keys, sftp_factory=True)
    await asyncio.Event().wait()
asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:]))
"""


@pytest.fixture(params=["sshd", "asyncssh"])
def ssh(request, tmp_path):
    """Start an SSH server on a free port of this machine, with keys of its own; give its address and the key that opens it."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/usr/local/sbin")
    if request.param == "sshd" and (sshd is None or shutil.which("ssh-keygen") is None):
        pytest.skip("sshd is not installed here: apt-get install openssh-server; the server in Python stands in for it")
    import asyncssh

    for name in ("host", "key"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(tmp_path / name)
        (tmp_path / name).chmod(0o600)
    key.write_public_key(tmp_path / "authorized")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host, keys = tmp_path / "host", tmp_path / "authorized"
    if request.param == "sshd":
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it of root; a service's start makes it elsewhere
        options = ("ListenAddress=127.0.0.1", f"AuthorizedKeysFile={keys}", "StrictModes=no", "UsePAM=no",
                   "PasswordAuthentication=no", "PidFile=none", "Subsystem=sftp internal-sftp")  # fmt: skip
        command = [sshd, "-D", "-e", "-f", "/dev/null", "-h", host, "-p", str(port)]
        command += [part for option in options for part in ("-o", option)]
    else:
        command = [sys.executable, "-c", ASYNCSSH, str(port), host, keys]
    log = tmp_path / "ssh.log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as server:
        for _ in range(200):
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, log.read_text()
            time.sleep(0.05)
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}", tmp_path / "key"
        server.terminate()


def test_push_and_pull_over_ssh(flowers: Project, ssh, tmp_path):
    """What is pushed to a server over SSH comes back from there; the key's place stays out of Git."""
    address, key = ssh
    carry_out(flowers, commands("Files that you have")[0])
    (block,) = commands("A remote for all of it", ssh=True)
    block = block.replace("ssh://you@example.org", address + str(tmp_path)).replace("~/.ssh/id_ed25519", str(key))
    carry_out(flowers, block)
    assert str(key) not in flowers.run("git", "diff").stdout
    assert len([path for path in (tmp_path / "srv" / "flowers").rglob("*") if path.is_file()]) == 1
    table = (flowers.folder / FLOWERS / "flowers-1.csv").read_bytes()
    shutil.rmtree(flowers.folder / ".dvc" / "cache")
    (flowers.folder / FLOWERS / "flowers-1.csv").unlink()
    flowers.run("dvc", "pull", "-R", "data/raw")
    assert (flowers.folder / FLOWERS / "flowers-1.csv").read_bytes() == table
