"""A model over HTTP: MLflow's protocol, without the traces of the stack that MLflow's own server tells its callers."""

import asyncio
import logging
from typing import TYPE_CHECKING

from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

log = logging.getLogger("slipway.server")
# So much of an error is told; MLflow puts the body that it got behind the first line.
SENTENCE = 400


def app(model: "PyFuncModel", max_mb: float) -> Starlette:
    """Return the application that answers for a model.

    ``POST /invocations`` predicts, ``GET /ping`` and ``GET /health`` say that the model is there, ``GET /version`` says
    which MLflow. A request that cannot be answered gets a 4xx and a sentence; a model that fails on it, a 500, and the log
    has the trace.

    Parameters
    ----------
    model
        What answers, in several threads at once.
    max_mb
        The largest body that is read.
    """
    schema = model.metadata.get_input_schema()

    async def invocations(request: Request) -> Response:
        content_type = request.headers.get("content-type")
        if content_type is None:
            raise HTTPException(415, "Got no Content-Type, expected application/json or text/csv.")
        body = await _body(request, int(max_mb * 2**20))
        try:
            answer = await asyncio.to_thread(scoring_server.invocations, body, content_type, model, schema)
        except MlflowException as error:
            if "unexpected error" in error.message:  # MLflow's words for whatever else the model raised
                log.exception("A request that the model failed on", exc_info=error.__context__)
                raise HTTPException(500, "The model failed on this request; the server's log says why.") from error
            raise HTTPException(400, error.message) from error
        except RecursionError as error:
            raise HTTPException(400, "Got JSON that is nested too deeply, expected rows of plain values.") from error
        except Exception as error:
            log.exception("A request that could not be read")
            raise HTTPException(400, "Got a body that cannot be read, expected rows in MLflow's format.") from error
        return Response(answer.response, answer.status, media_type=answer.mimetype)

    async def here(_: Request) -> Response:
        return Response("\n", media_type="application/json")

    async def version(_: Request) -> Response:
        return PlainTextResponse(scoring_server.VERSION)

    routes = [Route("/invocations", invocations, methods=["POST"]), Route("/version", version)]
    routes += [Route(path, here) for path in ("/ping", "/health")]
    return Starlette(routes=routes, exception_handlers={HTTPException: _told})


async def _body(request: Request, limit: int) -> bytes:
    """Return a request's body, of which no more is read than the limit in bytes."""
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise HTTPException(
                    413, f"Got a body of more than {limit / 2**20:g} MB, expected smaller ones, or predict.py."
                )
            parts.append(part)
    except ClientDisconnect as error:
        raise HTTPException(400, "Got half a body.") from error
    return b"".join(parts)


async def _told(_: Request, error: Exception) -> Response:
    """Return an error as MLflow's server does, as one line."""
    assert isinstance(error, HTTPException)  # noqa: S101  for mypy
    text = error.detail.strip()
    if text.startswith("Failed to"):  # predict data …, enforce schema of data …; then the data, then why
        text = text.rpartition("Error: ")[2] or text
    line = text.partition("\n")[0]
    sentence = line if len(line) <= SENTENCE else f"{line[:SENTENCE]} …"
    return JSONResponse({"error_code": "BAD_REQUEST", "message": sentence}, error.status_code, error.headers)
