"""The schema of params.yaml: what conf/ says passes, what cannot work is refused in one sentence."""

import copy
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from slipway.project import names
from slipway.project.availability import check_available
from slipway.project.entry import UserError
from slipway.project.settings import known_keys, load_params, settled, validate

ROOT = Path(__file__).parents[1]
COMPOSED = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")


def with_setting(key, value):
    """Return the composed settings with one of them changed; ``...`` takes it out."""
    settings = copy.deepcopy(COMPOSED)
    *sections, last = key.split(".")
    section = settings
    for name in sections:
        section = section[name]
    section.pop(last, None)
    if value is not ...:
        section[last] = value
    return settings


def compose(root, *overrides):
    """Run src/compose.py as a user does."""
    command = [sys.executable, str(root / "src/compose.py"), *overrides]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path):
    """Return a folder with copies of src/ and conf/."""
    for part in ("src", "conf"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_committed_params_pass():
    """The params.yaml of the repository is valid, and its sections cannot be changed by the code that gets them."""
    params = load_params(ROOT / "params.yaml")
    assert params.data.label == "survived"
    with pytest.raises(ValueError, match="frozen"):
        params.data.label = "other"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("automl.time_limit", 60),
        ("automl.time_limit", 0.5),
        ("automl.time_limit", None),
        ("automl.num_cpus", 1),
        ("automl.num_bag_folds", 2),
        ("automl.models", {"GBM": [{}, {"extra_trees": True}]}),
        ("automl.eval_metric", "AUC_weighted"),
        ("automl.feature_generator", False),
        ("automl.feature_generator", {"enable_text_ngram_features": False}),
        ("automl.calibrate_decision_threshold", False),
        ("automl.fit", {"ag_args_fit": {"max_memory_usage_ratio": 0.5}}),
        ("data.positive_class", True),
        ("data.positive_class", "yes"),
        ("data.label", "überlebt?"),
        ("evaluate.importance_repeats", 0),
        ("register.alias", "version1"),
    ],
)
def test_possible_values_pass(key, value):
    """A value that the stages can work with is taken as it is, without a change of its type."""
    section, _, name = key.partition(".")
    dumped = validate(with_setting(key, value)).model_dump(by_alias=True)
    assert dumped[section][name] == value
    assert type(dumped[section][name]) is type(value) or isinstance(value, int)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("seed", -1, "Got seed=-1, expected it to be greater than or equal to 0"),
        ("seed", 2**31, "less than 2147483648"),
        ("seed", True, "Got seed=True, expected it to be a valid integer"),
        ("seed", 1.0, "a valid integer"),
        ("seed", "7", "a valid integer"),
        ("seed", ..., "Got no setting 'seed', expected one"),
        ("data.name", "..", "Got data.name='..', expected it to match"),
        ("data.name", "a/b", "match pattern"),
        ("data.label", "", "Got data.label='', expected it to have at least 1 character"),
        ("data.label", None, "a valid string"),
        ("data.task", "clustering", "Got data.task='clustering', expected one of "),
        ("data.positive_class", 1.5, "a valid string or be a valid integer or be a valid boolean"),
        ("data.recipe.name", "my.recipe", "Got data.recipe.name='my.recipe', expected it to match pattern"),
        ("data.split.test_size", 0, "greater than 0"),
        ("data.split.test_size", 1, "less than 1"),
        ("data.split.test_size", float("nan"), "a finite number"),
        ("data.metric", "roc_auk", "Got data.metric='roc_auk', expected one of "),
        (
            "automl.eval_metric",
            "roc_auk",
            "Got automl.eval_metric='roc_auk', expected a metric for data.task=binary: accuracy, ",
        ),
        ("automl.eval_metric", "r2", "Got automl.eval_metric='r2', expected a metric for data.task=binary: "),
        ("automl.time_limit", 0, "greater than 0"),
        ("automl.time_limit", float("inf"), "a finite number"),
        ("automl.time_limit", "60", "a valid number"),
        ("automl.models", {}, "Got neither automl.models nor automl.portfolio, expected one"),
        ("automl.portfolio", "zeroshot", "Got automl.models and automl.portfolio='zeroshot', expected one of them"),
        ("automl.portfolio", "zeroshut", "closest: 'zeroshot'"),
        ("automl.max_models", 0, "greater than 0"),
        ("automl.num_stack_levels", 1, "Got automl.num_stack_levels=1 without folds, expected automl.num_bag_folds"),
        ("automl.num_bag_sets", 2, "Got automl.num_bag_sets=2 without folds"),
        ("automl.concurrency", 2, "Got automl.concurrency=2 with nothing to run side by side"),
        ("automl.max_time_limit", 61, "Got automl.max_time_limit=61 for a model of a search of time_limit=60"),
        ("automl.included_model_types", ["KNN"], "Got no model that automl.included_model_types"),
        ("automl.excluded_model_types", ["GBM", "CAT", "XGB", "RF", "XT"], "Got no model that automl.included_model"),
        ("automl.weight_evaluation", True, "Got automl.weight_evaluation with sample_weight=None"),
        (
            "automl.models",
            {
                "GBM": [{"learning_rate": {"low": 0.1, "high": 0.2}}],
                "RF": {"criterion": {"choices": ["gini", "entropy"]}},
            },
            "Got a range for GBM.learning_rate, RF.criterion in automl.models, expected a value, or automl.num_trials",
        ),
        ("automl.models", {"GBM": {"x": {"low": 2, "high": 1}}}, "expected low below high"),
        (
            "automl.models",
            {"GBM": [{"x": {"low": 2, "high": 1}}, {"x": {"low": 1, "high": 2}}]},
            "expected low below high",
        ),
        ("automl.models", {"GBM": {"x": {"low": 0, "high": 1, "log": True}}}, "expected low above 0 where log is true"),
        ("automl.models", {"GBM": {"x": {"low": 0}}}, "expected {low, high} and log at most beside them"),
        ("automl.models", {"GBM": {"x": {"low": 1, "high": 2, "logg": True}}}, "expected {low, high} and log at most"),
        ("automl.models", {"GBM": {"x": {"low": "1", "high": 2}}}, "expected numbers for low and high"),
        ("automl.models", {"GBM": {"x": {"choices": []}}}, "expected {choices: [...]} with one at least"),
        ("automl.models", {"GBM": {"x": {"choices": [1], "low": 2}}}, "expected {choices: [...]} with one at least"),
        ("automl.models", {"GBM": {}, "RF": []}, "Got a kind of model with an empty list of settings"),
        (
            "automl.sample_weight",
            "auto_weight",
            "Got automl.sample_weight='auto_weight', which is no weights to AutoGluon",
        ),
        ("automl.calibrate_decision_threshold", True, "expected auto or false for the metric roc_auc"),
        ("automl.fit", {"time_limit": 5}, "expected no time_limit there: it is said by automl.time_limit"),
        ("automl.fit", {"fit_strategy": "parallel"}, "expected no other fit_strategy than sequential"),
        ("automl.num_trials", 1, "greater than or equal to 2"),
        ("automl.feature_generator", "none", "Got automl.feature_generator='none', expected"),
        ("automl.eval_metric", "weighted_accuracy", "; the nearest to it: 'accuracy'"),
        ("automl.eval_metric", "average_precision_score_weighted", "; the nearest to it: 'average_precision'"),
        ("automl.models", {"GMB": {}}, "Got automl.models.GMB='GMB', expected one of GBM, "),
        ("automl.models", {"KNN": {}}, "Got automl.models with KNN, which is its train rows"),
        ("automl.models.GBM", 5, "Got automl.models.GBM=5, expected it to be a valid dictionary or be a valid list"),
        ("automl.num_bag_folds", 1, "Got automl.num_bag_folds=1, expected 0 for none, or 2 at least"),
        ("automl.num_bag_folds", -1, "greater than or equal to 0"),
        ("automl.num_cpus", 0, "greater than 0"),
        ("automl.verbosity", 5, "less than or equal to 4"),
        ("automl.ensemble", 1, "a valid boolean"),
        ("automl.ensemble", "yes", "a valid boolean"),
        ("evaluate.metrics.binary", [], "at least 1 item"),
        ("evaluate.metrics.binary", ["f1", "acuracy"], "Got evaluate.metrics.binary.1='acuracy', expected one of "),
        ("evaluate.metrics.multiclass", ["f1"], "Got evaluate.metrics.multiclass.0='f1', expected one of "),
        ("evaluate.metrics.regression", ["log_loss"], "Got evaluate.metrics.regression.0='log_loss', expected one of "),
        ("evaluate.metrics", ["f1"], "a valid dictionary"),
        ("evaluate.calibration_bins", 1, "greater than or equal to 2"),
        ("evaluate.importance_repeats", -1, "greater than or equal to 0"),
        ("register.alias", "latest", "expected a name that MLflow does not keep for itself"),
        ("register.alias", "v12", "expected a name that MLflow does not keep for itself"),
        ("register.alias", "", "match pattern"),
        ("register.model", "a/b", "match pattern"),
        ("register.experiment", "", "at least 1 character"),
        ("register", None, "a valid dictionary"),
    ],
)
def test_impossible_value_is_refused(key, value, says):
    """A value that no stage can work with is refused in a sentence with the key, the value and what is possible."""
    with pytest.raises(UserError) as refused:
        validate(with_setting(key, value))
    assert says in str(refused.value)
    assert str(refused.value).startswith("Got ")
    assert "Edit conf/ or the -S" in str(refused.value)


