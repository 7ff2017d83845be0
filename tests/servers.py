"""Servers for the slow tests, on free ports of this machine alone: MLflow's tracking server on sqlite and on PostgreSQL."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

# Where Debian's package puts what is not meant for PATH.
DEBIANS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))


def free_port() -> int:
    """Return a port of this machine that nobody listens to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _postgres_bin() -> Path | None:
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else DEBIANS[-1] if DEBIANS else None


@contextmanager
def postgres_cluster() -> Iterator[str]:
    """Start a PostgreSQL cluster of its own and give its address; skip where there is none to start."""
    found = _postgres_bin()
    if found is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed (requirements-dev.lock has it)")
    # Not below pytest's folders: nobody but their owner may enter those, and PostgreSQL refuses to run as root.
    home = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    as_other: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(home, "postgres", "postgres")
        as_other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    port, data = free_port(), home / "data"
    options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off -p {port}"
    try:
        for command in (
            [found / "initdb", "-D", data, "-U", "mlflow", "-A", "trust", "-N"],
            [found / "pg_ctl", "-D", data, "-w", "-o", options, "-l", home / "log", "start"],
        ):
            subprocess.run([*as_other, *command], cwd=home, stdout=subprocess.DEVNULL, check=True, timeout=120)
        yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
    finally:
        stop = [*as_other, found / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"]
        subprocess.run(stop, cwd=home, stdout=subprocess.DEVNULL, check=False, timeout=60)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def mlflow_server(folder: Path, store: str, port: int | None = None) -> Iterator[str]:
    """Start `mlflow server`, which also hands artifacts through, and give its address.

    Parameters
    ----------
    folder
        For artifacts and the log.
    store
        The database's address.
    port
        To listen to; a free one by default.
    """
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", store, "--artifacts-destination", str(folder / "artifacts")),
    ]
    env = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")} | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while True:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        for how, wait_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 30)):  # MLflow waits for what is still connected
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(server.pid, how)
                server.wait(timeout=wait_s)


@pytest.fixture(scope="session")
def tracking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of an MLflow server with PostgreSQL behind it; every test takes names of its own there."""
    with ExitStack() as running:
        store = running.enter_context(postgres_cluster())
        yield running.enter_context(mlflow_server(tmp_path_factory.mktemp("server"), store))
