"""Reshapes: with shapes that are written down, and one instead of several."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.onnx.scopes import scope_of
from modelport.dialects.onnx.simplify.nothing import order_of, same_shape
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.dtype import INT64
from modelport.model.graph import Dim, Node

_KEEPS_ORDER = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose")
_DEEPEST = 8
_MOST_ASKED = 32


@rule("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose")
def there_and_back(scene: Scene, node: Node) -> bool:
    """Several that keep the order of the elements are one, or none where the shape is as before."""
    if not _keeps_order(scene, node):
        return False
    sources = _sources(scene, node)
    for source in reversed(sources):
        if same_shape(scene, source, node.outputs[0]):
            return scene.pass_on(node, source)
    if len(sources) < 2:
        return False
    return any(_reshape(scene, node, source) for source in reversed(sources[1:]))


def _keeps_order(scene: Scene, node: Node) -> bool:
    """Whether the elements come in the order that they had: only axes of 1 may move."""
    if node.op_type != "Transpose":
        return True
    order, shape = order_of(scene, node), scene.known(node.inputs[0]).shape
    if order is None or shape is None:
        return False
    long = [axis for axis in order if shape[axis] != 1]
    return long == sorted(long)


def _sources(scene: Scene, node: Node) -> list[str]:
    """What a node and those before it take of whose elements they keep the order."""
    found = [node.inputs[0]]
    while len(found) < _DEEPEST:
        before = scene.producer(found[-1], *_KEEPS_ORDER)
        if before is None or not _keeps_order(scene, before):
            break
        found.append(before.inputs[0])
    return found


@rule("Reshape")
def written_down(scene: Scene, node: Node) -> bool:
    """A shape that is computed from the value's own is said in numbers."""
    if scene.array(node.inputs[1]) is not None:
        return False
    return _reshape(scene, node, node.inputs[0])


@rule("Reshape")
def flat(scene: Scene, node: Node) -> bool:
    """All axes but the first as one: that is Flatten."""
    source, found = scene.known(node.inputs[0]).shape, scene.known(node.outputs[0]).shape
    if source is None or found is None or len(found) != 2 or len(source) < 2:
        return False
    if found[0] is None or found[0] != source[0]:
        return False
    return scene.become(node, "Flatten", node.inputs[:1])


def _reshape(scene: Scene, node: Node, source: str) -> bool:
    """Let a node be a Reshape of ``source``, where its shape can be said in numbers."""
    shape, wanted = scene.known(source).shape, scene.known(node.outputs[0]).shape
    if shape is None or wanted is None:
        return False
    if len(wanted) == 2 and len(shape) >= 2 and wanted[0] is not None and wanted[0] == shape[0]:
        return scene.become(node, "Flatten", [source])
    numbers = target(shape, wanted, _is_open(scene, node))
    if numbers is None:
        return False
    where = node.name or node.outputs[0]
    return scene.become(node, "Reshape", [source, scene.constant(numbers, INT64, f"{where}/shape")])


def _is_open(scene: Scene, node: Node) -> bool:
    """Whether a node leaves an axis open as it is: then it takes no empty values either."""
    extents = scene.known(node.inputs[1]).extents if node.op_type == "Reshape" else None
    return -1 in (extents or ())


def target(shape: Sequence[Dim], wanted: Sequence[Dim], is_open: bool) -> list[int] | None:
    """What Reshape takes to make ``wanted`` of ``shape``: 0 keeps an extent, -1 is the rest.

    None where that cannot be said. Both at once do not work for empty values: they are only said
    together where a node ``is_open`` as it is, and so takes none.
    """
    numbers: list[int] = []
    for axis, extent in enumerate(wanted):
        if extent == 0:
            return None
        if isinstance(extent, int):
            numbers.append(extent)
        elif extent is not None and axis < len(shape) and shape[axis] == extent:
            numbers.append(0)
        else:
            numbers.append(-1)
    rest = [axis for axis, number in enumerate(numbers) if number == -1]
    if len(rest) > 1 or (rest and 0 in numbers and not is_open):
        return None
    return numbers


@rule("Expand")
def widened(scene: Scene, node: Node) -> bool:
    """A computed shape is said in numbers where it asks for extents that are there."""
    if scene.array(node.inputs[1]) is not None:
        return False
    shape, wanted = scene.known(node.inputs[0]).shape, scene.known(node.inputs[1]).extents
    if shape is None or wanted is None:
        return False
    numbers: list[int] = []
    for place, extent in enumerate(wanted, len(shape) - len(wanted)):
        if isinstance(extent, int):
            numbers.append(extent)
        elif extent is not None and place >= 0 and shape[place] == extent:
            numbers.append(1)
        else:
            return False
    where = node.name or node.outputs[0]
    name = scene.constant(numbers, INT64, f"{where}/shape")
    return scene.rewire(node, [node.inputs[0], name])


@rule("Where")
def asked_for(scene: Scene, node: Node) -> bool:
    """A shape with -1 for what stays, as exporters write Expand: what it comes to."""
    known = scene.known(node.outputs[0])
    extents = known.extents
    if known.rank != 1 or known.dtype != INT64 or not extents or None in extents:
        return False
    where = node.name or node.outputs[0]
    parts: list[str] = []
    numbers: list[int] = []
    for extent in extents:
        if isinstance(extent, int):
            numbers.append(extent)
            continue
        found = _who_has(scene, node, str(extent))
        if found is None:
            return False
        if numbers:
            parts.append(scene.constant(numbers, INT64, f"{where}/sizes"))
            numbers = []
        name, axis = found
        parts.append(scene.put(node, "Shape", [name], start=axis, end=axis + 1))
    if numbers:
        parts.append(scene.constant(numbers, INT64, f"{where}/sizes"))
    return scene.become(node, "Concat", parts, axis=0)


def _who_has(scene: Scene, node: Node, extent: str) -> tuple[str, int] | None:
    """A value that has an extent, and the axis.

    An input of the model, but inside a module rather one whose shape is asked for there.
    """
    outer = scene
    while outer.outer is not None:
        outer = outer.outer
    inputs = [v.name for v in outer.graph.inputs if v.name not in outer.graph.tensors]
    near = _asked(scene, node)
    for name in [*near, *inputs] if scope_of(node) else [*inputs, *near]:
        shape = scene.known(name).shape or ()
        if extent in shape:
            return name, shape.index(extent)
    return None


def _asked(scene: Scene, node: Node) -> list[str]:
    """The values whose shapes go into a node."""
    found, waiting, left = [], [node], _MOST_ASKED
    while waiting and left:
        left -= 1
        item = waiting.pop(0)
        if item.op_type == "Shape":
            found.append(item.inputs[0])
        else:
            makers = [scene.producer(name) for name in item.inputs if name]
            waiting += [maker for maker in makers if maker is not None]
    return found


@rule("Transpose")
def turned_twice(scene: Scene, node: Node) -> bool:
    """Two orders of axes are one, or none."""
    before = scene.producer(node.inputs[0], "Transpose")
    order = order_of(scene, node)
    if before is None or order is None:
        return False
    first = order_of(scene, before)
    if first is None:
        return False
    whole = [first[axis] for axis in order]
    if whole == list(range(len(whole))):
        return scene.pass_on(node, before.inputs[0])
    return scene.become(node, "Transpose", before.inputs[:1], perm=whole)
