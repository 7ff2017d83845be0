"""From a tiny search to the model that ships: seeds, ranking, digest, and code of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from slipway.preparation.recipe import save_recipe
from slipway.project import names
from slipway.project.entry import UserError
from slipway.project.settings import load_params
from slipway.rows.contract import Contract, ContractError, typed
from slipway.search import packaging
from slipway.search.events import callback_for
from slipway.search.search import failed_models, fit, fit_options, hyperparameters, leaderboard
from slipway.search.tabular import deploy
from slipway.serving.scoring import PROBE_ROWS, probe_rows

ROOT = Path(__file__).parents[1]
KINDS = {"age": "number", "sibsp": "integer", "alone": "boolean", "boarded": "datetime", "sex": "text"}
SEEN = {
    "age": [1.0, 30.0, 80.0],
    "sibsp": [0.0, 1.0],
    "alone": [0.0, 1.0],
    "boarded": ["1912-04-10 00:00:00"],
    "sex": ["f", "m"],
}
CONTRACT = Contract(KINDS, SEEN, ("age", "sex"), "survived", "binary", (0, 1), positive_class=1)
MODELS = {"GBM": {"num_boost_round": 5, "min_data_in_leaf": 2}, "XT": {"n_estimators": 5}}
SETTINGS = load_params(ROOT / "params.yaml").automl.model_copy(
    update={"time_limit": None, "models": MODELS, "num_cpus": 1, "verbosity": 0}
)
RECIPE = """
from sklearn.preprocessing import FunctionTransformer

def clean(table):
    return table

def older(table):
    return table.assign(age=table["age"] + {years})

def features(settings):
    return FunctionTransformer(older)
"""


def rows(count=40):
    n = np.arange(count)
    table = pd.DataFrame(
        {"age": n % 20 + 1.0, "sibsp": n % 3, "alone": n % 2, "boarded": "1912-04-10", "sex": np.where(n % 4, "m", "f")}
    )
    return typed(table, KINDS)


def train():
    table = rows()
    return table.assign(survived=((table["age"] > 10) ^ (np.arange(len(table)) % 7 == 0)).astype(int))


def search(folder, seed=1, **changed):
    settings = SETTINGS.model_copy(update=changed)
    return fit(train(), train()[:0], "survived", 1, "binary", settings, seed, folder, callback_for([].append))


class Answers:
    """A scorer whose answers are made by hand."""

    def __init__(self, contract, weight):
        self.contract, self.weight = contract, weight

    def predict_proba(self, table):
        positive = 1 / (1 + np.exp(-self.weight * table["age"].fillna(0)))
        return pd.DataFrame({"0": 1 - positive, "1": positive})


def test_example_row_is_made_of_seen_values():
    """The example has one row of values from the middle of what was seen, each column's own, and none where none was."""
    example = packaging.example_rows(CONTRACT)
    assert list(example.columns) == list(KINDS)
    assert all(example.loc[0, column] in SEEN[column] for column in KINDS)
    none = Contract(KINDS, {c: [] for c in KINDS}, (), "survived", "binary", (0, 1), positive_class=1)
    assert packaging.example_rows(none).isna().all(axis=None)


def test_probe_is_the_same_for_the_same_contract():
    """The probe is fixed, holds seen and missing values alone, and each of them, and passes the contract."""
    probe = probe_rows(CONTRACT)
    assert probe.equals(probe_rows(CONTRACT))
    assert probe.shape == (PROBE_ROWS, len(KINDS))
    for column, seen in SEEN.items():
        assert set(probe[column].dropna()) == set(seen)
        assert probe[column].isna().any()
    CONTRACT.table(probe)


