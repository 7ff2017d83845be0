"""A long table asked: each series with its whole history, whatever cannot be read, and whatever the pieces are."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from test_series import CONTRACT, history

import predict
from slipway.project.data_settings import Read
from slipway.project.entry import UserError
from slipway.rows.contract import ContractError
from slipway.rows.series import ITEM
from slipway.serving.forecasting import Forecaster, answered


class Model:
    """A model of which every forecast is the sum of the series' history, so that a row less shows; it gives no quantiles."""

    metadata = SimpleNamespace(metadata={"digest": "abc"}, model_uuid="1")

    def __init__(self, contract=CONTRACT, fails_after=10**9):
        self.forecaster = Forecaster(contract, recipe=None, predictor=SimpleNamespace(quantile_levels=[]))
        self.contract, self.left, self.rows = contract, fails_after, []

    def unwrap_python_model(self):
        return SimpleNamespace(scorer=self.forecaster)

    def predict(self, rows, params=None):
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

        try:
            if params or not len(rows):
                return answered(self.forecaster, rows, **(params or {}))
            past, ahead = self.contract.parted(self.contract.table(rows))
            steps = self.forecaster._known_of(ahead, self.contract.to_come(past))
        except ContractError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error
        self.rows.append(len(rows))
        if len(self.rows) > self.left:
            raise KeyboardInterrupt
        mean = steps[ITEM].map(past.groupby(ITEM)[self.contract.label].sum())
        table = pd.DataFrame({"shop": steps[ITEM], "day": steps["timestamp"], "mean": mean})
        return table if self.contract.item else table.drop(columns="shop")


@pytest.fixture
def ask(monkeypatch, tmp_path):
    """Return a function that runs the script on rows, or on a table that is there, with a made-up model."""
    monkeypatch.setattr(predict, "heed_kill", lambda: None)
    data = SimpleNamespace(label="another", read=Read())
    monkeypatch.setattr(predict, "load_params", lambda **_: SimpleNamespace(data=data))

    def asked(rows, *arguments, model=None, table="table.csv"):
        monkeypatch.setattr("slipway.registration.tracking.load_model", lambda _: model or Model())
        if isinstance(rows, pd.DataFrame):
            rows.to_csv(tmp_path / table, index=False)
        elif rows is not None:
            (tmp_path / table).write_text("\n".join(rows) + "\n", encoding="utf-8")
        arguments = (str(tmp_path / table), "--out", str(tmp_path / "out.parquet"), *arguments)
        monkeypatch.setattr(sys, "argv", ["predict.py", *arguments])
        predict.main()
        return pd.read_parquet(tmp_path / "out.parquet")

    return asked


def shops(*names, **changed):
    return pd.concat([history(name, days=4 + place, **changed) for place, name in enumerate(names)], ignore_index=True)


def aside(tmp_path):
    table = pd.read_csv(tmp_path / "out.refused.csv", dtype={"series": str})
    return {one.series: (one.line, one.reason) for one in table.itertuples()}


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 15, 1000])
def test_forecasts_are_the_models_whatever_the_pieces(ask, tmp_path, size):
    """Rows of several files in any order: what the model says of all of them at once is what it says in pieces of whole series."""
    rows = shops("d", "a", "c", "b", "ä b").sample(frac=1, random_state=1)
    folder = tmp_path / "files"
    folder.mkdir()
    for part in (0, 1):
        rows[part::2].to_csv(folder / f"{part}.csv", index=False)
    model = Model()
    got = ask(None, "--batch-rows", str(size), model=model, table="files")
    pd.testing.assert_frame_equal(got, Model().predict(rows), check_exact=True)
    assert sum(model.rows) == len(rows)
    assert max(model.rows) <= max(size, 10)
    assert len(model.rows) == {1: 5, 15: 4, 1000: 1}[size]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_what_was_done_is_not_done_again(ask, tmp_path, capsys, kind):
    """After an interruption the same command goes on, and its output is that of an undisturbed run; so for every kind of file."""
    rows = pd.concat([shops("2", "10", "3"), shops("1", sold=["x", *"23456"], ahead=2)])
    whole = ask(rows, "--batch-rows", "1")
    put_aside = pd.read_csv(tmp_path / "out.refused.csv")[["series", "reason"]]
    if kind == "jsonl":
        rows.to_json(tmp_path / "table.jsonl", orient="records", lines=True)
    elif kind == "parquet":
        rows.astype({"shop": int, "sold": "string"}).to_parquet(tmp_path / "table.parquet", index=False)
    (tmp_path / "out.parquet").unlink()
    with pytest.raises(KeyboardInterrupt):
        ask(None, "--batch-rows", "1", model=Model(fails_after=2), table=f"table.{kind}")
    assert not (tmp_path / "out.parquet").exists()
    model = Model()
    pd.testing.assert_frame_equal(ask(None, "--batch-rows", "1", model=model, table=f"table.{kind}"), whole)
    assert "goes on after 5 rows that are done" in capsys.readouterr().out
    assert model.rows == [8]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out.refused.csv")[["series", "reason"]], put_aside)


