"""Quick answers for a few rows: AutoGluon's models asked directly, where that gives AutoGluon's numbers.

From features to probabilities AutoGluon goes a way made for tables: threads are started, tables wrapped and copied for
each model, which takes a hundred times what the models need for a row. Here they are asked on an array, in the caller's
thread. Whatever has no quick way, or gives another number on one of the rows tried while loading, keeps AutoGluon's own.
"""

# ruff: noqa: SLF001  what a model was fitted with is private in AutoGluon; the comparison with its numbers holds it together

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from slipway.rows.steps import Columns, columns_of

if TYPE_CHECKING:
    from autogluon.tabular import TabularPredictor

# Up to so many rows one thread is quicker than starting several.
FEW_ROWS = 256
# AutoGluon rounds each model's answers to single precision; two units in the last place.
TOLERANCE = 2.4e-7
# AutoGluon's own limit for what models may take of the free memory.
SHARE = 0.4

Answer = Callable[[np.ndarray], np.ndarray]


class NoQuickWayError(Exception):
    """A model that only AutoGluon can ask; says why."""


@dataclass(frozen=True)
class Coded:
    """A few rows as models take them, and what else AutoGluon's learner looks at of a table."""

    array: np.ndarray
    index: pd.Index
    empty = False


class QuickModels:
    """The models of a predictor: asked directly for few rows, by AutoGluon for many; safe among threads.

    Parameters
    ----------
    predictor
        Its models are taken into memory, unless they are too large; from now on it asks them through this.
    features
        Rows as the predictor takes them, to compare the quick answers with AutoGluon's.

    Attributes
    ----------
    slow
        Model → why AutoGluon asks it even for few rows.
    takes_columns
        Whether `answers` has a way for these features, which needs no table.
    """

    def __init__(self, predictor: "TabularPredictor", features: pd.DataFrame) -> None:
        self._predictor = predictor
        self._trainer = predictor._trainer
        self._autogluons = self._trainer.predict_proba
        # AutoGluon's XGBoost sets parameters on every predict, which fails when two threads predict at once.
        self._one_at_a_time = threading.Lock()
        self._best = predictor.model_best
        sample = predictor.transform_features(features.head(FEW_ROWS))
        self._columns = list(sample.columns)
        self._classes = pd.Index([str(name) for name in predictor.class_labels or ()])
        self._categories = {c: list(v.cat.categories) for c, v in sample.items() if v.dtype == "category"}
        self.slow: dict[str, str] = {}
        self._answers: dict[str, Answer] = {}
        too_large = _too_large(Path(predictor.path) / "models")
        if too_large:
            self.slow[self._best] = too_large
        else:
            predictor.persist("best", max_memory=None)  # AutoGluon would weigh the models by pickling them again
            self._find_quick_ways(sample)
        self._trainer.predict_proba = self.predict_proba
        self.takes_columns = not self.slow and self._find_codes(features.head(FEW_ROWS), sample)

    def answers(self, columns: Columns, index: pd.Index, *, proba: bool) -> pd.DataFrame | pd.Series:
        """Return what the predictor does of a few rows' features, column by column, each of shape (rows,).

        The columns of probabilities are the classes as texts.
        """
        learner, rows = self._predictor._learner, Coded(self._coded(columns, len(index)), index)
        if proba:
            answers = learner.predict_proba(rows, as_pandas=False, transform_features=False)
            return pd.DataFrame(answers, columns=self._classes, index=index, copy=False)
        threshold = self._predictor.decision_threshold
        return learner.predict(rows, transform_features=False, decision_threshold=threshold)

    def predict_proba(self, X: pd.DataFrame | Coded, model: str | None = None) -> np.ndarray:
        """Return what the trainer's method of this name does, of shape (rows,) or (rows, classes)."""
        if isinstance(X, Coded):
            return self._together([self._answers[part](X.array) for part in self._parts])
        if self._best in self.slow or len(X) > FEW_ROWS or model not in (None, self._best):
            return self._asked_by_autogluon(X, model)
        array = self._array(X)
        parts = [
            self._answers[part](array) if part in self._answers else self._asked_by_autogluon(X, part)
            for part in self._parts
        ]
        return self._together(parts)

    def _asked_by_autogluon(self, X: pd.DataFrame, model: str | None) -> np.ndarray:
        with self._one_at_a_time:
            return self._autogluons(X, model)

    def _array(self, X: pd.DataFrame) -> np.ndarray:
        """Return features as numbers: a category as its place among all, NaN for none."""
        array = np.empty((len(X), len(self._columns)))
        for place, column in enumerate(self._columns):
            values = X[column].array
            array[:, place] = values.codes if column in self._categories else values
            if column in self._categories:
                array[array[:, place] < 0, place] = np.nan
        return array

    def _coded(self, columns: Columns, rows: int) -> np.ndarray:
        """Return `_array` of what AutoGluon makes of features before it asks its models."""
        array = np.empty((rows, len(self._codes)))
        for place, (column, code) in enumerate(self._codes.items()):
            array[:, place] = code(columns[column])
        return array

    def _find_codes(self, features: pd.DataFrame, sample: pd.DataFrame) -> bool:
        """Find how AutoGluon turns each feature into a number, and return whether some give the sample that it made of them."""
        self._codes: dict[str, Callable[[np.ndarray], Any]] = {}
        try:
            generators = [one for stage in self._predictor._learner.feature_generator.generators for one in stage]
            truths, categories, types = (
                {name: what for one in generators for name, what in (getattr(one, mapping, None) or {}).items()}
                for mapping in ("_bool_features", "category_map", "_type_map_real_opt")
            )
            for column in self._columns:
                dtype = features[column].dtype
                kind = dtype.kind if isinstance(dtype, np.dtype) else "another"
                if column in truths and kind in "biufO":
                    self._codes[column] = partial(np.equal, truths[column])
                elif column in self._categories and kind == "O":
                    self._codes[column] = partial(_codes, {text: code for code, text in enumerate(categories[column])})
                elif column not in self._categories and kind in "biuf":
                    self._codes[column] = partial(_numbers, types[column])
                else:
                    return False
            coded = self._coded(columns_of(features), len(features))
            return np.array_equal(coded, self._array(sample), equal_nan=True)
        except Exception:  # noqa: BLE001  features of another kind, such as words of texts, are AutoGluon's to make
            return False

    def _find_quick_ways(self, sample: pd.DataFrame) -> None:
        """Keep the quick ways that give AutoGluon's numbers, and say of the others why not."""
        from autogluon.core.models import WeightedEnsembleModel

        best = self._trainer.load_model(self._best)
        blend = best.models[0] if isinstance(best, WeightedEnsembleModel) else None
        self._parts = list(blend.base_model_names) if blend else [self._best]
        # A blend that was fitted again on all rows speaks of its parts by the names that they had before.
        again = {
            self._trainer.get_model_attribute(name, "refit_full_parent", default=None): name
            for name in self._trainer.get_model_names()
        }
        self._parts = [again.get(part, part) for part in self._parts] if self._best in again.values() else self._parts
        self._together = (
            (lambda parts: _rounded(blend, blend.model.predict_proba(parts))) if blend else (lambda parts: parts[0])
        )
        if any(len(self._trainer.get_minimum_model_set(part)) > 1 for part in self._parts):
            self.slow = {self._best: "it is stacked on other models"}
            return
        expected = self._trainer.get_model_pred_proba_dict(sample, [self._best])
        array = self._array(sample)
        for part in self._parts:
            try:
                answer = _quick(self._trainer.load_model(part), self._columns, self._categories)
                _compare(answer(array), expected[part])
                _compare(answer(array[:1]), expected[part][:1])
                self._answers[part] = answer
            except NoQuickWayError as reason:
                self.slow[part] = str(reason)
        try:
            _compare(self._together([expected[part] for part in self._parts]), expected[self._best])
        except NoQuickWayError as reason:
            self.slow = {self._best: str(reason)}


