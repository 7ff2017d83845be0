"""Names that AutoGluon knows, so that a wrong one is refused before AutoGluon is imported. A test compares them."""

# Keys of ``hyperparameters`` for tables that run on a CPU, without torch.
MODELS = ("GBM", "CAT", "XGB", "RF", "XT", "KNN", "LR", "DUMMY")

# Metrics of a binary label: AutoGluon's, higher is better in the leaderboard whatever their natural sign.
BINARY_METRICS = (
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "f1",
    "f1_macro",
    "f1_micro",
    "f1_weighted",
    "log_loss",
    "mcc",
    "pac",
    "precision",
    "precision_macro",
    "precision_micro",
    "precision_weighted",
    "quadratic_kappa",
    "recall",
    "recall_macro",
    "recall_micro",
    "recall_weighted",
    "roc_auc",
)

# Metrics that only scikit-learn has.
OTHER_METRICS = ("brier_score_loss",)
