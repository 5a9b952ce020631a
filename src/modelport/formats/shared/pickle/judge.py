"""The verdict on a pickle stream: what a real unpickler would have done, told from inert stubs.

A reference alone imports its module. A call runs its code: on the exact list of ``allowed`` it
builds a value and nothing else; of known harmless code, of user code and of packages that
modelport does not know it needs that code; of everything else that anybody has installed
(the standard library, the frameworks) it is an attack.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelport.errors import LimitExceeded
from modelport.formats.shared.pickle.allowed import CALLS, NAMES
from modelport.formats.shared.pickle.inner import LOADS, inner_source
from modelport.formats.shared.pickle.known import (
    ACT_WHEN_IMPORTED,
    is_harmless,
    is_territory,
)
from modelport.formats.shared.pickle.names import canonical, package
from modelport.formats.shared.pickle.show import short
from modelport.formats.shared.torch.storage import LEGACY_HEAD
from modelport.model.model import Finding, Level
from modelport.wire.pickle import (
    Fault,
    FaultKind,
    PersistentId,
    Program,
    Reference,
    Stub,
    interpret,
)

_FAULTS = {
    FaultKind.CHANGED_GLOBAL: ("PKL-003", Level.DANGEROUS),
    FaultKind.EXTENSION: ("PKL-004", Level.DANGEROUS),
    FaultKind.NAME_NOT_TEXT: ("PKL-005", Level.DANGEROUS),
    FaultKind.BROKEN_FRAME: ("PKL-022", Level.MALFORMED),
    FaultKind.PROTOCOL: ("PKL-022", Level.MALFORMED),
}
_PLANTED = frozenset(
    "__setstate__ __class__ __reduce__ __reduce_ex__ __getattr__ __getattribute__ __setattr__ "
    "__getstate__ __call__ __del__ __init__ __new__ __builtins__ __globals__ __code__ "
    "__import__ __bases__ __subclasses__ __mro__".split()
)
_NEW = {
    "copyreg._reconstructor": 3,
    "copyreg.__newobj__": None,
    "copyreg.__newobj_ex__": 3,
}
"""Functions that make an instance of their first argument, and how many arguments they get."""
_STREAMS = 5
_FUNCTIONS = "torch._C._VariableFunctionsClass"
"""Where torch's own functions lie (``torch.relu``); naming one is common, calling one is not."""
_REBUILD_TYPE = ("torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type")
_BUILTIN_NEW = frozenset({"collections.OrderedDict", "torch.nn.parameter.Parameter", "uuid.UUID"})


def judge(program: Program, place: str = "", own: str = "") -> list[Finding]:
    """The findings in one stream, the same thing once, in the order of the stream.

    ``place`` names the stream in the file (a member), before the offset of each finding. Names
    that begin with ``own`` mean classes that the file itself describes (``__torch__.``).
    """
    found: dict[tuple[str, str], Finding] = {}
    for rule, level, what, offset in _all(program):
        if own and level is Level.NEEDS_CODE and what.split(" ", 1)[1].startswith(own):
            continue
        where = f"{place} at byte {offset:,}".strip()
        found.setdefault((rule, what), Finding(rule, level, what, where))
    return list(found.values())


_Found = tuple[str, Level, str, int]


def _all(program: Program) -> Iterator[_Found]:
    called = {id(stub.callable) for stub in program.stubs}
    for reference in program.references:
        yield from _reference(reference, id(reference) in called)
    for stub in program.stubs:
        yield from _call(stub)
        yield from _states(stub)
    yield from map(_fault, program.faults)
    if program.error is not None:
        rule = "PKL-021" if isinstance(program.error, LimitExceeded) else "PKL-020"
        yield rule, Level.MALFORMED, str(program.error), program.end


def _fault(fault: Fault) -> _Found:
    rule, level = _FAULTS[fault.kind]
    return rule, level, fault.what, fault.offset


