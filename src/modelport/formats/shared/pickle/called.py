"""The name of what a stream calls, also where it gets there by ``getattr`` or a table of types."""

from __future__ import annotations

from typing import Any

from modelport.formats.shared.pickle.allowed import NAMES
from modelport.formats.shared.pickle.guarded import CLOUDPICKLE, DILL
from modelport.formats.shared.pickle.known import is_harmless, is_module, is_territory, rooted
from modelport.formats.shared.pickle.names import canonical
from modelport.wire.pickle import PersistentId, Reference, Stub

RECONSTRUCTOR = "copyreg._reconstructor"
"""How protocol 0 and 1 make an object of a class."""
NEW = {
    RECONSTRUCTOR: 3,
    "copyreg.__newobj__": None,
    "copyreg.__newobj_ex__": 3,
}
"""Functions that make an instance of their first argument, and how many arguments they get."""
DEEP = 8
"""How many classes inside each other are followed."""
_BUILTIN_TYPE = tuple(f"{place}._builtin_type" for place in CLOUDPICKLE)
"""Functions that give a type of ``types`` by its name."""
_TYPE_BY_NAME = tuple(f"{place}._load_type" for place in DILL)
_FUNCTIONS = "torch._C._VariableFunctionsClass"
"""Where torch's own functions lie (``torch.relu``); naming one is common, calling one is not."""


def called(target: Any, depth: int = DEEP) -> str | None:
    """The name of a class or function, also of one inside a class of user code; else None.

    ``depth`` is how many classes inside each other are followed.
    """
    if isinstance(target, Reference):
        return rooted(target)
    if not isinstance(target, Stub) or depth == 0:
        return None
    args, getter = target.args, target.callable
    if isinstance(getter, Reference) and canonical(getter) in _BUILTIN_TYPE:
        named = isinstance(args, tuple) and len(args) == 1 and f"types.{args[0]}"
        return named if named and is_harmless(named) else None
    if isinstance(getter, Reference) and canonical(getter) in _TYPE_BY_NAME:
        return _type_by_name(args)
    if not isinstance(getter, Reference) or canonical(getter) != "builtins.getattr":
        return None
    if _is_setter(args):
        return "builtins.setattr"
    if not isinstance(args, tuple) or len(args) != 2 or not isinstance(args[1], str):
        return None
    owner = owner_of(args[0], depth - 1)
    if owner is None or args[1].startswith("__") or is_module(owner.rsplit(".", 1)[-1]):
        return None
    name = f"{owner}.{args[1]}"
    closed = is_territory(owner) and owner != _FUNCTIONS and not is_harmless(name)
    return None if closed else name


def _type_by_name(args: Any) -> str | None:
    """What ``dill._dill._load_type`` gives: a type of ``builtins`` or of ``types``."""
    named = args[0] if isinstance(args, tuple) and len(args) == 1 else None
    if named == "PartialType":
        return "functools.partial"
    return next(
        (
            found
            for found in (f"builtins.{named}", f"types.{named}")
            if found in NAMES or is_harmless(found)
        ),
        None,
    )


def _is_setter(args: Any) -> bool:
    """How dill of Python 3 names ``setattr`` where an older dill had a function of its own."""
    return (
        isinstance(args, tuple)
        and len(args) == 3
        and args[1] == "_setattr"
        and isinstance(args[0], Reference)
        and canonical(args[0]) in DILL
        and isinstance(args[2], Reference)
        and canonical(args[2]) == "builtins.setattr"
    )


def _by_source(value: Any) -> str | None:
    """The class of a module that torch named together with its source text, before 1.6."""
    named: Any = value.id if isinstance(value, PersistentId) else None
    fits = isinstance(named, tuple) and len(named) > 1 and named[0] == "module"
    return rooted(named[1]) if fits and isinstance(named[1], Reference) else None


def owner_of(value: Any, depth: int) -> str | None:
    """The class of an object or the class itself, by name, where the stream spells it out."""
    named = called(value, depth)
    if named is not None or not isinstance(value, Stub):
        return named
    name = _by_source(value.callable) or called(value.callable, depth)
    if name in NEW and isinstance(value.args, tuple) and value.args:
        return called(value.args[0], depth)
    return name if name != "builtins.getattr" else None
