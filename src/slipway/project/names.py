"""Names that AutoGluon knows, so that a wrong one is refused before AutoGluon is imported. A test compares them."""

from collections.abc import Collection
from typing import Any

# Keys of ``hyperparameters`` for tables → the packages that such a model needs beside scikit-learn. Models that would
# download weights are not among them.
# fmt: off
MODELS: dict[str, tuple[str, ...]] = {
    "GBM": ("lightgbm",), "CAT": ("catboost",), "XGB": ("xgboost",), "RF": (), "XT": (), "KNN": (), "LR": (),
    "DUMMY": (), "GBM_PREP": ("lightgbm",), "EBM": ("interpret",), "NN_TORCH": ("torch",), "FASTAI": ("fastai", "torch"),
    "TABM": ("torch",), "REALMLP": ("pytabkit", "torch"),
}

# The same for long tables, where a config names the models: AutoGluon's own defaults want weights from a hub. Those that
# come with weights are asked for with a folder that holds them.
PRETRAINED = ("Chronos", "Chronos2")
# Those that look at one series at a time.
LOCAL = (
    "Naive", "SeasonalNaive", "Average", "SeasonalAverage", "Zero", "ETS", "AutoETS", "ARIMA", "AutoARIMA", "AutoCES",
    "Theta", "DynamicOptimizedTheta", "NPTS", "ADIDA", "Croston", "IMAPA",
)
_FORECASTERS = (
    *LOCAL, "DirectTabular", "RecursiveTabular", "PerStepTabular", "DeepAR", "DLinear", "PatchTST", "SimpleFeedForward",
    "TFT", "TiDE", "WaveNet", *PRETRAINED,
)
FORECASTERS: dict[str, tuple[str, ...]] = dict.fromkeys(_FORECASTERS, ("autogluon.timeseries",))

# AutoGluon's ready-made lists of models → the kinds of models in them.
PORTFOLIOS: dict[str, tuple[str, ...]] = {
    "default": ("NN_TORCH", "GBM", "CAT", "XGB", "FASTAI", "RF", "XT"),
    "light": ("NN_TORCH", "GBM", "CAT", "XGB", "FASTAI", "RF", "XT"),
    "very_light": ("NN_TORCH", "GBM", "CAT", "XGB", "FASTAI"),
    "zeroshot": ("NN_TORCH", "GBM", "CAT", "XGB", "FASTAI", "RF", "XT"),
    "zeroshot_2025_12_18_cpu": ("CAT", "GBM_PREP", "GBM", "NN_TORCH", "FASTAI"),
}
# fmt: on

# Those that cannot predict quantiles.
NO_QUANTILES = ("XGB", "KNN", "LR", "EBM", "TABM", "REALMLP")

# Task → AutoGluon's metrics of it; higher is better in the leaderboard, whatever a metric's natural sign.
# fmt: off
METRICS = {
    "binary": (
        "accuracy", "average_precision", "balanced_accuracy", "f1", "f1_macro", "f1_micro", "f1_weighted",
        "log_loss", "mcc", "pac", "precision", "precision_macro", "precision_micro", "precision_weighted",
        "quadratic_kappa", "recall", "recall_macro", "recall_micro", "recall_weighted", "roc_auc",
    ),
    "multiclass": (
        "accuracy", "balanced_accuracy", "f1_macro", "f1_micro", "f1_weighted", "log_loss", "mcc", "pac",
        "precision_macro", "precision_micro", "precision_weighted", "quadratic_kappa", "recall_macro",
        "recall_micro", "recall_weighted", "roc_auc_ovo", "roc_auc_ovo_weighted", "roc_auc_ovr",
        "roc_auc_ovr_micro", "roc_auc_ovr_weighted",
    ),
    "regression": (
        "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
        "median_absolute_error", "pearsonr", "r2", "root_mean_squared_error", "spearmanr",
        "symmetric_mean_absolute_percentage_error",
    ),
    "quantile": ("pinball_loss",),
    "forecasting": ("MAE", "MAPE", "MASE", "MQL", "MSE", "RMSE", "RMSLE", "RMSSE", "SMAPE", "SQL", "WAPE", "WQL"),
}
# fmt: on

# Those of two classes that take probabilities, for which it doesn't matter from which one on the positive class is said.
OF_PROBABILITIES = ("average_precision", "log_loss", "pac", "roc_auc")