def _codes(codes: Mapping[Any, int], texts: np.ndarray) -> list[float]:
    """Return the place of each text among the categories, NaN for none; to AutoGluon a missing text is an empty one."""
    missing = codes.get("", np.nan)
    return [missing if t is None or t != t else codes.get(t, np.nan) for t in texts.tolist()]  # noqa: PLR0124  NaN


def _numbers(dtype: Any, values: np.ndarray) -> np.ndarray:
    if not np.can_cast(values.dtype, dtype):
        raise TypeError(f"{values.dtype} is not the {dtype} that AutoGluon expects")
    return values


def _too_large(models: Path) -> str:
    """Return why models stay on disk, from where AutoGluon reads them at each request; empty if they do not."""
    from autogluon.common.utils.resource_utils import ResourceManager

    size = sum(file.stat().st_size for file in models.rglob("*") if file.is_file())
    free = ResourceManager.get_available_virtual_mem()
    return (
        f"{size / 2**20:.0f} MB of models stay on disk, {free / 2**20:.0f} MB of memory are free"
        if size > SHARE * free
        else ""
    )


def _compare(got: np.ndarray, expected: np.ndarray) -> None:
    if got.shape != expected.shape or not np.allclose(got, expected, rtol=TOLERANCE, atol=1e-9):
        raise NoQuickWayError(f"asked directly it does not give AutoGluon's numbers: {got[:1]}, not {expected[:1]}")


