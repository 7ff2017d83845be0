"""Names that AutoGluon knows, so that a wrong one is refused before AutoGluon is imported. A test compares them."""

# Keys of ``hyperparameters`` for tables that run on a CPU, without torch.
MODELS = ("GBM", "CAT", "XGB", "RF", "XT", "KNN", "LR", "DUMMY")

# Those that cannot predict quantiles.
NO_QUANTILES = ("XGB", "KNN", "LR")

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
}
# fmt: on

# Task → metrics that AutoGluon has not: for evaluate, not for the search.
OTHER_METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("brier_score_loss",),
    "multiclass": (),
    "regression": (),
    "quantile": ("coverage",),
}


def has_classes(task: str) -> bool:
    """Return whether the label of a task is one of several classes, rather than a number."""
    return task in ("binary", "multiclass")


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
    "empty",
    "duplicate_rows",
    "constant",
    "identifier",
    "near_unique_text",
    "missing_mark",
)
