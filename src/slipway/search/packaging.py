"""Building the deliverable: an MLflow model of the recipe, the slim predictor and the code that they need."""

import hashlib
import itertools
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from slipway.rows.contract import Contract
from slipway.rows.series import SeriesContract
from slipway.search.card import card, series_card
from slipway.serving.answers import PARAMS
from slipway.serving.forecasting import made_up
from slipway.serving.scoring import probe_rows
from slipway.serving.whole import write_sums

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from slipway.serving.scoring import Scorer

# Folders of slipway's modules that a model carries besides its recipe.
CARRIED = ("rows", "serving")
# What predicting needs, as far as it is installed; a package per kind of model is added for those it holds.
NEEDED = ("mlflow", "autogluon.tabular", "numpy", "pandas", "scipy", "scikit-learn")
NEEDED_BY_MODEL = {
    "LightGBM": ("lightgbm",), "XGBoost": ("xgboost", "xgboost-cpu"), "CatBoost": ("catboost",), "EBM": ("interpret-core",),
    "NeuralNetTorch": ("torch",), "TabM": ("torch",), "NeuralNetFastAI": ("fastai", "torch"), "RealMLP": ("pytabkit", "torch"),
}  # fmt: skip
# What a forecast needs whatever the models are: AutoGluon imports them all.
NEEDED_BY_SERIES = ("autogluon.timeseries", "gluonts", "lightgbm", "mlforecast", "statsforecast", "torch")


def signature(contract: Contract) -> "ModelSignature":
    """Return MLflow's signature of a contract: every column by name, none required, of any type.

    The contract itself says what a value must be, in sentences that name the column. MLflow's own types would refuse
    what is harmless: a double refuses a table's whole numbers, a string refuses a column of digits.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType

    columns = [ColSpec(AnyType(), name, required=False) for name in contract.columns]
    params = [ParamSpec(name, type_, default) for name, (type_, default, _) in PARAMS.items()]
    return ModelSignature(inputs=Schema(columns), params=ParamSchema(params))


def example_rows(contract: Contract) -> pd.DataFrame:
    """Return one made-up raw row, or one series, of values that are common in the train rows, each by itself: nobody's row."""
    if isinstance(contract, SeriesContract):
        return made_up(contract, 1)
    middle = {column: values[len(values) // 2] if values else None for column, values in contract.seen.items()}
    return pd.DataFrame([middle], columns=list(contract.columns))


def model_digest(scorer: "Scorer") -> str:
    """Return a digest of what a model reads and predicts: its contract and its answers to the probe.

    Equal for two fits of the same model, whose files differ. Answers count to nine digits, predicted numbers to the
    sixth of the largest one, for AutoGluon answers in single precision: the last ones may differ between processors.
    """
    contract = scorer.contract
    numbers = not contract.classes
    answer = scorer.predict if numbers else scorer.predict_proba
    if isinstance(contract, SeriesContract):
        answers = (
            scorer.predict(made_up(contract, 3 if contract.item else 1))
            .select_dtypes("number")
            .to_numpy(dtype="float64")
        )
    else:
        answers = answer(contract.table(probe_rows(contract))).to_numpy(dtype="float64")
    largest = np.abs(answers).max()
    decimals = 5 - int(np.floor(np.log10(largest))) if numbers and largest > 0 else 9
    answers = np.round(answers, decimals) + 0.0
    return hashlib.sha256(repr(contract).encode() + answers.tobytes()).hexdigest()


def requirements(models: list[str], task: str) -> list[str]:
    """Return the exact versions of what a predictor of these models needs, as pip writes them."""
    by_model = [names for key, names in NEEDED_BY_MODEL.items() if any(key in model for model in models)]
    if task == "forecasting":
        by_model = [NEEDED_BY_SERIES]
    pinned = []
    for name in dict.fromkeys(itertools.chain(NEEDED, *by_model)):
        try:
            pinned.append(f"{name}=={version(name).partition('+')[0]}")  # whichever build of a version there is
        except PackageNotFoundError:
            continue
    return pinned


def save_model(folder: Path, scorer: "Scorer", recipe_name: str, metadata: dict[str, Any]) -> None:
    """Write the deliverable, a plain MLflow model.

    Parameters
    ----------
    folder
        Where it goes, ``folder / "model"``; holds ``predictor`` (a clone for deployment, without train rows),
        ``recipe.pkl`` and ``contract.json``. Best a relative path: MLflow writes down where the parts came from.
    scorer
        The same parts, loaded.
    recipe_name
        Whose source the model carries.
    metadata
        Written into the model: small, JSON.
    """
    import mlflow.pyfunc
    from mlflow.models import Model

    src = Path(__file__).relative_to(Path.cwd()).parents[2]
    carried = [
        file.relative_to(src).as_posix() for name in CARRIED for file in sorted((src / "slipway" / name).glob("*.py"))
    ]
    for name in (*carried, "slipway/__init__.py", "recipes/__init__.py", f"recipes/{recipe_name}.py"):
        copy = folder / "code" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(src / name, copy)
    parts = {"contract": "contract.json", "recipe": "recipe.pkl", "predictor": "predictor", "code": "code"}
    needed = requirements(scorer.predictor.model_names(), scorer.contract.task)
    mlflow.pyfunc.save_model(
        folder / "model",
        python_model=str(src / "slipway/serving/served.py"),
        artifacts={name: str(folder / part) for name, part in parts.items()},
        signature=signature(scorer.contract),
        input_example=example_rows(scorer.contract),
        pip_requirements=needed,
        metadata=metadata,
    )
    # MLflow notes down an absolute path of this machine; the file lies in the model.
    written = Model.load(folder / "model/MLmodel")
    written.flavors["python_function"]["model_code_path"] = "served.py"
    written.save(folder / "model/MLmodel")
    python = ".".join(platform.python_version_tuple()[:2])
    told = (metadata["digest"], needed, python)
    contract = scorer.contract
    is_ = {"baseline": metadata.get("baseline", False)}
    text = series_card(contract, *told, **is_) if isinstance(contract, SeriesContract) else card(contract, *told, **is_)
    (folder / "model/README.md").write_text(text, encoding="utf-8", newline="\n")
    write_sums(folder / "model")
