"""What the names mean that code calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from modelport.formats.shared.torch.script.upgrade import upgraded
from modelport.formats.shared.torch.script.values import (
    UNSET,
    Device,
    Frame,
    Listing,
    Named,
    Nothing,
    Quantised,
    Raised,
    Stuck,
    Thing,
    Var,
    is_plain,
    listed,
    plain,
    same,
)
from modelport.wire.torchscript import syntax
from modelport.wire.torchscript.plain import PLAIN, evaluate

if TYPE_CHECKING:
    from modelport.formats.shared.torch.script.evaluate import Evaluator

_FALSE = frozenset(
    """
    is_cuda is_cpu is_mkldnn is_sparse requires_grad is_grad_enabled is_scripting
    is_tracing is_autocast_enabled is_autocast_cpu_enabled is_nested is_mps is_xla is_complex
    is_meta is_vulkan is_ipu is_xpu is_sparse_csr is_mtia is_maia is_hpu
    """.split()
)
_NOTHING = frozenset("print warn profile_ manual_seed set_grad_enabled".split())
_SAME = frozenset(
    "data unchecked_unwrap_optional unchecked_cast requires_grad_ retain_grad cpu cuda".split()
)
_RESHAPING = frozenset("squeeze_ swapaxes_ swapdims_ t_ transpose_ unsqueeze_".split())
_MAYBE_ITSELF = ("contiguous", "to", "dropout", "type_as", "expand_as", "view_as", "float", "half")
_PREPACKED = frozenset(
    """
    linear_prepack conv1d_prepack conv2d_prepack conv3d_prepack conv_transpose1d_prepack
    conv_transpose2d_prepack conv_transpose3d_prepack embedding_bag_prepack
    """.split()
)
"""What packs weights; the lowerings take them, and their settings, as they were given."""
_CAST = frozenset("int float bool str len list max min range ord".split())
_IMPLICIT = {"int": "IntImplicit", "float": "FloatImplicit", "number": "ScalarImplicit"}
_TYPES: dict[str, type[Any] | tuple[type[Any], ...]] = {
    "Tensor": Var,
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "List": Listing,
    "Dict": dict,
    "Tuple": tuple,
    "NoneType": type(None),
}


class Calls:
    """Calls by name, for one evaluator; ``typed`` are those that are given types."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.e = evaluator
        self.typed: dict[str, Callable[[Frame, syntax.Call], Any]] = {
            "annotate": self._annotated,
            "unchecked_cast": self._second,
            "uninitialized": lambda frame, written: UNSET,
            "isinstance": self._isinstance,
        }

    def _second(self, frame: Frame, written: syntax.Call) -> Any:
        found = self.e.expression(frame, written.arguments[1])
        if isinstance(found, Var) and found.optional:
            return Var(found.name, found.weight, node=found.node)
        return found

    def _annotated(self, frame: Frame, written: syntax.Call) -> Any:
        """A value of a stated type: a tensor becomes the number that is asked for."""
        found, kind = self._second(frame, written), written.arguments[0]
        word = _IMPLICIT.get(kind.id) if isinstance(kind, syntax.Name) else None
        return self.torch(word, [found], {}) if word and isinstance(found, Var) else found

    def _isinstance(self, frame: Frame, written: syntax.Call) -> bool:
        value = self.e.expression(frame, written.arguments[0])
        kinds = written.arguments[1]
        options = kinds.items if isinstance(kinds, syntax.Sequence) else [kinds]
        return any(_is_a(value, option) for option in options)

    def named(self, name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
        """Call a dotted name."""
        first, _, last = name.rpartition(".")
        if first in ("torch", "ops.aten") or (not first and name in _CAST):
            return self.torch(last, args, keywords)
        if first == "ops.prim":
            return self._prim(last, args, keywords)
        if first == "ops.quantized" and last in _PREPACKED:
            return tuple(args)
        if name.startswith("ops."):
            self.e.charge(args, keywords)
            return self.e.emitter.call(first.removeprefix("ops."), last, args, keywords)
        if name.startswith("__torch__."):
            return self._own(name, args, keywords)
        if name == "getattr":
            return self.e.attribute(args[0], str(args[1]))
        if name in _NOTHING:
            return None
        raise Stuck(f"modelport does not know {name!r}")

    def _own(self, name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
        """Call a function or class of the file's own."""
        if name.endswith(".__new__"):
            return Thing(name.removesuffix(".__new__"), "", made=True)
        function = self.e.library.function(name)
        if function is not None:
            return self.e.function(function, name, args, keywords)
        found = self.e.library.class_(name)
        if found is None:
            raise Stuck(f"the archive has no code of {name}")
        if found.base == "NamedTuple":
            names = tuple(found.types)
            made = Named([*args, *(keywords[key] for key in names[len(args) :] if key in keywords)])
            made.names, made.class_name = names, name
            return made
        thing = Thing(name, "", made=True)
        self.e.method(thing, "__init__", args, keywords)
        return thing

    def _prim(self, name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
        """Call ``ops.prim.<name>``."""
        if name == "RaiseException":
            raise Raised(f"the code raises an exception: {str(args[0] if args else '')[:200]}")
        if name == "device":
            return Device("cpu")
        if name in ("layout", "grad"):
            return None
        if name == "type" and isinstance(args[0], Device):
            return args[0].kind
        if name in ("rangelist", "shape"):
            return self.torch({"rangelist": "range", "shape": "size"}[name], args, keywords)
        return self.torch(name, args, keywords, "prim")

    # torch

    def torch(
        self, name: str, args: list[Any], keywords: dict[str, Any], domain: str = "aten"
    ) -> Any:
        """Call ``torch.<name>``: of known values here, of others in the graph."""
        self.e.charge(args, keywords)
        if name in _FALSE:
            return False
        if name == "is_quantized" and isinstance(args[0], Quantised):
            return True
        if name in _NOTHING:
            return None
        if name == "device":
            return Device("cpu")
        first = args[0] if args else None
        if name in _SAME:
            return first
        if isinstance(first, Listing | dict):
            changed = self._changed(name, first, args[1:], keywords)
            if changed is not None:
                return changed[0]
        if isinstance(first, Listing | dict | tuple) and not keywords:
            told = self._told(name, first, args[1:])
            if told is not None:
                return told[0]
        if name == "equal" and not keywords and isinstance(first, Var) and same(*args):
            return True
        if name in ("__is__", "__isnot__"):
            return self._is(args, name == "__is__")
        values = [*args, *keywords.values()]
        if name in PLAIN and all(is_plain(value) for value in values):
            known = {key: plain(value) for key, value in keywords.items()}
            return listed(evaluate(name, [plain(item) for item in args], known))
        for value in values:
            if isinstance(value, Nothing):
                raise Stuck(value.why)
        name, args, keywords = upgraded(name, args, keywords, self.e.library.version)
        if name in _RESHAPING and isinstance(first, Var):
            return self._reshaped(name, first, args, keywords)
        return self.e.emitter.call(domain, name, args, keywords)

    def _reshaped(self, name: str, first: Var, args: list[Any], keywords: dict[str, Any]) -> Var:
        """A tensor that gets another shape in place: a view of it stands for it from then on."""
        made_here = first.node is not None and first.node.domain == "aten"
        own = made_here and not first.node.op_type.endswith(("_", *_MAYBE_ITSELF))
        if self.e.journals or first.weight or not own:  # others may know it by another name
            raise Stuck(f"torch.{name} of a tensor of the code around it")
        made = self.e.emitter.call("aten", name[:-1], args, keywords)
        first.name, first.node = made.name, made.node
        return first

    def _is(self, args: list[Any], positive: bool) -> Any:
        a, b = args
        if a is None or b is None:
            other = b if a is None else a
            if isinstance(other, Nothing):
                raise Stuck(other.why)
            if isinstance(other, Var) and other.optional:
                return self.e.emitter.call("aten", "__is__" if positive else "__isnot__", args)
            return (other is None) is positive
        return same(a, b) is positive

    def _told(self, name: str, first: Any, rest: list[Any]) -> tuple[Any] | None:
        """What is known of a list, tuple or dict whose items are not; None where nothing is."""
        items = first.items if isinstance(first, Listing) else first
        if items is None:
            return None
        if name == "len" and not rest:
            return (len(items),)
        if isinstance(items, dict):
            return _of_dict(name, items, rest)
        known = all(item is None or type(item) is int for item in rest)
        if name == "__getitem__" and known:
            return (items[rest[0]],)
        if name in ("slice", "__getslice__") and known:
            found = items[slice(*rest, *([None] if len(rest) == 1 else []))]
            return (Listing(found) if isinstance(first, Listing) else found,)
        if name in ("list", "copy") and not rest:
            return (Listing(list(items)),)
        other = rest[0] if len(rest) == 1 else None
        if name == "add" and isinstance(other, Listing) and other.items is not None:
            return (Listing([*items, *other.items]),)
        if name == "mul" and type(other) is int and len(items) * other <= 1000:
            return (Listing(list(items) * other),)
        return None

    # Lists and dicts that change

    def _changed(
        self, name: str, first: Listing | dict[Any, Any], rest: list[Any], keywords: Any
    ) -> tuple[Any] | None:
        """The result of a call that changes a list or dict; None for one that does not."""
        if name == "_set_item":
            self.set_item(first, *rest)
            return (None,)
        if name not in _CHANGES:
            return None
        self.e.changing(first)
        if isinstance(first, dict):
            return (_DICT_CHANGES[name](first, *rest),) if name in _DICT_CHANGES else None
        computed = name in ("pop", "Delete") and any(isinstance(item, Var) for item in rest)
        if first.items is None or computed:
            return self._changed_in_a_run(name, first, rest)
        if name in ("extend", "add_"):
            other = rest[0]
            if not isinstance(other, Listing) or other.items is None:
                first.var = self.e.emitter.call("aten", "extend", [first, other])
                first.items = None
                return (first,)
            rest = [list(other.items)]
        found = _CHANGES[name](first.items, *rest, **keywords)
        return (first if found is None else found,)

    def _changed_in_a_run(self, name: str, first: Listing, rest: list[Any]) -> tuple[Any]:
        """The same where only a run can tell the items of a list, or which of them is meant."""
        call = self.e.emitter.call
        if name in ("append", "extend", "add_"):
            word = "append" if name == "append" else "extend"
            first.items, first.var = None, call("aten", word, [first, *rest])
            return (first,)
        if name not in ("pop", "Delete"):
            raise Stuck(f"torch.{name} of a list that only a run can tell")
        place = rest[0] if rest else -1
        taken = call("aten", "__getitem__", [first, place]) if name == "pop" else None
        first.items, first.var = None, call("prim", "popped", [first, place])
        return (taken,)

    def set_item(self, items: Any, key: Any, value: Any) -> None:
        """``items[key] = value``."""
        if not isinstance(items, Listing | dict) or (
            isinstance(key, Var) and isinstance(items, dict)
        ):
            raise Stuck("an item is set in a place that only a run can tell")
        self.e.changing(items)
        if isinstance(items, dict):
            items[key] = value
        elif items.items is None or isinstance(key, Var):
            made = self.e.emitter.call("prim", "set_item", [items, key, value])
            items.items, items.var = None, made
        else:
            items.items[key] = value


def _of_dict(name: str, items: dict[Any, Any], rest: list[Any]) -> tuple[Any] | None:
    key = rest[0] if rest else None
    if isinstance(key, Var):
        return None
    if name == "__getitem__":
        return (items[key],)
    if name == "__contains__":
        return (key in items,)
    if name == "get":
        return (items.get(key, *rest[1:]),)
    if name == "keys":
        return (Listing(list(items)),)
    if name == "values":
        return (Listing(list(items.values())),)
    if name == "items":
        return (Listing(list(items.items())),)
    if name == "copy":
        return (dict(items),)
    return None


_CHANGES: dict[str, Callable[..., Any]] = {
    "append": lambda items, value: items.append(value),
    "extend": lambda items, others: items.extend(others),
    "add_": lambda items, others: items.extend(others),
    "insert": lambda items, place, value: items.insert(place, value),
    "pop": lambda items, *rest: items.pop(*rest),
    "clear": lambda items: items.clear(),
    "reverse": lambda items: items.reverse(),
    "remove": lambda items, value: items.remove(value),
    "sort": lambda items, reverse=False: items.sort(reverse=bool(reverse)),
    "update": lambda items, others: items.update(others),
    "setdefault": lambda items, key, value: items.setdefault(key, value),
    "Delete": lambda items, key: items.__delitem__(key),
}
_DICT_CHANGES: dict[str, Callable[..., Any]] = {
    "pop": lambda items, *rest: items.pop(*rest),
    "clear": lambda items: items.clear(),
    "update": lambda items, others: items.update(others),
    "setdefault": lambda items, key, value: items.setdefault(key, value),
    "Delete": lambda items, key: items.__delitem__(key),
}


def _is_a(value: Any, kind: syntax.Expression) -> bool:
    """Whether a value is of a type, by the outermost word of the type."""
    if isinstance(kind, syntax.Subscript):
        kind = kind.value
    if isinstance(kind, syntax.Attribute):
        return isinstance(value, Thing | Named) and value.class_name.endswith(f".{kind.name}")
    if not isinstance(kind, syntax.Name) or kind.id not in _TYPES:
        raise Stuck("a test of a type in a form that modelport does not know")
    if isinstance(value, Nothing) or (isinstance(value, Var) and value.optional):
        raise Stuck("a test of a type that only a run can tell")
    if isinstance(value, bool):
        return kind.id == "bool"
    return isinstance(value, _TYPES[kind.id])