def _rounded(model: Any, proba: np.ndarray) -> np.ndarray:
    """Return a model's answers as AutoGluon finishes them."""
    from autogluon.core.utils.utils import normalize_pred_probas

    if model.normalize_pred_probas:
        proba = normalize_pred_probas(proba, model.problem_type)
    return proba.astype(np.float32)


def _quick(model: Any, columns: list[str], categories: Mapping[str, list[Any]]) -> Answer:
    """Return a function from all features, as an array of shape (rows, columns), to a model's answers.

    Raises
    ------
    NoQuickWayError
        There is none for this kind of model, or it prepares its features in a way of its own.
    """
    from autogluon.core.models import BaggedEnsembleModel

    if isinstance(model, BaggedEnsembleModel):
        folds = [_quick(model.load_child(fold), columns, categories) for fold in model.models]
        return lambda array: _mean([fold(array) for fold in folds])
    kind = type(model).__name__
    if kind not in KINDS:
        raise NoQuickWayError(f"there is no quick way for AutoGluon's {kind}")
    if model.problem_type not in ("binary", "multiclass", "regression"):
        raise NoQuickWayError(f"there is no quick way for the task {model.problem_type}")
    own = ("_model_specific_feature_generators", "temperature_scalar", "conformalize")
    if any(getattr(model, name) is not None for name in own):
        raise NoQuickWayError("it prepares its features or scales its answers in a way of its own")
    renamed = {new: old for old, new in (getattr(model, "_features_internal_map", None) or {}).items()}
    names = [renamed.get(name, name) for name in model._features_internal_to_align]
    places = [columns.index(name) for name in names]
    answer = KINDS[kind](model, names, {name: categories[name] for name in names if name in categories})
    return lambda array: _rounded(model, answer(array[:, places]))


def _mean(answers: Iterable[np.ndarray]) -> np.ndarray:
    """Return the mean, summed up in the given order, as AutoGluon and scikit-learn do."""
    total, *others = answers
    for answer in others:
        total = total + answer
    return total / (1 + len(others))


def _lightgbm(model: Any, _names: list[str], categories: Mapping[str, list[Any]]) -> Answer:
    if (model.model.pandas_categorical or []) != list(categories.values()):
        raise NoQuickWayError("its categories are not those of the features")
    return lambda array: model.model.predict(array, num_threads=1)


