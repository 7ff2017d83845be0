"""Long tables: what check says of their series, what is held out, and what a model takes; all that needs no extra."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import FunctionTransformer
from test_settings import COMPOSED

from slipway.checks.series import series_profile
from slipway.evaluation.forecasts import SHUFFLED, importance, some_series
from slipway.evaluation.scores import Metric
from slipway.preparation.series import prepare_series
from slipway.project import availability, names
from slipway.project.data_settings import Data, Read
from slipway.project.entry import UserError
from slipway.project.settings import validate
from slipway.rows.contract import ContractError
from slipway.rows.series import ITEM, TIME, SeriesContract, known_features, load_contract
from slipway.search.card import SERIES_INPUTS, series_card
from slipway.serving.forecasting import Forecaster, answered, made_up
from slipway.tables.findings import Finding, judged
from slipway.tables.reading import read_raw_table

ROOT = Path(__file__).parents[1]
KINDS = {"shop": "text", "day": "datetime", "sold": "number", "promotion": "boolean", "visitors": "number"}
CONTRACT = SeriesContract(
    KINDS, {"shop": ["a"], "day": [], "sold": [3.0, 5.0], "promotion": [0.0, 1.0], "visitors": [9.0]},
    ("shop", "day", "sold", "promotion"), "sold", "forecasting", (), None,
    "shop", "day", 2, "D", ("promotion",), ("visitors",), "ffill",
)  # fmt: skip


def history(shop="a", days=6, ahead=2, **changed):
    """Return a series of some days that sold 1, 2, 3 …, and the days to come."""
    day = pd.date_range("2025-01-01", periods=days + ahead).astype(str)
    sold = [*map(float, range(1, days + 1)), *[None] * ahead]
    columns = {"shop": shop, "day": day, "sold": sold, "promotion": "no", "visitors": [9.0] * days + [None] * ahead}
    return pd.DataFrame({**columns, **changed})


def parted(rows):
    return CONTRACT.parted(CONTRACT.table(rows))


def forecaster():
    return Forecaster(CONTRACT, FunctionTransformer().set_output(transform="pandas").fit(history()), predictor=None)


def line_history():
    past, ahead = parted(pd.concat([history("b"), history("a")[::-1]]))
    assert past[ITEM].tolist() == ["a"] * 6 + ["b"] * 6
    assert past["sold"].tolist() == [1, 2, 3, 4, 5, 6] * 2
    assert ahead[TIME].tolist() == [*pd.date_range("2025-01-07", periods=2)] * 2


def line_ahead():
    past, ahead = parted(history(ahead=0))
    assert len(ahead) == 0
    assert CONTRACT.to_come(past)[TIME].tolist() == [*pd.date_range("2025-01-07", periods=2)]


def line_known():
    past, ahead = parted(history()[:-1])
    with pytest.raises(
        ContractError, match=r"Got no row of 'a' at 2025-01-08 00:00:00, expected what is known ahead \(promotion\)"
    ):
        forecaster()._known_of(ahead, CONTRACT.to_come(past))
    past, ahead = parted(history())
    assert len(forecaster()._known_of(ahead, CONTRACT.to_come(past))) == 2


def line_gaps():
    past, _ = parted(history(sold=[1, None, 3, 4, 5, 6, None, None]).drop(index=3))
    assert past["sold"].isna().tolist() == [False, True, False, True, False, False]
    assert CONTRACT.filled(past)["sold"].tolist() == [1, 1, 3, 3, 5, 6]
    assert replace(CONTRACT, fill="interpolate").filled(past)["sold"].tolist() == [1, 2, 3, 4, 5, 6]
    assert replace(CONTRACT, fill="zero").filled(past)["sold"].tolist() == [1, 0, 3, 0, 5, 6]
    assert replace(CONTRACT, fill=None).filled(past)["sold"].isna().sum() == 2


def line_step():
    with pytest.raises(ContractError, match="Got two rows of 'a' at 2025-01-03 00:00:00, expected one for each step"):
        parted(pd.concat([history(), history()[2:3]]))
    with pytest.raises(ContractError, match="Got a row of 'a' at 2025-01-03 12:00:00, expected steps of D"):
        parted(pd.concat([history(), history()[2:3].assign(day="2025-01-03 12:00")]))


def line_nothing():
    with pytest.raises(ContractError, match="Got no value of 'sold' for the series 'b', expected its history"):
        parted(pd.concat([history(), history("b", sold="")]))
    with pytest.raises(ContractError, match="Got a row without a value of 'shop'"):
        parted(history(None))


def line_values():
    past, _ = parted(history(sold=[" 1 ", "2e0", True, 4, 5.0, "6", "", None], promotion=[*["yes", 0, "T", None] * 2]))
    assert past["sold"].tolist() == [1, 2, 1, 4, 5, 6]
    with pytest.raises(ContractError, match="Got 'many' in the column 'sold', expected a number"):
        parted(history(sold="many"))


def line_extra():
    assert list(CONTRACT.table(history(colour="red")).columns) == list(KINDS)
    with pytest.raises(ContractError, match="without the column 'promotion'"):
        CONTRACT.table(history().drop(columns="promotion"))


def test_importance_is_what_a_shuffled_covariate_costs():
    """A covariate that forecasts hang on costs them when shuffled, another nothing; what came is never shown; seeded."""
    rows = pd.concat([history(f"shop {number}", days=20, ahead=0) for number in range(30)], ignore_index=True)
    rows["promotion"] = np.random.default_rng(0).random(len(rows))
    rows["sold"] = rows["promotion"]
    asked_of = []

    def predict(asked):
        ahead = asked[asked["sold"].isna()]
        assert ahead["visitors"].isna().all()
        asked_of.append(ahead["shop"].nunique())
        return ahead[["shop", "day"]].assign(mean=ahead["promotion"])

    def error(test, answers):
        both = test.merge(answers, on=["shop", "day"])
        assert len(both) == 2 * SHUFFLED
        return float((both["sold"] - both["mean"]).abs().mean())

    found, again = (importance(predict, Metric(error, False, False), rows, CONTRACT, 3, seed=1) for _ in range(2))
    assert asked_of == [SHUFFLED] * 2 * (1 + 2 * 3)
    assert found["column"].tolist() == ["promotion", "visitors"]
    assert found["importance"][0] == pytest.approx(1 / 3, abs=0.1)  # how far two numbers between 0 and 1 are apart
    assert found["importance"][1] == 0
    pd.testing.assert_frame_equal(found, again)


def test_plots_show_whole_series():
    """As many as fit, by the seed and in their order; one that is longer than that all the same."""
    sides = pd.DataFrame({"item": np.repeat(list("abcdefghij"), 12), "step": list(range(12)) * 10})
    some = some_series(sides, 50, 0)
    assert some["item"].nunique() == 4
    assert some["step"].tolist() == list(range(12)) * 4
    assert some.index.is_monotonic_increasing
    assert set(some["item"]) != set(some_series(sides, 50, 1)["item"])
    assert len(some_series(sides, 5, 0)) == 12
    assert some_series(sides, 120, 0).equals(sides)


@pytest.mark.parametrize("line", SERIES_INPUTS)
def test_card_keeps_its_word(line):
    """Every line that the card says of inputs holds."""
    globals()[f"line_{line}"]()
    assert SERIES_INPUTS[line] in series_card(CONTRACT, "0" * 64, ["pandas==2"], "3.11")


def test_model_is_asked_without_what_came():
    """The last steps lose label and past covariates, nothing else; a history never ends in a step without a value."""
    rows = pd.concat([history("a", ahead=0), history("b", ahead=0, sold=[1, 2, 3, None, 5, 6])], ignore_index=True)
    asked = CONTRACT.asked(rows)
    assert asked["sold"].fillna(-1).tolist() == [1, 2, 3, 4, -1, -1, 1, 2, 3, 3, -1, -1]
    assert asked["visitors"].isna().tolist() == ([False] * 4 + [True] * 2) * 2
    assert asked[["shop", "day", "promotion"]].equals(rows[["shop", "day", "promotion"]])
    past, _ = parted(asked)
    assert CONTRACT.to_come(past)[TIME].astype(str).tolist() == ["2025-01-05", "2025-01-06"] * 2


def test_recipe_sees_what_is_known_ahead_alone():
    """Features are made of series, step and known covariates; what is not known ahead never reaches a recipe."""
    seen = []

    def features(rows):
        seen.extend(rows.columns)
        return rows.assign(weekday=rows["day"].dt.dayofweek)

    past, _ = parted(history())
    made = known_features(FunctionTransformer(features), CONTRACT, past)
    assert seen == ["shop", "day", "promotion"]
    assert set(made) == {ITEM, TIME, "promotion", "weekday"}


def test_nothing_but_a_forecast_is_answered():
    """Probabilities, thresholds and explanations are refused; no row gets an empty answer."""
    for asked in ({"proba": True}, {"threshold": 0.5}, {"explain": True}):
        with pytest.raises(ContractError, match=f"Got {next(iter(asked))} for a model that forecasts"):
            answered(forecaster(), history(), **asked)
    one = forecaster()
    one.predictor = type("Predictor", (), {"quantile_levels": [0.1, 0.9]})()
    assert list(answered(one, history()[:0]).columns) == ["shop", "day", "mean", "0.1", "0.9"]


def test_made_up_series_keep_the_contract():
    """The rows of which a model's digest is made are series that it takes, the same each time."""
    rows = made_up(CONTRACT, 3)
    assert rows.equals(made_up(CONTRACT, 3))
    past, ahead = parted(rows)
    assert set(past[ITEM]) == {"series 0", "series 1", "series 2"}
    assert len(ahead) == 3 * CONTRACT.prediction_length
    alone = replace(
        CONTRACT, item=None, needed=("day", "sold"), columns={k: v for k, v in KINDS.items() if k != "shop"}
    )
    assert alone.parted(alone.table(made_up(alone, 1)))[0][ITEM].eq("series").all()