def _reference(reference: Reference, called: bool) -> Iterator[_Found]:
    name = canonical(reference)
    if reference.module == "?" or name in NAMES:
        return
    if package(name) in ACT_WHEN_IMPORTED:
        what = f"imports {reference.module}, which acts when it is imported"
        yield "PKL-007", Level.DANGEROUS, what, reference.offset
    elif not called:
        yield "PKL-010", Level.NEEDS_CODE, f"names {name}", reference.offset


def _call(stub: Stub) -> Iterator[_Found]:
    target = stub.callable
    if isinstance(target, PersistentId):
        # A class by its source text, as torch wrote it before 1.0; the reader judges the id.
        return
    name = _name(target)
    if name is None:
        what = f"calls what it has computed: {short(target)}"
        yield "PKL-002", Level.DANGEROUS, what, stub.offset
    elif name in _NEW or stub.opcode in ("NEWOBJ", "NEWOBJ_EX"):
        yield from _instance(stub, name)
    elif name in _REBUILD_TYPE:
        yield from _rebuilt(stub)
    elif name in CALLS:
        if not isinstance(stub.args, tuple) or stub.kwargs or not CALLS[name](stub.args):
            yield "PKL-011", Level.DANGEROUS, _as_called(stub, name), stub.offset
    elif name == LOADS:
        yield from _inner(stub)
    elif name == "builtins.getattr":
        yield from _attribute(stub)
    else:
        yield _unknown(stub, name)


def _instance(stub: Stub, name: str) -> Iterator[_Found]:
    """``cls.__new__(cls, ...)``, which runs no ``__init__``."""
    made: Any = stub.callable
    args = stub.args
    if name in _NEW:
        count = _NEW[name]
        fits = isinstance(args, tuple) and args and (count is None or len(args) == count)
        if not fits or _name(args[0]) is None:
            yield "PKL-011", Level.DANGEROUS, _as_called(stub, name), stub.offset
            return
        made, args = args[0], args[1:]
    cls = _name(made) or ""
    plain = not args if name not in _NEW else True
    if cls in _BUILTIN_NEW or (cls in NAMES and plain):
        return
    if cls in CALLS and isinstance(args, tuple) and CALLS[cls](args):
        return
    if cls == "torch.ScriptObject" and not args and _is_quantised(stub):
        yield "PKL-010", Level.NEEDS_CODE, "needs torch.classes.quantized", stub.offset
        return
    yield _unknown(stub, cls, instance=True)


_PACKED = ("__torch__.torch.classes.quantized.", "__torch__.torch.classes.rnn.")
"""Classes of C++ that torch itself brings, whose state is tensors and numbers."""


def _is_quantised(stub: Stub) -> bool:
    """Whether an object of C++ is one of torch's packed parameters: (state, name of its class)."""
    return bool(stub.states) and all(
        isinstance(state, tuple)
        and len(state) == 2
        and isinstance(state[1], str)
        and state[1].startswith(_PACKED)
        for state in stub.states
    )


def _unknown(stub: Stub, name: str, instance: bool = False) -> _Found:
    if is_harmless(name) or not is_territory(name):
        return "PKL-010", Level.NEEDS_CODE, f"needs {name}", stub.offset
    if instance and name.startswith(_CLASS_PLACES):
        return "PKL-010", Level.NEEDS_CODE, f"needs {name}", stub.offset
    return "PKL-001", Level.DANGEROUS, _as_called(stub, name), stub.offset


_CLASS_PLACES = (
    *(
        "torch.nn.",
        "torch.optim.",
        "torch.utils.data.",
        "torch.quantization.",
        "torch.ao.",
        "torch.fx.",
    ),
    *(
        "torch.distributions.",
        "torchvision.",
        "torchaudio.",
        "sklearn.",
        "scipy.sparse.",
        "scipy.stats.",
    ),
    *(
        "scipy.interpolate.",
        "scipy.spatial.",
        "pandas.",
        "tensorflow.",
        "keras.",
        "tf_keras.",
        "PIL.Image.",
    ),
    *("jax.", "attr.", "numpy.random.", "numpy.polynomial.", "joblib.numpy_pickle.", "tqdm."),
)
"""Where classes lie whose ``__new__`` does nothing but make an empty instance."""


