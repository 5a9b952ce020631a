"""What is done to objects after they are made, and which of it acts.

A state sets attributes, or goes to the ``__setstate__`` of a class. Most of those only keep it;
the few of well-known packages that run or load it are told here. Sources: CPython's
``pickle.Unpickler.load_build``, ``torch._utils._set_obj_state``,
``torch.utils.data.datapipes.datapipe``, ``scipy.stats._distn_infrastructure``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelport.formats.shared.pickle.allowed import NAMES
from modelport.formats.shared.pickle.guarded import entries, planted
from modelport.formats.shared.pickle.known import (
    STANDARD_LIBRARY,
    acts_when_called,
    is_harmless,
    reaches_inside,
    rooted,
)
from modelport.formats.shared.pickle.names import package
from modelport.formats.shared.pickle.show import short
from modelport.wire.pickle import Reference, Stub

_STATE_AT = {
    "torch._utils._rebuild_parameter_with_state": 3,
    "torch._tensor._rebuild_from_type_v2": 3,
    "torch._tensor._rebuild_from_type": 3,
}
"""Functions that set the attributes of what they make, and which argument says them."""
_LIVE = frozenset(
    {
        "logging.getLogger",
        "builtins.getattr",
        "cloudpickle.cloudpickle.subimport",
        "cloudpickle.cloudpickle_fast.subimport",
        "dill._dill._import_module",
        "dill.dill._import_module",
        "dill._dill._load_type",
        "dill.dill._load_type",
        "types.GenericAlias",
        "types.MethodType",
    }
)
"""Functions that give what is alive in the loader already, where a state would change it.

