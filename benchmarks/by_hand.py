"""The demo's whole job as one script in one process, as one would write it by hand: what the pipeline is measured against.

Run it in an empty folder: `python by_hand.py RAW_FOLDER`. It reads, prepares, splits, fits, evaluates, logs and
registers there, with the search of conf/automl/quick.yaml, and prints a JSON object with the seconds of each step.
It is written plainly, but nothing in it is slow on purpose: no package is imported twice, each prediction is made once.
"""

import json
import pickle
import sys
import time
from importlib.metadata import version
from pathlib import Path

SECONDS = {}
started = time.monotonic()


def step(name: str) -> None:
    """Note the seconds since the last step."""
    global started  # noqa: PLW0603  a stopwatch
    SECONDS[name] = round(time.monotonic() - started, 3)
    started = time.monotonic()


import mlflow.pyfunc  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from autogluon.tabular import TabularPredictor  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from mlflow.models import ModelSignature  # noqa: E402
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema  # noqa: E402
from sklearn.calibration import calibration_curve  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.metrics import (  # noqa: E402
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    matthews_corrcoef,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from sklearn.model_selection import train_test_split  # noqa: E402
from sklearn.preprocessing import KBinsDiscretizer, OrdinalEncoder  # noqa: E402

step("imports")

SEED = 42
LABEL = "survived"
NUMBERS, BINNED, MAPPED = ["pclass", "sibsp", "parch"], ["age", "fare"], ["sex", "embarked"]
RAW = [*NUMBERS, *BINNED, *MAPPED]


class Draws:
    """Fills missing numbers with draws from the present ones."""

    def fit(self, table: pd.DataFrame) -> "Draws":
        """Remember the present values."""
        self.present = {column: table[column].dropna().to_numpy() for column in BINNED}
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table filled."""
        random = np.random.default_rng(SEED)
        return table.assign(
            **{
                c: table[c].fillna(pd.Series(random.choice(v, len(table)), table.index))
                for c, v in self.present.items()
            }
        )


class Model(mlflow.pyfunc.PythonModel):
    """Raw rows in, predictions out."""

    def load_context(self, context: mlflow.pyfunc.PythonModelContext) -> None:
        """Open the parts."""
        self.predictor = TabularPredictor.load(context.artifacts["predictor"])
        self.draws, self.encode = pickle.loads(Path(context.artifacts["recipe"]).read_bytes())  # noqa: S301

    def predict(
        self, context: object, model_input: pd.DataFrame, params: dict | None = None
    ) -> pd.DataFrame | pd.Series:
        """Return labels, or probabilities on request."""
        features = self.encode.transform(self.draws.transform(model_input[RAW]))
        return (
            self.predictor.predict_proba(features) if (params or {}).get("proba") else self.predictor.predict(features)
        )


# Read, split, prepare.
files = sorted(Path(sys.argv[1]).glob("*.csv"))
table = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
step("reading")
train, test = train_test_split(table, test_size=0.2, stratify=table[LABEL], random_state=SEED)
draws = Draws().fit(train[RAW])
encode = ColumnTransformer(
    [
        ("numbers", "passthrough", NUMBERS),
        (
            "bins",
            KBinsDiscretizer(5, encode="ordinal", quantile_method="averaged_inverted_cdf", subsample=None),
            BINNED,
        ),
        (
            "integers",
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1),
            MAPPED,
        ),
    ],
    verbose_feature_names_out=False,
).set_output(transform="pandas")
prepared = encode.fit_transform(draws.transform(train[RAW])).assign(**{LABEL: train[LABEL]})
step("preparing")

# Search.
predictor = TabularPredictor(LABEL, problem_type="binary", eval_metric="roc_auc", path="predictor", verbosity=0)
models = {
    "GBM": {"seed": SEED},
    "XGB": {"seed": SEED},
    "CAT": {"random_seed": SEED},
    "RF": {"random_state": SEED},
    "XT": {"random_state": SEED},
}
settings = {
    "time_limit": 60,
    "hyperparameters": models,
    "num_bag_folds": 0,
    "num_stack_levels": 0,
    "dynamic_stacking": False,
}
began, cpu_began = time.monotonic(), time.process_time()
predictor.fit(prepared, num_gpus=0, **settings)
fit_s, fit_cpu_s = time.monotonic() - began, time.process_time() - cpu_began
step("search")
leaderboard = predictor.leaderboard()
predictor.clone_for_deployment("deployed")
Path("recipe.pkl").write_bytes(pickle.dumps((draws, encode)))

# Evaluate on the test rows.
predictor.persist("best")
model = Model()
model.predictor, model.draws, model.encode = predictor, draws, encode
actual = test[LABEL].to_numpy()
probability = model.predict(None, test, {"proba": True})[1].to_numpy()
predicted = (probability > 0.5).astype(int)
metrics = {
    "accuracy": accuracy_score(actual, predicted),
    "balanced_accuracy": balanced_accuracy_score(actual, predicted),
    "roc_auc": roc_auc_score(actual, probability),
    "average_precision": average_precision_score(actual, probability),
    "f1": f1_score(actual, predicted),
    "log_loss": log_loss(actual, probability),
    "mcc": matthews_corrcoef(actual, predicted),
    "brier_score_loss": brier_score_loss(actual, probability),
}
false_positive, true_positive, _ = roc_curve(actual, probability)
precision, recall, _ = precision_recall_curve(actual, probability)
observed, expected = calibration_curve(actual, probability, n_bins=10, strategy="quantile")
random = np.random.default_rng(SEED)
importance = {}
for column in RAW:
    shuffled = pd.concat([test] * 5, ignore_index=True)
    shuffled[column] = np.concatenate([random.permutation(test[column].to_numpy()) for _ in range(5)])
    answers = model.predict(None, shuffled, {"proba": True})[1].to_numpy() > 0.5
    importance[column] = metrics["accuracy"] - np.mean([accuracy_score(actual, part) for part in np.split(answers, 5)])
confusion = pd.crosstab(actual, predicted)
reports = Path("reports")
reports.mkdir()
leaderboard.to_csv(reports / "leaderboard.csv", index=False)
curves = {
    "roc": pd.DataFrame({"false_positive_rate": false_positive, "true_positive_rate": true_positive}),
    "precision_recall": pd.DataFrame({"recall": recall, "precision": precision}),
    "calibration": pd.DataFrame({"predicted_probability": expected, "observed_share": observed}),
}
for name, points in curves.items():
    points.to_csv(reports / f"{name}.csv", index=False)
pd.Series(importance, name="importance").rename_axis("column").to_csv(reports / "importance.csv")
confusion.to_csv(reports / "confusion.csv")
(reports / "metrics.json").write_text(json.dumps(metrics))
figure = Figure(figsize=(13, 8), layout="constrained")
axes = figure.subplots(2, 3).flat
for axis, (name, points) in zip(axes, curves.items(), strict=False):
    axis.plot(*points.to_numpy().T)
    axis.set(title=name, xlabel=points.columns[0], ylabel=points.columns[1])
axes[3].imshow(confusion, cmap="Blues")
axes[4].barh(list(importance), list(importance.values()))
axes[5].set_axis_off()
FigureCanvasAgg(figure).print_png(reports / "overview.png")
step("evaluating")

# Log and register.
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("titanic")
text = {"name", "ticket", "cabin", "home.dest", "sex", "embarked", "boat"}
columns = table.columns.drop(LABEL)
inputs = Schema([ColSpec("string" if c in text else "double", c, required=False) for c in columns])
needed = ("mlflow", "autogluon.tabular", "numpy", "pandas", "scikit-learn", "lightgbm", "xgboost-cpu", "catboost")
with mlflow.start_run():
    mlflow.log_params({"seed": SEED, "time_limit": 60, "models": ",".join(models)})
    mlflow.log_metrics({**metrics, "score_val": leaderboard["score_val"].max()})
    mlflow.log_artifacts("reports")
    logged = mlflow.pyfunc.log_model(
        name="model",
        python_model=Model(),
        artifacts={"predictor": "deployed", "recipe": "recipe.pkl"},
        signature=ModelSignature(inputs=inputs, params=ParamSchema([ParamSpec("proba", "boolean", False)])),
        input_example=test[columns].head(1).astype({c: float for c in columns if c not in text}),
        pip_requirements=[f"{name}=={version(name)}" for name in needed],
        registered_model_name="titanic-survival",
    )
mlflow.MlflowClient().set_registered_model_alias("titanic-survival", "champion", logged.registered_model_version)
step("logging")
print(
    json.dumps(
        {
            "fit_s": round(fit_s, 3),
            "fit_cpu_s": round(fit_cpu_s, 3),
            **{key: round(value, 4) for key, value in metrics.items()},
            "seconds": SECONDS,
        }
    )
)
