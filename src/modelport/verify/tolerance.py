"""How far two right results may lie apart: it follows from the dtype a model computes in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelport.model.dtype import DTYPES, FLOAT32, DType
from modelport.model.graph import Graph, Node, SequenceType, Value
from modelport.model.model import Model
from modelport.model.tensor import Tensor
from modelport.verify.steps import ROUNDED_AS_IT_RUNS, output_steps, rounds_as_it_runs

SMALLEST = 1e-4
"""The tolerance for float32 and finer, relative to the scale of an output."""

ROUNDINGS = 8
"""How many units of rounding a coarser dtype may be off.

Right results of MobileNetV2, of convolutions and recurrent layers with random weights were at most
one unit apart in float16 and bfloat16.
"""

LARGEST = 0.25
"""No dtype is so coarse that results further apart than this agree."""

FRACTION_BITS = {
    "float64": 52,
    "float32": 23,
    "float16": 10,
    "bfloat16": 7,
    "float8_e4m3fn": 3,
    "float8_e4m3fnuz": 3,
    "float8_e5m2": 2,
    "float8_e5m2fnuz": 2,
    "float6_e2m3fn": 3,
    "float6_e3m2fn": 2,
    "float4_e2m1fn": 1,
}
"""How many bits after the point each float dtype keeps."""

ONNX_FLOATS = {
    1: "float32",
    10: "float16",
    11: "float64",
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
}
"""The numbers of ``TensorProto.DataType`` for floats, as ``Cast`` names its target."""

NO_FLOAT = {"Shape", "Size", "ArgMax", "ArgMin", "NonZero", "Equal", "Less", "Greater", "IsNaN"}
"""Operators whose results have no part of their inputs' precision."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The largest difference that still agrees, relative to an output's scale, and why.

    ``steps`` are what each output, in order, may be off beside that, in its own units: one step of
    an output that is rounded to steps, else 0.
    """

    value: float = SMALLEST
    why: str = "computed in float32"
    steps: tuple[float, ...] = ()


def tolerance_for(*models: Model) -> Tolerance:
    """The tolerance for the coarsest float dtype that any of the models computes in.

    Of outputs that the first of them rounds to steps, it is one step more.
    """
    found = [pair for model in models for pair in _computed(model)]
    coarsest = max(found, key=lambda pair: epsilon(pair[0]), default=(FLOAT32, ""))
    made = _tolerance(*coarsest)
    if made.value < ROUNDED_AS_IT_RUNS and any(map(rounds_as_it_runs, models)):
        why = "tensors are rounded to 256 steps as the model runs"
        made = Tolerance(ROUNDED_AS_IT_RUNS, why)
    steps = tuple(output_steps(models[0])) if models else ()
    if not any(steps):
        return made
    shown = ", ".join(f"{step:.3g}" for step in dict.fromkeys(steps) if step)
    why = f"{made.why}; outputs are rounded to steps of {shown}, of which they may be one off"
    return Tolerance(made.value, why, steps)


def _tolerance(dtype: DType, where: str) -> Tolerance:
    unit = epsilon(dtype)
    value = min(max(SMALLEST, ROUNDINGS * unit), LARGEST)
    if value == SMALLEST:
        return Tolerance(SMALLEST, f"computed in {dtype}")
    at = f" ({where})" if where else ""
    return Tolerance(
        value, f"computed in {dtype}{at}, {ROUNDINGS} times its machine epsilon of {unit:.1e}"
    )


def epsilon(dtype: DType) -> float:
    """The machine epsilon of a float dtype: the gap between one and the next number."""
    return 2.0 ** -FRACTION_BITS.get(dtype.name, 0)


def _computed(model: Model) -> Iterator[tuple[DType, str]]:
    """The float dtypes that layers or operators compute in, with the name of one."""
    seen: set[str] = set()
    found = _of_keras(model.graph) if model.dialect == "keras" else _of_onnx(model.graph)
    for dtype, where in found:
        if dtype.kind == "float" and dtype.name not in seen:
            seen.add(dtype.name)
            yield dtype, where


def _of_keras(graph: Graph) -> Iterator[tuple[DType, str]]:
    """What the dtype policies of layers say, the layers inside of wrappers and models among them.

    What enters is no computation: its dtype is left out.
    """
    for inner in graph.subgraphs():
        for node in inner.nodes:
            if node.op_type != "InputLayer":
                for dtype in _policies(node.attributes.get("config"), 0):
                    yield dtype, f"layer {node.scope[-1].name if node.scope else node.name}"


def _policies(config: Any, depth: int) -> Iterator[DType]:
    if isinstance(config, list | tuple):
        for item in config:
            yield from _policies(item, depth + 1)
    if not isinstance(config, Mapping) or depth > 64:
        return
    for key, value in config.items():
        if key in ("dtype", "dtype_policy", "policy"):
            name = _policy_name(value)
            if name in DTYPES:
                yield DTYPES[name]
        elif key not in ("kernel_initializer", "layers"):
            yield from _policies(value, depth + 1)


def _policy_name(value: Any) -> str:
    """The dtype a policy computes in: ``mixed_float16`` in float16, a plain name in itself."""
    while isinstance(value, Mapping):
        inner = value.get("config")
        value = inner.get("name") if isinstance(inner, Mapping) else value.get("name")
    if not isinstance(value, str):
        return ""
    # Quantized policies read ``int8_from_mixed_bfloat16``.
    return value.rsplit("_from_", 1)[-1].removeprefix("mixed_")


def _of_onnx(graph: Graph) -> Iterator[tuple[DType, str]]:
    """What operators give, as far as it follows from what enters, from casts and statements."""
    for inner in graph.subgraphs():
        known: dict[str, DType] = {name: t.dtype for name, t in inner.tensors.items()}
        for value in [*inner.inputs, *inner.values.values(), *inner.outputs]:
            dtype = _element(value)
            if dtype is not None:
                known[value.name] = dtype
        for node in inner.nodes:
            made = _result(node, known)
            for name in node.outputs:
                if made is not None:
                    known.setdefault(name, made)
                if name in known and node.op_type not in ("Constant", "Identity"):
                    yield known[name], f"node {node.name}" if node.name else ""


def _element(value: Value) -> DType | None:
    held = value.type
    while isinstance(held, SequenceType):
        held = held.element
    return getattr(held, "dtype", None)


def _result(node: Node, known: Mapping[str, DType]) -> DType | None:
    """The dtype of a node's first result: what a Cast names, else that of its first float input."""
    if node.op_type in NO_FLOAT:
        return None
    if node.op_type == "Cast":
        to = node.attributes.get("to")
        return DTYPES.get(ONNX_FLOATS.get(to if isinstance(to, int) else 0, ""))
    if node.op_type == "Constant":
        held = node.attributes.get("value")
        return held.dtype if isinstance(held, Tensor) else None
    if node.op_type in ("DequantizeLinear", "CastLike"):
        return known.get(node.inputs[1]) if len(node.inputs) > 1 else None
    floats = [known[name] for name in node.inputs if name in known and known[name].kind == "float"]
    return floats[0] if floats else None
