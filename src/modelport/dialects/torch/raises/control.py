"""Branches and loops: ``if``, ``for`` and ``while`` of Python."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.torch.raises.call import Call, raises
from modelport.dialects.torch.source.sizes import Sizes
from modelport.dialects.torch.source.statements import Choose, Ref, Repeat, parse
from modelport.model.graph import Graph


@raises("If")
def choose(call: Call) -> None:
    """One of two bodies, by a truth value."""
    known = call.array(0)
    if known is not None:
        body = call.body("then_branch" if known.reshape(-1)[0] else "else_branch")
        for name, text in zip(call.node.outputs, _run(call, body, {}), strict=True):
            if name:
                call.writer.bind(name, text)
        return
    condition = parse(call[0])
    branches = []
    for name in ("then_branch", "else_branch"):
        with call.writer.within(call.body(name)) as frame:
            call.writer.write(frame.graph)
            frame.body.results = [
                parse(call.writer.tensor(value.name)) for value in frame.graph.outputs
            ]
        branches.append(frame.body)
    targets = tuple(call.writer.target(name) for name in call.node.outputs)
    call.writer.add(Choose(targets, condition, branches[0], branches[1]))


def _run(call: Call, graph: Graph, given: dict[str, Ref]) -> list[str]:
    """The statements of a body here and now; the values it yields."""
    with call.writer.within(graph, here=True) as frame:
        frame.refs.update(given)
        call.writer.write(graph)
        return [call.writer.tensor(value.name) for value in graph.outputs]


@raises("Loop")
def loop(call: Call) -> None:
    """A body again and again: a number of times, or while its condition holds."""
    body = call.body("body")
    writer = call.writer
    count = parse(call.sizes(0).items[0]) if call.has(0) else None
    carried = [writer.ref() for _ in call.node.inputs[2:]]
    lists = [writer.ref("items") for _ in body.outputs[1 + len(carried) :]]
    start = [parse(call[i]) for i in range(2, len(call))]
    counter = writer.ref("i")
    first = call.array(1) if call.has(1) else None
    with writer.within(body) as frame:
        names = [value.name for value in body.inputs]
        frame.sizes[names[0]] = Sizes((str(counter),), True, _like(call))
        condition = writer.ref("going")
        frame.refs[names[1]] = condition
        frame.refs.update(zip(names[2:], carried, strict=True))
        writer.write(body)
        results = [writer.tensor(value.name) for value in body.outputs]
        ends = body.outputs[0].name != names[1] and not _holds(writer.known(body.outputs[0].name))
    goes_on = (not call.has(1) or (first is not None and bool(first))) and not ends
    rounds = [
        parse(f"[*{ref}, {item}]") for ref, item in _pairs(lists, results[1 + len(carried) :])
    ]
    yields = [parse(text) for text in results[1 : 1 + len(carried)]] + rounds
    everything, begins = [*carried, *lists], [*start, *(parse("[]") for _ in lists)]
    if not goes_on:
        everything = [condition, *everything]
        begins = [parse(call[1] if call.has(1) else "True"), *begins]
        yields = [parse(results[0]), *yields]
    frame.body.results = yields
    targets = [writer.ref(ref.hint) for ref in everything]
    test = None if goes_on else parse(str(condition))
    writer.add(
        Repeat(tuple(targets), counter, count, test, tuple(everything), tuple(begins), frame.body)
    )
    own = targets[0 if goes_on else 1 :]
    for name, ref in zip(call.node.outputs, own, strict=False):
        writer.frame.refs[name] = ref
    for place in range(len(carried), len(call.node.outputs)):
        if call.node.outputs[place]:
            writer.bind(call.node.outputs[place], stacked(call, place, own[place], 0))


def _holds(known: object) -> bool:
    array = getattr(known, "array", None)
    return array is not None and bool(array.reshape(-1)[0])


def _pairs(refs: Sequence[Ref], texts: Sequence[str]) -> list[tuple[Ref, str]]:
    return list(zip(refs, texts, strict=True))


def _like(call: Call) -> str:
    """An operand whose device is that of the values a loop makes."""
    tensors = [call[i] for i in range(2, len(call)) if call.known(i).dtype is not None]
    return tensors[0] if tensors and tensors[0].startswith("_value_") else ""


def stacked(call: Call, place: int, items: Ref, axis: int) -> str:
    """What a loop collected, as one tensor; there may be nothing."""
    dim = f", dim={axis}" if axis else ""
    known = call.output(place)
    count = known.dim(axis)
    if isinstance(count, int) and count > 0:
        return f"torch.stack({items}{dim})"
    shape = [0 if i == axis else extent for i, extent in enumerate(known.shape or (0,))]
    extents = ", ".join(str(extent) if isinstance(extent, int) else "0" for extent in shape)
    kind = f", dtype=torch.{known.dtype.name}" if known.dtype is not None else ""
    return f"torch.stack({items}{dim}) if {items} else torch.empty({extents}{kind})"


@raises("Scan")
def scan(call: Call) -> None:
    """A body over the slices of tensors, with values that go from round to round."""
    body, writer = call.body("body"), call.writer
    sliced = int(call.attribute("num_scan_inputs"))
    states = len(call) - sliced
    axes = call.ints("scan_input_axes") or [0] * sliced
    backwards = call.ints("scan_input_directions") or [0] * sliced
    carried = [writer.ref() for _ in range(states)]
    collected = len(body.outputs) - states
    lists = [writer.ref("items") for _ in range(collected)]
    counter = writer.ref("i")
    length = f"{call[states]}.shape[{axes[0]}]"
    with writer.within(body) as frame:
        names = [value.name for value in body.inputs]
        frame.refs.update(zip(names, carried, strict=False))
        for place in range(sliced):
            text, axis = call[states + place], axes[place]
            index = f"{text}.shape[{axis}] - 1 - {counter}" if backwards[place] else str(counter)
            item = f"{text}[{index}]" if axis == 0 else f"{text}.select({axis}, {index})"
            writer.bind(names[states + place], item)
        writer.write(body)
        results = [writer.tensor(value.name) for value in body.outputs]
    outward = call.ints("scan_output_directions") or [0] * collected
    rounds = [
        parse(f"[{item}, *{ref}]" if outward[i] else f"[*{ref}, {item}]")
        for i, (ref, item) in enumerate(_pairs(lists, results[states:]))
    ]
    frame.body.results = [*(parse(text) for text in results[:states]), *rounds]
    everything = (*carried, *lists)
    begins = (*(parse(call[i]) for i in range(states)), *(parse("[]") for _ in lists))
    targets = tuple(writer.ref(ref.hint) for ref in everything)
    writer.add(Repeat(targets, counter, parse(length), None, everything, begins, frame.body))
    for name, ref in zip(call.node.outputs[:states], targets, strict=False):
        writer.frame.refs[name] = ref
    places = call.ints("scan_output_axes") or [0] * collected
    for place in range(states, len(call.node.outputs)):
        if call.node.outputs[place]:
            axis = places[place - states]
            writer.bind(call.node.outputs[place], stacked(call, place, targets[place], axis))
