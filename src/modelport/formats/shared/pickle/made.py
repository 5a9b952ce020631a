"""Classes and functions that a stream brings with it, as cloudpickle and dill write them.

Their code runs when somebody calls it; loading calls it only where a class says how its objects
are made, filled or freed. Sources: ``cloudpickle.cloudpickle``, ``dill._dill``,
``pickle.Unpickler.load_build``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from modelport.formats.shared.pickle.called import RECONSTRUCTOR, called
from modelport.formats.shared.pickle.guarded import CLOUDPICKLE, DILL, entries
from modelport.formats.shared.pickle.known import is_territory
from modelport.wire.pickle import Program, Stub

_CLASSES = {f"{place}._make_skeleton_class" for place in CLOUDPICKLE} | {
    f"{place}._create_type" for place in DILL
}
"""Functions that make a class: of its metaclass, name, bases and body."""
_MARK = 4
_FILLERS = {
    f"{place}.{name}"
    for place in CLOUDPICKLE
    for name in ("_class_setstate", "_rehydrate_skeleton_class")
}
_KEEPERS = {
    *_FILLERS,
    *(f"{place}.{name}" for place in CLOUDPICKLE for name in ("_make_cell", "_function_setstate")),
    *(f"{place}.{name}" for place in DILL for name in ("_create_cell", "_create_function")),
}
"""Functions that keep what they are given, and call nothing of it."""
_PLAIN_BASES = frozenset(
    {
        *("builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol", "builtins.Exception"),
        *(
            "torch.nn.modules.module.Module",
            "sklearn.base.BaseEstimator",
            "sklearn.base.OneToOneFeatureMixin",
        ),
        *(
            f"sklearn.base.{kind}Mixin"
            for kind in ("Transformer", "Classifier", "Regressor", "Cluster")
        ),
    }
)
"""Bases whose own methods call none of the class's while its objects are loaded."""
_CALLED = frozenset(
    "__new__ __setstate__ __setattr__ __getattr__ __getattribute__ __del__ __dict__ __class__ "
    "__hash__ append extend add __setitem__".split()
)
"""Methods of a class that loading an object of it calls, or freeing it."""
_KEPT_BY = (
    *("sklearn.pipeline.", "sklearn.compose.", "sklearn.model_selection."),
    *("sklearn.preprocessing._function_transformer.", "sklearn.multiclass."),
)
"""Where classes lie that keep objects of others as they are, apart from a version they compare."""
_COMPARED = "_sklearn_version"
_DEEPEST = 16


class Made:
    """What a stream makes."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def is_class(self, value: Any) -> bool:
        """Whether a value is a class that the stream makes."""
        return isinstance(value, Stub) and called(value.callable) in _CLASSES

    def gives_class(self, stub: Stub) -> bool:
        """Whether a class that the stream makes is among the arguments of a call."""
        args = list(stub.args) if isinstance(stub.args, tuple) else []
        for value in args[:]:
            args.extend(value if isinstance(value, tuple | list) else [])
        return any(map(self.is_class, args))

    def is_quiet(self, stub: Stub, cls: Any) -> bool:
        """Whether loading an object of such a class calls nothing of its code.

        It is made without arguments; no class of its line has a method that loading calls, or an
        attribute where a slot is set; and nothing that could call its methods is given it.
        """
        body = self._body(cls, _DEEPEST)
        if body is None or id(stub) in self._given_away:
            return False
        if any(isinstance(body.get(name), Stub) for name in _CALLED):
            return False
        if not isinstance(body.get("__module__", ""), str):
            return False  # which bases of scikit-learn ask whether it is theirs
        if "__eq__" in body and "__hash__" not in body:
            return False
        slots = [state[1] for state in stub.states if isinstance(state, tuple) and len(state) == 2]
        return not any(
            isinstance(body.get(key), Stub) for slot in slots for key, _ in entries(slot)
        )

    def _body(self, cls: Any, depth: int) -> dict[Any, Any] | None:
        """What a class and its bases define; None where one of them is not known throughout."""
        if not self.is_class(cls):
            name = called(cls)
            known = name is not None and (name in _PLAIN_BASES or not is_territory(name))
            return {} if known else None
        args = cls.args
        if depth == 0 or not isinstance(args, tuple) or len(args) < 4 or cls in self._twice:
            return None
        found: dict[Any, Any] = {}
        for base in args[2] if isinstance(args[2], tuple) else ():
            inherited = self._body(base, depth - 1)
            if inherited is None:
                return None
            found |= inherited
        found.update(entries(args[3]))
        for state in self._filled[id(cls)]:
            for part in state if isinstance(state, tuple) else (state,):
                found.update(entries(part))
        return found

    @cached_property
    def _filled(self) -> dict[int, list[Any]]:
        """What is put into each class after it was made."""
        found = defaultdict[int, list[Any]](list)
        for stub in self._program.stubs:
            args = stub.args
            if not isinstance(args, tuple) or not args:
                continue
            name = called(stub.callable)
            if name in _FILLERS and len(args) > 1:
                found[id(args[0])].append(args[1])
            elif name == "builtins.setattr" and len(args) == 3 and isinstance(args[1], str):
                found[id(args[0])].append({args[1]: args[2]})
        return found

    @cached_property
    def _twice(self) -> set[Stub]:
        """Classes that cloudpickle takes for one, for they have one mark to be found again by."""
        marked = defaultdict[Any, list[Stub]](list)
        for stub in filter(self.is_class, self._program.stubs):
            if isinstance(stub.args, tuple) and len(stub.args) > _MARK:
                mark = stub.args[_MARK]
                marked[None if isinstance(mark, list | dict) else mark].append(stub)
        marked.pop(None, None)
        same = (stubs for stubs in marked.values() if len(stubs) > 1)
        return {stub for stubs in same for stub in stubs}

    @cached_property
    def _given_away(self) -> set[int]:
        """The objects that are arguments or parts of what might call them."""
        parts: list[Any] = list(_keys(self._program))
        for stub in self._program.stubs:
            name, args = called(stub.callable), stub.args
            if name == RECONSTRUCTOR and isinstance(args, tuple) and args:
                name, args = called(args[0]) or name, ()
                ours = self.is_class(stub.args[0])
            else:
                ours = self.is_class(stub.callable)
            if ours or name in _KEEPERS:
                continue
            parts.append(args)
            if name is not None and (name.startswith(_KEPT_BY) or not is_territory(name)):
                parts.extend(_compared(stub))
            else:
                parts += [stub.states, stub.items, stub.pairs]
        return set(_inside(parts))


def _compared(stub: Stub) -> Iterator[Any]:
    for state in stub.states:
        for part in state if isinstance(state, tuple) else (state,):
            yield from (value for key, value in entries(part) if key == _COMPARED)


def _keys(program: Program) -> Iterator[Any]:
    """Keys of dicts and elements of sets, which are hashed and compared."""
    waiting: list[Any] = [program.value]
    for stub in program.stubs:
        waiting += [stub.args, stub.states, stub.items, stub.pairs]
    seen = set[int]()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or not isinstance(value, dict | list | tuple | set | frozenset):
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            yield list(value)
            waiting.extend(value.values())
        elif isinstance(value, set | frozenset):
            yield list(value)
        else:
            waiting.extend(value)


def _inside(parts: list[Any]) -> Iterator[int]:
    """The objects in lists, tuples and dicts, however deep, but not inside other objects."""
    waiting, seen = list(parts), set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Stub):
            yield id(value)
        elif isinstance(value, dict | list | tuple | set | frozenset) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend([*value, *value.values()] if isinstance(value, dict) else value)
