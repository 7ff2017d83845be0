"""Serve the registered model over HTTP until Ctrl-C or SIGTERM; requests that run are finished first."""

import signal
import sys

from slipway.project.entry import parser, run
from slipway.project.settings import load_params

# How long a request that runs may take after the server was asked to stop.
STOPPING_S = 30


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", help="a model's address or folder (default: the registered one with its alias)")
    arguments.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine only)")
    arguments.add_argument("--port", type=int, default=5001)
    arguments.add_argument("--max-mb", type=float, default=64, help="the largest body that is read (default: 64)")
    given = arguments.parse_args()
    settings = load_params(open_task=True).register_
    address = given.model or f"models:/{settings.model}@{settings.alias}"
    import uvicorn

    from slipway.registration.tracking import load_model
    from slipway.server.app import app

    for stop in (signal.SIGINT, signal.SIGTERM):  # while loading; uvicorn has its own, and ends with these
        signal.signal(stop, lambda *_: sys.exit(0))
    model = load_model(address)
    print(
        f"Serving {address}; ask it: "
        f"curl {given.host}:{given.port}/invocations -H 'Content-Type: application/json' -d …",
        flush=True,
    )
    uvicorn.run(
        app(model, given.max_mb),
        host=given.host,
        port=given.port,
        log_level="warning",
        timeout_graceful_shutdown=STOPPING_S,
    )


if __name__ == "__main__":
    run(main)
