"""Split the raw table into train and test rows, fit the recipe on train rows alone, and apply it to all parts."""

import gc
import json
from concurrent.futures import wait
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import heed_kill, parser, run

# What comes first says which Python lacks what the others import.
# isort: split
from slipway.project.data_settings import ColumnSplit, Data, FilesSplit
from slipway.project.settings import Params, load_params

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import pandas as pd
    import pyarrow as pa
    from sklearn.base import TransformerMixin

    from slipway.preparation.recipe import Recipe
    from slipway.preparation.splitting import Parts
    from slipway.rows.contract import Contract, Kind
    from slipway.rows.steps import QuickRecipe
    from slipway.rows.written import Written
    from slipway.tables.findings import Finding
    from slipway.tables.inference import Fields
    from slipway.tables.progress import RowProgress


def cleaned_batches(
    rows: "duckdb.DuckDBPyRelation", recipe: "Recipe", kinds: "dict[str, Kind]", batch_rows: int
) -> "Iterator[pa.RecordBatch]":
    """Give the rows that a recipe's clean() keeps, batch by batch."""
    from slipway.preparation.recipe import cleaned, try_clean
    from slipway.rows.contract import typed
    from slipway.tables.sources import batches_of

    for place, batch in enumerate(batches_of(rows, batch_rows)):
        table = typed(batch.select(list(kinds)).to_pandas(), kinds)
        if place == 0:
            try_clean(table, recipe)
        yield batch.take(cleaned(table, recipe).index.to_numpy())


def digested(
    rows: "duckdb.DuckDBPyRelation", data: Data, kinds: "dict[str, Kind]", seed: int
) -> "duckdb.DuckDBPyRelation":
    """Return the rows that have a label, each with its digest."""
    from slipway.preparation.splitting import DIGEST, row_digest_sql
    from slipway.tables.inference import quoted

    label = quoted(data.label)
    present = f"{label} IS NOT NULL" + (f" AND NOT isnan({label})" if kinds[data.label] == "number" else "")
    return rows.filter(present).project(f"*, {row_digest_sql(kinds, seed)} AS {quoted(DIGEST)}")


def kept_rows(
    params: Params,
    recipe: "Recipe",
    kinds: "dict[str, Kind]",
    fields: "Fields",
    received_rows: int,
    folder: Path,
    connection: "duckdb.DuckDBPyConnection",
    progress: "RowProgress",
) -> "tuple[Path, Written]":
    """Return a file in a folder with the raw rows that clean() keeps and that have a label, each with its digest.

    And how values are written in the raw files.
    """
    from slipway.preparation.streaming import lay_aside, schema_of, write_batches
    from slipway.rows.written import Written
    from slipway.tables.reading import read_raw_table

    data, cleaned, kept = params.data, folder / "cleaned.parquet", folder / "kept.parquet"
    with read_raw_table(Path("data/raw") / data.name, data.read, kinds, fields) as raw:
        raw.connection.execute(f"SET memory_limit = '{params.dataprep.memory_mb}MiB'")
        received = raw.placed if isinstance(data.split, FilesSplit) else raw.relation
        if recipe.clean:
            with progress.step("clean", received_rows) as tell:
                batches = cleaned_batches(received, recipe, kinds, params.dataprep.batch_rows)
                write_batches(batches, cleaned, schema_of(received), tell)
        else:
            with progress.following("read", received_rows, raw.connection):
                lay_aside(digested(received, data, kinds, params.seed), kept)
    if recipe.clean:  # what goes wrong from here on is not the raw files' fault
        with progress.following("read", received_rows, connection):
            again = connection.read_parquet(str(cleaned))
            lay_aside(digested(again, data, kinds, params.seed), kept)
    return kept, Written(**raw.written)


