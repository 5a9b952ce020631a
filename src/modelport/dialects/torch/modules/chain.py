"""Modules that are called one after the other, as a native graph with an input.

Such a file states no shape of what enters: rank and channels follow from the modules that take
them, extents from the first dense layer behind a Flatten. All of it is an assumption, and said so.
"""

from __future__ import annotations

from typing import Any

from modelport.dialects.torch.lower import lower
from modelport.dialects.torch.modules.step import Input, Ref, Step
from modelport.dialects.torch.modules.tree import Tree, tree_of
from modelport.errors import ConversionError
from modelport.model.component import Component
from modelport.model.dtype import FLOAT32, INT64, DType
from modelport.model.graph import Dim, Graph, Scope, TensorType, Value
from modelport.model.report import Kind, Report

TRAINING = "training"
"""The attribute of a graph whose module was saved as it stands in training."""

_SPACE = {3: ("steps",), 4: ("height", "width"), 5: ("depth", "height", "width")}
_LARGEST, _USUAL = 4096, 224
_CHANGES_IN_TRAINING = ("BatchNorm", "Dropout", "InstanceNorm", "RReLU", "Transformer")


class Chain:
    """The graph of a file's module, and the extents that its input has to have.

    ``ranges`` maps the names of extents that only one value fits to that value.

    Raises:
        ConversionError: a module whose forward is not known, by name and class.
    """

    def __init__(self, tree: Graph, report: Report) -> None:
        root = tree_of(tree)
        self.calls = list(root.calls())
        self.ranges: dict[str, tuple[int | None, int | None]] = {}
        self.tree = tree
        taken = _taken(self.calls)
        self.dtype = _dtype(self.calls, tree)
        shape = _shape(taken)
        self._dense: tuple[str, int] | None = None
        dtype = INT64 if taken.index else self.dtype
        self.graph = self._built(shape, dtype)
        self._fit(shape)
        if any(_is_fixed_pooling(tree) for tree in self.calls):
            shape = self._fixed(shape)
            self.graph = self._built(shape, dtype)
        self._tell(shape, report)

    def _built(self, shape: tuple[Dim, ...], dtype: DType) -> Graph:
        graph = Graph(self.tree.name or "model", tensors=self.tree.tensors)
        graph.attributes["dtype"] = self.dtype.name
        graph.inputs = [Value("input", TensorType(dtype, shape))]
        values, rank = [Ref("input")], len(shape)
        flattened = False
        for tree in self.calls:
            step = Step(tree, graph, _scope(tree), rank)
            if len(values) > 1:
                raise step.broken(f"it is given the {len(values)} results of the module before it")
            if tree.name == "Flatten":
                flattened = True
            elif tree.name == "Linear" and flattened and self._dense is None:
                self._dense = (values[0].name, int(step.get("in_features")))
            values = step.run(values[0])
            rank = step.rank
        graph.outputs = [Value(value.name) for value in values]
        return graph

    def _fit(self, shape: tuple[Dim, ...]) -> None:
        """Find the extent, the same along all axes of space, that a dense layer behind fits."""
        names = [name for name in _SPACE.get(len(shape), ()) if name in shape]
        if self._dense is None or not names:
            return
        value, wanted = self._dense
        least, most = 1, _LARGEST
        while least < most:
            middle = (least + most) // 2
            found = self._features(shape, value, middle)
            least, most = (middle + 1, most) if found < wanted else (least, middle)
        if self._features(shape, value, least) == wanted:
            free = self._features(shape, value, least + 1) == wanted
            far = self._features(shape, value, 2 * least + 8) == wanted
            if not (free and far):  # adaptive pooling fits any
                self.ranges = dict.fromkeys(names, (least, least))

    def _fixed(self, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
        """The shape with numbers for the extents that pooling to a size needs to know."""
        usual = 32 if len(shape) == 5 else _USUAL
        names = _SPACE.get(len(shape), ())
        found = {name: self.ranges.get(name, (usual, usual))[0] for name in names}
        self.ranges = {}
        return tuple(found.get(dim, dim) if isinstance(dim, str) else dim for dim in shape)

    def _features(self, shape: tuple[Dim, ...], value: str, extent: int) -> int:
        """How many features there are at a value for an input of that extent; 0 for too small."""
        names = _SPACE[len(shape)]
        fixed = tuple(1 if dim == "batch" else extent if dim in names else dim for dim in shape)
        at = next(i for i, node in enumerate(self.graph.nodes) if value in node.outputs)
        inputs = [Value("input", TensorType(self.graph.inputs[0].dtype, fixed))]
        part = Graph("part", self.graph.nodes[: at + 1], inputs, [Value(value)])
        part.tensors = self.graph.tensors
        try:
            stated = lower(part, Report()).outputs[0].shape
        except ConversionError:
            return 0
        last = stated[-1] if stated else None
        return last if isinstance(last, int) else 0

    def _tell(self, shape: tuple[Dim, ...], report: Report) -> None:
        extents = ", ".join(str(dim) for dim in shape)
        why = f"the file states no shape; [{extents}] follows from the modules"
        if any(_is_fixed_pooling(tree) for tree in self.calls):
            why += "; ONNX pools to a size from fixed extents only, so the usual ones are taken"
        if self.ranges:
            least = next(iter(self.ranges.values()))[0]
            why += f", and {' × '.join([str(least)] * len(self.ranges))} fits"  # noqa: RUF001
        report.add(Kind.INVENTED, Component.SIGNATURE, "input", why)
        changing = [tree for tree in self.calls if tree.name.startswith(_CHANGES_IN_TRAINING)]
        if self.tree.attributes.get(TRAINING) and changing:
            why = "it was saved as in training; the target computes as in evaluation"
            report.add(Kind.INVENTED, Component.ARCHITECTURE, changing[0].node.name, why)


def _is_fixed_pooling(tree: Tree) -> bool:
    """Whether a module pools to several windows, which ONNX does for known extents only."""
    size = tree.node.attributes.get("output_size")
    sizes = size if isinstance(size, list) else [size]
    several = any(extent not in (1, None) for extent in sizes)
    return tree.name.startswith("Adaptive") and several


def _scope(tree: Tree) -> tuple[Scope, ...]:
    node = tree.node
    return (*node.scope, Scope(node.name.rsplit(".", 1)[-1], f"torch.nn.{node.op_type}"))


def _taken(calls: list[Tree]) -> Input:
    """What the first modules take together, as far as each says it of the input."""
    found = Input()
    axes: dict[int, Any] = {}
    for tree in calls:
        told = Step(tree, Graph(), (), 0).takes()
        if found.rank is None or (found.rank == told.rank):
            found.rank = told.rank if found.rank is None else found.rank
        axes = {**told.axes, **axes}
        found.index |= told.index and tree is calls[0]
        if not told.through:
            break
    found.axes = axes
    return found


def _shape(taken: Input) -> tuple[Dim, ...]:
    """The shape of an input: extents that are told, and names for the others."""
    depth = max((-axis for axis in taken.axes if axis < 0), default=0)
    rank = taken.rank or max(depth + 1, 4 if 1 in taken.axes and not depth else 2)
    names: list[Dim] = ["batch", "channels", *_SPACE.get(rank, ())]
    if depth or rank == 2:
        names = ["batch", *("steps" for _ in range(rank - 2)), "features"]
    batch = next((axis for axis, dim in taken.axes.items() if dim == "batch"), 0)
    names = names[:rank]
    if batch == 1:
        names[:2] = ["steps", "batch"]
    if taken.index:
        names = ["batch", "steps"]
    for axis, dim in taken.axes.items():
        if isinstance(dim, int) and -rank <= axis < rank:
            names[axis] = dim
    return tuple(names)


def _dtype(calls: list[Tree], graph: Graph) -> DType:
    """The float type of the first weight."""
    for tree in calls:
        waiting = [tree]
        while waiting:
            current = waiting.pop()
            waiting.extend(reversed(current.children.values()))
            for name in current.node.parameters.values():
                tensor = graph.tensors.get(name)
                if tensor is not None and tensor.dtype.kind in ("float", "complex"):
                    return tensor.dtype
    return FLOAT32
