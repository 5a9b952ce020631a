"""What the model owns: which tensor is a parameter of which module, and under which name."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from modelport.dialects.onnx.scopes import scope_of
from modelport.dialects.onnx.types.known import Known
from modelport.dialects.torch.raises.call import torch_dtype
from modelport.dialects.torch.raises.literals import nested
from modelport.dialects.torch.raises.naming import Names
from modelport.dialects.torch.source.members import (
    BUFFER,
    CONSTANT,
    MODULE,
    PARAMETER,
    Member,
    Path,
)
from modelport.errors import ConversionError
from modelport.model.derived import Reshape, Slice, Source, Transpose, same, sources
from modelport.model.expression import Expression, rebase
from modelport.model.graph import Graph, Node
from modelport.model.inverse import undone
from modelport.model.tensor import Tensor


class Ownership:
    """The members of a model while it is written; no tensor belongs to two.

    ``weights`` are the names of tensors that the file itself has; others are constants.
    """

    def __init__(self, graph: Graph, weights: Container[str] | None) -> None:
        self.members: list[Member] = []
        self.names = Names(graph)
        self._weights = weights
        self._modules: dict[str, list[Member]] = {}
        self._scopes: dict[Member, Path] = {}
        self._owners: dict[int, list[tuple[Member, str]]] = {}
        self._constants: dict[tuple[Path, str], Member] = {}

    def module(
        self, constructor: str, tensors: Mapping[str, Expression], node: Node
    ) -> Member | None:
        """The module of this constructor over these tensors; None where it cannot be one."""
        held = [tensor for part in tensors.values() for tensor in sources(part)]
        tied = any(len(tensor.shape) > 1 for tensor in held)
        scope = self.names.path(scope_of(node))
        for member in self._modules.get(constructor, ()):
            # Fresh normalisations have equal numbers, which exporters store once.
            if (tied or scope == self._scopes[member]) and _equal(member.tensors, tensors):
                return member
        if any(id(tensor) in self._owners and len(tensor.shape) > 1 for tensor in held):
            return None
        path = self.names.module(tensors, node, constructor)
        if path is None:
            return None
        made = self._own(path, MODULE, constructor, dict(tensors))
        self._modules.setdefault(constructor, []).append(made)
        self._scopes[made] = scope
        return made

    def parameter(self, name: str, expression: Expression, node: Node | None) -> str:
        """A tensor of the file as an attribute of the model, turned if that holds it otherwise."""
        for tensor in sources(expression):
            for member, role in self._owners.get(id(tensor), ()):
                found = _turned(expression, member.tensors[role], f"{member}.{role}".rstrip("."))
                if found is not None:
                    return found
        held = sources(expression)
        whole = self.names.of(held[0]) if len(held) == 1 else ""
        if Names.split(whole) and not isinstance(expression, Source):
            own = Source(held[0])
            if _turned(expression, own, "x") is not None:
                base = self.parameter(whole, own, node)
                return _turned(expression, own, base) or base
        dtype = expression.dtype
        shape = ", ".join(map(str, expression.shape)) if expression.shape else "()"
        kind = "" if dtype.name == "float32" else f", dtype={torch_dtype(dtype)}"
        trained = dtype.kind in ("float", "complex") and self._is_weight(name, held)
        path = self.names.tensor(name, scope_of(node) if node is not None else ())
        owned = PARAMETER if trained else BUFFER
        return str(self._own(path, owned, f"torch.empty({shape}{kind})", {"": expression}))

    def is_weight(self, name: str) -> bool:
        """Whether the file has a tensor of that name that may be trained."""
        return self._weights is None or name in self._weights

    def _is_weight(self, name: str, held: tuple[Tensor, ...]) -> bool:
        if self._weights is None:
            return True
        return name in self._weights or any(
            self.names.of(tensor) in self._weights for tensor in held
        )

    def written(self, name: str, known: Known, node: Node | None) -> Member:
        """A small constant, its values in the source.

        Raises:
            ConversionError: its values are not known.
        """
        if known.array is None or known.dtype is None:
            raise ConversionError(name, "nothing gives this value")
        values = f"torch.tensor({nested(known.array.tolist(), known.dtype)}"
        if not known.array.size:
            values = f"torch.empty({tuple(known.array.shape)}"
        text = f"{values}, dtype={torch_dtype(known.dtype)})"
        scope = self.names.path(scope_of(node)) if node is not None else ()
        if (scope, text) not in self._constants:
            path = self.names.constant(name, scope)
            self._constants[scope, text] = self._own(path, CONSTANT, text, {})
        return self._constants[scope, text]

    def _own(
        self, path: Path, kind: str, constructor: str, tensors: dict[str, Expression]
    ) -> Member:
        member = Member(len(self.members), path, kind, constructor, tensors)
        self.members.append(member)
        for role, part in tensors.items():
            for tensor in sources(part):
                self._owners.setdefault(id(tensor), []).append((member, role))
        return member


def _equal(a: Mapping[str, Expression], b: Mapping[str, Expression]) -> bool:
    return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)


def _turned(wanted: Expression, held: Expression, text: str) -> str | None:
    """``wanted`` as torch makes it of ``held``, which ``text`` reaches; None where it does not."""
    if same(wanted, held):
        return text
    stands = Source(Tensor(text, held))
    back = undone({text: (held, stands)})
    if any(id(tensor) not in back for tensor in sources(wanted)):
        return None

    def replaced(leaf: Any) -> Expression:
        return back[id(leaf.tensor)] if isinstance(leaf, Source) else leaf

    return _chain(rebase(wanted, replaced), stands, text)


def _chain(expression: Expression, base: Source, text: str) -> str | None:
    """Methods of torch for an expression over ``base``; None where it is no plain chain."""
    if expression is base:
        return text
    if not isinstance(expression, Transpose | Reshape | Slice):
        return None
    inner = _chain(expression.child, base, text)
    if inner is None:
        return None
    if isinstance(expression, Transpose):
        order = expression.permutation
        return f"{inner}.T" if order == (1, 0) else f"{inner}.permute{order}"
    if isinstance(expression, Reshape):
        return f"{inner}.reshape({', '.join(map(str, expression.shape))})"
    if expression.step != 1:
        return None
    bounds = f"{expression.start}:{expression.start + expression.count}"
    return f"{inner}[{', '.join([':'] * expression.axis + [bounds])}]"
