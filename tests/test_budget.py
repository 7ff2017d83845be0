"""How long the search may take: what comes after it has its time, however slow the machine is just now."""

import pickle
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.project.settings import load_params
from slipway.search import budget
from slipway.search.budget import (
    Search,
    blend,
    fitted_with,
    get_ready,
    list_packages_once,
    load_whole,
    seconds_to_finish,
)
from slipway.search.display import SearchDisplay

SETTINGS = load_params(Path(__file__).parents[1] / "params.yaml").automl


def a_search(limit=None, started=0.0, finish_s=4.0) -> Search:
    """Return a search that began at a time, with a limit."""
    settings = SETTINGS.model_copy(update={"time_limit": limit})
    return Search(Path("nowhere"), "y", 1, "binary", 1, settings, SearchDisplay("roc_auc", limit, 3), started, finish_s)


@given(limit=st.floats(0.01, 1e6), so_far_s=st.floats(0.1, 600))
def test_what_comes_after_the_search_has_its_time_within_the_promise(limit: float, so_far_s: float):
    """However slow the machine is, fitting ends early enough for the rest, also before the limit itself."""
    one = a_search(limit, started=100.0, finish_s=seconds_to_finish(so_far_s, Path("/nowhere")))
    assert one.ends_at() + one.finish_s - one.started == pytest.approx(1.1 * limit + 10)
    assert one.finish_s > 0.8 * so_far_s


def test_search_without_a_limit_has_no_end():
    assert a_search().ends_at() is None
    assert a_search().left_s() == float("inf")


@pytest.mark.parametrize(
    ("says", "expected_s"),
    [
        pytest.param("3000000000 6000000000 812", 1 + 0.8 * 9, id="other processes had the CPU for 6 s, the disk for 11"),
        pytest.param("3000000000 90000000000 812", 1 + 0.8 * 20, id="no more than by the clock"),
        pytest.param("", 1 + 0.8 * 20, id="not said"),
    ],
)  # fmt: skip
def test_waiting_for_a_cpu_counts_and_waiting_for_the_disk_does_not(tmp_path: Path, says: str, expected_s: float):
    """A machine that others use is slow after the search as well; libraries are read from the disk once."""
    (tmp_path / "schedstat").write_text(says)
    assert seconds_to_finish(20, tmp_path / "schedstat") == pytest.approx(expected_s)
    assert seconds_to_finish(20, tmp_path / "absent") == pytest.approx(1 + 0.8 * 20)


def test_what_the_search_said_of_its_models_is_not_read_again():
    """After the search nothing is done per model and fold: what a model was fitted with was told within the limit."""
    one = a_search(60)
    one.display.hear({"event": "fitting", "model": "A_BAG_L1"})
    one.display.hear({"event": "fitted", "model": "A_BAG_L1", "score": 0.5, "fitted_with": '{"seed": 1}'})
    one.display.hear({"event": "fitted", "model": "WeightedEnsemble_L2", "score": 0.5})
    refitted = SimpleNamespace(params={"seed": 1}, params_trained={"rounds": 7})
    trainer = SimpleNamespace(load_model={"A_BAG_L1_FULL": refitted}.__getitem__)
    names = ["A_BAG_L1", "WeightedEnsemble_L2", "A_BAG_L1_FULL", "WeightedEnsemble_L2_FULL"]
    predictor = SimpleNamespace(model_names=lambda: names, _trainer=trainer)
    assert fitted_with(one, predictor) == {"A_BAG_L1": '{"seed": 1}', "A_BAG_L1_FULL": '{"seed": 1, "rounds": 7}'}


@pytest.mark.parametrize("kept", [True, False], ids=["between two models", "at the first"])
def test_list_of_models_that_is_cut_off_is_taken_from_the_one_before(tmp_path: Path, kept: bool):
    """A search that was ended while it wrote its list of models has those of the list before, or none where none was."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/trainer.pkl").write_bytes(pickle.dumps(["A", "B"])[:-4])
    if kept:
        (tmp_path / "models/trainer.whole.pkl").write_bytes(pickle.dumps(["A"]))
    loaded = load_whole(tmp_path, lambda folder: pickle.loads(Path(folder, "models/trainer.pkl").read_bytes()))
    assert loaded == (["A"] if kept else None)


def test_what_the_end_takes_is_there_when_the_search_is_over(monkeypatch: pytest.MonkeyPatch):
    """MLflow is imported beside the search, and the packages are listed by AutoGluon once and by MLflow."""
    from autogluon.common.utils import utils

    listed = []
    monkeypatch.setattr(utils, "get_package_versions", lambda: listed.append(1) or ({}, []))
    list_packages_once()
    get_ready()
    assert utils.get_autogluon_metadata()["packages"] == {}
    assert listed == [1]
    assert "lightgbm" in sys.modules["mlflow.utils.requirements_utils"]._MODULES_TO_PACKAGES


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_blend_without_time_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch, when: str):
    """Where the time is over before or while models are blended, the stage goes on without the blend and says so."""
    one = a_search(10, started=time.monotonic() - (30 if when == "before" else 0))
    monkeypatch.setattr(budget, "run_bounded", lambda *_: "time")
    blend(one, SimpleNamespace(), ["A", "B"])
    assert one.cut_short == ["2 models were not blended: no time"]
