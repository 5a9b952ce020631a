"""Categories as numbers, one-hot, multi-hot or counts; the vocabularies of lookup layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.history.vocabularies import front_tokens
from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.operations.index import hot
from modelport.dialects.keras.operations.operands import bounded, plain
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT32, INT64, STRING, DType

_ABSENT = -1
"""What a lookup gives for what is not counted: no category has that number."""


def encoded(
    layer: Layer, x: Edge, mode: str, depth: int, dtype: DType, weights: Edge | None = None
) -> Edge:
    """Category numbers in an output mode of Keras: int, one_hot, multi_hot or count."""
    b = layer.b
    if mode == "int":
        return ops.cast(b, x, dtype)
    if mode == "one_hot":
        if x.rank > 1 and x.shape[-1] == 1:
            x = ops.squeeze(b, x, -1)
        return hot(layer, x, depth, -1, dtype)
    many = hot(layer, x, depth, -1, dtype if weights is None else weights.dtype)
    if weights is not None:
        many = ops.multiply(b, many, ops.unsqueeze(b, weights, -1))
    axis = 1 if x.rank > 1 else 0
    if mode in ("multi_hot", "binary"):
        return ops.reduce(b, "ReduceMax", many, [axis])
    if mode == "count":
        return ops.reduce(b, "ReduceSum", many, [axis])
    raise layer.error(f"its output mode {mode!r} is not known")


@lowers("StringLookup", "IntegerLookup", autocast=False)
def lookup(layer: Layer) -> Edge:
    """The number of each word or integer in a vocabulary, or, inverted, the word of each number."""
    config = layer.config
    words = plain(config.get("vocabulary"))
    if not isinstance(words, list) or not words:
        raise layer.error("its config holds no vocabulary (Keras keeps one it learnt as an asset)")
    mode = str(config["output_mode"])
    masked = config.get("mask_token") is not None and mode == "int"
    front = int(masked) + int(config["num_oov_indices"])
    special = front_tokens(layer.op_type, config, words)
    tokens = words[special:]
    if config.get("invert"):
        return _word(layer, tokens, front, int(masked))
    places = _number(layer, tokens, int(masked), front)
    depth = config["max_tokens"] if config.get("pad_to_max_tokens") else front + len(tokens)
    return _encoded(layer, places, mode.replace("-", "_"), depth, bool(special), front)


def _encoded(layer: Layer, places: Edge, mode: str, depth: int, special: bool, front: int) -> Edge:
    dtype = INT64 if layer.era is Era.KERAS3 or mode == "int" else layer.dtype
    if mode != "tf_idf":
        return encoded(layer, places, mode, depth, dtype)
    given = plain(layer.config.get("idf_weights"))
    if given is None:
        raise layer.error("its config holds no idf weights (Keras keeps those it learnt apart)")
    bounded(layer, depth, "the number of its tokens")
    learnt = np.asarray(given, np.float32)
    lead = [] if special else [float(learnt.mean())] * front
    weights = np.zeros(depth, np.float32)
    weights[: len(lead) + len(learnt)] = [*lead, *learnt]
    counts = ops.cast(layer.b, encoded(layer, places, "count", depth, FLOAT32), FLOAT32)
    return ops.multiply(layer.b, counts, layer.b.constant(weights))


def _number(layer: Layer, tokens: Sequence[Any], first: int, start: int) -> Edge:
    """The place of each token from ``start`` on; those out of the vocabulary come before."""
    config = layer.config
    count = config["num_oov_indices"]
    keys, values = list(tokens), list(range(start, start + len(tokens)))
    if config.get("mask_token") is not None:
        keys.append(config["mask_token"])
        values.append(0 if first else _ABSENT)
    if count > 1:
        return _hashed(layer, keys, values, first, count)
    if count == 0:
        layer.note("Keras stops at a word out of the vocabulary, ONNX goes on with -1")
    return _mapped(layer, layer.x, keys, values, first if count else _ABSENT)


def _hashed(layer: Layer, keys: list[Any], values: list[int], first: int, count: int) -> Edge:
    """Several numbers for what is out of the vocabulary: the integer modulo their count."""
    b, config = layer.b, layer.config
    by_hash = config.get("oov_method") == "farmhash" or config.get("salt") is not None
    if layer.op_type == "StringLookup" or by_hash:
        raise layer.error("ONNX has no operator for the hash of words out of the vocabulary")
    unknown = -(2**62)
    known = _mapped(layer, layer.x, keys, values, unknown)
    rest = ops.binary(b, "Mod", ops.cast(b, layer.x, INT64), count)
    return ops.where(b, ops.binary(b, "Equal", known, unknown), ops.add(b, rest, first), known)


def _word(layer: Layer, tokens: Sequence[Any], start: int, masked: int) -> Edge:
    numbers = list(range(start, start + len(tokens)))
    words = list(tokens)
    if masked:
        numbers.append(0)
        words.append(layer.config["mask_token"])
    return _mapped(layer, layer.x, numbers, words, layer.config["oov_token"])


def _mapped(
    layer: Layer, x: Edge, keys: Sequence[Any], values: Sequence[Any], default: Any
) -> Edge:
    """A table from keys to values as ONNX-ML's LabelEncoder."""
    attributes: dict[str, Any] = {}
    if x.dtype.kind != "string" and isinstance(keys[0], str):
        raise layer.error("it looks up texts, and its input gives numbers")
    if x.dtype.kind != "string":
        x = ops.cast(layer.b, x, INT64)
    elif not isinstance(keys[0], str):
        raise layer.error("its vocabulary does not hold what its input gives")
    kinds = []
    for name, items in (("keys", keys), ("values", values)):
        text = isinstance(items[0], str)
        kinds.append(text)
        listed = [str(item) if text else int(item) for item in items]
        attributes[f"{name}_{'strings' if text else 'int64s'}"] = listed
    attributes["default_string" if kinds[1] else "default_int64"] = default
    dtype = STRING if kinds[1] else INT64
    return layer.b.emit("LabelEncoder", [x], dtype, x.shape, domain="ai.onnx.ml", **attributes)
