"""Which model is deployed under limits of latency and size, and what is said of that."""

import pandas as pd
import pytest

from slipway.search.choice import within_latency, within_size, won_by


@pytest.fixture
def table() -> pd.DataFrame:
    """Return a ranking of three models: the better, the slower and the larger."""
    columns = ["model", "score_val", "eval_metric", "pred_time_val", "row_s", "deployed_bytes"]
    rows = [("Blend", 0.90, "roc_auc", 3.0, 0.012, 9e6), ("Forest", 0.85, "roc_auc", 2.0, 0.008, 5e6)]
    rows += [("Line", 0.80, "roc_auc", 1.0, 0.002, 1e6)]
    return pd.DataFrame(rows, columns=columns).set_index("model", drop=False)


@pytest.mark.parametrize(
    ("limit", "kept", "said"),
    [
        (None, ["Blend", "Forest", "Line"], []),
        (0.012, ["Blend", "Forest", "Line"], []),
        (
            0.01,
            ["Forest", "Line"],
            [
                (
                    "Blend would win with 0.9000, but takes 12 ms for a row; Forest is quick enough: 8 ms for a row, roc_auc 0.8500, "
                    "0.0500 less; automl.infer_limit=0.01 is the limit, null for none"
                )
            ],
        ),
        (
            0.001,
            ["Line"],
            [
                (
                    "Blend would win with 0.9000, but takes 12 ms for a row; Line is the quickest there is: 2 ms for a "
                    "row, roc_auc 0.8000, 0.1000 less; automl.infer_limit=0.001 is the limit, null for none"
                )
            ],
        ),
    ],
)
def test_slow_models_stay_out_and_it_is_said(
    table: pd.DataFrame, limit: float | None, kept: list[str], said: list[str]
):
    """The best model that answers a row in time is deployed; where none does, the quickest, and neither in silence."""
    quick, says = within_latency(table, limit)
    assert list(quick["model"]) == kept
    assert says == said


def test_single_model_over_its_limit_is_said(table: pd.DataFrame):
    """A model that has no other beside it is deployed over its limits, which the stage says."""
    alone = table.head(1)
    quick, says = within_latency(alone, 0.01)
    assert list(quick["model"]) == ["Blend"]
    assert says == ["Blend is the quickest there is, and takes 12 ms for a row: more than automl.infer_limit=0.01"]
    assert within_size(alone, alone.iloc[0], 4) == (
        "Blend",
        ["Blend is deployed, the smallest there is, and takes 9.0 MB: more than automl.max_size_mb=4"],
    )


def test_what_was_not_measured_is_not_left_out(table: pd.DataFrame):
    """A model of which no part was measured, as where a search was ended early, is not taken for slow."""
    quick, _ = within_latency(table.assign(row_s=[None, 0.008, 0.002]).astype({"row_s": float}), 0.005)
    assert list(quick["model"]) == ["Blend", "Line"]


def test_winner_is_compared_with_what_is_behind_it(table: pd.DataFrame):
    """Where a limit kept a better model out, the next one is of those behind, and nothing is told with a minus."""
    assert won_by(table, "Forest", {})[0] == "next is Line, 0.0500 of roc_auc behind"
    quicker = table.assign(pred_time_val=[1.0, 2.0, 3.0])
    assert won_by(quicker, "Forest", {})[1] == "faster: Blend (1.000 s instead of 2.000 s) and 0.0500 of roc_auc more"