# Task → the metric where nobody names one.
METRIC = {
    "binary": "roc_auc",
    "multiclass": "log_loss",
    "regression": "root_mean_squared_error",
    "quantile": "pinball_loss",
    "forecasting": "WQL",
}
# What AutoML services call a metric → task → AutoGluon's name of what ranks models alike; a task that is not there has
# none. RESCALED_METRICS rank models alike, but their figure differs by what depends on the table alone.
# fmt: off
_ANY_CLASSES = {
    "accuracy_score": "accuracy", "acc": "accuracy", "BalancedAccuracy": "balanced_accuracy", "F1macro": "f1_macro",
    "f1_score_macro": "f1_macro", "f1_score_micro": "f1_micro", "f1_score_weighted": "f1_weighted",
    "LogLoss": "log_loss", "minimize-log-loss": "log_loss", "nll": "log_loss", "matthews_correlation": "mcc",
    "precision_score_macro": "precision_macro", "precision_score_micro": "precision_micro",
    "precision_score_weighted": "precision_weighted", "recall_score_macro": "recall_macro",
    "recall_score_micro": "recall_micro", "recall_score_weighted": "recall_weighted",
}
_NUMBERS = {
    "MAE": "mean_absolute_error", "mae": "mean_absolute_error",
    "minimize-mae": "mean_absolute_error", "mape": "mean_absolute_percentage_error", "MSE": "mean_squared_error",
    "mse": "mean_squared_error", "R2": "r2", "r2_score": "r2", "RMSE": "root_mean_squared_error",
    "rmse": "root_mean_squared_error", "minimize-rmse": "root_mean_squared_error", "spearman_correlation": "spearmanr",
    "pearson_correlation": "pearsonr",
}
CLOUD_METRICS: dict[str, dict[str, str]] = {
    **{name: {"binary": ours, "multiclass": ours} for name, ours in _ANY_CLASSES.items()},
    **{name: {"regression": ours} for name, ours in _NUMBERS.items()},
    "AUC": {"binary": "roc_auc", "multiclass": "roc_auc_ovr"},
    "AUC_macro": {"binary": "roc_auc", "multiclass": "roc_auc_ovr"},
    "AUC_micro": {"multiclass": "roc_auc_ovr_micro"},
    "AUC_weighted": {"binary": "roc_auc", "multiclass": "roc_auc_ovr_weighted"},
    "maximize-au-roc": {"binary": "roc_auc"},
    "maximize-au-prc": {"binary": "average_precision"},
    "F1": {"binary": "f1"},
}
RESCALED_METRICS: dict[str, dict[str, str]] = {
    "norm_macro_recall": {"binary": "balanced_accuracy", "multiclass": "balanced_accuracy"},
    "normalized_root_mean_squared_error": {"regression": "root_mean_squared_error"},
    "normalized_mean_absolute_error": {"regression": "mean_absolute_error"},
    "normalized_median_absolute_error": {"regression": "median_absolute_error"},
}
# What AutoML services have and AutoGluon has not → the nearest that it has.
NEAREST_METRICS: dict[str, dict[str, str]] = {
    "AUC_micro": {"binary": "roc_auc"},
    "average_precision_score_macro": {"binary": "average_precision", "multiclass": "roc_auc_ovr"},
    "average_precision_score_micro": {"binary": "average_precision", "multiclass": "roc_auc_ovr_micro"},
    "average_precision_score_weighted": {"binary": "average_precision", "multiclass": "roc_auc_ovr_weighted"},
    "explained_variance": {"regression": "r2"},
    "minimize-rmsle": {"regression": "symmetric_mean_absolute_percentage_error"},
    "normalized_root_mean_squared_log_error": {"regression": "symmetric_mean_absolute_percentage_error"},
    "root_mean_squared_log_error": {"regression": "symmetric_mean_absolute_percentage_error"},
    "weighted_accuracy": {"binary": "accuracy", "multiclass": "accuracy"},
}
# fmt: on


def autogluon_metric(metric: str, task: str) -> str | None:
    """Return AutoGluon's name of a metric that it or an AutoML service has; None where a task has no such metric.

    >>> autogluon_metric("AUC_weighted", "binary"), autogluon_metric("r2_score", "binary")
    ('roc_auc', None)
    """
    if metric in METRICS[task]:
        return metric
    return {**CLOUD_METRICS, **RESCALED_METRICS}.get(metric, {}).get(task)


def rescaled(metric: str, task: str) -> str | None:
    """Return AutoGluon's metric that stands for one of other figures but the same ranking; None for any other."""
    return RESCALED_METRICS.get(metric, {}).get(task)


# Task → metrics that AutoGluon has not: for evaluate, not for the search.
OTHER_METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("brier_score_loss",),
    "multiclass": (),
    "regression": (),
    "quantile": ("coverage",),
    "forecasting": ("coverage",),
}


def has_classes(task: str) -> bool:
    """Return whether the label of a task is one of several classes, rather than a number."""
    return task in ("binary", "multiclass")


def class_named(name: object, classes: Collection[Any]) -> Any:
    """Return that of some classes which a setting names, 1 as well as "1", and 1 for 1.0; None where there is none.

    >>> class_named("1", (0, 1)), class_named(1, ("0", "1")), class_named(1, ("0.0", "1.0")), class_named("no", (0, 1))
    (1, '1', '1.0', None)
    """
    written = {str(one): one for one in classes}
    texts = (str(name), f"{name}.0", str(name).removesuffix(".0"))
    return next((written[text] for text in texts if text in written), None)


# What check can find in a table; slipway/tables/findings.py says of each how grave it is, why it matters and what to do.
FINDINGS = (
    "label_constant",
    "label_not_a_number",
    "lonely_class",
    "label_copy",
    "label_leak",
    "infinities",
    "label_missing",
    "rare_class",
    "class_imbalance",
    "label_outliers",
    "strong_column",
    "telling_gap",
    "time_order",
    "repeated_id",
    "number_as_text",
    "date_as_text",
    "mixed_types",
    "contradicting_rows",
    "test_row_in_train",
    "empty",
    "duplicate_rows",
    "constant",
    "identifier",
    "near_unique_text",
    "missing_mark",
)
