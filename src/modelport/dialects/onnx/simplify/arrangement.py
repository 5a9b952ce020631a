"""Weights that are rearranged: written down as expressions over them, nothing is read."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.onnx.simplify.nothing import order_of
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.dialects.onnx.types.indexing import indices
from modelport.model.expression import Expression, concatenate, source
from modelport.model.graph import Node

_SEPARATORS = "./_:"


@rule("Transpose")
def transposed(scene: Scene, node: Node) -> bool:
    """Other axes of a weight."""
    weight = _weight(scene, node.inputs[0])
    order = order_of(scene, node)
    if weight is None or order is None:
        return False
    return _hold(scene, node, [weight.transpose(*order) if order else weight], "transposed")


@rule("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand")
def reshaped(scene: Scene, node: Node) -> bool:
    """The elements of a weight in another shape."""
    weight = _weight(scene, node.inputs[0])
    shape = _fixed(scene, node.outputs[0])
    if weight is None or shape is None:
        return False
    before, after = _size(weight.shape), _size(shape)
    return before == after and _hold(scene, node, [weight.reshape(*shape)], "reshaped")


@rule("Identity")
def copied(scene: Scene, node: Node) -> bool:
    """A weight under another name, where that must be."""
    weight = _weight(scene, node.inputs[0])
    return weight is not None and _hold(scene, node, [weight], "copied")


@rule("Slice")
def sliced(scene: Scene, node: Node) -> bool:
    """Part of a weight."""
    weight = _weight(scene, node.inputs[0])
    if weight is None:
        return False
    lists = [scene.whole(name) if name else None for name in node.inputs[1:]]
    starts, stops, axes, steps = (*lists, None, None)[:4]
    given = [item for item in node.inputs[1:] if item]
    if starts is None or stops is None or len(given) != sum(item is not None for item in lists):
        return False
    for i, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        axis = i if axes is None else axes[i] % len(weight.shape)
        step = 1 if steps is None else steps[i]
        chosen = indices(weight.shape[axis], start, stop, step)
        last = chosen.start + len(chosen) * step
        end = last if last >= 0 else None
        weight = weight.slice(axis, chosen.start, end if chosen else chosen.start, step)
    return weight.shape == _fixed(scene, node.outputs[0]) and _hold(scene, node, [weight], "part")


@rule("Concat")
def joined(scene: Scene, node: Node) -> bool:
    """Weights one behind the other."""
    weights = [_weight(scene, name) for name in node.inputs]
    parts = [weight for weight in weights if weight is not None]
    if len(parts) < len(node.inputs) or not parts[0].shape:
        return False
    axis = int(node.attributes["axis"])
    return _hold(scene, node, [concatenate(parts, axis)], "joined")


@rule("Split")
def parted(scene: Scene, node: Node) -> bool:
    """A weight in parts."""
    weight = _weight(scene, node.inputs[0])
    shapes = [_fixed(scene, name) for name in node.outputs]
    if weight is None or not weight.shape:
        return False
    axis = int(node.attributes.get("axis", 0)) % len(weight.shape)
    parts, begin = [], 0
    for shape in shapes:
        if shape is None:
            return False
        parts.append(weight.slice(axis, begin, begin + shape[axis]))
        begin += shape[axis]
    return begin == weight.shape[axis] and _hold(scene, node, parts, "part")


def _weight(scene: Scene, name: str) -> Expression | None:
    tensor = scene.tensor(name) if name else None
    if tensor is None or tensor.dtype.kind == "string" or tensor.dtype.bits < 8:
        return None
    return source(tensor)


def _fixed(scene: Scene, name: str) -> tuple[int, ...] | None:
    shape = scene.known(name).shape if name else None
    if shape is None or not all(isinstance(extent, int) for extent in shape):
        return None
    return tuple(extent for extent in shape if isinstance(extent, int))


def _size(shape: Sequence[int]) -> int:
    size = 1
    for extent in shape:
        size *= extent
    return size


def _hold(scene: Scene, node: Node, parts: Sequence[Expression], what: str) -> bool:
    """Tensors for the outputs of a node, under the name of the weight if that is free."""
    inputs = [name for name in node.inputs if scene.tensor(name) is not None]
    if node.op_type != "Concat":
        inputs = inputs[:1]
    if any(name in scene.pinned for name in node.outputs):
        if scene.outer is not None:
            return False
        return scene.hold(node, list(parts))
    if len(parts) == 1 and len(inputs) == 1 and _is_free(scene, inputs[0]):
        scene.replace_tensor(inputs[0], parts[0])
        return scene.pass_on(node, inputs[0])
    for index, part in enumerate(parts):
        if scene.is_used(node.outputs[index]):
            name = scene.add_tensor(f"{_common(inputs)}_{what}", part)
            scene.pass_on(node, name, index)
    return True


def reshaped_tensor(scene: Scene, name: str, shape: tuple[int, ...]) -> str | None:
    """A weight of that shape with the elements of another one; None where that is no weight."""
    weight = _weight(scene, name)
    if weight is None or weight.shape == shape:
        return None if weight is None else name
    if _size(weight.shape) != _size(shape):
        return None
    return _instead(scene, name, weight.reshape(*shape), "reshaped")


def transposed_tensor(scene: Scene, name: str) -> str | None:
    """A weight with its two axes exchanged; None where it is none."""
    weight = _weight(scene, name)
    if weight is None or len(weight.shape) != 2:
        return None
    return _instead(scene, name, weight.transpose(1, 0), "transposed")


def spread_tensor(scene: Scene, name: str, shape: tuple[int, ...], order: tuple[int, ...]) -> str:
    """A weight (or constant) under a shape with more axes of 1, and those in another order."""
    tensor = scene.tensor(name)
    if tensor is None:
        return name
    held = source(tensor).reshape(*shape).transpose(*order)
    return _instead(scene, name, held, "transposed")


def _instead(scene: Scene, name: str, held: Expression, what: str) -> str:
    if _is_free(scene, name):
        scene.replace_tensor(name, held)
        return name
    return scene.add_tensor(f"{name}_{what}", held)


def _is_free(scene: Scene, name: str) -> bool:
    return name in scene.graph.tensors and scene.is_single(name) and name not in scene.given


def _common(names: Sequence[str]) -> str:
    """What names begin with alike, up to a separator; the first where that is nothing."""
    shortest = min(names, key=len)
    length = next(
        (i for i, letter in enumerate(shortest) if any(n[i] != letter for n in names)),
        len(shortest),
    )
    if length == len(names[0]) or len(names) == 1:
        return names[0]
    cut = max(shortest.rfind(letter, 0, length) for letter in _SEPARATORS)
    return shortest[:cut] if cut > 0 else names[0]