def _rebuilt(stub: Stub) -> Iterator[_Found]:
    """``_rebuild_from_type_v2(function, type, arguments, state)`` calls the function."""
    args = stub.args if isinstance(stub.args, tuple) else ()
    if len(args) >= 3 and isinstance(args[0], Reference) and isinstance(args[2], tuple):
        inner = canonical(args[0])
        if inner in CALLS and CALLS[inner](args[2]):
            return
        if is_harmless(inner):
            yield "PKL-010", Level.NEEDS_CODE, f"needs {inner}", stub.offset
            return
    yield "PKL-011", Level.DANGEROUS, _as_called(stub, _REBUILD_TYPE[0]), stub.offset


def _inner(stub: Stub) -> Iterator[_Found]:
    """A storage as a file of torch: five streams, which are judged like all others."""
    source = inner_source(stub)
    if source is None or source.read_at(0, min(len(LEGACY_HEAD), source.size)) != LEGACY_HEAD:
        yield "PKL-011", Level.DANGEROUS, _as_called(stub, LOADS), stub.offset
        return
    start = 0
    for _ in range(_STREAMS):
        program = interpret(source, start)
        for rule, level, what, _ in _all(program):
            yield rule, level, what, stub.offset
        if program.error is not None:
            return
        if any(_name(inner.callable) == LOADS for inner in program.stubs):
            what = "loads a file inside a file inside a pickle, which nobody writes"
            yield "PKL-011", Level.DANGEROUS, what, stub.offset
            return
        start = program.end


def _name(target: Any, depth: int = 8) -> str | None:
    """The name of a class or function, also of one inside a class of user code; else None.

    ``depth`` is how many classes inside each other are followed.
    """
    if isinstance(target, Reference):
        return canonical(target)
    if not isinstance(target, Stub) or depth == 0:
        return None
    args, getter = target.args, target.callable
    if not isinstance(getter, Reference) or canonical(getter) != "builtins.getattr":
        return None
    if not isinstance(args, tuple) or len(args) != 2 or not isinstance(args[1], str):
        return None
    owner = _owner(args[0], depth - 1)
    closed = owner is None or (is_territory(owner) and owner != _FUNCTIONS)
    if closed or args[1].startswith("__"):
        return None
    return f"{owner}.{args[1]}"


def _owner(value: Any, depth: int) -> str | None:
    """The class of an object or the class itself, by name, where the stream spells it out."""
    named = _name(value, depth)
    if named is not None or not isinstance(value, Stub):
        return named
    name = _name(value.callable, depth)
    if name in _NEW and isinstance(value.args, tuple) and value.args:
        return _name(value.args[0], depth)
    return name if name != "builtins.getattr" else None


def _attribute(stub: Stub) -> Iterator[_Found]:
    """``getattr(object, name)``: how methods and inner classes of user code are pickled."""
    name = _name(stub)
    if name is None:
        yield "PKL-001", Level.DANGEROUS, _as_called(stub, "builtins.getattr"), stub.offset
    else:
        yield "PKL-010", Level.NEEDS_CODE, f"needs {name}", stub.offset


def _states(stub: Stub) -> Iterator[_Found]:
    for state in stub.states:
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            planted = [key for key in part if key in _PLANTED] if isinstance(part, dict) else []
            if planted:
                what = f"plants {planted[0]} in an object"
                yield "PKL-006", Level.DANGEROUS, what, stub.offset


def _as_called(stub: Stub, name: str) -> str:
    args = stub.args if isinstance(stub.args, tuple) else (stub.args,)
    return f"calls {name}({', '.join(map(short, args[:3]))}{', …' if len(args) > 3 else ''})"
