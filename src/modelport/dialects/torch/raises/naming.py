"""What modules and parameters are called: as the source called them, if it did."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from modelport.dialects.onnx.scopes import scope_of
from modelport.dialects.torch.source.calls import called
from modelport.dialects.torch.source.members import Path, attribute, common
from modelport.model.expression import Expression, source, sources
from modelport.model.graph import Graph, Node, Scope
from modelport.model.tensor import Tensor

_LAYERED = ("nn.LSTM(", "nn.GRU(", "nn.RNN(")
_PARAMETER = re.compile(r"\w*(weight|bias)\w*")
"""What torch's own modules call their parameters."""
_RECURRENT = re.compile(r"(weight|bias)_[ih]h_l\d+(_reverse)?")
"""What its recurrent layers call theirs, which ONNX holds several in one."""
_NOBODYS = re.compile(r"^(\d+|onnx::.*|.*_output_\d+|val_\d+|.*const_fold.*|.*Constant.*)$")
"""Names that an exporter made up."""


class Names:
    """Gives every member a path of its own, from the names of tensors and the scopes of nodes."""

    def __init__(self, graph: Graph) -> None:
        self._taken: set[Path] = set()
        self._above: set[Path] = set()
        self._below: dict[Path, set[str]] = {}
        self._uses: Counter[str] = Counter()
        self._names: dict[int, list[str]] = {}
        self._alone: dict[int, str] = {}
        for inner in graph.subgraphs():
            for name in inner.tensors:
                self._uses[name] = 0
            for node in inner.nodes:
                self._uses.update(name for name in node.inputs if name in self._uses)
            for name, tensor in inner.tensors.items():
                leaves = sources(source(tensor))
                for leaf in leaves:
                    self._names.setdefault(id(leaf), []).append(name)
                if len(leaves) == 1:
                    self._alone.setdefault(id(leaves[0]), name)
                path = self.split(name)
                for length in range(len(path) + 1):
                    self._below.setdefault(path[:length], set()).add(name)

    def of(self, tensor: Tensor) -> str:
        """What the graph calls a tensor of the file, or what is made of it alone."""
        return self._alone.get(id(tensor), tensor.name)

    @staticmethod
    def split(name: str) -> Path:
        """A tensor's name as a path; empty where an exporter made it up."""
        if _NOBODYS.match(name):
            return ()
        return tuple(attribute(part) for part in re.split(r"[./]", name) if part)

    @staticmethod
    def path(scope: Sequence[Scope]) -> Path:
        """The path of the modules around a node."""
        return tuple(
            attribute(part) for step in scope for part in re.split(r"[./]", step.name) if part
        )

    @staticmethod
    def scope(scope: Sequence[Scope]) -> Path:
        """The path of the modules around a node, with the number of each call."""
        found: list[str] = []
        for step in scope:
            parts = [attribute(part) for part in re.split(r"[./]", step.name) if part]
            found += [*parts[:-1], *(called(part, step.call) for part in parts[-1:])]
        return tuple(found)

    def module(
        self, tensors: Mapping[str, Expression], node: Node, constructor: str
    ) -> Path | None:
        """The path of a module over these tensors.

        None where others stand below it, or where a tensor would lose the name that torch gave it.
        """
        # Each layer of a recurrent module of several is a module of its own here.
        layered = constructor.startswith(_LAYERED)
        if not layered and any(self._loses_its_name(*pair) for pair in tensors.items()):
            return None
        held = [tensor for part in tensors.values() for tensor in sources(part)]
        named = [self.of(tensor) for tensor in held]
        scope = self.path(scope_of(node))
        # What several modules share is called after one of them only.
        trusted = [name for name in named if self._uses[name] == 1 or not scope]
        paths = [path for name in trusted if (path := self.split(name))]
        own = {name for tensor in held for name in self._names.get(id(tensor), ())}
        base = common([path[:-1] for path in paths]) if paths else ()
        while len(base) > max(1, len(scope)) and self._below.get(base[:-1], set()) <= own:
            base = base[:-1]
        base = base or _stem([".".join(path) for path in paths]) or scope
        if not base:
            kind = constructor.partition("(")[0].rpartition(".")[2]
            return self._unused((re.sub(r"\d?d?$", "", kind).lower() or "layer",), number=True)
        if not layered and not self._below.get(base, set()) <= own:
            return None
        return self._unused(base)

    def _loses_its_name(self, role: str, expression: Expression) -> bool:
        """Whether a parameter of torch (``in_proj_weight``) would have to be called otherwise."""
        if _RECURRENT.fullmatch(role):
            return False
        names = [self.of(tensor).rpartition(".")[2] for tensor in sources(expression)]
        return len(names) == 1 and bool(_PARAMETER.fullmatch(names[0])) and names[0] != role

    def tensor(self, name: str, scope: Sequence[Scope]) -> Path:
        """The path of a parameter or buffer."""
        return self._unused(self.split(name) or (*self.path(scope), "weight"))

    def constant(self, name: str, scope: Path) -> Path:
        """The path of a constant of the code."""
        return self._unused((*scope, "constant"), number=True)

    def _unused(self, path: Path, number: bool = False) -> Path:
        """A path like this one that is neither taken nor above or below a taken one."""
        for length in range(1, len(path)):
            if path[:length] in self._taken:
                # What is below a module of torch's own stands beside it.
                path = (*path[: length - 1], "_".join(path[length - 1 :]))
                break
        count = 0
        found = (*path[:-1], f"{path[-1]}1") if number else path
        while found in self._taken or found in self._above:
            count += 1
            found = (*path[:-1], f"{path[-1]}{count + 1}" if number else f"{path[-1]}_{count + 1}")
        self._taken.add(found)
        self._above.update(found[:length] for length in range(1, len(found)))
        return found


def _stem(names: Sequence[str]) -> Path:
    """What names without separators begin with (``conv1_w``, ``conv1_b``)."""
    if len(names) < 2:
        return ()
    first, last = min(names), max(names)
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    stem = first[:length].rstrip("_.")
    return (attribute(stem),) if len(stem) > 1 else ()
