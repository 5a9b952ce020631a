"""Which tensor of a checkpoint belongs to which weight of a graph."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modelport.errors import ConversionError
from modelport.model.tensor import Tensor

COUNTER = "num_batches_tracked"
"""How torch calls the number of batches that a BatchNorm has seen; nothing is computed from it."""

_COUNTED = re.compile(
    r"(onnx::\w+?_|_?val_|_?tensor_|_?const_|initializer_|lifted_tensor_)?\d+|const/.*|.*Constant.*"
)

_DEEPEST = 4
"""Wrappers around wrappers, as in ``module._orig_mod.``."""


@dataclass(slots=True)
class Match:
    """The name in the checkpoint of every weight of the graph that has one, and how it was found.

    ``ordered`` are those that were matched by shape and order, ``kept`` those that are constants of
    the graph by their names; ``assumed`` tells whether anything was, a prefix among it.
    """

    names: dict[str, str]
    how: str
    assumed: bool = False
    ordered: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def add_counted(self, needed: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
        """Match weights by shape and order whose names an exporter made up, where all fit.

        Where nothing is left in the checkpoint, they are constants and stay as they are.
        """
        left = {name: tensor for name, tensor in needed.items() if name not in self.names}
        used = set(self.names.values())
        free = {
            name: tensor
            for name, tensor in state.items()
            if name not in used and not name.endswith(COUNTER)
        }
        left = {name: tensor for name, tensor in left.items() if is_made_up(name)}
        if not free:
            self.kept.extend(left)
        elif left:
            found = _aligned(left, free)
            if found is not None:
                self.names |= found
                self.ordered.extend(found)


def by_name(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Match:
    """By name, without the prefixes of either side that give the most matches of one size."""

    def worth(found: Mapping[str, str]) -> tuple[int, int]:
        sizes = sum(wanted[own].size == state[other].size for own, other in found.items())
        return sizes, len(found)

    ours = {_bare(name): name for name in wanted}
    theirs = {_bare(name): name for name in state}
    best, prefixes = _pairs(ours, theirs, "", ""), ("", "")
    for own in ("", *_prefixes(ours)):
        for other in ("", *_prefixes(theirs)):
            found = _pairs(ours, theirs, own, other)
            if worth(found) > worth(best):
                best, prefixes = found, (own, other)
    told = [
        f"without the prefix {prefix!r} of {side}"
        for prefix, side in zip(prefixes, ("the graph", "the checkpoint"), strict=True)
        if prefix
    ]
    return Match(best, ", ".join(["by name", *told]), bool(told))


def by_order(needed: Mapping[str, Tensor], state: Mapping[str, Tensor], path: str) -> Match:
    """By shape and order, where no name is known on both sides.

    Raises:
        ConversionError: another number of weights, other shapes, or an order that is not told.
    """
    free = {name: tensor for name, tensor in state.items() if not name.endswith(COUNTER)}
    found = _aligned(needed, free)
    if found is not None:
        return Match(found, "by shape and order", True, list(found))
    ours, theirs = _shapes(needed), _shapes(free)
    if ours == theirs:
        why = (
            "no name is in both files, and weights of one shape stand in another order, so that "
            "none can be told from the other"
        )
    else:
        why = (
            f"no name is in both files, and the shapes differ: only the graph has "
            f"{_told(ours - theirs)}, only the checkpoint {_told(theirs - ours)}; "
            f"the graph's weights are {shown(needed)}, the checkpoint's {shown(free)}"
        )
    raise ConversionError(path, why)


def is_made_up(name: str) -> bool:
    """Whether an exporter made up a name, for what has none in its source."""
    return _COUNTED.fullmatch(name) is not None


def shown(names: Iterable[str], most: int = 5) -> str:
    """The first names, and how many more there are."""
    listed = list(names)
    rest = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return (", ".join(listed[:most]) or "none") + rest


def _bare(name: str) -> str:
    """A name without the number of the output that TensorFlow puts behind it."""
    return name.removesuffix(":0")


def _prefixes(names: Iterable[str]) -> list[str]:
    """What names begin with up to a dot or slash, the most frequent and shortest first."""
    counts: Counter[str] = Counter()
    for name in names:
        ends = [match.end() for match in re.finditer(r"[./]", name)][:_DEEPEST]
        counts.update(name[:end] for end in ends)
    # What few names begin with is a module of the model, no wrapper around it.
    least = max(counts.values(), default=0) / 2
    common = [prefix for prefix, count in counts.items() if count >= least]
    return sorted(common, key=lambda prefix: (-counts[prefix], len(prefix)))[: 2 * _DEEPEST]


def _pairs(
    ours: Mapping[str, str], theirs: Mapping[str, str], own: str, other: str
) -> dict[str, str]:
    """The weights found under their names, each without a prefix where it has that."""
    bare = {name.removeprefix(other): full for name, full in theirs.items()}
    if len(bare) < len(theirs):
        return {}
    found = {full: bare.get(name.removeprefix(own)) for name, full in ours.items()}
    return {full: match for full, match in found.items() if match is not None}


def _aligned(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, str] | None:
    """Pairs of equal shape: in order, or in any order where no shape occurs twice.

    An order is that of the file, or, as torch lists parameters and buffers together or apart, that
    of the modules; where both fit, they have to say the same.
    """
    if len(ours) != len(theirs):
        return None
    found = [
        dict(zip(own, other, strict=True))
        for own in (list(ours), _by_module(ours))
        for other in (list(theirs), _by_module(theirs))
        if all(ours[a].shape == theirs[b].shape for a, b in zip(own, other, strict=True))
    ]
    if found:
        return found[0] if all(pairs == found[0] for pairs in found) else None
    by_shape = {tensor.shape: name for name, tensor in theirs.items()}
    if len(by_shape) < len(theirs) or _shapes(ours) != _shapes(theirs):
        return None
    return {name: by_shape[tensor.shape] for name, tensor in ours.items()}


def _by_module(names: Iterable[str]) -> list[str]:
    """The names with those of one module together, where its first one stands."""
    listed = list(names)
    modules = [re.sub(r"(^|[./])[^./]*$", "", name) for name in listed]
    first = {module: at for at, module in reversed(list(enumerate(modules)))}
    order = sorted(range(len(listed)), key=lambda at: (first[modules[at]], at))
    return [listed[at] for at in order]


def _shapes(tensors: Mapping[str, Tensor]) -> Counter[tuple[int, ...]]:
    return Counter(tensor.shape for tensor in tensors.values())


def _told(shapes: Counter[tuple[int, ...]]) -> str:
    listed = [f"{count} of {list(shape)}" for shape, count in shapes.items()]
    return shown(listed, 3)