def test_digest_is_of_answers_and_contract():
    """The digest ignores what a processor does to the last digits, and no more: other answers or columns change it."""
    digest = packaging.model_digest(Answers(CONTRACT, 0.1))
    assert packaging.model_digest(Answers(CONTRACT, 0.1 + 1e-15)) == digest
    assert packaging.model_digest(Answers(CONTRACT, 0.1001)) != digest
    other = Contract(KINDS, SEEN, ("age",), "survived", "binary", (0, 1), positive_class=1)
    assert packaging.model_digest(Answers(other, 0.1)) != digest


class Numbers:
    """A regression's scorer whose answers are made by hand."""

    contract = Contract(KINDS, SEEN, ("age", "sex"), "fare", "regression", (), positive_class=None)

    def __init__(self, weight, unit=1.0):
        self.weight, self.unit = weight, unit

    def predict(self, table):
        return self.unit * (self.weight * table["age"].fillna(0) - 1)


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_digest_of_a_regression_knows_no_unit(unit):
    """A regression's digest ignores the last digits of its numbers and no more, be they tiny or huge."""
    digest = packaging.model_digest(Numbers(0.1, unit))
    assert packaging.model_digest(Numbers(0.1 * (1 + 1e-12), unit)) == digest
    assert packaging.model_digest(Numbers(0.1001, unit)) != digest
    assert packaging.model_digest(Numbers(0.1, 10 * unit)) != digest
    assert packaging.model_digest(Numbers(0, 0.0)) != digest


def test_probabilities_of_a_number_are_refused():
    """A regression has no probabilities: who asks for them is told in a sentence."""
    from slipway.serving.scoring import Scorer

    scorer = Scorer(Numbers.contract, None, None)
    with pytest.raises(
        ContractError, match=r"Got a request for probabilities, but 'fare' is a number; leave proba out"
    ):
        scorer.predict_proba(rows())


def test_requirements_are_exact():
    """What predicting needs is pinned to the versions in use, with the packages of the models that are in it alone."""
    from importlib.metadata import version

    needed = packaging.requirements(["LightGBM", "WeightedEnsemble_L2"], "binary")
    assert f"lightgbm=={version('lightgbm')}" in needed
    assert f"autogluon.tabular=={version('autogluon.tabular')}" in needed
    assert not any(name.startswith(("catboost", "xgboost")) for name in needed)
    assert any(name.startswith("xgboost") for name in packaging.requirements(["XGBoost_2"], "binary"))
    assert all(name.count("==") == 1 for name in needed)


def test_every_kind_of_model_has_its_packages():
    """Each model that settings may name is known to requirements by AutoGluon's name of it, where it needs a package."""
    from autogluon.tabular.registry import ag_model_registry

    for key, packages in names.MODELS.items():
        name = ag_model_registry.key_to_cls(key).ag_name
        assert any(part in name for part in packaging.NEEDED_BY_MODEL) == bool(packages), (key, name)


def test_signature_takes_missing_values_everywhere():
    """Every column is known by name and none is required by MLflow; probabilities are a parameter, off unless asked for."""
    signature = packaging.signature(CONTRACT)
    assert signature.inputs.input_names() == list(KINDS)
    assert signature.inputs.required_input_names() == []
    assert [(p.name, p.default) for p in signature.params] == [
        ("proba", False),
        ("threshold", None),
        ("explain", False),
    ]


def test_models_get_the_seed_where_they_look_for_it():
    """Every kind of model gets the seed under its own name, a seed in the settings stays, and nothing else is changed."""
    models = {"GBM": [{"num_boost_round": 5}, {"seed": 9}], "CAT": {}, "KNN": {}}
    seeded = hyperparameters(SETTINGS.model_copy(update={"models": models}), 7)
    bagged = {"model_random_seed": 7}
    assert seeded["GBM"][0] == {"seed": 7, "ag_args_ensemble": bagged, "num_boost_round": 5}
    assert seeded["GBM"][1]["seed"] == 9
    assert seeded["CAT"] == [{"random_seed": 7, "ag_args_ensemble": bagged}]
    assert seeded["KNN"] == [{}]
    assert models["CAT"] == {}


