"""The servers that other tests start."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def test_tracking_server_keeps_runs_in_postgresql_and_hands_files_through(tracking_server: str, tmp_path):
    """The server answers, keeps what it is told, and takes and gives files over HTTP alone."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_server, tracking_server)
    experiment_id = client.create_experiment("servers")
    assert client.get_experiment(experiment_id).artifact_location.startswith("mlflow-artifacts:")
    run_id = client.create_run(experiment_id).info.run_id
    (tmp_path / "note.txt").write_text("kept")
    client.log_artifact(run_id, str(tmp_path / "note.txt"))
    assert [file.path for file in client.list_artifacts(run_id)] == ["note.txt"]
