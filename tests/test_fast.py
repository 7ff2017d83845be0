"""Models asked directly give AutoGluon's numbers, each kind, task and odd row; what has no quick way keeps AutoGluon's."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from autogluon.tabular import TabularPredictor

from slipway.rows.steps import columns_of
from slipway.serving import fast

# What AutoGluon warns of while it fits and loads is its own.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

MODELS = {
    "GBM": {"num_boost_round": 12, "min_data_in_leaf": 5},
    "XGB": [
        {"n_estimators": 12},
        {"n_estimators": 12, "enable_categorical": True, "ag_args": {"name_suffix": "Categories"}},
    ],
    "CAT": {"iterations": 12},
    "RF": {"n_estimators": 20},
    "XT": {"n_estimators": 20},
    "KNN": {},
}
QUICK = {"LightGBM", "XGBoost", "XGBoostCategories", "CatBoost", "RandomForest", "ExtraTrees"}


def table(rows, task):
    """Return a table of features of every kind, with gaps, and a label that hangs on them."""
    random = np.random.default_rng(5)
    text = [
        f"{w} and a good {v} for a fine {u}" for w, v, u in random.choice(["wine", "day", "walk", "ship"], (rows, 3))
    ]
    x = pd.DataFrame(
        {
            "number": random.normal(size=rows).round(2),
            "whole": random.integers(0, 4, rows).astype(float),
            "odd, name": random.exponential(size=rows),
            "flag": random.integers(0, 2, rows).astype(float),
            "city": random.choice(["Rome", "Oslo", "Bern", "Kyiv"], rows),
            "code": random.choice([f"c{k}" for k in range(30)], rows),
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 900, rows), unit="D"),
            "text": text,
        }
    )
    y = x["number"] + (x["city"] == "Rome") + x["text"].str.startswith("ship") + random.normal(scale=0.3, size=rows)
    for place, column in enumerate(x):
        x.loc[place::17, column] = None
    label = {"regression": y, "binary": y > y.median(), "multiclass": pd.qcut(y, 3, labels=["low", "mid", "top"])}[task]
    return x.assign(label=label.astype(str) if task != "regression" else label)


def odd_rows(train):
    """Return rows that no train row is like: unseen categories and texts, numbers far out, nothing at all."""
    rows = train.drop(columns="label").tail(14).reset_index(drop=True)
    rows.loc[:3, ["city", "code", "text"]] = "unheard of"
    rows.loc[4:6, ["number", "odd, name"]] = [[1e9, -1e9], [0.0, 0.0], [-1e-30, 1e30]]
    rows.loc[7] = None
    return rows.astype(train.dtypes.drop("label"))


def fitted(folder, task, **options):
    predictor = TabularPredictor("label", path=str(folder), problem_type=task, verbosity=0)
    return predictor.fit(table(240, task), **{"hyperparameters": MODELS, "num_gpus": 0, **options})


@pytest.fixture(scope="module", params=["binary", "multiclass", "regression"])
def folder(request, tmp_path_factory):
    """Return a predictor's folder: each kind of model and their blend, for each task."""
    return fitted(tmp_path_factory.mktemp("fast") / request.param, request.param).path


def loaded(folder, model=None):
    predictor = TabularPredictor.load(folder)
    if model:
        predictor.set_model_best(model)
    return predictor


def asked(predictor, rows):
    """Return a predictor's answers as an array of shape (rows, classes), or (rows, 1)."""
    answer = predictor.predict if predictor.problem_type == "regression" else predictor.predict_proba
    return answer(rows).to_numpy().reshape(len(rows), -1)


def test_every_model_gives_autogluons_numbers(folder):
    """Each kind of model, and the blend, answers rows together and alone as AutoGluon does, to the last bit."""
    train = table(240, loaded(folder).problem_type)
    rows = odd_rows(train)
    quick_ones = set()
    for model in loaded(folder).model_names():
        predictor = loaded(folder, model)
        expected = asked(predictor, rows)
        quick = fast.QuickModels(predictor, train.drop(columns="label"))
        quick_ones |= {model} - set(quick.slow)
        alone = np.vstack([asked(predictor, rows.iloc[[place]]) for place in range(len(rows))])
        assert np.array_equal(asked(predictor, rows), expected), model
        assert np.array_equal(alone, expected), model
    assert {name for name in quick_ones if not name.startswith("Weighted")} == QUICK


