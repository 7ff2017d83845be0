"""Split the raw table into train and test rows, fit the recipe on the train rows alone, and apply it to both."""

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.entry import parser, run
from slipway.settings import Data, load_params

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import TransformerMixin

    from slipway.contract import Contract, Kind


def split(table: "pd.DataFrame", data: Data, seed: int) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Split a cleaned table into train and test rows."""
    from slipway.splitting import is_test_row

    test = is_test_row(table, data.label, data.split.test_size, seed)
    return table[~test].reset_index(drop=True), table[test].reset_index(drop=True)


def fit_recipe(
    train: "pd.DataFrame", data: Data, seed: int, kinds: "dict[str, Kind]"
) -> "tuple[TransformerMixin, Contract]":
    """Fit the recipe on the train rows; return it with the contract of what it reads and predicts."""
    from slipway.contract import Contract, seen_values, typed
    from slipway.recipe import load_recipe, needed_columns

    _, features = load_recipe(data.recipe.name)
    columns = {column: kind for column, kind in kinds.items() if column != data.label}
    rows = typed(train, columns)
    recipe = features({**data.recipe.options, "seed": seed}).fit(rows)
    seen = {column: seen_values(rows[column], kind) for column, kind in columns.items()}
    classes = tuple(sorted(train[data.label].unique().tolist()))
    needed = needed_columns(recipe, rows, columns)
    return recipe, Contract(columns, seen, needed, data.label, data.task, classes, data.positive_class)


def prepare(rows: "pd.DataFrame", recipe: "TransformerMixin", contract: "Contract") -> "pd.DataFrame":
    """Return the features of raw rows, with their label."""
    return recipe.transform(contract.table(rows)).assign(**{contract.label: rows[contract.label]})


def main() -> None:
    parser(__doc__).parse_args()
    params = load_params()
    from slipway.files import write_parquet
    from slipway.reading import read_raw_table
    from slipway.recipe import cleaned, load_recipe, save_recipe

    data = params.data
    clean, _ = load_recipe(data.recipe.name)
    gc.freeze()  # spares the walk over pandas and scikit-learn at the end; DuckDB, not imported yet, insists on its own
    raw = read_raw_table(Path("data/raw") / data.name)
    received = raw.relation.df()
    kept = cleaned(received, clean, data.recipe.name).dropna(subset=[data.label])
    if raw.kinds[data.label] == "integer":
        kept[data.label] = kept[data.label].astype("int64")  # float64 where rows without a label were among them
    train, test = split(kept, data, params.seed)
    recipe, contract = fit_recipe(train, data, params.seed, raw.kinds)
    write_parquet(Path("data/split/train.parquet"), train)
    write_parquet(Path("data/split/test.parquet"), test)
    prepared = prepare(train, recipe, contract)
    write_parquet(Path("data/prepared/train.parquet"), prepared)
    write_parquet(Path("data/prepared/test.parquet"), prepare(test, recipe, contract))
    save_recipe(recipe, Path("models/recipe/recipe.pkl"))
    contract.save(Path("models/recipe/contract.json"))
    print(
        f"dataprep: kept {len(kept)} of {len(received)} rows, {len(train)} for training and {len(test)} for testing; "
        f"{prepared.shape[1] - 1} features from {len(contract.needed)} of {len(contract.columns)} columns"
    )


if __name__ == "__main__":
    run(main)