@pytest.mark.parametrize(
    ("key", "closest"),
    [
        ("automl.time_limt", "automl.time_limit"),
        ("automl.metric", "automl.eval_metric"),
        ("evaluate.metric", "evaluate.metrics"),
        ("data.split.testsize", "data.split.test_size"),
        ("register.alais", "register.alias"),
        ("sead", "seed"),
    ],
)
def test_unknown_key_is_refused_with_the_closest(key, closest):
    """A key that nothing reads is refused, and the nearest one there is is named."""
    with pytest.raises(UserError, match=f"Got the setting '{key}', which nothing reads; closest: '{closest}'"):
        validate(with_setting(key, 1))


# Settings that only another method of splitting than the project's own has, or another task.
HORIZON = ("item", "timestamp", "prediction_length", "freq", "known_covariates", "past_covariates", "fill")
OTHERS = {f"data.split.{key}" for key in ("column", "gap", "test", "validation", *HORIZON)}
OTHERS |= {"automl.quantile_levels", "automl.num_val_windows"}


@pytest.mark.parametrize("key", [key for key in known_keys() if key not in OTHERS and not key.startswith("data.read.")])
def test_every_setting_is_required(key):
    """Defaults live in conf/: a params.yaml without one is refused; in data.read a key left out is null: a guess."""
    with pytest.raises(UserError, match=f"Got no setting '{key}'"):
        validate(with_setting(key, ...))


