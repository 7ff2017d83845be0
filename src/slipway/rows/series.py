"""What the model of a long table reads: the history of series, and what is known of the steps to come. Travels inside the model.

Only the standard library, NumPy and pandas are imported here: this file is copied into every model.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from slipway.rows.contract import Contract, ContractError
from slipway.rows.written import Written

if TYPE_CHECKING:
    from sklearn.base import TransformerMixin

# The name of the series of a table that is one, in the column that tells series apart inside.
ONLY = "series"
# AutoGluon's own names of the two columns, which tables have inside.
ITEM, TIME = "item_id", "timestamp"


@dataclass(frozen=True)
class SeriesContract(Contract):
    """What a model reads and forecasts. The label is among its columns: a caller sends its history.

    Attributes
    ----------
    item
        The column that tells series apart; None where the table is one.
    timestamp
        The column of dates.
    prediction_length
        How many steps ahead it forecasts.
    freq
        A step, as pandas names it.
    known_covariates, past_covariates
        Columns that are known ahead, and that are known afterwards alone.
    fill
        What steps of the history without a value are filled with: ffill, interpolate, zero, or None: each model in its
        own way.
    """

    item: str | None
    timestamp: str
    prediction_length: int
    freq: str
    known_covariates: tuple[str, ...]
    past_covariates: tuple[str, ...]
    fill: str | None

    def asked(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return what a model is asked: sorted rows, of which the last steps of each series lost label and past covariates.

        A history that would end in a step without a label ends in the last one that it has.
        """
        item = rows[self.item].to_numpy() if self.item else np.full(len(rows), ONLY)
        left = rows.groupby(item, sort=False).cumcount(ascending=False).to_numpy()
        hidden = {c: rows[c].mask(left < self.prediction_length) for c in (self.label, *self.past_covariates)}
        carried = hidden[self.label].groupby(item, sort=False).ffill()
        hidden[self.label] = hidden[self.label].mask(left == self.prediction_length, carried)
        return rows.assign(**hidden)

    def parted(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the histories and the steps to come: of each series the rows up to its last label, and those after it.

        Both are sorted, with a row for every step of the histories, and have the columns `ITEM` and `TIME`.

        Raises
        ------
        ContractError
            A row has no series or no date, two are of one step, a date is none of the steps, or a series has no history.
        """
        table = rows.rename(columns={self.timestamp: TIME} | ({self.item: ITEM} if self.item else {}))
        table = table if self.item else table.assign(**{ITEM: ONLY})
        for column, name in ((ITEM, self.item), (TIME, self.timestamp)):
            if table[column].isna().any():
                raise ContractError(f"Got a row without a value of {name!r}, expected one in every row.")
        if (twice := table.duplicated([ITEM, TIME])).any():
            first = table[twice].iloc[0]
            raise ContractError(f"Got two rows of {self.step(first[ITEM], first[TIME])}, expected one for each step.")
        table = table.sort_values([ITEM, TIME], ignore_index=True)
        last = table[TIME].where(table[self.label].notna()).groupby(table[ITEM]).transform("max")
        if (unknown := table.loc[last.isna(), ITEM]).size:
            raise ContractError(
                f"Got no value of {self.label!r} for the series {unknown.iloc[0]!r}, expected its history; rows without one "
                "are the steps to come."
            )
        ahead = (table[TIME] > last).to_numpy()
        return self._every_step(table[~ahead]), table[ahead].reset_index(drop=True)

    def step(self, item: object, moment: pd.Timestamp) -> str:
        """Return a step of a series in words."""
        return f"{f'{item!r} at ' if self.item else ''}{moment}"

    def _every_step(self, history: pd.DataFrame) -> pd.DataFrame:
        found = []
        for item, rows in history.groupby(ITEM, sort=False):
            steps = pd.date_range(rows[TIME].iloc[0], rows[TIME].iloc[-1], freq=self.freq)
            if (odd := ~rows[TIME].isin(steps)).any():
                raise ContractError(
                    f"Got a row of {self.step(item, rows.loc[odd, TIME].iloc[0])}, expected steps of {self.freq} from the "
                    "series' first on."
                )
            found.append(rows.set_index(TIME).reindex(steps).rename_axis(TIME).reset_index().assign(**{ITEM: item}))
        return pd.concat(found, ignore_index=True)

    def to_come(self, history: pd.DataFrame) -> pd.DataFrame:
        """Return the steps after histories: `ITEM` and `TIME`, as many of each as the model forecasts."""
        ends = history.groupby(ITEM, sort=False)[TIME].last()
        ahead = [pd.date_range(end, periods=self.prediction_length + 1, freq=self.freq)[1:] for end in ends]
        return pd.DataFrame({ITEM: ends.index.repeat(self.prediction_length), TIME: np.concatenate(ahead)})

    def filled(self, history: pd.DataFrame) -> pd.DataFrame:
        """Return histories of which steps without a label have one, as far as the contract says how."""
        if self.fill is None:
            return history
        label = history.groupby(ITEM, sort=False)[self.label]
        if self.fill == "zero":
            values = history[self.label].fillna(0.0)
        elif self.fill == "ffill":
            values = label.ffill()
        else:
            values = label.transform(lambda of_one: of_one.interpolate())
        return history.assign(**{self.label: values})


def known_features(recipe: "TransformerMixin", contract: SeriesContract, rows: pd.DataFrame) -> pd.DataFrame:
    """Return `ITEM`, `TIME` and the features that a fitted recipe makes of the columns that are known ahead."""
    read = rows[[ITEM, TIME, *contract.known_covariates]].rename(columns={TIME: contract.timestamp})
    read = read.rename(columns={ITEM: contract.item}) if contract.item else read.drop(columns=ITEM)
    made = recipe.transform(read)
    return made.drop(columns=[contract.item, contract.timestamp], errors="ignore").assign(
        **{ITEM: rows[ITEM], TIME: rows[TIME]}
    )


def learned_from(recipe: "TransformerMixin", contract: SeriesContract, history: pd.DataFrame) -> pd.DataFrame:
    """Return what AutoGluon sees of histories: `ITEM`, `TIME`, features that are known ahead, past covariates and the label."""
    features = known_features(recipe, contract, history)
    return features.assign(**{c: contract.filled(history)[c] for c in (*contract.past_covariates, contract.label)})


def load_contract(path: Path) -> Contract:
    """Read the contract of a model, whatever its task."""
    says = json.loads(path.read_text(encoding="utf-8"))
    kind = SeriesContract if says["task"] == "forecasting" else Contract
    tuples = {name: tuple(value) for name, value in says.items() if isinstance(value, list)}
    how: dict[str, Any] = says.get("written", {})
    how = {name: tuple(value) if isinstance(value, list) else value for name, value in how.items()}
    return kind(**{**says, **tuples, "written": Written(**how)})