The last two give the attributes of what they hold for their own: a module's, for one.
"""
_LOADERS = ("_IterDataPipeSerializationWrapper", "_MapDataPipeSerializationWrapper")
_FILLING = frozenset({"append", "extend", "add"})
"""Methods that the unpickler itself looks for on an object that gets items."""
_CALLED = frozenset(
    "_attach_methods _build_f _cleanup _commit_removals _get_abs_string_index _get_item_by_idx "
    "_hashable_content _key_to_attr _patch_step_function add_module "
    "_check_super_called _destroy_resource _maybe_create_attribute _raise_if_frozen _set_hyper "
    "_self_destruction_context _set_dtype_policy _setattr_hook _track_value _track_variables "
    "_setitem _shutdown_workers get_params".split()
)
"""Methods that classes of scikit-learn, torch and Python call while they are restored."""
_QUIET = frozenset(
    "abc base64 bisect cmath collections copy dataclasses datetime decimal enum fractions "
    "functools hashlib heapq html inspect itertools json logging math numbers operator random "
    "re statistics string struct textwrap threading time types typing unicodedata uuid "
    "warnings zlib".split()
)
"""Modules of Python whose functions only count, or act on what is in memory."""
_QUIET_BUILTINS = frozenset(
    "abs all any ascii bin bool callable chr dict divmod enumerate filter float format hash hex "
    "id int isinstance issubclass iter len list map max min next oct ord pow print range repr "
    "reversed round set slice sorted str sum tuple type vars zip".split()
)
_LOUD = (
    *("logging.FileHandler", "logging.handlers.", "logging.config.", "logging.basicConfig"),
    *("dataclasses._create_fn", "dataclasses._FuncBuilder", "inspect.get_annotations"),
    *("inspect._main", "json.tool.", "typing.get_type_hints", "typing.ForwardRef", "uuid._"),
    "base64.main",
)
"""What does more in those modules: it opens files or runs texts."""
_HOLDS = frozenset(
    {
        *("functools.partial", "types.MethodType", "types.GenericAlias", "builtins.staticmethod"),
        *("builtins.classmethod", "numpy.vectorize", "numpy.lib.function_base.vectorize"),
    }
)
"""What calls its first argument when it is called itself."""
_BUNCHES = frozenset({"sklearn.utils.Bunch", "sklearn.utils._bunch.Bunch"})
"""Dicts whose entries are their attributes too."""
_ATTRIBUTES = ("_modules", "_parameters", "_buffers")
"""Dicts of a torch module whose entries are its attributes too."""
_LISTENER = "ScoringMonitor"
"""A class of scikit-learn 1.9 that listens for its workers as soon as it has its state."""
_TEMPLATE = "_parse_arg_template"
_TEMPLATE_LINE = re.compile(r"\s*|def \w+\([\w\s,=.'*-]*\):|\s+return [\w\s,=.'*()-]*")


def acts(stub: Stub, name: str | None) -> Iterator[tuple[str, str]]:
    """The rule and what is done, for each state of an object made by ``name`` that acts."""
    states = list(stub.states)
    if name in _STATE_AT and isinstance(stub.args, tuple):
        states += stub.args[_STATE_AT[name] :][:1]
    if name in _BUNCHES:
        states.append(stub)
    for state in states:
        for attribute in planted(state)[:1]:
            yield "PKL-006", f"plants {attribute} in an object"
        yield from _given_to_call(state, bool(stub.items))
        if not _known_template(state):
            yield "PKL-008", "gives a distribution of SciPy a text of its own, which is run"
        if name is not None and name.endswith("NDArrayWrapper"):
            yield from _side_file(state)
    if (stub.items or stub.pairs) and name is not None and _is_never_filled(name):
        yield "PKL-006", f"fills {name} by methods of its own, which no pickler does"
    if name in _LIVE and (states or stub.items or stub.pairs):
        yield "PKL-003", f"what {name} gives is changed"
    if states and name is not None and name.rsplit(".", 1)[-1] in _LOADERS:
        yield "PKL-008", f"{name} loads the pickle in its state"
    if states and name is not None and name.rsplit(".", 1)[-1] == _LISTENER:
        yield "PKL-008", f"{name} opens a listening socket when it is loaded"


def _is_never_filled(name: str) -> bool:
    """Whether picklers write a state for that class, for it is neither a list nor a dict.

    Its methods for items call what its attributes hold.
    """
    standard = is_harmless(name) and package(name) in STANDARD_LIBRARY
    return standard or name.startswith("torch.nn.")


def _given_to_call(state: Any, filled: bool) -> Iterator[tuple[str, str]]:
    """Attributes that hide a method, or hold a function that acts on the system.

    An attribute comes before the method of its name: ``{"append": os.system}`` runs a command as
    soon as the unpickler appends. ``filled`` says whether the object gets items.
    """
    hidden = _CALLED | _FILLING if filled else _CALLED
    for part in state if isinstance(state, tuple) else (state,):
        for key, value in entries(part):
            if key in hidden and isinstance(value, Reference | Stub):
                yield "PKL-006", f"plants {key} in an object"
            parts = [(key, value)]
            if key in _ATTRIBUTES:
                parts.extend(entries(value))
            for attribute, held in parts:
                function = _acting(held) if isinstance(attribute, str) else None
                if function is not None:
                    yield "PKL-006", f"gives an object {function} under {short(attribute)}"


def _acting(value: Any) -> str | None:
    """The function that a value is or has bound, where it may act on the system."""
    waiting, depth = [value], 0
    while waiting and depth < _DEEPEST:
        depth += 1
        value = waiting.pop()
        if isinstance(value, Reference) and _is_acting(rooted(value)):
            return rooted(value)
        if isinstance(value, Stub):
            waiting.extend(_bound(value))
    return None


_DEEPEST = 1000
"""How many functions bound inside each other are followed."""


def _bound(stub: Stub) -> Iterator[Any]:
    """What an object calls when it is called; a partial may get it, and a function for it, late."""
    name = rooted(stub.callable) if isinstance(stub.callable, Reference) else None
    if name not in _HOLDS:
        return
    args = stub.args if isinstance(stub.args, tuple) else ()
    if name != "functools.partial":
        yield from args[:1]
        return
    yield from args
    for state in stub.states:
        for part in state[:2] if isinstance(state, tuple) else ():
            yield from part if isinstance(part, tuple) else (part,)


def _is_acting(name: str) -> bool:
    top = package(name).lstrip("_")
    if reaches_inside(name) or name.startswith(_LOUD):
        return True
    if name in NAMES or is_harmless(name):
        return False
    if acts_when_called(name):
        return True
    if top not in STANDARD_LIBRARY or top in _QUIET:
        return False
    return not (top == "builtins" and name.split(".")[1] in _QUIET_BUILTINS)


def _side_file(state: Any) -> Iterator[tuple[str, str]]:
    """The file that joblib of before 0.10 reads an array from, if it is not beside the pickle."""
    for key, value in entries(state):
        if key == "filename" and not (isinstance(value, str) and re.fullmatch(r"[^/\\:]+", value)):
            yield "PKL-008", f"reads an array from {short(value)}"


def _known_template(state: Any) -> bool:
    """Whether the text that SciPy executes for a distribution is one of those it writes."""
    parts = state if isinstance(state, tuple) else (state,)
    for value in (value for part in parts for key, value in entries(part) if key == _TEMPLATE):
        if not isinstance(value, str):
            return False
        if not all(_TEMPLATE_LINE.fullmatch(line) for line in re.split(r"[\r\n\f\v]", value)):
            return False
    return True