def test_models_of_a_list_get_the_seed_in_place_of_their_own():
    """AutoGluon's lists name seeds of their own; ours drives them, and what else they say stays."""
    update = {"models": {}, "portfolio": "zeroshot_2025_12_18_cpu", "excluded_model_types": ["NN_TORCH", "FASTAI"]}
    first = hyperparameters(SETTINGS.model_copy(update=update), 7)["GBM_PREP"][0]
    assert first["seed"] == 7
    assert first["ag_args_ensemble"] == {"model_random_seed": 7, "vary_seed_across_folds": True}
    assert first["learning_rate"] < 1


def test_what_the_settings_say_reaches_autogluon():
    """Each setting stands where AutoGluon's fit looks for it, and what `fit` adds stands beside it."""
    space = {"learning_rate": {"low": 0.01, "high": 0.3, "log": True}, "num_leaves": {"choices": [15, 31]}}
    update = {
        "models": {"GBM": space, "RF": {}, "CAT": {}}, "excluded_model_types": ["CAT"], "early_stopping_rounds": 9,
        "num_bag_folds": 3, "max_time_limit": 5.0, "num_trials": 4, "feature_generator": "off", "infer_limit": 0.01,
        "fit": {"ag_args_fit": {"max_memory_usage_ratio": 0.5}, "test_data": None},
    }  # fmt: skip
    options = fit_options(SETTINGS.model_copy(update=update), 7, 20.0)
    [gbm] = options["hyperparameters"]["GBM"]
    assert (gbm["learning_rate"].lower, gbm["learning_rate"].log, gbm["ag.early_stop"]) == (0.01, True, 9)
    assert gbm["num_leaves"].data == [15, 31]
    assert set(options["hyperparameters"]) == {"GBM", "RF"}
    assert "ag.early_stop" not in options["hyperparameters"]["RF"][0]
    assert options["ag_args_fit"] == {"max_time_limit": 5.0, "max_memory_usage_ratio": 0.5}
    assert options["ag_args_ensemble"] == {"fold_fitting_strategy": "sequential_local"}
    assert options["hyperparameter_tune_kwargs"]["num_trials"] == 4
    assert (options["time_limit"], options["infer_limit"], options["test_data"]) == (20.0, 0.01, None)
    assert not any(
        "Text" in type(g).__name__ or "Datetime" in type(g).__name__
        for g in options["feature_generator"].generators[-1]
    )


@pytest.mark.parametrize(
    ("concurrency", "cpus", "says"),
    [
        (1, 64, {"fold_fitting_strategy": "sequential_local"}),
        (None, 2, {"fold_fitting_strategy": "sequential_local"}),
        (None, 64, {}),
        (4, 2, {"num_folds_parallel": 4}),
    ],
    ids=["one at a time", "few CPUs", "many CPUs", "as told"],
)
def test_ray_starts_where_it_pays(monkeypatch, concurrency, cpus, says):
    """Folds run side by side as the settings say; left open, on many CPUs alone, for Ray takes seconds to start."""
    monkeypatch.setattr("os.cpu_count", lambda: cpus)
    settings = SETTINGS.model_copy(update={"num_bag_folds": 2, "concurrency": concurrency, "num_cpus": None})
    assert fit_options(settings, 7, None)["ag_args_ensemble"] == says


@pytest.fixture
def code(tmp_path):
    """Return a folder with a package named as one of ours."""
    (tmp_path / "slipway/rows").mkdir(parents=True)
    (tmp_path / "slipway/__init__.py").write_text("")
    (tmp_path / "slipway/rows/__init__.py").write_text("")
    (tmp_path / "slipway/rows/contract.py").write_text("WHOSE = 'the model'\n")
    return tmp_path