def test_autogluon_is_not_asked_where_there_is_a_quick_way(folder, monkeypatch):
    """Few rows never go through AutoGluon's trainer, a model without a quick way and many rows do."""
    train = table(240, loaded(folder).problem_type)
    rows = train.drop(columns="label").head(3)
    predictor = loaded(folder, "RandomForest")
    quick = fast.QuickModels(predictor, rows)
    monkeypatch.setattr(quick, "_autogluons", None)
    asked(predictor, rows)
    monkeypatch.setattr(fast, "FEW_ROWS", 2)
    with pytest.raises(TypeError):
        asked(predictor, rows)


def test_columns_get_the_answers_of_their_table(folder, monkeypatch, tmp_path):
    """Rows as columns are answered as in a table, to the last bit: gaps, categories never seen, two values only, far out."""
    task = loaded(folder).problem_type
    train = table(240, task).drop(columns=["when", "text"]).assign(two=lambda x: np.where(x["number"] > 0, "a", "b"))
    predictor = TabularPredictor("label", path=str(tmp_path / "plain"), problem_type=task, verbosity=0)
    predictor.fit(train, hyperparameters={name: MODELS[name] for name in ("GBM", "CAT", "XGB")}, num_gpus=0)
    rows = odd_rows(train)
    rows.loc[:2, "two"] = [None, "c", ""]
    proba = task != "regression"
    labels, chances = predictor.predict(rows), predictor.predict_proba(rows).rename(columns=str) if proba else None
    quick = fast.QuickModels(predictor, train.drop(columns="label"))
    assert quick.takes_columns
    transform = predictor._learner.transform_features
    monkeypatch.setattr(predictor._learner, "transform_features", None)
    for place in (slice(None), *(slice(k, k + 1) for k in range(len(rows)))):
        columns = columns_of(rows[place])
        assert quick.answers(columns, rows[place].index, proba=False).equals(labels[place])
        assert not proba or quick.answers(columns, rows[place].index, proba=True).equals(chances[place])
    monkeypatch.setattr(predictor._learner, "transform_features", transform)
    whole = rows.assign(whole=3)  # as a step makes it that finds no gap
    expected = predictor_of(predictor, proba)(whole.astype({"whole": float}))
    assert quick.answers(columns_of(whole), whole.index, proba=proba).equals(expected)
    with pytest.raises(TypeError, match="float64"):
        quick.answers(columns_of(rows.astype({"whole": object})), rows.index, proba=proba)


def predictor_of(predictor, proba):
    """Return what answers tables: a predictor's probabilities by the classes as texts, or its labels."""
    return (lambda rows: predictor.predict_proba(rows).rename(columns=str)) if proba else predictor.predict


def test_categories_that_a_recipe_makes_are_autogluons(tmp_path):
    """Categories of whole numbers are numbered by their place, of which a number that happens to be it tells nothing."""
    train = table(240, "binary")[["number", "whole", "label"]]
    kind = pd.CategoricalDtype([0.0, 1.0, 2.0, 3.0, 5.0])
    train["whole"] = train["whole"].where(train.index % 40 != 0, 5).astype(kind)
    predictor = TabularPredictor("label", path=str(tmp_path / "coded"), verbosity=0)
    predictor.fit(train, hyperparameters={"GBM": MODELS["GBM"]}, num_gpus=0)
    usual = train[train["whole"].isin([0.0, 1.0, 2.0, 3.0])].drop(columns="label")
    assert not fast.QuickModels(predictor, usual).takes_columns


