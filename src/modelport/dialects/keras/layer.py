"""One call of a Keras layer as its lowering sees it, and the registry of lowerings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from typing import Any, Literal, TypeAlias, TypeVar

from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.unheld import why_not
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.errors import ConversionError
from modelport.model.dtype import DTYPES, FLOAT32, DType
from modelport.model.expression import Expression, source
from modelport.model.graph import Graph
from modelport.model.tensor import Tensor

FAMILIES = (
    "layers.core",
    "layers.activation_layers",
    "layers.convolution",
    "layers.locally_connected",
    "layers.pooling",
    "layers.normalization",
    "layers.merging",
    "layers.reshaping",
    "layers.regularization",
    "layers.recurrent",
    "layers.wrappers",
    "layers.attention",
    "layers.multi_head_attention",
    "layers.preprocessing",
    "layers.sound",
    "layers.encoding",
    "layers.applications",
    "operations.unary",
    "operations.binary",
    "operations.reduce",
    "operations.shape",
    "operations.join",
    "operations.index",
    "operations.order",
    "operations.product",
    "operations.nn",
    "operations.fourier",
    "operations.windows",
    "operations.image",
    "tf_calls.ops",
)
"""The modules of this folder that hold lowerings, imported when the first one is needed."""

Masks: TypeAlias = Literal["pass", "stop", "own"]
"""What becomes of the first input's mask: passed on, dropped, or set by the lowering itself."""

Lower: TypeAlias = Callable[["Layer"], Edge | Sequence[Edge]]


BROKEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a lowering raises when it is given a config that no Keras could have written."""


@dataclass(frozen=True, slots=True)
class Lowering:
    """How a layer class becomes ONNX."""

    function: Lower
    mask: Masks
    autocast: bool


_LOWERINGS: dict[str, Lowering] = {}


_Lower = TypeVar("_Lower", bound=Lower)


def lowers(
    *op_types: str, mask: Masks = "stop", autocast: bool = True
) -> Callable[[_Lower], _Lower]:
    """Register a function as the lowering of the Keras 3 classes of those names.

    ``autocast`` tells whether Keras casts the inputs to the layer's dtype.
    """

    def register(function: _Lower) -> _Lower:
        for op_type in op_types:
            _LOWERINGS[op_type] = Lowering(function, mask, autocast)
        return function

    return register


@cache
def lowerings() -> Mapping[str, Lowering]:
    """Every lowering, by the name of its Keras 3 class."""
    for family in FAMILIES:
        import_module(f"modelport.dialects.keras.{family}")
    return _LOWERINGS


@dataclass(slots=True)
class Layer:
    """One call of a layer in canonical form (see ``upgrade``).

    ``config`` is a complete Keras 3 config. ``inputs`` are the tensors of the call, flat;
    ``args`` and ``kwargs`` are the call as written, with edges in place of tensors. ``tensors``
    maps a role, the path of a variable below the layer (``kernel``, ``cell/kernel``), to its
    tensor. ``prefix`` is the path from the outermost layer to this one, ending in ``/``, for
    layers inside wrappers. ``graph`` is the inner graph of a nested model. ``era`` tells whose
    meaning the call keeps: older ones handle some masks in other ways.
    """

    b: Builder
    op_type: str
    name: str
    config: Mapping[str, Any]
    inputs: list[Edge]
    tensors: Mapping[str, Tensor]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    graph: Graph | None = None
    prefix: str = ""
    era: Era = Era.KERAS3

    @property
    def x(self) -> Edge:
        """The first (often the only) input."""
        return self.inputs[0]

    @property
    def mask(self) -> Edge | None:
        """The mask given to the call, or else that of the first input: boolean, (batch, time)."""
        given = self.kwargs.get("mask")
        if isinstance(given, Edge):
            return given
        return self.inputs[0].mask if self.inputs else None

    @property
    def dtype(self) -> DType:
        """The dtype the layer computes in."""
        return compute_dtype(self.config.get("dtype"))

    def has(self, role: str) -> bool:
        """Whether the layer has that weight."""
        return self.prefix + role in self.tensors

    def expression(self, role: str) -> Expression:
        """The data of a weight, to be rearranged.

        Raises:
            ConversionError: the file has no such weight.
        """
        tensor = self.tensors.get(self.prefix + role)
        if tensor is None:
            raise self.error(f"the file holds no weight {self.prefix + role!r} for it")
        return source(tensor)

    def weight(self, role: str, rearranged: Expression | None = None, suffix: str = "") -> Edge:
        """A weight as an edge in the compute dtype, rearranged if an expression is given.

        ``suffix`` tells apart several edges made of one weight.
        """
        edge = self.variable(role, rearranged, suffix)
        return ops.cast(self.b, edge, self.dtype) if edge.dtype.kind == "float" else edge

    def variable(self, role: str, rearranged: Expression | None = None, suffix: str = "") -> Edge:
        """A weight as an edge in the dtype it is stored in; else like ``weight``."""
        data = self.expression(role) if rearranged is None else rearranged
        return self.b.weight(f"{self.where}/{self.prefix}{role}{suffix}", data, self.prefix + role)

    @property
    def where(self) -> str:
        """The path of names to the layer, without call numbers."""
        return "/".join(step.name for step in self.b.steps)

    def argument(self, name: str, position: int, default: Any = None) -> Any:
        """An argument of the call, given by keyword or position; ``default`` where absent."""
        if name in self.kwargs:
            return self.kwargs[name]
        return self.args[position] if position < len(self.args) else default

    def note(self, why: str) -> None:
        """Say what ONNX expresses otherwise than Keras, for the report of the conversion."""
        self.b.note(self.where, why)

    def error(self, why: str) -> ConversionError:
        """The error that says why this layer cannot become ONNX."""
        return ConversionError(f"layer {self.where!r} ({self.op_type})", why)

    def inner(
        self, layer: Mapping[str, Any], path: str, inputs: Sequence[Edge], **given: Any
    ) -> Layer:
        """The layer or cell in a wrapper's config, on inputs of the wrapper's choice.

        ``layer`` is its serialised form ``{"class_name", "config"}``; ``path`` is where its
        weights are below this layer (``cell``, ``forward_layer``); ``given`` are keyword
        arguments of its call.
        """
        config = layer.get("config", {})
        holds_model = layer["class_name"] in ("Functional", "Sequential") or "layer" in config
        return Layer(
            self.b,
            layer["class_name"],
            config.get("name", path),
            config,
            list(inputs),
            self.tensors,
            args=tuple(inputs),
            kwargs=given,
            graph=self.graph if holds_model else None,
            prefix=f"{self.prefix}{path}/",
            era=self.era,
        )


def call(layer: Layer) -> list[Edge]:
    """Lower one call: inputs cast to the layer's dtype, masks handed on as Keras does.

    Raises:
        ConversionError: no lowering for the class, the lowering found that ONNX cannot hold it,
            or a configuration that no layer of the class can have.
    """
    lowering = lowerings().get(layer.op_type)
    if lowering is None:
        raise layer.error(why_not(layer.op_type))
    if "_from_" in str(layer.config.get("dtype")):
        raise layer.error(
            "its weights are quantised; only layers that compute in float become ONNX"
        )
    if lowering.autocast:
        cast = {id(edge): _autocast(layer, edge) for edge in layer.inputs}
        layer.inputs = [cast[id(edge)] for edge in layer.inputs]
        layer.args, layer.kwargs = _replaced(layer.args, cast), _replaced(layer.kwargs, cast)
    mask = layer.mask
    try:
        result = lowering.function(layer)
    except BROKEN as error:
        # A config comes from a file and may say anything; what a lowering trips over is the file's.
        why = f"its config or its inputs make no sense ({type(error).__name__}: {error})"
        raise layer.error(why) from error
    edges = [result] if isinstance(result, Edge) else list(result)
    if lowering.mask == "own":
        return edges
    wanted = mask if lowering.mask == "pass" else None
    return [edge if edge.mask is wanted else replace(edge, mask=wanted) for edge in edges]


def _replaced(written: Any, edges: Mapping[int, Edge]) -> Any:
    if isinstance(written, Edge):
        return edges.get(id(written), written)
    if isinstance(written, Mapping):
        return {key: _replaced(item, edges) for key, item in written.items()}
    if isinstance(written, list | tuple):
        return [_replaced(item, edges) for item in written]
    return written


def _autocast(layer: Layer, edge: Edge) -> Edge:
    if (
        edge.dtype.kind != "float"
        or edge.dtype == layer.dtype
        or not layer.config.get("autocast", True)
    ):
        return edge
    return ops.cast(layer.b, edge, layer.dtype)


def policy_name(policy: Any) -> str:
    """The name of a Keras dtype policy (a name already, or a serialised ``DTypePolicy``)."""
    if isinstance(policy, Mapping):
        policy = policy.get("config", {}).get("name")
    return str(policy or "float32")


def compute_dtype(policy: Any) -> DType:
    """The dtype a Keras dtype policy computes in."""
    return DTYPES.get(policy_name(policy).removeprefix("mixed_"), FLOAT32)
