"""The model over HTTP: every row as in the batch, thousands at once, and a server that outlives what it is sent."""

import http.client
import json
import random
import signal
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from conftest import Project, end
from test_portable import traces

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

# The kinds of trees whose prediction in AutoGluon is, and is not, safe among threads, and their blend.
SEARCH = """\
defaults: [base, _self_]
time_limit: 60
models:
  GBM: {num_boost_round: 20}
  XGB: {n_estimators: 20}
  CAT: {iterations: 20}
  XT: {n_estimators: 20}
num_cpus: 1
"""
JSON = "application/json"
CLIENTS = 8


class Answer(NamedTuple):
    status: int
    body: str

    @property
    def message(self) -> str:
        return json.loads(self.body)["message"] if self.body.startswith("{") else self.body


class Server(NamedTuple):
    """A server at a port of this machine, the model behind it and the raw table's rows without the label."""

    port: int
    process: object
    log: Path
    model: object
    rows: pd.DataFrame
    project: Project

    def ask(
        self, body: bytes | str, content: str | None = JSON, connection: http.client.HTTPConnection | None = None
    ) -> Answer:
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        own.request("POST", "/invocations", body, {} if content is None else {"Content-Type": content})
        answer = own.getresponse()
        got = Answer(answer.status, answer.read().decode())
        if connection is None:
            own.close()
        return got


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def server(finished_once: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server of a blend of four kinds of models, by src/serve.py in a project of its own."""
    import mlflow.pyfunc
    from conftest import moved

    home = tmp_path_factory.mktemp("serving")
    project = moved(finished_once, home / "project")
    project.write("conf/automl/quick.yaml", SEARCH)
    project.run(sys.executable, "src/compose.py")
    project.repro("automl")
    port = free_port()
    command = (sys.executable, "src/serve.py", "--model", "models/model", "--port", str(port), "--max-mb", "2")
    process = project.start(*command, log=home / "log")
    try:
        deadline = time.monotonic() + 180
        while True:
            assert process.poll() is None, (home / "log").read_text()
            assert time.monotonic() < deadline
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                try:
                    connection.request("GET", "/health")
                    if connection.getresponse().status == 200:
                        break
                except OSError:
                    time.sleep(0.2)
        model = mlflow.pyfunc.load_model(str(project.folder / "models/model"))
        parts = [pd.read_parquet(project.folder / f"data/split/{part}.parquet") for part in ("train", "test")]
        rows = pd.concat(parts, ignore_index=True).drop(columns="survived")
        yield Server(port, process, home / "log", model, rows, project)
    finally:
        end(process)


def records(rows: pd.DataFrame) -> list[str]:
    """Return a request per row that asks for probabilities."""
    told = rows.astype(object).where(rows.notna(), None).to_dict(orient="records")
    return [json.dumps({"dataframe_records": [row], "params": {"proba": True}}, default=str) for row in told]


def test_ten_thousand_requests_of_eight_clients_get_the_batchs_answers(server: Server):
    """Every row of the raw table, sent alone and eight at once, again and again, gets to the last bit what it gets in the batch."""
    batch = server.model.predict(server.rows, params={"proba": True})["1"].to_numpy()
    bodies = records(server.rows)
    order = [place % len(bodies) for place in range(10_000)]

    def client(first: int) -> list[tuple[int, int, float]]:
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
            answers = [(place, server.ask(bodies[place], connection=connection)) for place in order[first::CLIENTS]]
        return [
            (place, a.status, json.loads(a.body)["predictions"][0]["1"] if a.status == 200 else np.nan)
            for place, a in answers
        ]

    with ThreadPoolExecutor(CLIENTS) as clients:
        got = [answer for answers in clients.map(client, range(CLIENTS)) for answer in answers]
    assert len(got) == 10_000
    assert {status for _, status, _ in got} == {200}
    assert {place for place, _, _ in got} == set(range(len(bodies)))
    wrong = [(place, proba, batch[place]) for place, _, proba in got if proba != batch[place]]
    assert wrong == []


def test_no_train_row_is_in_a_blend(server: Server):
    """No kind of model that is served keeps train rows: none of their texts, and no run of their values, is in its files."""
    data = server.project.folder / "data"
    for part in ("split", "prepared"):
        train = pd.read_parquet(data / part / "train.parquet").drop(columns="survived")
        assert traces(server.project.folder / "models/model", train) == set(), part


def mangled(draw: random.Random, body: str) -> tuple[bytes, str | None]:
    """Return a body that is wrong in one of many ways, and its content type."""
    row = json.loads(body)["dataframe_records"][0]
    odd = [
        None,
        True,
        -1,
        1e400,
        1e300,
        "",
        "old",
        "NaN",
        "\x00",
        "é" * 50,
        [],
        {},
        [1],
        {"a": 1},
        [[[]]],
        "2020-99-99",
        2**70,
    ]
    column = draw.choice(list(row))
    raw = body.encode()
    cut = draw.randrange(len(raw))
    shapes = [
        lambda: {"dataframe_records": [{**row, column: draw.choice(odd)}]},
        lambda: {"dataframe_records": [{k: v for k, v in row.items() if k != column}]},
        lambda: {"dataframe_records": [row, draw.choice(odd)]},
        lambda: {"dataframe_records": draw.choice(odd)},
        lambda: {"dataframe_split": {"columns": list(row), "data": [list(row.values())[: draw.randrange(14)]]}},
        lambda: {"dataframe_split": draw.choice(odd)},
        lambda: {draw.choice(["inputs", "instances"]): draw.choice([row, [row], [list(row.values())], *odd])},
        lambda: {"inputs": {**{k: [v] for k, v in row.items()}, column: draw.choice([[], [1, 2], [[1]], *odd])}},
        lambda: {"dataframe_records": [row], "params": draw.choice([{"proba": draw.choice(odd)}, {"other": 1}, *odd])},
        lambda: {draw.choice(["", "rows", "dataframe_record", "columns"]): [row]},
        lambda: draw.choice(odd),
    ]
    texts = [
        lambda: raw[:cut],
        lambda: raw[:cut] + bytes(draw.randrange(256) for _ in range(draw.randrange(1, 9))) + raw[cut:],
        lambda: b"[" * draw.randrange(1, 20_000),
        lambda: b'{"dataframe_records":' * draw.randrange(1, 2000),
        lambda: raw.replace(b":", b": " + b'{"a":' * draw.randrange(1, 1500), 1),
        lambda: raw.replace(b"null", b"NaN").replace(b"1", b"Infinity"),
        lambda: bytes(draw.randrange(256) for _ in range(draw.randrange(200))),
    ]
    kinds = [
        JSON,
        "text/csv",
        "application/vnd.apache.parquet",
        "text/plain",
        "application/json; charset=latin-1",
        "",
        None,
    ]
    kind = draw.choices(kinds, [60, 10, 3, 1, 1, 1, 1])[0]
    return (json.dumps(draw.choice(shapes)()).encode() if draw.random() < 0.6 else draw.choice(texts)()), kind


def test_ten_thousand_malformed_bodies_get_sentences(server: Server):
    """Whatever is sent, the answer is a prediction or a 4xx with one sentence, without the server's paths or a trace."""
    draw = random.Random(20)
    bodies = records(server.rows.sample(200, random_state=0))
    sent = [mangled(draw, draw.choice(bodies)) for _ in range(10_000)]

    def client(first: int) -> list[tuple[bytes, str | None, Answer]]:
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
            return [(body, kind, server.ask(body, kind, connection)) for body, kind in sent[first::CLIENTS]]

    with ThreadPoolExecutor(CLIENTS) as clients:
        got = [answer for answers in clients.map(client, range(CLIENTS)) for answer in answers]
    assert {answer.status for _, _, answer in got} == {200, 400, 415}
    for body, kind, answer in got:
        if answer.status != 200:
            about = (body[:300], kind, answer)
            assert 10 < len(answer.message) < 500, about
            assert "Failed to predict" not in answer.message, about
            assert "\n" not in answer.message, about
            assert not any(word in answer.body for word in ("Traceback", "stack_trace", '.py"', "site-packages")), about
            assert "the server's log says why" not in answer.message, about
    named = [a.message for body, _, a in got if a.status == 400 and b"dataframe_records" in body]
    assert sum("column '" in message for message in named) > 500
    assert server.process.poll() is None
    assert server.ask(bodies[0]).status == 200


def test_huge_body_is_refused_unread(server: Server):
    """A body beyond the limit is refused by its size, whether its length is told or it comes in pieces."""
    line = b"x" * 2**16
    assert "Got a body of more than 2 MB" in server.ask(line * 100).message
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("POST", "/invocations", iter([line] * 40), {"Content-Type": JSON}, encode_chunked=True)
        assert connection.getresponse().status == 413


def test_server_listens_to_this_machine_alone(server: Server):
    """Unless told otherwise the server is bound to the loopback address."""
    listening = {
        line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"
    }
    assert f"0100007F:{server.port:04X}" in listening
    assert f"00000000:{server.port:04X}" not in listening


def test_stop_lets_a_running_request_finish(server: Server):
    """After SIGTERM the request that runs is answered, and the server ends well."""
    table = pd.concat([server.rows] * 4, ignore_index=True)
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("POST", "/invocations", table.to_csv(index=False), {"Content-Type": "text/csv"})
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        answer = connection.getresponse()
        assert answer.status == 200
        assert len(json.load(answer)["predictions"]) == len(table)
    assert server.process.wait(timeout=60) == 0