def _xgboost(model: Any, names: list[str], categories: Mapping[str, list[Any]]) -> Answer:
    if not model._ohe and {n: list(known) for n, known in (model._category_mapping or {}).items()} != dict(categories):
        raise NoQuickWayError("its categories are not those of the features")
    numbers = [place for place, name in enumerate(names) if name not in categories]
    one_hot = _one_hot(model._ohe_generator.ohe_encs, names, categories) if model._ohe and categories else {}
    rounds = model.model._get_iteration_range(None)
    booster = model.model.get_booster().copy()  # one of which AutoGluon sets no parameters
    booster.set_param({"nthread": 1} | ({"objective": "multi:softprob"} if model.problem_type == "multiclass" else {}))

    def answer(array: np.ndarray) -> np.ndarray:
        if model._ohe:  # then AutoGluon makes a sparse array, in which XGBoost takes zeros for missing
            coded = [code[np.nan_to_num(array[:, place], nan=-1).astype(int)] for place, code in one_hot.items()]
            array = np.hstack([*coded, array[:, numbers]])
            array[array == 0] = np.nan
        return booster.inplace_predict(array, iteration_range=rounds, validate_features=False)

    return answer


def _one_hot(encoder: Any, names: list[str], categories: Mapping[str, list[Any]]) -> dict[int, np.ndarray]:
    """Return place of a categorical column → its one-hot columns for each category, and last for none."""
    sizes = {name: len(values) for name, values in categories.items()}
    codes = {name: [*range(size), *[-1] * (max(sizes.values()) + 1 - size)] for name, size in sizes.items()}
    table = pd.DataFrame(
        {n: pd.Categorical.from_codes(codes[n], categories=pd.Index(categories[n])) for n in categories}
    )
    columns = np.split(
        encoder.transform(table).toarray(), np.cumsum([len(c) for c in encoder.categories_])[:-1], axis=1
    )
    return {names.index(name): part for name, part in zip(categories, columns, strict=True)}


def _catboost(model: Any, names: list[str], categories: Mapping[str, list[Any]]) -> Answer:
    regression = model.problem_type == "regression"
    predict = model.model.predict if regression else model.model.predict_proba
    codes = {}  # place of a categorical column → what CatBoost was given for each category, and last for none
    for name, values in categories.items():
        known = model._category_mapping[name]
        unknown = len(known)
        codes[names.index(name)] = np.array([known.get(v, unknown) for v in [*values, "__NaN__"]], dtype=object)

    def answer(array: np.ndarray) -> np.ndarray:
        if codes:
            mixed = array.astype(object)
            for place, code in codes.items():
                mixed[:, place] = code[np.nan_to_num(array[:, place], nan=-1).astype(int)]
            array = mixed
        proba = predict(array, thread_count=1)
        return proba[:, 1] if model.problem_type == "binary" else proba

    return answer


def _forest(model: Any, names: list[str], categories: Mapping[str, list[Any]]) -> Answer:
    trees = [tree.tree_ for tree in model.model.estimators_]
    missing = np.array([-1.0 if name in categories else 0.0 for name in names])
    take = {"binary": np.s_[:, 1], "multiclass": np.s_[:, :], "regression": np.s_[:, 0]}[model.problem_type]

    def answer(array: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            filled = np.where(np.isnan(array), missing, array).astype(np.float32)
        if not np.isfinite(filled).all():
            raise ValueError("Input X contains infinity or a value too large for dtype('float32').")  # as scikit-learn
        return _mean(tree.predict(filled)[take] for tree in trees)

    return answer


KINDS: dict[str, Callable[[Any, list[str], Mapping[str, list[Any]]], Answer]] = {
    "LGBModel": _lightgbm,
    "XGBoostModel": _xgboost,
    "CatBoostModel": _catboost,
    "RFModel": _forest,
    "XTModel": _forest,
}