def fit_recipe(
    sample: "pd.DataFrame",
    recipe: "Recipe",
    data: Data,
    seed: int,
    kinds: "dict[str, Kind]",
    classes: tuple[Any, ...],
    written: "Written",
) -> "tuple[TransformerMixin, Contract]":
    """Fit the recipe on train rows, label included; return it with the contract of what it reads and predicts."""
    from slipway.preparation.recipe import columns_read, fitted, needed_columns, try_features
    from slipway.project.names import class_named
    from slipway.rows.contract import Contract, seen_values, typed

    told_apart_by = data.split.column if isinstance(data.split, ColumnSplit) else None
    columns = {column: kind for column, kind in kinds.items() if column not in (data.label, told_apart_by)}
    rows = typed(sample, columns)
    features = fitted(recipe, {**data.recipe.options, "seed": seed}, rows, sample[data.label])
    try_features(features, rows, recipe, [data.label])
    seen = {column: seen_values(rows[column], kind) for column, kind in columns.items()}
    needed = needed_columns(features, rows, columns_read(features, list(columns)))
    positive = class_named(data.positive_class, classes) if data.positive_class is not None else None
    positive = classes[-1] if data.task == "binary" and positive is None else positive
    return features, Contract(columns, seen, needed, data.label, data.task, classes, positive, written=written)


def with_label(features: "pd.DataFrame", labels: "pd.Series", contract: "Contract") -> "pd.DataFrame":
    """Return the features of raw rows with their label."""
    return features.assign(**{contract.label: labels.to_numpy()})


def write_split(
    parts: "Parts",
    connection: "duckdb.DuckDBPyConnection",
    folder: Path,
    batch_rows: int,
    dictionaries: list[str],
    done: dict[str, int],
) -> None:
    """Write the raw rows of each part, and count in ``done`` how many there are by now."""
    from slipway.preparation.streaming import schema_of, write_batches
    from slipway.tables.sources import batches_of

    for name in done:
        rows = parts.rows(name, connection)
        tell = partial(done.__setitem__, name)
        write_batches(batches_of(rows, batch_rows), folder / f"{name}.parquet", schema_of(rows), tell, dictionaries)


def prepared_batches(
    rows: "duckdb.DuckDBPyRelation",
    features: "QuickRecipe",
    contract: "Contract",
    schema: "pa.Schema",
    batch_rows: int,
) -> "Iterator[pa.Table]":
    """Give the features of raw rows, with their label, batch by batch."""
    import pyarrow as pa

    from slipway.preparation.streaming import typed_batch
    from slipway.tables.sources import batches_of

    kinds = {column: kind for column, kind in contract.columns.items() if column in rows.columns}
    for batch in batches_of(rows, batch_rows):
        found = features.transform(typed_batch(batch, kinds))
        prepared = with_label(found, batch.column(contract.label).to_pandas(), contract)
        yield pa.Table.from_pandas(prepared, schema, preserve_index=False)


def prepared_schema(prepared: "pd.DataFrame") -> "pa.Schema":
    """Return the types of prepared rows; a feature without any value is text where it may be anything."""
    import pyarrow as pa

    schema = pa.Schema.from_pandas(prepared, preserve_index=False)
    for place, name in enumerate(schema.names):
        if pa.types.is_null(schema.types[place]):
            schema = schema.set(place, pa.field(name, pa.string()))
    return schema


def found_in_split(parts: "Parts", data: Data, connection: "duckdb.DuckDBPyConnection") -> "Iterator[Finding]":
    """Find what only the split shows."""
    from slipway.tables.findings import Finding

    if repeated := parts.seen_in_training(data.split, connection):
        what = f"{repeated} of {parts.counts['test']} test rows are equal to rows that are learned from"
        yield Finding("test_row_in_train", (), what, {"rows": repeated})


def told(counts: dict[str, int]) -> str:
    """Return the parts of a split in words.

    >>> told({"train": 80, "test": 20, "validation": 0})
    '80 for training and 20 for testing'
    """
    words = {"train": "for training", "validation": "for validation", "test": "for testing"}
    *first, last = [f"{counts[part]} {word}" for part, word in words.items() if counts[part]]
    return f"{', '.join(first)} and {last}"


