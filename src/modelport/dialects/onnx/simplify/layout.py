"""Layout: transposes are carried through what works element by element, where some meet their end.

One pass over a graph. A value is *carried* if it is a transpose of something, or made of carried
values of one order and of constants. What hangs together is moved as a whole, and only where that
takes more transposes away than it leaves behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modelport.dialects.onnx.simplify.arrangement import spread_tensor
from modelport.dialects.onnx.simplify.nothing import order_of
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.dialects.onnx.types.table import DOMAIN
from modelport.model.graph import Node

_ELEMENTWISE = frozenset(
    "Abs Add And Cast Ceil Clip Concat Cos Div Elu Equal Erf Exp Floor Gelu Greater "
    "GreaterOrEqual HardSigmoid HardSwish IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min "
    "Mish Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus Softsign "
    "Sqrt Sub Sum Swish Tanh ThresholdedRelu Where Xor".split()
)

Order = tuple[int, ...]


@dataclass(eq=False, slots=True)
class _Group:
    """What is moved together: transposes that go in, and the nodes after them."""

    order: Order
    members: list[Node] = field(default_factory=list)
    before: list[Node] = field(default_factory=list)
    into: _Group | None = None

    def root(self) -> _Group:
        group = self
        while group.into is not None:
            group = group.into
        return group


def propagate(scene: Scene) -> bool:
    """Move groups of nodes in front of their transposes; true where anything changed."""
    groups: dict[str, _Group] = {}
    found: list[_Group] = []
    for node in scene.nodes():
        if node.domain != DOMAIN or len(node.outputs) != 1:
            continue
        if node.op_type == "Transpose":
            order = order_of(scene, node)
            if order is not None:
                group = _Group(tuple(order), before=[node])
                groups[node.outputs[0]] = group
                found.append(group)
        elif node.op_type in _ELEMENTWISE:
            together = _together(scene, node, groups)
            if together is not None:
                together.members.append(node)
                groups[node.outputs[0]] = together
    roots = [group for group in found if group.into is None and group.members]
    moved = False
    for group in roots:
        # A group that stood before this one may have taken its transposes along: next time.
        there = all(scene.has(node) for node in (*group.before, *group.members))
        if there and _gain(scene, group) > 0:
            moved = _move(scene, group)
    return moved


def _together(scene: Scene, node: Node, groups: dict[str, _Group]) -> _Group | None:
    """The one group of all that a node takes, or None where it takes anything else."""
    carried = []
    for name in node.inputs:
        group = groups.get(name)
        if group is not None:
            carried.append(group.root())
        elif name and scene.tensor(name) is None:
            return None
    if not carried or any(group.order != carried[0].order for group in carried):
        return None
    rank = len(carried[0].order)
    if scene.rank(node.outputs[0]) != rank or any(
        (scene.rank(name) or 0) > rank for name in node.inputs if name
    ):
        return None
    if node.op_type == "Concat" and not all(name in groups for name in node.inputs):
        return None
    first = max(carried, key=lambda group: len(group.members) + len(group.before))
    for group in carried:
        if group is not first and group.into is None:
            first.members += group.members
            first.before += group.before
            group.into = first
    return first


def _gain(scene: Scene, group: _Group) -> int:
    """How many transposes go when a group moves, less those that come."""
    inside = set(group.members)
    back = _inverse(group.order)
    gain = 0
    for node in group.before:
        name = node.outputs[0]
        users = scene.users(name)
        alone = name not in scene.pinned and bool(users)
        gain += alone and all(user in inside for user in users)
    for node in group.members:
        name = node.outputs[0]
        outside = [user for user in scene.users(name) if user not in inside]
        ends = [user for user in outside if _turns(scene, user, back)]
        gain += len(ends)
        gain -= name in scene.pinned or len(ends) < len(outside)
    return gain


def _turns(scene: Scene, node: Node, order: Order) -> bool:
    if node.op_type != "Transpose" or node.domain != DOMAIN or not scene.has(node):
        return False
    return tuple(order_of(scene, node) or ()) == order


def _inverse(order: Order) -> Order:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def _move(scene: Scene, group: _Group) -> bool:
    back = _inverse(group.order)
    moved = {node.outputs[0]: node.inputs[0] for node in group.before}
    members = sorted(group.members, key=scene.place)
    for node in members:
        given = [_operand(scene, name, moved, back) for name in node.inputs]
        settings = dict(node.attributes)
        if node.op_type == "Concat":
            settings["axis"] = group.order[int(settings["axis"])]
        moved[node.outputs[0]] = scene.put_instead(node, given, settings)
    for node in members:
        name = node.outputs[0]
        for user in scene.users(name):
            if _turns(scene, user, back) and scene.pass_on(user, moved[name]):
                end = user.outputs[0]
                moved[name] = end if end in scene.pinned else moved[name]
    for node in members:
        if scene.has(node):
            scene.become(node, "Transpose", [moved[node.outputs[0]]], perm=list(group.order))
    for node in (*members, *group.before):
        scene.tidy(node)
    return True


def _operand(scene: Scene, name: str, moved: dict[str, str], back: Order) -> str:
    if name in moved or not name:
        return moved.get(name, name)
    tensor = scene.tensor(name)
    if tensor is None or tensor.size == 1:
        return name
    shape = (*[1] * (len(back) - len(tensor.shape)), *tensor.shape)
    return spread_tensor(scene, name, shape, back)
