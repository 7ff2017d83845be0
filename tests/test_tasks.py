"""From a raw table to a tested model, for a label of several classes and for one that is a number."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_pinball_loss
from test_portable import traces

from slipway.evaluation.answers import known_classes, numbered
from slipway.rows.contract import Contract


@pytest.mark.parametrize(
    ("task", "classes", "positive", "label", "known", "numbers"),
    [
        ("binary", ("no", "yes"), "no", ["yes", "no", "no"], ["no", "yes"], [0, 1, 1]),
        ("binary", (False, True), True, [True, False], ["False", "True"], [1, 0]),
        ("multiclass", (1, 2, 5), None, [5, 1, 5], ["1", "2", "5"], [2, 0, 2]),
        ("multiclass", ("b", "c"), None, ["d", "c", "a"], ["b", "c", "a", "d"], [3, 1, 2]),
    ],
    ids=["texts", "booleans", "integers", "classes that only test rows have"],
)
def test_labels_are_numbered_as_answers_are(task, classes, positive, label, known, numbers):
    """Classes are numbered in the order of the model's probabilities; one that no train row had is a class as well."""
    contract, test = Contract({}, {}, (), "y", task, classes, positive), pd.Series(label)
    assert known_classes(test, contract) == known
    assert numbered(test, contract, known).tolist() == numbers


def model_of(project):
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(project / "models/model"))


def plotted(project):
    """Return the plots that have rows."""
    plots = project / "reports/plots"
    assert (plots / "overview.png").read_bytes().startswith(b"\x89PNG")
    return {file.stem for file in plots.glob("*.csv") if len(pd.read_csv(file))}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # MLflow and AutoGluon warn of each other's versions and of their own plans
def test_model_of_quantiles_answers_raw_rows(diabetes_range):
    """Quantiles rise with their levels, hold about the share of rows that they promise, and are refused as probabilities."""
    test = pd.read_parquet(diabetes_range / "data/split/test.parquet")
    model, rows = model_of(diabetes_range), test.drop(columns="progression")
    answers = model.predict(rows)
    assert list(answers.columns) == ["0.1", "0.5", "0.9"]
    assert (answers.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    metrics = json.loads((diabetes_range / "reports/metrics.json").read_text(encoding="utf-8"))
    inside = test["progression"].between(answers["0.1"], answers["0.9"]).mean()
    assert metrics["coverage"] == pytest.approx(inside)
    assert 0.6 < inside < 0.95
    naive = np.mean(
        [
            mean_pinball_loss(test["progression"], [test["progression"].quantile(a)] * len(test), alpha=a)
            for a in (0.1, 0.5, 0.9)
        ]
    )
    assert 0 < metrics["pinball_loss"] < naive
    assert model.predict(rows[:1]).to_numpy() == pytest.approx(answers[:1].to_numpy())
    with pytest.raises(ValueError, match="leave proba out"):
        model.predict(rows, params={"proba": True})
    assert plotted(diabetes_range) == {"calibration", "points", "importance"}
    assert "(quantile)" in (diabetes_range / "reports/card.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_model_of_several_classes_is_better_than_the_most_frequent_one(wine):
    """Metrics of a multiclass label are those of a model that learned; the card names task and classes."""
    metrics = json.loads((wine / "reports/metrics.json").read_text(encoding="utf-8"))
    test = pd.read_parquet(wine / "data/split/test.parquet")["cultivar"]
    assert metrics["accuracy"] > test.value_counts(normalize=True).max() + 0.2
    assert 0 < metrics["log_loss"] < 0.6  # evenly guessed, ln 3 = 1.1
    assert 0.9 < metrics["roc_auc_ovr"] <= 1
    card = (wine / "reports/card.md").read_text(encoding="utf-8")
    assert "Predicts `cultivar` (multiclass: Barbera, Barolo, Grignolino)." in card
    assert plotted(wine) == {"confusion", "importance"}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # MLflow and AutoGluon warn of each other's versions and of their own plans
def test_model_of_several_classes_answers_raw_rows(wine):
    """The model takes raw rows, alone and together, and answers with classes or with a probability of each."""
    model, rows = model_of(wine), pd.read_parquet(wine / "data/split/test.parquet").drop(columns="cultivar")
    classes, proba = model.predict(rows), model.predict(rows, params={"proba": True})
    assert list(proba.columns) == ["Barbera", "Barolo", "Grignolino"]
    assert proba.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-6)
    assert proba.idxmax(axis=1).tolist() == classes.tolist()
    assert model.predict(rows[:1]).tolist() == classes[:1].tolist()


@pytest.mark.slow
def test_model_of_a_number_is_better_than_the_mean(diabetes):
    """Metrics of a regression are those of a model that learned, errors positive; the card names the task."""
    metrics = json.loads((diabetes / "reports/metrics.json").read_text(encoding="utf-8"))
    test = pd.read_parquet(diabetes / "data/split/test.parquet")["progression"]
    assert len(test) == pytest.approx(442 / 4, abs=5)  # each of ten quantile bins of the label gives whole rows
    assert 20 < metrics["root_mean_squared_error"] < 0.9 * test.std()
    assert 0 < metrics["median_absolute_error"] < metrics["root_mean_squared_error"]
    assert 0.2 < metrics["r2"] < 1
    card = (diabetes / "reports/card.md").read_text(encoding="utf-8")
    assert "Predicts `progression` (regression)." in card
    assert plotted(diabetes) == {"points", "importance"}
    importance = pd.read_csv(diabetes / "reports/plots/importance.csv").set_index("column")["importance"]
    assert importance["bmi"] > 0  # a column that helps is worth more than nothing, though the metric is an error


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # MLflow and AutoGluon warn of each other's versions and of their own plans
def test_model_of_a_number_answers_raw_rows(diabetes):
    """The model takes raw rows and answers with numbers; probabilities it refuses in a sentence."""
    model, rows = model_of(diabetes), pd.read_parquet(diabetes / "data/split/test.parquet").drop(columns="progression")
    numbers = model.predict(rows)
    assert numbers.between(25, 346).all()
    assert numbers.nunique() > 50
    assert model.predict(rows[:1]).tolist() == pytest.approx(numbers[:1].tolist())
    with pytest.raises(ValueError, match=r"probabilities, but 'progression' is a number; leave proba out"):
        model.predict(rows, params={"proba": True})


@pytest.mark.slow
@pytest.mark.parametrize("task", ["wine", "diabetes", "diabetes_range"])
def test_no_train_row_is_in_the_model(task, request, tmp_path):
    """No run of train values, the label's among them, is in a model of any task; where the rows are, they are found."""
    project = request.getfixturevalue(task)
    for part in ("split", "prepared"):
        train = pd.read_parquet(project / "data" / part / "train.parquet")
        assert traces(project / "models/model", train) == set(), part
        (tmp_path / part).mkdir()
        train.to_pickle(tmp_path / part / "rows.pkl.gz")
        unseen = set(train) - traces(tmp_path / part, train)
        assert unseen <= {"cultivar", "sex"}  # of few values, whose runs say nothing