def test_a_series_with_a_value_that_does_not_fit_is_put_aside_whole(ask, tmp_path, capsys):
    """A row that says nothing usable takes its whole series out, with its line and reason: no history is shortened in silence."""
    rows = shops("a", "b", "c", "d").astype(object)
    rows.loc[[1, 8], ["sold", "day"]] = [["many", "2025-01-02"], [3, "soon"]]
    rows.loc[9, "promotion"] = "perhaps"
    got = ask(rows)
    pd.testing.assert_frame_equal(got, Model().predict(shops("a", "b", "c", "d")[13:]), check_exact=True)
    assert aside(tmp_path) == {
        "a": (3, "Got 'many' in the column 'sold', expected a number."),
        "b": (10, "Got 'soon' in the column 'day', expected a datetime."),
    }
    assert "4 rows predicted" in (said := capsys.readouterr().out)
    assert "; 2 series put aside, with reasons, in " in said
    with pytest.raises(UserError, match=r"Got a row in .*table.csv, line 3 that cannot be read: Got 'many'"):
        ask(rows, "--strict")


@pytest.mark.parametrize(
    ("line", "reason"),
    [("b,2025", "Got 2 fields, expected 5"), ('"b"x,1,2,3,4', "Got a quote"), (",2025-01-03,5,no,9", "Got a row without a value of 'shop'")],
    ids=["ragged", "quote", "no series"],
)  # fmt: skip
def test_a_row_of_an_unknown_series_stops(ask, tmp_path, line, reason):
    """Where nobody can tell whose history lacks a row, no series is forecast, and the sentence names the line."""
    lines = shops("a", "b").to_csv(index=False).splitlines()
    with pytest.raises(
        UserError, match=rf"^Got a row of which nobody can tell the series, .*table.csv, line 4: {reason}"
    ):
        ask([*lines[:3], line, *lines[3:]])
    assert not (tmp_path / "out.parquet").exists()


def test_series_that_the_model_refuses_are_put_aside(ask, tmp_path):
    """Each series that is none gets the model's own sentence, also several of one piece; the others are forecast."""
    wrong = {
        "b": shops("b").iloc[[0, 1, 1, 2]],
        "d": shops("d", sold=""),
        "e": shops("e").assign(day=[*shops("e")["day"][:2], "2025-01-03 12:00", *shops("e")["day"][3:]]),
        "f": shops("f")[:-1],
    }
    good = shops("a", "c", "g")
    got = ask(pd.concat([good, *wrong.values()]))
    pd.testing.assert_frame_equal(got, Model().predict(good), check_exact=True)
    reasons = {name: reason.partition(",")[0] for name, (_, reason) in aside(tmp_path).items()}
    assert reasons == {
        "b": "Got two rows of 'b' at 2025-01-02 00:00:00",
        "d": "Got no value of 'sold' for the series 'd'",
        "e": "Got a row of 'e' at 2025-01-03 12:00:00",
        "f": "Got no row of 'f' at 2025-01-06 00:00:00",
    }
    with pytest.raises(UserError, match=r"^Got the series 'b', which the model refuses: Got two rows of 'b'"):
        ask(pd.concat([good, *wrong.values()]), "--strict")
    with pytest.raises(UserError, match="Got no series that the model takes"):
        ask(wrong["b"])


def test_a_table_that_is_one_series_needs_no_name(ask, tmp_path):
    """Without a column that tells series apart the table is one: forecast as such, or put aside as such."""
    columns = {name: kind for name, kind in CONTRACT.columns.items() if name != "shop"}
    alone = replace(CONTRACT, item=None, columns=columns, needed=("day", "sold", "promotion"))
    rows = history().drop(columns=["shop", "visitors"])
    got = ask(rows, "--batch-rows", "1", model=Model(alone))
    assert got["mean"].tolist() == [21, 21]
    assert got["day"].tolist() == [*pd.date_range("2025-01-07", periods=2)]
    with pytest.raises(UserError, match="Got no series that the model takes"):
        ask([*rows.to_csv(index=False).splitlines(), "2025-01-09"], model=Model(alone))
    assert aside(tmp_path) == {"series": (10, "Got 1 fields, expected 3 as in the header.")}


@pytest.mark.parametrize(
    ("option", "says"),
    [(["--keep", "visitors"], "Got --keep"), (["--proba"], "Got proba"), (["--threshold=.5"], "Got threshold"), (["--explain"], "Got explain")],
    ids=["keep", "proba", "threshold", "explain"],
)  # fmt: skip
def test_what_forecasts_have_not_is_refused(ask, option, says):
    """What is asked of rows alone ends in one sentence."""
    with pytest.raises(UserError, match=rf"^{says} for a model that forecasts"):
        ask(history(), *option)
