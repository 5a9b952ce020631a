"""Losses and metrics, from the words of any Keras era to those of Keras 3.

Whatever Keras 3 has no stock object for is left out and noted, so that a file always loads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelport.dialects.keras.training.compile_kinds import refused
from modelport.dialects.keras.words import is_number

LOSSES: dict[str, tuple[str, ...]] = {
    "BinaryCrossentropy": ("from_logits", "label_smoothing", "axis"),
    "BinaryFocalCrossentropy": (
        "apply_class_balancing",
        "alpha",
        "gamma",
        "from_logits",
        "label_smoothing",
        "axis",
    ),
    "CategoricalCrossentropy": ("from_logits", "label_smoothing", "axis"),
    "CategoricalFocalCrossentropy": ("alpha", "gamma", "from_logits", "label_smoothing", "axis"),
    "CategoricalGeneralizedCrossEntropy": ("q",),
    "CategoricalHinge": (),
    "CTC": (),
    "Circle": ("gamma", "margin", "remove_diagonal"),
    "CosineSimilarity": ("axis",),
    "Dice": ("axis",),
    "Hinge": (),
    "Huber": ("delta",),
    "KLDivergence": (),
    "LogCosh": (),
    "MeanAbsoluteError": (),
    "MeanAbsolutePercentageError": (),
    "MeanSquaredError": (),
    "MeanSquaredLogarithmicError": (),
    "Poisson": (),
    "SparseCategoricalCrossentropy": ("from_logits", "ignore_class", "axis"),
    "SquaredHinge": (),
    "Tversky": ("alpha", "beta", "axis"),
}
"""Keras 3's losses with their arguments beyond name, reduction and dtype."""

_CONFUSION = ("thresholds",)
_CURVE = ("num_thresholds", "class_id")
METRICS: dict[str, tuple[str, ...]] = {
    "Accuracy": (),
    "AUC": (
        "num_thresholds",
        "curve",
        "summation_method",
        "thresholds",
        "multi_label",
        "num_labels",
        "label_weights",
        "from_logits",
    ),
    "BinaryAccuracy": ("threshold",),
    "BinaryCrossentropy": ("from_logits", "label_smoothing"),
    "BinaryIoU": ("target_class_ids", "threshold"),
    "CategoricalAccuracy": (),
    "CategoricalCrossentropy": ("from_logits", "label_smoothing", "axis"),
    "CategoricalHinge": (),
    "ConcordanceCorrelation": ("axis",),
    "CosineSimilarity": ("axis",),
    "F1Score": ("average", "threshold"),
    "FBetaScore": ("average", "beta", "threshold"),
    "FalseNegatives": _CONFUSION,
    "FalsePositives": _CONFUSION,
    "Hinge": (),
    "IoU": (
        "num_classes",
        "target_class_ids",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    ),
    "KLDivergence": (),
    "LogCoshError": (),
    "Mean": (),
    "MeanAbsoluteError": (),
    "MeanAbsolutePercentageError": (),
    "MeanIoU": ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis"),
    "MeanSquaredError": (),
    "MeanSquaredLogarithmicError": (),
    "OneHotIoU": ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis"),
    "OneHotMeanIoU": ("num_classes", "ignore_class", "sparse_y_pred", "axis"),
    "PearsonCorrelation": ("axis",),
    "Poisson": (),
    "Precision": ("thresholds", "top_k", "class_id"),
    "PrecisionAtRecall": ("recall", *_CURVE),
    "R2Score": ("class_aggregation", "num_regressors"),
    "Recall": ("thresholds", "top_k", "class_id"),
    "RecallAtPrecision": ("precision", *_CURVE),
    "RootMeanSquaredError": (),
    "SensitivityAtSpecificity": ("specificity", *_CURVE),
    "SparseCategoricalAccuracy": (),
    "SparseCategoricalCrossentropy": ("from_logits", "ignore_class", "axis"),
    "SparseTopKCategoricalAccuracy": ("k", "from_sorted_ids"),
    "SpecificityAtSensitivity": ("sensitivity", *_CURVE),
    "SquaredHinge": (),
    "Sum": (),
    "TopKCategoricalAccuracy": ("k",),
    "TrueNegatives": _CONFUSION,
    "TruePositives": _CONFUSION,
}
"""Keras 3's metrics with their arguments beyond name and dtype."""

