"""Models of Keras 3 inside pickles: the bytes of a ``.keras`` archive, which Keras loads unsafely.

``pickle.dumps(model)`` writes a call of the class method ``_unpickle_model`` with an ``io.BytesIO``
(``keras/src/saving/keras_saveable.py``); loading turns the safe mode off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelport.errors import ModelportError
from modelport.formats.shared.pickle.inner import bytes_source
from modelport.formats.shared.pickle.names import canonical
from modelport.model.model import Level
from modelport.wire.pickle import Reference, Stub
from modelport.wire.source import ByteSource

_CONFIG, _MOST_JSON = "config.json", 64 << 20
_METHOD = "_unpickle_model"
_PLACES = ("keras.src.", "keras.models.", "keras.engine.")


RESTORES = frozenset(
    f"{place}.saving.pickle_utils.deserialize_model_from_bytecode"
    for place in ("tf_keras.src", "keras.src", "keras")
)
"""Functions of Keras 2 that load a model from the bytes of its archive."""


def is_method(getter: Any) -> bool:
    """Whether a stub is the class method of Keras that restores a model: ``getattr(cls, name)``."""
    if not isinstance(getter, Stub) or not isinstance(getter.callable, Reference):
        return False
    if canonical(getter.callable) != "builtins.getattr" or not isinstance(getter.args, tuple):
        return False
    if len(getter.args) != 2 or getter.args[1] != _METHOD:
        return False
    cls = getter.args[0]
    return isinstance(cls, Reference) and canonical(cls).startswith(_PLACES)


def model_inside(stub: Stub) -> Iterator[tuple[str, Level, str, int]]:
    """What a call of that method means: what the archive holds is judged as in a file."""
    from modelport.formats.shared.keras.findings import find  # what few pickles need
    from modelport.wire.json import parse
    from modelport.wire.zip import ZipArchive

    source = _archive(stub)
    if source is None:
        what = "restores a model of Keras from something else than the bytes of a model"
        yield "PKL-011", Level.DANGEROUS, what, stub.offset
        return
    yield "PKL-010", Level.NEEDS_CODE, "needs Keras, whose model is in the pickle", stub.offset
    try:
        text = ZipArchive(source).read(_CONFIG, _MOST_JSON)
        config = parse(text, f"{source.name}!{_CONFIG}", nonfinite=True)
    except ModelportError as error:
        yield "PKL-020", Level.MALFORMED, str(error), stub.offset
        return
    for finding in find(config):
        what = f"the Keras model in the pickle: {finding.what}"
        yield finding.rule, finding.level, what, stub.offset


def _archive(stub: Stub) -> ByteSource | None:
    """The bytes that are the only argument, or in its ``io.BytesIO``."""
    given = stub.args[0] if isinstance(stub.args, tuple) and len(stub.args) == 1 else None
    if isinstance(stub.callable, Reference):
        source = bytes_source(given, "model")
        zipped = source is not None and source.read_at(0, min(2, source.size)) == b"PK"
        return source if zipped else None
    if not isinstance(given, Stub) or not isinstance(given.callable, Reference):
        return None
    if canonical(given.callable) != "io.BytesIO" or given.args != () or len(given.states) != 1:
        return None
    state = given.states[0]
    value = state[0] if isinstance(state, tuple) and len(state) == 3 else None
    return bytes_source(value, "model")
