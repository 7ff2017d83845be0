"""Yours. Whether this project's settings, tables and recipes fit together; add what must hold for your tables."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from slipway.checks.profile import profile_of
from slipway.checks.schema import check_schema
from slipway.preparation.recipe import fitted, load_recipe, try_clean, try_features
from slipway.project.data_settings import Data
from slipway.project.entry import UserError
from slipway.project.guard import check_conf_is_composed
from slipway.project.settings import load_params
from slipway.rows.contract import typed
from slipway.tables.reading import raw_files, read_raw_table

ROOT = Path(__file__).parents[1]
TABLES = sorted(file.stem for file in (ROOT / "conf/data").glob("*.yaml"))
# One small model, so that the whole way of the data takes seconds.
TINY_SEARCH = """
defaults: [base, _self_]
models: {GBM: {num_boost_round: 20}}
ensemble: false
num_cpus: 1
verbosity: 0
"""


def settings_of(table):
    return Data.model_validate(OmegaConf.to_container(OmegaConf.load(ROOT / f"conf/data/{table}.yaml"), resolve=True))


@pytest.fixture(params=TABLES)
def data(request):
    """Return a table's settings; the test is skipped where its files are not there."""
    data = settings_of(request.param)
    try:
        raw_files(ROOT / "data/raw" / data.name)
    except UserError as error:
        pytest.skip(str(error))
    return data


def test_params_are_composed_from_conf():
    """What the stages read is what conf/ says."""
    if not (ROOT / "params.yaml").is_file():
        pytest.skip("nothing was composed yet: make run")
    check_conf_is_composed(ROOT / "conf", load_params(ROOT / "params.yaml").conf_digest)


@pytest.mark.parametrize("table", TABLES)
def test_settings_name_their_table(table):
    """A table's settings can be read, and have a recipe that is there."""
    assert load_recipe(settings_of(table).recipe.name)


def test_table_has_its_label_and_meets_its_schema(data):
    """Every file of a raw table reads, the label is there, and nothing breaks what was accepted."""
    with read_raw_table(ROOT / "data/raw" / data.name, data.read) as raw:
        assert data.label in raw.kinds
        profile, _ = profile_of(raw, data.label, data.task, 1000)
        check_schema(raw, profile, ROOT / f"data/schema/{data.name}.yaml")


def test_recipe_gives_a_row_the_same_features_alone_and_among_others(data):
    """A recipe drops rows by what is in them, and its features learn from the rows that they were fitted on alone."""
    recipe = load_recipe(data.recipe.name)
    with read_raw_table(ROOT / "data/raw" / data.name, data.read) as raw:
        table = raw.relation.limit(500).df()
        kinds = raw.kinds
    if recipe.clean:
        try_clean(table, recipe)
    rows = typed(table, {column: kind for column, kind in kinds.items() if column != data.label})
    features = fitted(recipe, {**data.recipe.options, "seed": 1}, rows, table[data.label])
    try_features(features, rows, recipe, [data.label])


@pytest.mark.slow
def test_the_table_of_config_becomes_a_tested_model(tmp_path):
    """From the raw files of the table that conf/config.yaml names to a model with metrics, with a search of seconds."""
    config = OmegaConf.load(ROOT / "conf/config.yaml")
    table = next(group.data for group in config.defaults if "data" in group)
    name, search = settings_of(table).name, TINY_SEARCH
    if settings_of(table).task == "forecasting":  # with the extra that ./environment.sh forecasting adds
        search = "defaults: [base, _self_]\nmodels: {SeasonalNaive: {}}\n"
    try:
        raw_files(ROOT / "data/raw" / name)
    except UserError as error:
        pytest.skip(str(error))
    for part in ("src", "conf", "data/schema", f"data/raw/{name}"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "conf/automl/tiny.yaml").write_text(search, encoding="utf-8")
    steps = [["compose", "automl=tiny", "evaluate.importance_repeats=1"]]
    for script, *overrides in [*steps, ["check"], ["dataprep"], ["automl"], ["evaluate"]]:
        command = [sys.executable, f"src/{script}.py", *overrides]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "reports/metrics.json").read_text(encoding="utf-8"))["test_rows"] > 0