_SHARED_FUNCTIONS = {
    "binary_crossentropy": "BinaryCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "categorical_hinge": "CategoricalHinge",
    "cosine_similarity": "CosineSimilarity",
    "hinge": "Hinge",
    "kl_divergence": "KLDivergence",
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mean_squared_error": "MeanSquaredError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "poisson": "Poisson",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "squared_hinge": "SquaredHinge",
}
LOSS_FUNCTIONS = {
    **_SHARED_FUNCTIONS,
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
    "ctc": "CTC",
    "circle": "Circle",
    "dice": "Dice",
    "huber": "Huber",
    "log_cosh": "LogCosh",
    "tversky": "Tversky",
}
METRIC_FUNCTIONS = {
    **_SHARED_FUNCTIONS,
    "binary_accuracy": "BinaryAccuracy",
    "categorical_accuracy": "CategoricalAccuracy",
    "log_cosh": "LogCoshError",
    "sparse_categorical_accuracy": "SparseCategoricalAccuracy",
    "sparse_top_k_categorical_accuracy": "SparseTopKCategoricalAccuracy",
    "top_k_categorical_accuracy": "TopKCategoricalAccuracy",
}
_SHORT = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "cosine": "cosine_similarity",
    "cosine_proximity": "cosine_similarity",
    "logcosh": "log_cosh",
    "huber_loss": "huber",
}
_KEPT_SHORT = ("mse", "mae", "mape", "msle", "bce", "kld")
_CHOSEN_BY_SHAPE = {"acc", "accuracy", "crossentropy", "ce"}

_USUAL_REDUCTION = "sum_over_batch_size"
_REDUCTIONS = (_USUAL_REDUCTION, "sum", "none", "mean", "mean_with_sample_weight")
_NOT_REPEATED = ("dtype", "fn", "name", "reduction")
"""Settings of old objects that go without saying in today's, or are said otherwise."""

Lost = Callable[[str, str], None]
"""Called with (where, why) for what Keras 3 cannot say."""


def loss(stated: Any, where: str, lost: Lost) -> Any:
    """A loss, or losses by output, as Keras 3's ``compile`` takes them; None for what is lost."""
    return _convert(stated, where, lost, _loss_name, _loss_object)


def metrics(stated: Any, outputs: int, where: str, lost: Lost) -> Any:
    """The metrics as Keras 3's ``compile`` takes them: a list, one list an output, or by name."""
    if stated in (None, [], {}):
        return None
    found = _convert(stated, where, lost, _metric_name, _metric_object)
    if not isinstance(found, list):
        return _without_gaps(found) if isinstance(found, dict) else [found]
    nested = any(isinstance(item, list) for item in found)
    if outputs == 1 and nested:
        found = [each for item in found for each in (item if isinstance(item, list) else [item])]
        nested = False
    if not nested:
        kept = [item for item in found if item is not None]
        return kept if outputs == 1 or not kept else [list(kept) for _ in range(outputs)]
    return [_without_gaps(item if isinstance(item, list) else [item]) for item in found]


def loss_weights(stated: Any, lost: Lost) -> Any:
    """The weights of losses as Keras 3's ``compile`` takes them; None for what it refuses."""
    if is_number(stated):
        return float(stated)
    if stated is None or isinstance(stated, list | dict):
        return stated
    lost("loss_weights", f"{stated!r:.80} are no numbers")
    return None


def _without_gaps(found: Any) -> Any:
    if isinstance(found, list):
        return [item for item in found if item is not None]
    if isinstance(found, dict) and "class_name" not in found:
        return {key: _without_gaps(item) for key, item in found.items() if item is not None}
    return found


_Name = Callable[[str], str | None]
_Object = Callable[[str, Mapping[str, Any]], Any]


