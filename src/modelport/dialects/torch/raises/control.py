"""Branches and loops: ``if``, ``for`` and ``while`` of Python."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from modelport.dialects.torch.raises.call import Call, raises
from modelport.dialects.torch.raises.slicing import FAR
from modelport.dialects.torch.raises.writer import Frame, Writer
from modelport.dialects.torch.source.sizes import Sizes
from modelport.dialects.torch.source.statements import Choose, Ref, Repeat, parse
from modelport.model.graph import Graph


@raises("If")
def choose(call: Call) -> list[str] | None:
    """One of two bodies, by a truth value."""
    writer, known = call.writer, call.array(0)
    if known is not None:
        body = call.body("then_branch" if known.reshape(-1)[0] else "else_branch")
        with writer.within(body, here=True):
            writer.write(body)
            found = [writer.tensor(value.name) for value in body.outputs]
        return [text for text, name in zip(found, call.node.outputs, strict=False) if name]
    condition = parse(call[0])
    branches = []
    for name in ("then_branch", "else_branch"):
        with writer.within(call.body(name)) as frame:
            frame.body.results = _written(writer, frame)
        branches.append(frame.body)
    targets = tuple(writer.target(name) for name in call.node.outputs)
    writer.add(Choose(targets, condition, branches[0], branches[1]))
    return None


def _written(writer: Writer, frame: Frame, first: int = 0) -> list[ast.expr]:
    """The statements of a body, and what it yields from a place on."""
    writer.write(frame.graph)
    return [parse(writer.tensor(value.name)) for value in frame.graph.outputs[first:]]


class _Rounds:
    """A loop while it is written: what goes from round to round, and what begins it."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.counter = writer.ref("i")
        self.carried: list[Ref] = []
        self.start: list[ast.expr] = []

    def carry(self, start: str, hint: str = "") -> Ref:
        """A variable that a round gets from the one before."""
        ref = self.writer.ref(hint)
        self.carried.append(ref)
        self.start.append(parse(start))
        return ref

    def lists(self, count: int) -> list[Ref]:
        """Lists to which every round adds an item."""
        return [self.carry("[]", "items") for _ in range(count)]

    def write(
        self,
        frame: Frame,
        yields: Sequence[ast.expr],
        count: str | None,
        condition: Ref | None = None,
    ) -> list[Ref]:
        """The statement; the values after the last round."""
        frame.body.results = list(yields)
        targets = tuple(self.writer.ref(ref.hint) for ref in self.carried)
        self.writer.add(
            Repeat(
                targets,
                self.counter,
                None if count is None else parse(count),
                None if condition is None else parse(str(condition)),
                tuple(self.carried),
                tuple(self.start),
                frame.body,
            )
        )
        return list(targets)


def _added(lists: Sequence[Ref], items: Sequence[ast.expr], ahead: Sequence[int]) -> list[ast.expr]:
    """Lists with one item more, at the end or at the beginning."""
    texts = [(str(ref), ast.unparse(item)) for ref, item in zip(lists, items, strict=True)]
    return [
        parse(f"[{item}, *{ref}]" if first else f"[*{ref}, {item}]")
        for (ref, item), first in zip(texts, ahead, strict=True)
    ]


@raises("Loop")
def loop(call: Call) -> None:
    """A body again and again: a number of times, or while its condition holds."""
    body, writer = call.body("body"), call.writer
    names = [value.name for value in body.inputs]
    ends = _ends(call, body)
    count = _count(call, ends)
    rounds = _Rounds(writer)
    first = "True" if _holds(call.known(1).array) or not call.has(1) else call[1]
    going = rounds.carry(first, "going") if ends else None
    states = [rounds.carry(call[i]) for i in range(2, len(call))]
    lists = rounds.lists(len(body.outputs) - 1 - len(states))
    with writer.within(body) as frame:
        counts = count is None and writer.uses(names[0]) > 0
        counter = rounds.carry("0", "i") if counts else rounds.counter
        frame.sizes[names[0]] = Sizes((str(counter),), True, _like(call))
        if going is None:
            writer.bind(names[1], "torch.tensor(True)", inline=True)
        else:
            frame.refs[names[1]] = going
        frame.refs.update(zip(names[2:], states, strict=True))
        results = _written(writer, frame, 0 if ends else 1)
    after = len(results) - len(lists)
    yields = results[:after]
    yields += _added(lists, results[after:], [0] * len(lists))
    yields += [parse(f"{counter} + 1")] if counts else []
    targets = rounds.write(frame, yields, count, going)[1 if ends else 0 :]
    _results(call, targets, len(states), [0] * len(lists))