def test_several_faults_are_told_at_once():
    """Two wrong settings are both named, so that mending takes one round."""
    settings = with_setting("seed", -1)
    settings["automl"]["verbosity"] = 9
    with pytest.raises(UserError, match=r"Got seed=-1.*; Got automl.verbosity=9"):
        validate(settings)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seed: [1", "that is not YAML"),
        ("", "Got None for all of params.yaml"),
        ("- 1", r"Got \[1\] for all of params.yaml"),
        ("seed: 1\nseed: 2", "that is not YAML"),
    ],
    ids=["broken", "empty", "list", "key twice"],
)
def test_unreadable_params_end_in_a_sentence(tmp_path, text, says):
    """A params.yaml that is no mapping of sections ends in a sentence that says how to compose it again."""
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=says) as refused:
        load_params(file)
    assert "make params" in str(refused.value)


def test_missing_params_end_in_a_sentence(tmp_path):
    """Without a params.yaml the sentence names the place that was looked in, and the command that composes it."""
    with pytest.raises(UserError, match=r"Got no .*params.yaml, expected it in .*make params"):
        load_params(tmp_path / "params.yaml")


def test_params_are_read_as_yaml_1_2(tmp_path):
    """What DVC, which reads YAML 1.2, takes for a text is a text here as well."""
    file = tmp_path / "params.yaml"
    YAML(typ="safe", pure=True).dump(COMPOSED, file)
    file.write_text(
        file.read_text(encoding="utf-8").replace("positive_class: 1", "positive_class: yes"), encoding="utf-8"
    )
    assert load_params(file).data.positive_class == "yes"


def test_models_are_autogluons():
    """Every name of a model is a key of AutoGluon's registry, and a list of models has the kinds that AutoGluon says."""
    from autogluon.tabular.configs.hyperparameter_configs import hyperparameter_config_dict
    from autogluon.tabular.registry import ag_model_registry

    assert set(names.MODELS) <= set(ag_model_registry.keys)
    assert {name: tuple(hyperparameter_config_dict[name]) for name in names.PORTFOLIOS} == names.PORTFOLIOS