def test_contract_comes_back_as_it_was(tmp_path):
    """A contract of series is read as what was written."""
    CONTRACT.save(tmp_path / "contract.json")
    assert load_contract(tmp_path / "contract.json") == CONTRACT


def settings(**changed):
    """Return the composed settings for a long table."""
    split = {"method": "horizon", "item": "shop", "timestamp": "day", "prediction_length": 2}
    data = {
        "name": "sales",
        "label": "sold",
        "task": "forecasting",
        "metric": "MASE",
        "positive_class": None,
        "split": split,
    }
    automl = {"eval_metric": "MASE", "models": {"SeasonalNaive": {}}}
    gate = COMPOSED["register"] | {"gate": COMPOSED["register"]["gate"] | {"metric": "MASE"}}
    whole = {**COMPOSED, "data": COMPOSED["data"] | data, "automl": COMPOSED["automl"] | automl, "register": gate}
    for key, value in changed.items():
        section, _, name = key.partition("__")
        whole[section] = whole[section] | {name: whole[section][name] | value if name in ("split", "gate") else value}
    return whole


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"data__split": {"method": "random"}}, "data.split.method"),
        ({"data__task": "regression", "data__metric": "r2", "automl__eval_metric": "r2"}, "expected another one for data.task=regression"),
        ({"automl__models": {"GBM": {}}}, "Got automl.models with GBM, expected models for data.task=forecasting: Naive, "),
        ({"automl__num_bag_folds": 5}, "Got automl.num_bag_folds, which a search for data.task=forecasting has not"),
        ({"register__gate": {"bootstrap": 100}}, "Got register.gate.bootstrap, expected 0"),
        ({"data__split": {"freq": "fortnight"}}, "expected one of pandas' frequencies, such as h, D, B"),
        ({"data__split": {"known_covariates": ["day"]}}, "expected the column 'day' in one of item, timestamp"),
        ({"data__split": {"past_covariates": ["sold"]}}, "Got data.label='sold' among the columns of data.split"),
        ({"automl__fit": {"random_seed": 3}}, "it is said by seed"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_are_refused(changed, says):
    """What a long table or its search has not is refused in a sentence, and so is what belongs to long tables alone."""
    validate(settings())
    with pytest.raises(UserError) as refused:
        validate(settings(**changed))
    assert says in str(refused.value) or "data.split" in says


def test_lean_install_says_how_to_get_the_extra(monkeypatch):
    """Without the extra, check's sentence names the command that adds it."""
    monkeypatch.setattr(availability.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"expected autogluon.timeseries. Run `./environment.sh forecasting`"):
        availability.check_available(validate(settings()).automl)


def test_weights_are_a_folder_or_refused(monkeypatch, tmp_path):
    """A pretrained model is never downloaded: its weights are a folder that is there."""
    monkeypatch.setattr(availability.importlib.util, "find_spec", str)
    for place in ({}, {"model_path": "autogluon/chronos-2"}):
        with pytest.raises(UserError, match="expected a folder that has its weights: nothing is downloaded"):
            availability.check_available(validate(settings(automl__models={"Chronos2": place})).automl)
    weights = {"Chronos2": {"model_path": str(tmp_path)}}
    assert availability.check_available(validate(settings(automl__models=weights)).automl) == {}
    assert set(names.PRETRAINED) <= set(names.FORECASTERS)


def profiled(folder, rows, windows=1, **split):
    """Return what check finds out about a long table."""
    folder.mkdir()
    rows.to_csv(folder / "table.csv", index=False)
    given = settings(data__split=split)["data"]
    with read_raw_table(folder, Read()) as raw:
        return series_profile(raw, Data.model_validate(given), windows)


def test_step_and_gaps_are_found_and_named(tmp_path):
    """The step is found though rows are missing, and every gap is named with its series; each way to fill it is said."""
    a = history("a", days=30, ahead=0).drop(index=[4, 5, 20])
    b = history("b", days=30, ahead=2)
    b.loc[9, "sold"] = None
    found, notes = profiled(tmp_path / "raw", pd.concat([a, b]), item="shop")
    assert (found["freq"], found["series"], found["shortest"], found["longest"]) == ("D", 2, 30, 30)
    assert found["gaps"] == {"a": ["2025-01-05 to 2025-01-06", "2025-01-21"], "b": ["2025-01-10"]}
    assert notes == [
        "the step between rows is D; data.split.freq sets it",
        "2 rows after the last value of their series are left out",
        (
            "steps without a value in 2 of 2 series (a: 2025-01-05 to 2025-01-06, 2025-01-21; b: 2025-01-10); filled for "
            "training: each model in its own way (data.split.fill)"
        ),
        "not used: promotion, visitors; name them in data.split.known_covariates or past_covariates to use them",
    ]


@pytest.mark.parametrize("freq", ["h", "D", "B", "W-SAT", "MS", "ME", "QS-OCT", "YS-JAN", "15min"])
def test_every_common_step_is_found(tmp_path, freq):
    """The step of dates is found in pandas' name."""
    day = pd.date_range("2021-01-01", periods=40, freq=freq).delete(17)
    found, _ = profiled(tmp_path / "raw", pd.DataFrame({"shop": "a", "day": day, "sold": range(39)}))
    assert found["freq"] == freq


@pytest.mark.parametrize(
    ("rows", "split", "says"),
    [
        (pd.concat([history(days=20), history(days=20)]), {}, "Got 22 rows of steps that another row has, first a at 2025-01-01"),
        (history(days=20), {"timestamp": "date"}, "data.split.timestamp with 'date', but data/raw/sales has no such column"),
        (history(days=20), {"timestamp": "promotion"}, "Got a text as data.split.timestamp, 'promotion', expected dates"),
        (history(days=20), {"known_covariates": ["price"]}, "data.split.known_covariates with 'price'"),
        (history(days=20, day=["2025-01-01", *pd.date_range("2025-03-01", periods=21, freq="7h").astype(str)]), {"freq": "D"}, "no step of D"),
        (pd.concat([history(days=20), history("b", days=2)]), {}, "Got 1 series of at most 2 steps, first 'b'"),
        (history(days=8), {}, "Got no series with the 7 train steps that prediction_length=2 and 1 validation windows need"),
        (pd.concat([history(days=20), history("b", sold="")]), {}, "Got no value of 'sold' in the series 'b'"),
        (history(days=20, sold="many"), {}, "Got a text as label 'sold', expected a number for task=forecasting"),
        (history(["", *["a"] * 21], days=20), {}, "Got 1 rows without a value of 'shop'"),
    ],
    ids=["twice", "no timestamp", "no dates", "no covariate", "off the step", "short", "all short", "no value", "text", "no series"],
)  # fmt: skip
def test_series_that_cannot_be_forecast_are_refused(tmp_path, rows, split, says):
    """What stands in the way of forecasting ends in a sentence that names it."""
    with pytest.raises(UserError, match=says.replace("(", r"\(")):
        profiled(tmp_path / "raw", rows, **split)


def test_short_series_are_said(tmp_path):
    """A series that is too short to learn from is said to be forecast all the same."""
    _, notes = profiled(tmp_path / "raw", pd.concat([history(days=20), history("b", days=6)]))
    assert any(
        "1 of 2 series have fewer than 7 train steps: they are forecast, but not learned from" in n for n in notes
    )


def prepared_in(folder, monkeypatch, findings=(), recipe="as_is"):
    """Prepare two series in a folder after what check found, and return their raw rows."""
    raw = folder / "data/raw/sales"
    raw.mkdir(parents=True)
    rows = pd.concat([history("a", days=30).drop(index=4), history("b", days=25)])
    rows.to_csv(raw / "sales.csv", index=False)
    shutil.copytree(ROOT / "src/recipes", folder / "src/recipes")
    monkeypatch.chdir(folder)
    params = validate(settings(
        data__split={"known_covariates": ["promotion"], "past_covariates": ["visitors"], "fill": "ffill"},
        data__recipe=COMPOSED["data"]["recipe"] | {"name": recipe, "options": {}},
    ))  # fmt: skip
    kinds = {"shop": "text", "day": "datetime", "sold": "integer", "promotion": "boolean", "visitors": "integer"}
    profile = {"columns": {c: {"kind": k} for c, k in kinds.items()}, "series": {"freq": "D"}, "fields": {"marks": []}}
    prepare_series(params, profile | {"findings": judged(findings, params.check)})
    return rows


COPIED = Finding("label_copy", ("promotion",), "promotion says the same as sold")
INFINITE = Finding("infinities", ("visitors",), "2 infinite values in visitors")


@pytest.mark.parametrize("found", [COPIED, INFINITE], ids=lambda found: found.name)
def test_errors_about_covariates_stop_before_anything_is_written(tmp_path, monkeypatch, found):
    """A finding that is an error by the settings stops dataprep where features or models read the column, known ahead or not."""
    monkeypatch.setitem(COMPOSED["check"], "errors", [found.name])
    with pytest.raises(UserError, match=f"Got {found.name}:{found.columns[0]}, {found.what}; expected a table without"):
        prepared_in(tmp_path, monkeypatch, [found])
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["raw"]


def test_recipe_settles_what_check_said_of_a_covariate(tmp_path, monkeypatch, capsys):
    """A known covariate that no feature depends on stops nothing, is settled in the report, and need not be sent."""
    monkeypatch.setitem(COMPOSED["check"], "errors", ["label_copy"])
    keys = ColumnTransformer([("keys", "passthrough", ["shop", "day"])], verbose_feature_names_out=False)
    recipe = SimpleNamespace(features=lambda settings: keys.set_output(transform="pandas"))  # noqa: ARG005  settings, by the recipe's contract
    monkeypatch.setitem(sys.modules, "recipes.no_promotion", recipe)
    prepared_in(tmp_path, monkeypatch, [COPIED], "no_promotion")
    assert "no feature depends on what check pointed out: label_copy:promotion" in capsys.readouterr().out
    assert "settled: no feature depends on it" in Path("reports/findings.md").read_text(encoding="utf-8")
    assert load_contract(Path("models/recipe/contract.json")).needed == ("shop", "day", "sold")


def test_preparing_holds_out_the_last_steps(tmp_path, monkeypatch):
    """Train rows end before the test steps of each series, every step is there, and what the search reads is filled."""
    rows = prepared_in(tmp_path, monkeypatch)
    train, test, prepared, validation = (
        pd.read_parquet(f"data/{name}.parquet")
        for name in ("split/train", "split/test", "prepared/train", "prepared/validation")
    )
    assert train.groupby("shop").size().to_dict() == {"a": 28, "b": 23}
    assert test.groupby("shop").size().to_dict() == {"a": 30, "b": 25}
    assert list(test.columns) == list(rows.columns)
    assert train["sold"].isna().sum() == 1
    assert prepared["sold"].notna().all()
    assert (train.groupby("shop")["day"].max() < test.groupby("shop")["day"].max()).all()
    assert set(prepared.columns) == {ITEM, TIME, "sold", "promotion", "visitors"}
    assert len(validation) == 0
    contract = load_contract(Path("models/recipe/contract.json"))
    assert (contract.freq, contract.known_covariates, contract.past_covariates) == ("D", ("promotion",), ("visitors",))
    assert np.isfinite(contract.seen["sold"]).all()