@pytest.mark.parametrize("number", [np.inf, -1e300])
def test_number_that_a_forest_refuses_is_refused_alone_too(folder, number):
    """What single precision cannot hold gets no answer from a forest, in a row alone as among many; others take it."""
    train = table(240, loaded(folder).problem_type).drop(columns="label")
    rows = pd.concat([train.head(1).assign(number=number)] * (fast.FEW_ROWS + 1), ignore_index=True)
    for model in ("RandomForest", "ExtraTrees", "CatBoost"):
        predictor = loaded(folder, model)
        fast.QuickModels(predictor, train)
        for some in (rows, rows.head(1)):
            if model == "CatBoost":
                assert np.isfinite(asked(predictor, some)).all()
            else:
                with pytest.raises(ValueError, match="infinity or a value too large"):
                    asked(predictor, some)


def test_features_that_autogluon_makes_are_its_own(folder):
    """Words of texts and parts of dates have no way as columns, and nor has a model that AutoGluon asks."""
    train = table(240, loaded(folder).problem_type).drop(columns="label")
    assert not fast.QuickModels(loaded(folder, "LightGBM"), train).takes_columns
    assert not fast.QuickModels(loaded(folder, "KNeighbors"), train).takes_columns


def test_other_numbers_are_refused_and_said(folder, monkeypatch):
    """A quick way that gives other numbers than AutoGluon's is not taken; the reason is kept."""
    train = table(240, loaded(folder).problem_type).drop(columns="label")
    wrong = fast._lightgbm
    monkeypatch.setitem(fast.KINDS, "LGBModel", lambda *parts: lambda array: wrong(*parts)(array) * (1 + 1e-5))
    predictor = loaded(folder, "LightGBM")
    expected = asked(predictor, train.head(9))
    assert "does not give AutoGluon's numbers" in fast.QuickModels(predictor, train).slow["LightGBM"]
    assert np.array_equal(asked(predictor, train.head(9)), expected)


def test_models_larger_than_the_memory_stay_on_disk(folder, monkeypatch):
    """Models that would fill the memory are read at each request, as AutoGluon does, and that is said."""
    monkeypatch.setattr(fast, "SHARE", 0.0)
    predictor = loaded(folder)
    rows = table(240, predictor.problem_type).drop(columns="label").head(2)
    expected = asked(predictor, rows)
    slow = fast.QuickModels(predictor, rows).slow
    assert "stay on disk" in slow[predictor.model_best]
    assert predictor._trainer.models == {}
    assert np.array_equal(asked(predictor, rows), expected)


def test_bagged_models_are_quick_and_stacked_ones_are_not(tmp_path):
    """The folds of a bagged model are asked directly; a model that builds on others is AutoGluon's to ask."""
    options = {
        "hyperparameters": {"GBM": MODELS["GBM"], "XT": MODELS["XT"]},
        "num_bag_folds": 2,
        "num_stack_levels": 1,
        "dynamic_stacking": False,
        "ag_args_ensemble": {"fold_fitting_strategy": "sequential_local"},
    }
    folder = fitted(tmp_path / "bagged", "binary", **options).path
    train = table(240, "binary")
    rows = odd_rows(train)
    slow = {}
    for model in loaded(folder).model_names():
        predictor = loaded(folder, model)
        expected = asked(predictor, rows)
        slow |= fast.QuickModels(predictor, train.drop(columns="label")).slow
        alone = np.vstack([asked(predictor, rows.iloc[[place]]) for place in range(len(rows))])
        assert np.array_equal(alone, expected), model
    assert {"LightGBM_BAG_L1", "ExtraTrees_BAG_L1"}.isdisjoint(slow)
    assert "stacked on other models" in slow["LightGBM_BAG_L2"]


def test_many_threads_get_the_right_answers(folder):
    """Eight threads ask the same predictor at once, single rows and tables: no failure, no wrong answer."""
    train = table(240, loaded(folder).problem_type)
    rows = pd.concat([odd_rows(train)] * 8, ignore_index=True)
    for model in ("XGBoost", "KNeighbors"):
        predictor = loaded(folder, model)
        fast.QuickModels(predictor, train.drop(columns="label"))
        expected = asked(predictor, rows)
        start = threading.Barrier(8)

        def worker(first, predictor=predictor, expected=expected, start=start):
            start.wait()
            some = [slice(k, k + 1) for k in range(first, 64, 8)] + [slice(0, len(rows))]
            return all(np.array_equal(asked(predictor, rows[part]), expected[part]) for part in some)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(worker, range(8)))