def test_metrics_of_services_are_autogluons_under_other_names():
    """What a service's metric stands for is a metric that AutoGluon has for the task, and no name is taken twice."""
    tables = (names.CLOUD_METRICS, names.RESCALED_METRICS, names.NEAREST_METRICS)
    for table in tables:
        for by_task in table.values():
            assert all(ours in names.METRICS[task] for task, ours in by_task.items())
    pairs = [(name, task) for table in tables for name, by_task in table.items() for task in by_task]
    assert len(pairs) == len(set(pairs))
    assert not {name for name, task in pairs if name in names.METRICS[task]}


def test_settings_that_contradict_the_task_are_refused():
    """A threshold where there are no two classes, weights of classes where there are none: refused, each in a sentence."""
    settings = for_task("regression", "r2", None)
    settings["automl"] |= {"calibrate_decision_threshold": True, "sample_weight": "balance_weight"}
    with pytest.raises(UserError, match=r"Got automl.calibrate_dec.*; Got automl.sample_weight='balance_weight'"):
        validate(settings)


@pytest.mark.parametrize(
    ("proposed", "metric"), [("multiclass", "log_loss"), ("regression", "root_mean_squared_error")]
)
def test_task_left_open_is_told_by_the_label(proposed, metric):
    """A task of null takes any settings that some task has; once the label proposes one, they are held to it."""
    open_task = validate(for_task(None, None, None))
    told = settled(open_task, proposed)
    assert (told.data.task, told.data.metric, told.automl.eval_metric) == (proposed, metric, metric)
    assert told.register_.gate.metric == metric
    assert settled(told, "binary") is told
    with pytest.raises(UserError, match=r"Got data.metric='f1', expected a metric for data.task=regression"):
        settled(validate(for_task(None, "f1", None)), "regression")