def _ends(call: Call, body: Graph) -> bool:
    """Whether a condition may end the loop."""
    if call.has(1) and not _holds(call.array(1)):
        return True
    same = {node.outputs[0]: node.inputs[0] for node in body.nodes if node.op_type == "Identity"}
    name = body.outputs[0].name
    while name in same:
        name = same[name]
    if name == body.inputs[1].name:
        return False
    with call.writer.within(body):
        return not _holds(call.writer.known(name).array)


def _holds(array: NDArray[Any] | None) -> bool:
    """Whether a condition is known to be true."""
    return array is not None and bool(array.reshape(-1)[0])


def _count(call: Call, ends: bool) -> str | None:
    """How many rounds there are at most; None for any number of them."""
    if not call.has(0):
        return None
    array = call.array(0)
    if ends and array is not None and int(array.reshape(-1)[0]) >= FAR:
        return None
    return call.scalar(0, "int")


def _like(call: Call) -> str:
    """An operand whose device is that of the values a loop makes."""
    tensors = [
        call[i]
        for i in range(2, len(call))
        if call.known(i).dtype is not None and not call.known(i).boxes
    ]
    return tensors[0] if tensors and tensors[0].startswith("_value_") else ""


def _results(call: Call, targets: Sequence[Ref], states: int, axes: Sequence[int]) -> None:
    """The values after the last round as the node's results: states, then what was collected."""
    for place, name in enumerate(call.node.outputs):
        if name and place < states:
            call.writer.frame.refs[name] = targets[place]
        elif name:
            text = _stacked(call, place, targets[place], axes[place - states])
            call.writer.bind(name, text)


def _stacked(call: Call, place: int, items: Ref, axis: int) -> str:
    """What a loop collected, as one tensor; there may be nothing."""
    dim = f", dim={axis}" if axis else ""
    known = call.output(place)
    count = known.dim(axis)
    if isinstance(count, int) and count > 0:
        return f"torch.stack({items}{dim})"
    shape = known.shape or (0,)
    sizes = [
        extent if isinstance(extent, int) and i != axis % len(shape) else 0
        for i, extent in enumerate(shape)
    ]
    kind = f", dtype=torch.{known.dtype.name}" if known.dtype is not None else ""
    extents = ", ".join(map(str, sizes))
    return f"torch.stack({items}{dim}) if {items} else torch.empty({extents}{kind})"


@raises("Scan")
def scan(call: Call) -> None:
    """A body over the slices of tensors, with values that go from round to round."""
    body, writer = call.body("body"), call.writer
    sliced = int(call.attribute("num_scan_inputs"))
    states = len(call) - sliced
    axes = call.ints("scan_input_axes") or [0] * sliced
    backwards = call.ints("scan_input_directions") or [0] * sliced
    rounds = _Rounds(writer)
    carried = [rounds.carry(call[i]) for i in range(states)]
    lists = rounds.lists(len(body.outputs) - states)
    length = f"{call[states]}.shape[{axes[0]}]"
    with writer.within(body) as frame:
        names = [value.name for value in body.inputs]
        frame.refs.update(zip(names, carried, strict=False))
        for place, name in enumerate(names[states:]):
            text, axis = call[states + place], axes[place]
            index = f"-1 - {rounds.counter}" if backwards[place] else str(rounds.counter)
            item = f"{text}[{index}]" if axis == 0 else f"{text}.select({axis}, {index})"
            writer.bind(name, item)
        results = _written(writer, frame)
    ahead = call.ints("scan_output_directions") or [0] * len(lists)
    yields = [*results[:states], *_added(lists, results[states:], ahead)]
    targets = rounds.write(frame, yields, length)
    _results(call, targets, states, call.ints("scan_output_axes") or [0] * len(lists))


@raises("SequenceMap")
def sequence_map(call: Call) -> None:
    """A body over the items of lists."""
    body, writer = call.body("body"), call.writer
    rounds = _Rounds(writer)
    lists = rounds.lists(len(body.outputs))
    with writer.within(body) as frame:
        for place, value in enumerate(body.inputs):
            item = f"{call[place]}[{rounds.counter}]"
            whole = place > 0 and "sequence" not in call.known(place).boxes
            writer.bind(value.name, call[place] if whole else item)
        results = _written(writer, frame)
    yields = _added(lists, results, [0] * len(lists))
    targets = rounds.write(frame, yields, f"len({call[0]})")
    for name, ref in zip(call.node.outputs, targets, strict=False):
        if name:
            writer.frame.refs[name] = ref