def write_parts(
    params: Params,
    columns: "dict[str, dict[str, Any]]",
    parts: "Parts",
    recipe: "Recipe",
    kinds: "dict[str, Kind]",
    written: "Written",
    findings: list[dict[str, Any]],
    folder: Path,
    connection: "duckdb.DuckDBPyConnection",
    progress: "RowProgress",
) -> "tuple[TransformerMixin, Contract, pa.Schema]":
    """Write raw and prepared rows of each part, and the recipe's fit between; return features, contract, prepared columns."""
    from slipway.preparation.recipe import columns_read
    from slipway.preparation.splitting import PARTS
    from slipway.preparation.streaming import beside, bounded, write_batches
    from slipway.rows.contract import typed
    from slipway.rows.steps import QuickRecipe
    from slipway.tables.findings import stop_on_errors
    from slipway.tables.inference import quoted
    from slipway.tables.progress import ASK_EVERY_S

    data, batch_rows = params.data, params.dataprep.batch_rows
    sample = parts.sample("train", data.recipe.sample_rows, connection)
    connection.execute("SET threads = 1")  # else the batches, and so the bytes, hang on the number of cores
    with bounded(folder, params.dataprep.memory_mb, threads=1) as aside:
        # A dictionary of as many values as that costs more than it saves.
        few = [column for column, says in columns.items() if says["unique"] <= batch_rows // 10]
        done = dict.fromkeys(PARTS, 0)
        split = partial(write_split, parts, aside, folder / "split", batch_rows, few, done)
        with beside(split, aside) as splitting:
            features, contract = fit_recipe(sample, recipe, data, params.seed, kinds, parts.classes, written)
            stop_on_errors(findings, contract.needed)
            some = sample.head(batch_rows)
            rows_tried = typed(some, contract.columns)
            quick = QuickRecipe(features, rows_tried)
            schema = prepared_schema(with_label(quick.transform(rows_tried), some[contract.label], contract))
            read = ", ".join(map(quoted, [*columns_read(features, list(contract.columns)), contract.label]))
            del sample, some, rows_tried
            for name, count in parts.counts.items():
                with progress.step(f"prepare {name} rows", count) as tell:
                    rows = parts.rows(name, connection).project(read)
                    batches = prepared_batches(rows, quick, contract, schema, batch_rows)
                    write_batches(batches, folder / "prepared" / f"{name}.parquet", schema, tell)
            before = sum(done.values())
            with progress.step("write the split", sum(parts.counts.values()) - before) as tell:
                while not wait([splitting], timeout=ASK_EVERY_S).done:
                    tell(sum(done.values()) - before)
    return features, contract, schema


def main() -> None:
    parser(__doc__).parse_args()
    params = load_params()
    from slipway.preparation.recipe import load_recipe, save_recipe
    from slipway.preparation.splitting import split_up
    from slipway.preparation.streaming import bounded
    from slipway.project.files import move_folder, new_folder, write_text
    from slipway.tables.findings import findings_report, judged, stop_on_errors, what_became
    from slipway.tables.inference import Fields
    from slipway.tables.progress import RowProgress

    data = params.data
    profile = json.loads(Path("data/profile.json").read_text(encoding="utf-8"))
    if data.task == "forecasting":
        from slipway.preparation.series import prepare_series

        prepare_series(params, profile)
        return
    kinds = {column: says["kind"] for column, says in profile["columns"].items()}
    fields = Fields(**profile["fields"])
    recipe = load_recipe(data.recipe.name)
    gc.freeze()  # spares the exit a walk over scikit-learn; DuckDB, imported next, is not to be kept from the collector
    progress = RowProgress("dataprep")
    with new_folder(Path("data/.dataprep")) as folder, bounded(folder, params.dataprep.memory_mb) as connection:
        kept, written = kept_rows(params, recipe, kinds, fields, profile["rows"], folder, connection, progress)
        parts = split_up(kept, data, kinds, params.seed, connection)
        late = judged(found_in_split(parts, data, connection), params.check)
        stop_on_errors(late)
        for finding in late:
            became = f"Acknowledged: {finding['acknowledged']}" if finding["acknowledged"] else finding["advice"]
            print(f"dataprep: {finding['severity']}: {finding['name']}: {finding['what']}. {finding['why']} {became}")
        findings = [*profile["findings"], *late]
        features, contract, schema = write_parts(
            params, profile["columns"], parts, recipe, kinds, written, findings, folder, connection, progress
        )
        for outs in ("split", "prepared"):
            move_folder(folder / outs, Path("data") / outs)
    save_recipe(features, Path("models/recipe/recipe.pkl"))
    contract.save(Path("models/recipe/contract.json"))
    write_text(Path("reports/findings.md"), findings_report(findings, contract.needed))
    print(
        f"dataprep: kept {sum(parts.counts.values())} of {profile['rows']} rows, {told(parts.counts)}; "
        f"{len(schema.names) - 1} features from {len(contract.needed)} of {len(contract.columns)} columns"
    )
    for line in what_became(findings, contract.needed):
        print(f"dataprep: {line}")


if __name__ == "__main__":
    heed_kill()
    run(main)