def test_own_modules_leave_no_trace(code):
    """Inside the block a model's own code is imported, afterwards modules, path and settings are what they were."""
    import slipway.rows.contract as ours
    from slipway.serving.served import own_modules

    modules, path, bytecode = dict(sys.modules), list(sys.path), sys.dont_write_bytecode
    with own_modules(code):
        import slipway.rows.contract as theirs

        assert theirs.WHOSE == "the model"
    assert sys.modules["slipway.rows.contract"] is ours
    assert {n: m for n, m in sys.modules.items() if n.startswith(("slipway", "recipes"))} == {
        n: m for n, m in modules.items() if n.startswith(("slipway", "recipes"))
    }
    assert (sys.path, sys.dont_write_bytecode) == (path, bytecode)
    assert list(code.rglob("__pycache__")) == []


def test_own_modules_leave_no_trace_of_a_failure(code):
    """A model whose code breaks leaves modules and path as they were, too."""
    from slipway.serving.served import own_modules

    (code / "slipway/rows/contract.py").write_text("1 / 0\n")
    before, path = sys.modules["slipway.rows.contract"], list(sys.path)
    with pytest.raises(ZeroDivisionError), own_modules(code):
        import slipway.rows.contract  # noqa: F401
    assert sys.modules["slipway.rows.contract"] is before
    assert sys.path == path


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    return search(tmp_path_factory.mktemp("search") / "predictor")


@pytest.mark.slow
def test_leaderboard_ranks_what_was_fitted(searched):
    """The ranking holds every model, the best first, with score, seconds and bytes."""
    table = leaderboard(searched, {})
    assert set(table["model"]) == {"LightGBM", "ExtraTrees", "WeightedEnsemble_L2"}
    assert table["score_val"].is_monotonic_decreasing
    assert (table["size_bytes"] > 0).all()
    assert list(table.columns[:3]) == ["model", "score_val", "eval_metric"]
    assert failed_models(searched) == {}


@pytest.mark.slow
def test_refitted_model_that_is_not_autogluons_best_is_deployed(tmp_path):
    """What is deployed is what was chosen, fitted again or not, also where AutoGluon itself would take another one."""
    from autogluon.tabular import TabularPredictor

    predictor = search(tmp_path / "predictor")
    other = next(name for name in ("LightGBM", "ExtraTrees") if name != predictor.model_best)
    chosen = predictor.refit_full(model=other, set_best_to_refit_full=False)[other]
    for model in (other, chosen):
        deploy(predictor, model, tmp_path / model)
        assert TabularPredictor.load(str(tmp_path / model)).model_best == model


@pytest.mark.slow
def test_model_that_there_was_no_time_for_is_said(tmp_path, monkeypatch):
    """A model that AutoGluon does not begin, as the time is up, is left out for that reason, and no failure."""
    from autogluon.tabular.models import LGBModel

    fit_one, events = LGBModel._fit, []
    monkeypatch.setattr(
        LGBModel, "_fit", lambda self, **given: time.sleep(4) or fit_one(self, **given | {"time_limit": None})
    )
    settings = SETTINGS.model_copy(update={"time_limit": 3.0})
    fit(train(), train()[:0], "survived", 1, "binary", settings, 1, tmp_path / "p", callback_for(events.append), 3.0)
    assert {"event": "cut", "model": "ExtraTrees", "why": "left out, no time"} in events


@pytest.mark.slow
def test_search_without_a_model_ends_in_a_sentence(tmp_path):
    """When no model can be fitted, the sentence names the models and the reason."""
    with pytest.raises(UserError, match=r"Got no model out of GBM \(LightGBM: .*Unknown objective.*Edit automl.models"):
        search(tmp_path / "predictor", models={"GBM": {"objective": "no such"}}, ensemble=False)


@pytest.mark.slow
def test_model_that_met_a_full_disk_ends_the_search(tmp_path, monkeypatch):
    """AutoGluon goes on without a model that could not be written; here that is no search of these settings."""
    monkeypatch.setattr("autogluon.tabular.models.LGBModel.save", Mock(side_effect=OSError(28, os.strerror(28))))
    with pytest.raises(OSError, match="No space left on device"):
        search(tmp_path / "predictor")