def _convert(stated: Any, where: str, lost: Lost, by_name: _Name, by_class: _Object) -> Any:
    if stated is None:
        return None
    if isinstance(stated, str):
        found: Any = by_name(stated.rsplit(">", 1)[-1])
    elif isinstance(stated, list | tuple):
        return [
            _convert(item, f"{where}[{i}]", lost, by_name, by_class)
            for i, item in enumerate(stated)
        ]
    elif isinstance(stated, Mapping) and isinstance(stated.get("class_name"), str):
        found = _stated_object(stated, by_name, by_class)
    elif isinstance(stated, Mapping):
        return {
            key: _convert(item, f"{where}[{key}]", lost, by_name, by_class)
            for key, item in stated.items()
        }
    else:
        found = None
    why = refused(found["class_name"], found["config"]) if isinstance(found, dict) else None
    if why is not None:
        lost(where, f"Keras 3 takes no such {found['class_name']}: {why}")
        return None
    for key, value in _unsaid(stated, found) if isinstance(found, dict) else ():
        lost(where, f"its setting {key!r} (= {value!r:.40}) is none of {found['class_name']}")
    if found is None:
        lost(where, f"{_called(stated)} is not among the stock objects of Keras 3")
    return found


def _unsaid(stated: Any, found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The settings of a serialised object that today's does not repeat."""
    config = stated.get("config") if isinstance(stated, Mapping) else None
    for key, value in config.items() if isinstance(config, Mapping) else ():
        if key == "reduction" and "reduction" in found["config"]:
            changed = value not in (*_REDUCTIONS, "auto", None)
        else:
            changed = value is not None and key not in (*found["config"], *_NOT_REPEATED)
        if changed:
            yield key, value


def _stated_object(stated: Mapping[str, Any], by_name: _Name, by_class: _Object) -> Any:
    class_name, config = str(stated["class_name"]).rsplit(">", 1)[-1], stated.get("config")
    module = stated.get("module")
    if isinstance(module, str) and not module.startswith(("keras", "tf_keras", "builtins")):
        return None
    if class_name == "function":
        return by_name(config) if isinstance(config, str) else None
    return by_class(class_name, config if isinstance(config, Mapping) else {})


def _called(stated: Any) -> str:
    if isinstance(stated, Mapping):
        inner = stated.get("config")
        return repr(inner if isinstance(inner, str) else stated.get("class_name"))
    return repr(stated)[:80]


def _function(name: str) -> str:
    word = name if name in LOSS_FUNCTIONS or name in METRIC_FUNCTIONS else name.lower()
    return _SHORT.get(word, word)


def _loss_name(name: str) -> str | None:
    if name in _KEPT_SHORT:
        return name
    if name in LOSSES:
        return name
    return _function(name) if _function(name) in LOSS_FUNCTIONS else None


def _metric_name(name: str) -> str | None:
    if name in _CHOSEN_BY_SHAPE or name in _KEPT_SHORT or name in METRICS:
        return name
    function = _function(name)
    if function == "log_cosh":
        return "log_cosh_error"
    if function in METRIC_FUNCTIONS:
        return function
    return name if name.replace("_", "") in _METRIC_WORDS else None


_METRIC_WORDS = {name.lower() for name in METRICS}


def _loss_object(class_name: str, config: Mapping[str, Any]) -> Any:
    if class_name == "LossFunctionWrapper":
        class_name = LOSS_FUNCTIONS.get(_function(_function_of(config)), "")
    if class_name not in LOSSES:
        return None
    kept = _kept(config, ("name", *LOSSES[class_name]))
    reduction = config.get("reduction", _USUAL_REDUCTION)
    kept["reduction"] = reduction if reduction in _REDUCTIONS else _USUAL_REDUCTION
    if reduction is None:
        kept["reduction"] = "none"
    return _object("keras.losses", class_name, kept)


def _metric_object(class_name: str, config: Mapping[str, Any]) -> Any:
    if class_name in ("MeanMetricWrapper", "SumOverBatchSizeMetricWrapper"):
        function = _function_of(config)
        class_name = METRIC_FUNCTIONS.get(_function(function), "")
    if class_name not in METRICS:
        return None
    kept = _kept(config, ("name", *METRICS[class_name]))
    dtype = config.get("dtype")
    if isinstance(dtype, str):
        kept["dtype"] = dtype
    if isinstance(kept.get("curve"), str):
        kept["curve"] = kept["curve"].upper()
    return _object("keras.metrics", class_name, kept)


def _function_of(config: Mapping[str, Any]) -> str:
    function = config.get("fn")
    if isinstance(function, Mapping):
        function = function.get("config")
    return function if isinstance(function, str) else ""


def _kept(config: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: config[key] for key in keys if config.get(key) is not None}


def _object(module: str, class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }
