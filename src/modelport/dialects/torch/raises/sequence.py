"""Sequences as lists of Python, optionals as values that may be None."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, raises


@raises("SequenceConstruct")
def construct(call: Call) -> str:
    """A list of tensors."""
    return f"[{', '.join(call[i] for i in range(len(call)))}]"


@raises("SequenceEmpty")
def empty(call: Call) -> str:
    """A list of nothing."""
    return "[]"


@raises("SequenceAt")
def at(call: Call) -> str:
    """An item of a list."""
    return f"{call[0]}[{call.scalar(1, 'int')}]"


@raises("SequenceLength")
def length(call: Call) -> str:
    """How many items a list has."""
    return f"torch.tensor(len({call[0]}))"


@raises("SequenceInsert")
def insert(call: Call) -> str:
    """A list with one item more, at its end or before a place."""
    if not call.has(2):
        return f"[*{call[0]}, {call[1]}]"
    place = call.scalar(2, "int")
    return f"[*{call[0]}[:{place}], {call[1]}, *{call[0]}[{place}:]]"


@raises("SequenceErase")
def erase(call: Call) -> str:
    """A list with one item less, the last or that at a place."""
    if not call.has(1):
        return f"{call[0]}[:-1]"
    place = call.scalar(1, "int")
    if place.strip("(-)").isdigit():
        number = int(place.strip("()"))
        rest = f"{call[0]}[{number + 1}:]" if number != -1 else ""
        return f"[*{call[0]}[:{number}], *{rest}]" if rest else f"{call[0]}[:-1]"
    return f"[item for i, item in enumerate({call[0]}) if i != {place} % len({call[0]})]"


@raises("SplitToSequence")
def split_to_sequence(call: Call) -> str | None:
    """Pieces along an axis, as a list; by names of their own where they are only taken out."""
    pieces, taken = _pieces(call), _taken(call)
    if taken is None:
        return f"list({pieces})"
    targets = []
    for item in taken:
        targets.append(call.writer.target(item.node.outputs[0]))
        call.absorb(item)
    call.writer.let(targets, pieces)
    return None


def _pieces(call: Call) -> str:
    axis = call.axis()
    dim = f", dim={axis}" if axis else ""
    if not call.has(1):
        if call.attribute("keepdims", 1):
            return f"{call[0]}.split(1{dim})"
        return f"{call[0]}.unbind({axis or ''})"
    if call.known(1).rank == 0:
        return f"{call[0]}.split({call.scalar(1, 'int')}{dim})"
    pieces = call.whole(1)
    text = f"{call[1]}.tolist()" if pieces is None else str(pieces)
    return f"{call[0]}.split({text}{dim})"


def _taken(call: Call) -> list[Call] | None:
    """The calls that take the pieces out, one each and in order, where nobody else has them."""
    extent, sizes = call.known(0).dim(call.axis()), call.whole(1)
    if not isinstance(extent, int) or (call.has(1) and not sizes) or sizes == [0]:
        return None
    count = len(sizes) if sizes and call.known(1).rank == 1 else -(-extent // (sizes or [1])[0])
    found: dict[int, Call] = {}
    users = call.users()
    for user in users:
        place = user.whole(1) if user.node.op_type == "SequenceAt" else None
        if place is None:
            return None
        found[place[0] % max(count, 1)] = user
    if count < 2 or len(users) != count or sorted(found) != list(range(count)):
        return None
    return [found[place] for place in range(count)]


@raises("ConcatFromSequence")
def concat_from_sequence(call: Call) -> str:
    """The items of a list as one tensor, along an axis they have or a new one."""
    axis = int(call.attribute("axis"))
    dim = f", dim={axis}" if axis else ""
    return f"torch.{'stack' if call.attribute('new_axis', 0) else 'cat'}({call[0]}{dim})"


@raises("Optional")
def optional(call: Call) -> str:
    """A value, or nothing."""
    return call[0] if call.has(0) else "None"


@raises("OptionalHasElement")
def has_element(call: Call) -> str:
    """Whether there is a value."""
    if not call.has(0):
        return "torch.tensor(False)"
    if "optional" not in call.known(0).boxes:
        return "torch.tensor(True)"
    return f"torch.tensor({call[0]} is not None)"


@raises("OptionalGetElement")
def get_element(call: Call) -> str:
    """The value that is there."""
    return call[0]
