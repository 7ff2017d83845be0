"""Serve the registered model over HTTP until Ctrl-C, with MLflow's own server in this environment."""

import os
import sys

from slipway.project.entry import parser, project_root, run
from slipway.project.settings import load_params


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine only)")
    arguments.add_argument("--port", default="5001")
    given = arguments.parse_args()
    settings = load_params().register_
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{project_root()}/mlflow.db")
    model = f"models:/{settings.model}@{settings.alias}"
    print(
        f"Serving {model}; ask it: curl {given.host}:{given.port}/invocations -H 'Content-Type: application/json' -d …"
    )
    sys.stdout.flush()
    serve = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local"]
    os.execv(sys.executable, [*serve, "--host", given.host, "--port", given.port])  # noqa: S606  a command of ours


if __name__ == "__main__":
    run(main)