@pytest.mark.slow
def test_log_on_a_full_disk_ends_in_one_sentence():
    """Where the log cannot be written there is one sentence, no traceback for each of its lines."""
    script = """
import logging, sys
from pathlib import Path
from slipway.project.entry import run
from slipway.search.search import log_to
run(lambda: (log_to(Path("/dev/full"), 2), logging.getLogger("autogluon").warning("a line")))
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Got a full disk while writing")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_option_that_autogluon_refuses_ends_in_a_sentence(tmp_path):
    """An unknown name under automl.fit is refused in AutoGluon's words, with the place to edit."""
    with pytest.raises(UserError, match=r"Got automl.fit=.*which AutoGluon refuses.*Edit conf/automl/"):
        search(tmp_path / "predictor", fit={"no_such_option": 1})


def build(root, predictor, years):
    """Build a model whose recipe adds years to the age; return its folder and its scorer's digest."""
    import importlib

    from slipway.serving.scoring import Scorer

    staging = root / f"model-{years}"
    staging.mkdir()
    (root / "src/recipes/aging.py").write_text(RECIPE.format(years=years))
    import recipes

    recipes.__path__.insert(0, str(root / "src/recipes"))
    sys.modules.pop("recipes.aging", None)
    try:
        aging = importlib.import_module("recipes.aging")
        importlib.reload(aging)
        save_recipe(aging.features({}).fit(rows()), staging / "recipe.pkl")
        CONTRACT.save(staging / "contract.json")
        predictor.clone_for_deployment(str(staging / "predictor"))
        scorer = Scorer.load(staging / "contract.json", staging / "recipe.pkl", staging / "predictor")
        digest = packaging.model_digest(scorer)
        packaging.save_model(Path(staging.name), scorer, "aging", {"digest": digest})
    finally:
        recipes.__path__.pop(0)
        sys.modules.pop("recipes.aging", None)
    return staging / "model", digest


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return a folder with a copy of src/, out of which models are built."""
    import shutil

    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(packaging, "__file__", str(tmp_path / "src/slipway/search/packaging.py"))
    return tmp_path


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # MLflow and AutoGluon warn of each other's versions and of their own plans
def test_models_with_different_code_live_side_by_side(checkout, searched):
    """Two models whose recipes differ, under one name, each predict with their own code in one process."""
    import mlflow.pyfunc

    folders = {years: build(checkout, searched, years) for years in (0, 12)}
    assert folders[0][1] != folders[12][1]
    models = {years: mlflow.pyfunc.load_model(str(folder)) for years, (folder, _) in folders.items()}
    raw = rows().drop(columns=["alone", "sibsp", "boarded"])
    proba = {y: m.predict(raw, params={"proba": True})["1"].to_numpy() for y, m in models.items()}
    for years in models:
        filled = CONTRACT.table(raw)
        own = searched.predict_proba(filled.assign(age=filled["age"] + years))[1].to_numpy()
        assert proba[years] == pytest.approx(own, abs=0)
    assert not np.array_equal(proba[0], proba[12])
    assert "recipes.aging" not in sys.modules


@pytest.mark.slow
def test_two_fits_of_one_model_have_one_digest(tmp_path, searched):
    """A second fit with the same seed is the same model, though its files differ; other settings give another one."""
    from sklearn.preprocessing import FunctionTransformer

    from slipway.serving.scoring import Scorer

    def digest(predictor):
        return packaging.model_digest(Scorer(CONTRACT, FunctionTransformer(), predictor))

    again, other = (
        search(tmp_path / "again"),
        search(tmp_path / "other", models={"GBM": {"num_boost_round": 2, "min_data_in_leaf": 2}}),
    )
    assert digest(again) == digest(searched)
    assert digest(other) != digest(searched)