def test_task_left_open_needs_what_check_found(tmp_path):
    """A stage that runs before check says that the task is not known yet, rather than guess it."""
    (tmp_path / "params.yaml").write_text(json.dumps(for_task(None, None, None)))
    with pytest.raises(UserError, match=r"Got data.task=null and no .*profile.json"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/profile.json").write_text('{"task": "multiclass"}')
    assert load_params(tmp_path / "params.yaml").data.task == "multiclass"
    assert load_params(tmp_path / "params.yaml", open_task=True).data.task is None


def test_models_that_cannot_run_are_refused_before_anything_is_spent():
    """A model whose package is not there is an error, unless the settings go on without; without any model they cannot."""
    automl = validate(with_setting("automl.models", {"GBM": {}, "EBM": {}})).automl
    with pytest.raises(UserError, match=r"Got the models EBM \(no package interpret\).*automl.skip_unavailable=true"):
        check_available(automl)
    assert check_available(automl.model_copy(update={"skip_unavailable": True})) == {"EBM": "interpret"}
    alone = automl.model_copy(update={"skip_unavailable": True, "models": {"EBM": {}}})
    with pytest.raises(UserError, match="expected models that can run here"):
        check_available(alone)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is here")
def test_neural_network_without_the_extra_says_how_to_get_it():
    """Without torch the sentence names the command that adds it; what would download weights is no model's name at all."""
    automl = validate(with_setting("automl.models", {"GBM": {}, "NN_TORCH": {}, "TABM": {}})).automl
    with pytest.raises(
        UserError, match=r"Got the models NN_TORCH \(no package torch\), TABM .*Run `./environment.sh neural`"
    ):
        check_available(automl)
    for downloads in ("TABPFNV2", "MITRA", "TABICL", "TABDPT", "NORI"):
        with pytest.raises(UserError, match=downloads):
            validate(with_setting("automl.models", {downloads: {}}))


def test_weights_that_a_network_would_ignore_are_refused(monkeypatch):
    """AutoGluon fits its networks without weights and says so in its log alone: here it is an error."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)  # as if all packages were here
    automl = validate(with_setting("automl.models", {"GBM": {}, "NN_TORCH": {}, "TABM": {}})).automl
    assert check_available(automl) == {}
    weighted = automl.model_copy(update={"sample_weight": "weight"})
    with pytest.raises(UserError, match=r"Got automl.sample_weight='weight' with NN_TORCH, TABM, which"):
        check_available(weighted)
    assert check_available(weighted.model_copy(update={"excluded_model_types": ["NN_TORCH", "TABM"]})) == {}


def test_gpu_that_is_not_there_is_refused():
    """Asking for a GPU on a machine without one is an error before anything is spent."""
    with pytest.raises(UserError, match=r"Got automl.num_gpus=1, but no GPU is found here"):
        check_available(validate(with_setting("automl.num_gpus", 1)).automl)


@pytest.mark.parametrize("task", [task for task in names.METRICS if task != "forecasting"])
def test_metrics_are_autogluons(task):
    """A task's metrics are all that AutoGluon has for it but aliases (acc, rmse, …); scikit-learn has the others."""
    import sklearn.metrics
    from autogluon.core import metrics

    known = getattr(metrics, f"{task.upper()}_METRICS")
    aliases = {alias for metric in known.values() for alias in metric.alias}
    assert set(names.METRICS[task]) == set(known) - aliases
    assert all(hasattr(sklearn.metrics, name) for name in names.OTHER_METRICS[task] if name != "coverage")


def for_task(task, metric, positive_class):
    """Return the composed settings for another task, the search's metric taken from the table as conf/ does."""
    settings = copy.deepcopy(COMPOSED)
    settings["data"] |= {"task": task, "metric": metric, "positive_class": positive_class}
    settings["automl"]["eval_metric"] = settings["register"]["gate"]["metric"] = metric
    return settings


def test_levels_are_given_for_quantiles_alone():
    """Quantiles need levels that rise; another task has none."""
    settings = for_task("quantile", "pinball_loss", None)
    settings["automl"]["models"] = {"GBM": {}}
    for levels, says in [
        (None, "Got automl.quantile_levels=None, expected levels"),
        ([0.9, 0.1], "expected levels that rise"),
    ]:
        settings["automl"]["quantile_levels"] = levels
        with pytest.raises(UserError, match=re.escape(says)):
            validate(settings)
    settings["automl"]["quantile_levels"] = [0.1, 0.9]
    assert validate(settings).automl.quantile_levels == [0.1, 0.9]
    settings = for_task("regression", "r2", None)
    settings["automl"]["quantile_levels"] = [0.5]
    with pytest.raises(UserError, match=r"quantile_levels=\[0.5\], expected null for data.task=regression"):
        validate(settings)


def test_models_without_quantiles_are_those_that_autogluon_says():
    """The models that are refused for quantiles are those whose classes do not name the task."""
    from autogluon.tabular.registry import ag_model_registry

    can = {name for name in names.MODELS if "quantile" in ag_model_registry.key_to_cls(name).supported_problem_types()}
    assert set(names.NO_QUANTILES) == set(names.MODELS) - can


@pytest.mark.parametrize(
    ("task", "metric", "positive_class"),
    [("binary", "f1", "yes"), ("binary", "f1", None), ("multiclass", "log_loss", None), ("regression", "r2", None)],
)
def test_every_task_passes_with_a_metric_of_its_own(task, metric, positive_class):
    """Settings that fit together pass, whatever the task."""
    assert validate(for_task(task, metric, positive_class)).automl.eval_metric == metric


@pytest.mark.parametrize(
    ("task", "metric", "positive_class", "says"),
    [
        ("regression", "roc_auc", None, "Got data.metric='roc_auc', expected a metric for data.task=regression: "),
        ("multiclass", "roc_auc", None, "; closest: 'roc_auc_ov"),
        ("multiclass", "log_loss", 1, "Got data.positive_class=1, expected null for data.task=multiclass"),
        ("regression", "r2", False, "Got data.positive_class=False, expected null for data.task=regression"),
    ],
)
def test_setting_that_does_not_fit_the_task_is_refused(task, metric, positive_class, says):
    """A metric of another task, or a positive class where there is none, is refused in a sentence that says what fits."""
    with pytest.raises(UserError) as refused:
        validate(for_task(task, metric, positive_class))
    assert says in str(refused.value)
    assert str(refused.value).count("Got ") == 1


def test_all_that_does_not_fit_the_task_is_told_at_once():
    """Whoever changes the task alone hears of metric and positive class in one round."""
    with pytest.raises(UserError, match=r"Got data.metric='roc_auc'.*; Got data.positive_class=1"):
        validate(for_task("regression", "roc_auc", 1))


def combinations():
    """Return every file of conf/ with the defaults of the other groups, and every search with a table of each other task."""
    groups = sorted(folder for folder in (ROOT / "conf").iterdir() if folder.is_dir() and folder.name != "experiment")
    files = {g.name: [f"{g.name}={f.stem}" for f in sorted(g.glob("*.yaml")) if f.stem != "base"] for g in groups}
    alone = [(file,) for group in files.values() for file in group]
    return [*alone, *((file, table) for file in files["automl"] for table in ("data=diabetes_range", "data=co2"))]


# Composes each of the combinations, one process for all, and says what became of it: nothing, or the error.
COMPOSE_ALL = """
import json, sys
from pathlib import Path
from dvc.exceptions import DvcException
from dvc.utils.hydra import compose_and_dump
said = {}
for overrides in json.load(sys.stdin):
    try:
        compose_and_dump("all.yaml", str(Path("conf").resolve()), None, "config", str(Path("src").resolve()), overrides)
        said[" ".join(overrides)] = ""
    except DvcException as error:
        said[" ".join(overrides)] = str(error)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def composed_all(tmp_path_factory):
    """Return what becomes of combinations of conf/: overrides → error, or nothing."""
    root = tmp_path_factory.mktemp("all")
    for part in ("src", "conf"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    asked = json.dumps(combinations())
    done = subprocess.run(
        [sys.executable, "-c", COMPOSE_ALL], cwd=root, input=asked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("overrides", combinations(), ids=" ".join)
def test_every_file_of_conf_composes(composed_all, overrides):
    """Any file of conf/ composes to valid settings; a search that cannot do the table's task is refused."""
    error = composed_all[" ".join(overrides)]
    table = {"data=diabetes_range": "quantile", "data=co2": "forecasting", "data=sales": "forecasting"}
    tasks = {name: table.get(name, "rows") for name in overrides if name.startswith("data=")} or {"": "rows"}
    searches = [name.removeprefix("automl=").partition("_")[0] for name in overrides if name.startswith("automl=")]
    search = {"quantile": "quantile", "forecasting": "forecasting"}.get(searches[0], "rows") if searches else "rows"
    if [*tasks.values()] == [search]:
        assert error == ""
    elif "forecasting" in (search, *tasks.values()):
        assert "Got automl.models with " in error
    else:
        assert "automl.quantile_levels=" in error


def test_committed_params_are_composed_from_conf(project):
    """The committed params.yaml is what conf/ says, byte for byte."""
    assert compose(project).returncode == 0
    assert (project / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (
            "automl.time_limt=5",
            "Got -S automl.time_limt=5, expected a setting that conf/ has; closest: 'automl.time_limit'.",
        ),
        ("automl.time_limit=-1", "Got automl.time_limit=-1, expected it to be greater than 0."),
        ("+automl.colour=red", "Got the setting 'automl.colour', which nothing reads"),
        ("automl=quik", "Got no file conf/automl/quik.yaml, expected one; closest: 'automl/quick'."),
        ("atoml=quick", "Got -S atoml=quick, expected a setting that conf/ has; closest: 'automl'."),
        ("~seed", "Got no setting 'seed', expected one: an integer, 0 or more"),
    ],
)
def test_wrong_override_leaves_params_alone(project, override, says):
    """A wrong override ends in one sentence and exit code 1, and the params.yaml that was there stays."""
    (project / "params.yaml").write_text("as it was", encoding="utf-8")
    done = compose(project, override)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert (project / "params.yaml").read_text(encoding="utf-8") == "as it was"
    assert [file.name for file in project.glob(".*")] == []


def test_wrong_conf_is_refused(project):
    """A wrong value in conf/ itself is refused when it is composed, though no override names it."""
    file = project / "conf/automl/base.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("verbosity: 2", "verbosity: 7"), encoding="utf-8")
    done = compose(project)
    assert done.returncode == 1
    assert "Got automl.verbosity=7" in done.stderr


def test_broken_conf_is_refused(project):
    """A file of conf/ that is no YAML ends in one sentence with its name."""
    (project / "conf/evaluate/default.yaml").write_text("metrics: [f1\nbins: 3\n", encoding="utf-8")
    done = compose(project)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Got a file that is not YAML: ")
    assert "conf/evaluate/default.yaml" in done.stderr
    assert done.stderr.count("\n") == 1
