"""The exported program of torch (``torch._export.serde.schema``): JSON to a native graph.

Nodes keep their own words: domain ``aten``, the operator's name, its overload. What a call is
given stands in the attribute ``call`` as ``{"args": [...], "kwargs": {...}}``, where
``{"tensor": i}`` is the node's input i and ``{"parameter": role}`` one of its parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelport.errors import MalformedFile
from modelport.formats.shared.torch.module_stack import module_stack
from modelport.model.dtype import DTYPES, DType
from modelport.model.graph import Dim, Graph, Node, TensorType, Value

DTYPE_NUMBERS = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    10: "complex64",
    11: "complex128",
    12: "bool",
    13: "bfloat16",
    28: "uint16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
    31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu",
    34: "uint32",
    35: "uint64",
}
"""``torch._export.serde.schema.ScalarType``."""

_NUMBERS = {"as_int": "int64", "as_float": "float64", "as_bool": "bool"}
"""Python numbers as outputs, and the dtypes that they become."""

_SYMBOL = re.compile(r"Symbol\('(\w+)'[^()]*\)|(\w+)")
_MAYBE_COPIES = frozenset("contiguous flatten ravel reshape reshape_as".split())
"""Operators that give a view where the elements lie as they want them, else a copy."""
_HELD = ("parameter", "buffer", "tensor_constant", "custom_obj")


class Program:
    """Turns one program into a graph.

    ``name`` is what errors call it. ``weights`` tells which names of the state there are tensors
    for; a value that no tensor stands behind becomes an input.
    """

    def __init__(self, name: str, written: Mapping[str, Any]) -> None:
        self.name = name
        self.written = written
        module = self._mapping(written, "graph_module")
        self.signature = self._mapping(module, "signature")
        self.body = self._mapping(module, "graph")
        self.held: dict[str, str] = {}  # value -> name in the state
        self.graph = Graph("model")

    def read(self) -> Graph:
        """The graph, with the names of its parameters and no tensors yet.

        Raises:
            MalformedFile: not what torch writes.
        """
        inputs = self._inputs()
        self._values(self.body)
        self.graph.inputs = [self._value(name) for name in inputs]
        self.graph.nodes = [self._node(node) for node in self._list(self.body, "nodes")]
        self.graph.outputs = [self._value(name) for name in self._outputs()]
        return self.graph

    def constants(self) -> list[str]:
        """The names of tensors that no ``state_dict`` holds: constants, buffers not kept there."""
        found = []
        for entry in self._list(self.signature, "input_specs"):
            kind, spec = self._choice(entry)
            name = spec.get(f"{kind}_name") if isinstance(spec, Mapping) else None
            if isinstance(name, str) and (
                kind in ("tensor_constant", "custom_obj") or spec.get("persistent") is False
            ):
                found.append(name)
        return found

    def ranges(self) -> dict[str, tuple[int | None, int | None]]:
        """The least and the largest extent of every symbol that has such bounds."""
        stated = self.written.get("range_constraints")
        found = {}
        for name, bounds in stated.items() if isinstance(stated, Mapping) else ():
            if isinstance(bounds, Mapping):
                ends = [bounds.get("min_val"), bounds.get("max_val")]
                least, most = (end if type(end) is int else None for end in ends)
                found[name] = (least, most)
        return found

    def _inputs(self) -> list[str]:
        """The user's inputs; the others are parameters and buffers, lifted out of the module."""
        names = []
        for entry in self._list(self.signature, "input_specs"):
            kind, spec = self._choice(entry)
            if kind in _HELD:
                value = self._text(self._mapping(spec, "arg"), "name")
                state = spec.get(f"{kind}_name") or spec.get("tensor_constant_name")
                self.held[value] = state if isinstance(state, str) else value
            elif kind == "user_input":
                names.extend(self._names(self._mapping(spec, "arg")))
        return names

    def _outputs(self) -> list[str]:
        names = []
        for entry in self._list(self.signature, "output_specs"):
            kind, spec = self._choice(entry)
            if kind == "user_output":
                argument = self._mapping(spec, "arg")
                kind, value = self._choice(argument)
                if kind in _NUMBERS:
                    names.append(self._number(value, _NUMBERS[kind]))
                names.extend(self._returned(name) for name in self._names(argument))
        return names

    def _number(self, value: Any, dtype: str) -> str:
        """The name of a number that is an output as it stands: the result of a node of its own."""
        name = f"number_{len(self.graph.nodes)}"
        call = {"args": [value], "kwargs": {"dtype": {"dtype": dtype}}}
        node = Node("aten", "scalar_tensor", name, outputs=[name], attributes={"call": call})
        self.graph.nodes.append(node)
        self.graph.values[name] = Value(name, TensorType(DTYPES[dtype], ()))
        return name

    def _returned(self, name: str) -> str:
        """The name of an output; a weight that is one goes by its name in the state."""
        if name not in self.held:
            return name
        self.graph.values[self.held[name]] = Value(self.held[name], self._value(name).type)
        return self.held[name]

    def _values(self, body: Mapping[str, Any]) -> None:
        for name, meta in self._mapping(body, "tensor_values").items():
            self.graph.values[name] = Value(name, self._type(meta))

    def _type(self, meta: Any) -> TensorType:
        if not isinstance(meta, Mapping):
            raise self._broken("a description of a tensor", meta)
        shape = tuple(self.dim(size) for size in self._list(meta, "sizes"))
        return TensorType(dtype_of(meta.get("dtype")), shape)

    def dim(self, size: Any) -> Dim:
        """An extent: a number, the name of a symbol, or None for an expression of several."""
        kind, value = self._choice(size)
        if kind == "as_int" and type(value) is int and value >= 0:
            return value
        if kind == "as_expr" and isinstance(value, Mapping):
            match = _SYMBOL.fullmatch(str(value.get("expr_str")))
            return (match[1] or match[2]) if match else None
        raise self._broken("an extent", size)

    def _value(self, name: str) -> Value:
        return self.graph.values.setdefault(name, Value(name))

    def _node(self, written: Any) -> Node:
        if not isinstance(written, Mapping):
            raise self._broken("a node", written)
        domain, op_type, overload = split_target(self._text(written, "target"))
        node = Node(domain, op_type, "", overload=overload)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for entry in self._list(written, "inputs"):
            name = entry.get("name") if isinstance(entry, Mapping) else None
            value = self._argument(node, str(name or len(args)), entry)
            if isinstance(name, str) and name:
                kwargs[name] = value
            else:
                args.append(value)
        node.attributes["call"] = {"args": args, "kwargs": kwargs}
        if op_type in _MAYBE_COPIES and self._copies(written):
            node.attributes["copies"] = True
        if op_type.startswith("as_strided"):
            node.attributes["memory"] = self._memory(written)
        for output in self._list(written, "outputs"):
            node.outputs.extend(self._names(output))
        metadata = written.get("metadata")
        node.scope = module_stack(metadata if isinstance(metadata, Mapping) else {})
        own = written.get("name")
        node.name = own if isinstance(own, str) else (node.outputs[0] if node.outputs else op_type)
        return node

    def _copies(self, written: Mapping[str, Any]) -> bool:
        """Whether the elements of a node's result lie in C order and those of its input do not."""
        first = self._list(written, "inputs")[:1]
        given = [self._names(entry.get("arg")) for entry in first if isinstance(entry, Mapping)]
        made = [self._names(output) for output in self._list(written, "outputs")]
        names = [name for found in (*given, *made) for name in found]
        metas = self._mapping(self.body, "tensor_values")
        return len(names) == 2 and [self._in_order(metas.get(i)) for i in names] == [False, True]

    def _memory(self, written: Mapping[str, Any]) -> list[int] | None:
        """The axes of a node's first input as they lie in memory, outermost first.

        None where the file does not state it, no axes where elements lie with gaps or in overlap.
        """
        first = self._list(written, "inputs")[:1]
        names = [name for entry in first for name in self._names(entry.get("arg"))]
        meta = self._mapping(self.body, "tensor_values").get(names[0]) if names else None
        if not isinstance(meta, Mapping) or not isinstance(meta.get("strides"), list):
            return None
        sides = [(self._hint(a), self._hint(b)) for a, b in
                 zip(self._list(meta, "sizes"), meta["strides"], strict=False)]  # fmt: skip
        known = [
            (extent, step) for extent, step in sides if extent is not None and step is not None
        ]
        if len(known) < len(sides):
            return None
        order = sorted(range(len(known)), key=lambda axis: (-known[axis][1], axis))
        expected = 1
        for extent, step in reversed([known[axis] for axis in order]):
            if extent != 1 and step != expected:
                return []
            expected *= extent
        return order

    def _in_order(self, meta: Any) -> bool:
        """Whether elements lie in C order, by the extents of the example that was exported."""
        if not isinstance(meta, Mapping) or not isinstance(meta.get("strides"), list):
            return True
        step = 1
        sides = zip(self._list(meta, "sizes"), meta["strides"], strict=False)
        for extent, stride in reversed([(self._hint(a), self._hint(b)) for a, b in sides]):
            if extent is None or stride is None:
                return True
            if extent != 1 and stride != step:
                return False
            step *= extent
        return True

    def _hint(self, size: Any) -> int | None:
        """A number, or of an expression what it was for the example, where that is stated."""
        kind, value = self._choice(size)
        if kind == "as_expr" and isinstance(value, Mapping):
            kind, value = self._choice(value.get("hint") or {"as_none": True})
        return value if kind == "as_int" and type(value) is int else None

    def _argument(self, node: Node, role: str, entry: Any) -> Any:
        if not isinstance(entry, Mapping):
            raise self._broken("an argument", entry)
        kind, value = self._choice(self._mapping(entry, "arg"))
        return self._plain(node, role, kind, value)

    def _plain(self, node: Node, role: str, kind: str, value: Any) -> Any:
        """An argument as a plain value, its tensors as inputs and parameters of the node."""
        if kind == "as_none":
            return None
        if kind in ("as_tensor", "as_custom_obj"):
            return self._use(node, role, self._text(value, "name"))
        if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
            return self._symbol(node, role, value)
        if kind in ("as_sym_ints", "as_sym_bools", "as_sym_floats"):
            return [self._symbol(node, f"{role}.{i}", item) for i, item in enumerate(value)]
        if kind in ("as_tensors", "as_optional_tensors"):
            return [self._item(node, f"{role}.{i}", item) for i, item in enumerate(value)]
        if kind == "as_scalar_type":
            found = dtype_of(value)
            return {"dtype": found.name if found else None}
        if kind == "as_device":
            return {"device": value.get("type") if isinstance(value, Mapping) else None}
        if kind == "as_complex" and isinstance(value, Mapping):
            real, imag = value.get("real"), value.get("imag")
            if not isinstance(real, int | float) or not isinstance(imag, int | float):
                raise self._broken("a complex number", value)
            return complex(real, imag)
        if kind == "as_float" and isinstance(value, str):
            return float(value) if value in ("Infinity", "-Infinity", "NaN") else value
        if kind == "as_graph":
            inner = value.get("graph") if isinstance(value, Mapping) else None
            if not isinstance(inner, Mapping):
                raise self._broken("a graph", value)
            return {"graph": self._inner(inner, str(value.get("name")))}
        return value

    def _item(self, node: Node, role: str, item: Any) -> Any:
        if isinstance(item, Mapping) and "name" in item:
            return self._use(node, role, self._text(item, "name"))
        kind, value = self._choice(item)
        return self._plain(node, role, kind, value)

    def _symbol(self, node: Node, role: str, value: Any) -> Any:
        kind, found = self._choice(value)
        return self._use(node, role, found) if kind == "as_name" else found

    def _use(self, node: Node, role: str, name: Any) -> dict[str, Any]:
        if not isinstance(name, str):
            raise self._broken("the name of a value", name)
        if name in self.held:
            node.parameters[role] = self.held[name]
            return {"parameter": role}
        node.inputs.append(name)
        return {"tensor": len(node.inputs) - 1}

    def _inner(self, body: Mapping[str, Any], name: str) -> Graph:
        """A branch of ``cond`` or a body of ``while_loop``, over inputs of its own."""
        outer, self.graph = self.graph, Graph(name)
        held, self.held = self.held, {}
        try:
            self._values(body)
            self.graph.inputs = [
                self._value(found)
                for item in self._list(body, "inputs")
                for found in self._names(item)
            ]
            self.graph.nodes = [self._node(node) for node in self._list(body, "nodes")]
            self.graph.outputs = [
                self._value(found)
                for item in self._list(body, "outputs")
                for found in self._names(item)
            ]
            return self.graph
        finally:
            self.graph, self.held = outer, held

    def _names(self, argument: Any) -> list[str]:
        """The names of the values that an argument stands for."""
        kind, value = self._choice(argument)
        if kind in ("as_tensor", "as_custom_obj"):
            return [self._text(value, "name")]
        if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
            inner, found = self._choice(value)
            return [found] if inner == "as_name" and isinstance(found, str) else []
        if kind in ("as_tensors", "as_optional_tensors"):
            return [
                self._text(item, "name") if "name" in item else self._names(item)[0]
                for item in value
                if isinstance(item, Mapping) and "as_none" not in item
            ]
        return []

    def _choice(self, union: Any) -> tuple[str, Any]:
        """The alternative that a union is set to; old files write all others as null."""
        if isinstance(union, Mapping):
            chosen = [(key, value) for key, value in union.items() if value is not None]
            if len(chosen) == 1:
                return chosen[0]
            if not chosen and union:
                return "as_none", None
        raise self._broken("one alternative of a union", union)

    def _mapping(self, parent: Any, key: str) -> Mapping[str, Any]:
        found = parent.get(key) if isinstance(parent, Mapping) else None
        if not isinstance(found, Mapping):
            raise self._broken(f"an object under {key!r}", found)
        return found

    def _list(self, parent: Mapping[str, Any], key: str) -> list[Any]:
        found = parent.get(key)
        if not isinstance(found, list):
            raise self._broken(f"a list under {key!r}", found)
        return found

    def _text(self, parent: Any, key: str) -> str:
        found = parent.get(key) if isinstance(parent, Mapping) else None
        if not isinstance(found, str):
            raise self._broken(f"a text under {key!r}", found)
        return found

    def _broken(self, expected: str, found: Any) -> MalformedFile:
        return MalformedFile(self.name, expected=expected, found=repr(found)[:80])


def dtype_of(number: Any) -> DType | None:
    """The dtype of a number of torch's enumeration; None for one without a counterpart here."""
    name = DTYPE_NUMBERS.get(number) if type(number) is int else None
    return DTYPES[name] if name else None


def split_target(target: str) -> tuple[str, str, str]:
    """Domain, operator and overload of ``torch.ops.aten.add.Tensor`` and the like."""
    parts = target.removeprefix("torch.ops.").split(".")
    if target.startswith("torch.ops.") and len(parts) == 3:
        return parts[0], parts[1], "" if parts[2] == "default" else parts[2]
    domain, _, name = target.removeprefix("torch.ops.").rpartition(".")
    return domain.lstrip("_") or "torch", name, ""
