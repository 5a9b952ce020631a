"""The verdict on a pickle stream: what a real unpickler would have done, told from inert stubs.

A reference alone imports its module. A call runs its code: on the exact list of ``allowed`` it
builds a value and nothing else; of known harmless code, of user code and of packages that
modelport does not know it needs that code; of everything else that anybody has installed
(the standard library, the frameworks) it is an attack.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from modelport.errors import LimitExceeded
from modelport.formats.shared.pickle.allowed import CALLS, NAMES, SCALARS
from modelport.formats.shared.pickle.called import DEEP, NEW, RECONSTRUCTOR, called, owner_of
from modelport.formats.shared.pickle.guarded import DILL, GUARDED, SOURCE
from modelport.formats.shared.pickle.hidden import hidden
from modelport.formats.shared.pickle.inner import LOADS, inner_source
from modelport.formats.shared.pickle.keras import RESTORES, is_method, model_inside
from modelport.formats.shared.pickle.known import (
    acts_when_imported,
    is_harmless,
    is_territory,
    reaches_inside,
    rooted,
)
from modelport.formats.shared.pickle.made import Made
from modelport.formats.shared.pickle.names import canonical
from modelport.formats.shared.pickle.show import short
from modelport.formats.shared.pickle.states import acts
from modelport.formats.shared.torch.storage import LEGACY_HEAD
from modelport.model.model import Finding, Level
from modelport.wire.pickle import (
    Blob,
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
_MAKES_NEW = frozenset(f"builtins.{name}" for name in "object tuple int str float".split()) | {
    "enum.Enum"
}
_STREAMS = 5
_REBUILD_TYPE = ("torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type")
_LOOKS_INSIDE = ("torch.", "numpy.", "pandas.", "scipy.", "sklearn.")
"""Packages whose functions call methods of a class they are given, such as ``__setstate__``."""
_BUILTIN_NEW = frozenset({"collections.OrderedDict", "torch.nn.parameter.Parameter", "uuid.UUID"})


def judge(program: Program, place: str = "", own: str = "") -> list[Finding]:
    """The findings in one stream, the same thing once, in the order of the stream.

    ``place`` names the stream in the file (a member), before the offset of each finding. Names
    that begin with ``own`` mean classes that the file itself describes (``__torch__.``).
    """
    found: dict[tuple[str, str], Finding] = {}
    for rule, level, what, offset in chain(_all(program), hidden(program, _all)):
        if own and level is Level.NEEDS_CODE and what.split(" ", 1)[1].startswith(own):
            continue
        where = f"{place} at byte {offset:,}".strip()
        found.setdefault((rule, what), Finding(rule, level, what, where))
    return list(found.values())


_Found = tuple[str, Level, str, int]


def _all(program: Program) -> Iterator[_Found]:
    made = Made(program)
    used = {id(stub.callable) for stub in program.stubs}
    for reference in program.references:
        yield from _reference(reference, id(reference) in used)
    for stub in program.stubs:
        yield from _call(stub, made)
        yield from _states(stub)
    yield from map(_fault, program.faults)
    if program.error is not None:
        rule = "PKL-021" if isinstance(program.error, LimitExceeded) else "PKL-020"
        yield rule, Level.MALFORMED, str(program.error), program.end


def _fault(fault: Fault) -> _Found:
    rule, level = _FAULTS[fault.kind]
    return rule, level, fault.what, fault.offset


def _reference(reference: Reference, used: bool) -> Iterator[_Found]:
    name = rooted(reference)
    if reference.module == "?" or name in NAMES:
        return
    if acts_when_imported(name.rpartition(".")[0]) or acts_when_imported(reference.module):
        what = f"imports {reference.module}, which acts when it is imported"
        yield "PKL-007", Level.DANGEROUS, what, reference.offset
    elif not used:
        yield "PKL-010", Level.NEEDS_CODE, f"names {name}", reference.offset


def _call(stub: Stub, made: Made) -> Iterator[_Found]:
    target = stub.callable
    if isinstance(target, PersistentId):
        # A class by its source text, as torch wrote it before 1.0; the reader judges the id.
        return
    if is_method(target):
        yield from model_inside(stub)
        return
    name = called(target)
    if name is None and stub.opcode == "NEWOBJ" and not stub.args and made.is_class(target):
        yield _of_made(stub, target, made)
    elif name is None:
        what = f"calls what it has computed: {short(target)}"
        yield "PKL-002", Level.DANGEROUS, what, stub.offset
    elif name.startswith(_LOOKS_INSIDE) and made.gives_class(stub):
        yield "PKL-011", Level.DANGEROUS, _as_called(stub, name), stub.offset
    elif name in NEW or stub.opcode in ("NEWOBJ", "NEWOBJ_EX"):
        yield from _instance(stub, name, made)
    elif name in _REBUILD_TYPE:
        yield from _rebuilt(stub, made)
    elif name in RESTORES:
        yield from model_inside(stub)
    elif name in SOURCE:
        what = f"{name} executes the Python source that the file brings with it"
        yield "PKL-008", Level.DANGEROUS, what, stub.offset
    elif name in CALLS or name in GUARDED:
        check = CALLS[name] if name in CALLS else GUARDED[name]
        if not isinstance(stub.args, tuple) or stub.kwargs or not check(stub.args):
            yield "PKL-011", Level.DANGEROUS, _as_called(stub, name), stub.offset
        elif name in _CODE:
            yield _code(stub, name)
        elif name in GUARDED:
            yield "PKL-010", Level.NEEDS_CODE, f"needs {name}", stub.offset
    elif name == LOADS:
        yield from _inner(stub)
    elif name == "builtins.getattr":
        yield from _attribute(stub)
    else:
        yield _unknown(stub, name)


def _instance(stub: Stub, name: str, known: Made) -> Iterator[_Found]:
    """``cls.__new__(cls, ...)``, which runs no ``__init__``."""
    made: Any = stub.callable
    args = stub.args
    if name in NEW:
        count = NEW[name]
        if name == RECONSTRUCTOR and _is_empty(args) and known.is_class(args[0]):
            yield _of_made(stub, args[0], known)
            return
        fits = isinstance(args, tuple) and args and (count is None or len(args) == count)
        if not fits or called(args[0]) is None:
            yield "PKL-011", Level.DANGEROUS, _as_called(stub, name), stub.offset
            return
        base = called(args[1]) if name == RECONSTRUCTOR else None
        if base is not None and not _is_base(base):
            yield "PKL-011", Level.DANGEROUS, _as_called(stub, name), stub.offset
            return
        made, args = args[0], args[1:]
    cls = called(made) or ""
    plain = not args if name not in NEW else True
    if cls in _BUILTIN_NEW or (cls in NAMES and plain):
        return
    if cls in CALLS and isinstance(args, tuple) and CALLS[cls](args):
        return
    if cls == "torch.ScriptObject" and not args and _is_quantised(stub):
        yield "PKL-010", Level.NEEDS_CODE, "needs torch.classes.quantized", stub.offset
        return
    yield _unknown(stub, cls, instance=True)


def _is_empty(args: Any) -> bool:
    """Whether ``_reconstructor`` makes an object of nothing but its class."""
    fits = isinstance(args, tuple) and len(args) == 3 and args[2] is None
    return fits and called(args[1]) == "builtins.object"


def _of_made(stub: Stub, cls: Any, made: Made) -> _Found:
    if made.is_quiet(stub, cls):
        return (
            "PKL-010",
            Level.NEEDS_CODE,
            "needs a class that the file brings with it",
            stub.offset,
        )
    what = f"calls code that the file brings with it: {short(cls)}"
    return "PKL-002", Level.DANGEROUS, what, stub.offset


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


_CODE = frozenset({"types.CodeType", *(f"{place}._create_code" for place in DILL)})


def _code(stub: Stub, name: str) -> _Found:
    what = f"needs {name}, for it brings code of its own, which runs when it is called"
    return "PKL-016", Level.NEEDS_CODE, what, stub.offset


def _unknown(stub: Stub, name: str, instance: bool = False) -> _Found:
    if name in _CODE:
        return _code(stub, name)
    if reaches_inside(name):
        return "PKL-001", Level.DANGEROUS, _as_called(stub, name), stub.offset
    if is_harmless(name) or (instance and name in GUARDED) or not is_territory(name):
        return "PKL-010", Level.NEEDS_CODE, f"needs {name}", stub.offset
    if instance and name.startswith(_CLASS_PLACES) and not _reaches_out(stub, name):
        return "PKL-010", Level.NEEDS_CODE, f"needs {name}", stub.offset
    return "PKL-001", Level.DANGEROUS, _as_called(stub, name), stub.offset


def _reaches_out(stub: Stub, name: str) -> bool:
    """Whether making an instance of a class in ``_CLASS_PLACES`` opens a file or runs a text."""
    if name.startswith(_OPENERS) or name.rsplit(".", 1)[-1] == _MAPS_FILES:
        return True
    if not name.startswith(_EVALUATE) or name in _WORDS:
        return False
    waiting = [stub.args]
    while waiting:
        value = waiting.pop()
        if isinstance(value, tuple | list):
            waiting.extend(value)
        elif isinstance(value, str | Blob | bytes):
            return True
    return False


_OPENERS = (
    *("pandas.io.", "pandas.HDFStore", "pandas.Excel", "sklearn.datasets."),
    *("keras.src.saving.", "keras.src.export.", "keras.saving.", "keras.export."),
    *("tf_keras.src.saving.", "tf_keras.saving.", "tensorflow.python.keras.saving."),
    "tensorflow.python.framework.test_util.",
)
"""Classes that open files as soon as they get an item, or write them when they are freed."""
_EVALUATE = ("sympy.", "torch.fx.")
"""Places of classes of SymPy, which evaluate every text they are made of as Python."""
_WORDS = frozenset(
    {"sympy.core.symbol.Symbol", "sympy.core.symbol.Dummy", "sympy.core.numbers.Float"}
)
"""Those that take a name, or digits, for what they are."""

_BASES = frozenset(
    f"builtins.{name}"
    for name in "object dict list set frozenset tuple str bytes bytearray int float complex".split()
) | {
    *("collections.OrderedDict", "collections.defaultdict", "collections.deque"),
    *("datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta"),
}
_MAPS_FILES = "memmap"
"""A class of numpy that opens a file as soon as it is made, under whatever module it is found."""


def _is_base(name: str) -> bool:
    """Whether ``copyreg`` writes that type, which is called with its own value, for a base.

    It is the first type written in C among the classes of an object: never a class of Python,
    whose call would run an ``__init__`` (``_reconstructor(cls, ExcelFile, path)``).
    """
    return name in _BASES or name in SCALARS or is_harmless(name) or not is_territory(name)


_TENSORFLOW = tuple(
    f"tensorflow.{place}."
    for place in (
        *("keras", "python.framework", "python.keras", "python.ops", "python.trackable"),
        "python.training",
    )
)
"""Its other places have classes that remove folders or end processes when they are freed."""
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
        *_TENSORFLOW,
        "keras.",
        "tf_keras.",
        "PIL.Image.",
    ),
    *(
        "jax.",
        "networkx.classes.",
        "attr.",
        "sympy.",
        "numpy.random.",
        "numpy.polynomial.",
        "joblib.numpy_pickle.",
        "tqdm.",
    ),
)
"""Where classes lie whose ``__new__`` does nothing but make an empty instance."""


def _rebuilt(stub: Stub, made: Made) -> Iterator[_Found]:
    """``_rebuild_from_type_v2(function, type, arguments, state)`` calls the function."""
    args = stub.args if isinstance(stub.args, tuple) else ()
    known = len(args) >= 3 and isinstance(args[0], Reference) and isinstance(args[2], tuple)
    if known and canonical(args[0]) not in _REBUILD_TYPE:
        yield from _call(Stub("REDUCE", args[0], args[2], {}, stub.offset), made)
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
        if any(called(inner.callable) == LOADS for inner in program.stubs):
            what = "loads a file inside a file inside a pickle, which nobody writes"
            yield "PKL-011", Level.DANGEROUS, what, stub.offset
            return
        start = program.end


def _attribute(stub: Stub) -> Iterator[_Found]:
    """``getattr(object, name)``: how methods and inner classes of user code are pickled."""
    if is_method(stub):
        return  # which calling it is judged by
    name = called(stub)
    args = stub.args if isinstance(stub.args, tuple) else ()
    owner = owner_of(args[0], DEEP) if len(args) == 2 and isinstance(args[1], str) else None
    if name is None and owner in _MAKES_NEW and args[1] == "__new__":
        name = f"{owner}.__new__"  # named by classes that have it for a method
    if name is None and (owner or "").startswith(_CLASS_PLACES) and not args[1].startswith("__"):
        # A method of such a class, which is named; calling it would be another thing.
        name = f"{owner}.{args[1]}"
    if name is None:
        yield "PKL-001", Level.DANGEROUS, _as_called(stub, "builtins.getattr"), stub.offset
    else:
        yield "PKL-010", Level.NEEDS_CODE, f"needs {name}", stub.offset


def _states(stub: Stub) -> Iterator[_Found]:
    for rule, what in acts(stub, _made(stub)):
        yield rule, Level.DANGEROUS, what, stub.offset


def _made(stub: Stub) -> str | None:
    """The class or function that made an object, by name."""
    name = called(stub.callable)
    if name in NEW and isinstance(stub.args, tuple) and stub.args:
        return called(stub.args[0])
    return name


def _as_called(stub: Stub, name: str) -> str:
    args = stub.args if isinstance(stub.args, tuple) else (stub.args,)
    return f"calls {name}({', '.join(map(short, args[:3]))}{', …' if len(args) > 3 else ''})"
