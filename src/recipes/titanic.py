"""Yours. The passenger list of the Titanic: classes, ages and fares in bins, who travelled with whom, the port."""

from collections.abc import Mapping
from typing import Any

from sklearn.base import TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OrdinalEncoder

from slipway.rows.transformers import DrawFromPresent

NUMBERS = ["pclass", "sibsp", "parch"]
BINNED = ["age", "fare"]
MAPPED = ["sex", "embarked"]
# Dropped: name, ticket, cabin and home.dest, which are nearly one of a kind per passenger; boat and body, which were
# only known after the sinking: who has a boat's number was saved, who has a body's number was not.


def features(settings: Mapping[str, Any]) -> TransformerMixin:
    """Return an unfitted transformer from raw columns to seven features.

    Missing ages and fares are drawn from the present ones; both are cut into ``bins`` quantile bins. Sex and port
    become integers, -1 where they are unknown.
    """
    wanted = ColumnTransformer([("wanted", "passthrough", NUMBERS + BINNED + MAPPED)], verbose_feature_names_out=False)
    bins = KBinsDiscretizer(
        settings["bins"], encode="ordinal", strategy="quantile", quantile_method="averaged_inverted_cdf", subsample=None
    )
    integers = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    encode = ColumnTransformer(
        [("numbers", "passthrough", NUMBERS), ("bins", bins, BINNED), ("integers", integers, MAPPED)],
        verbose_feature_names_out=False,
    )
    return make_pipeline(wanted, DrawFromPresent(BINNED, settings["seed"]), encode).set_output(transform="pandas")
