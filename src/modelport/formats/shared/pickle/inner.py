"""Files of torch inside a pickle: how a storage is pickled where ``torch.save`` has no part in it.

``torch.storage._load_from_bytes(data)`` loads them, and with them whatever else is in ``data``.
"""

from __future__ import annotations

from typing import Any

from modelport.formats.shared.pickle.names import canonical
from modelport.formats.shared.pickle.objects import encoded
from modelport.wire.pickle import Blob, BlobKind, Reference, Stub
from modelport.wire.source import ByteSource, BytesSource, SliceSource

LOADS = "torch.storage._load_from_bytes"


def inner_source(stub: Stub) -> ByteSource | None:
    """The bytes that a call of ``LOADS`` gets; None where they are not spelled out."""
    value = stub.args[0] if isinstance(stub.args, tuple) and len(stub.args) == 1 else None
    return bytes_source(value, f"storage at byte {stub.offset:,}")


def bytes_source(value: Any, name: str) -> ByteSource | None:
    """Bytes of a pickle as a source, also those that protocol 2 has as text; None if it is none."""
    if isinstance(value, Stub) and isinstance(value.callable, Reference):
        known = canonical(value.callable) == "_codecs.encode" and isinstance(value.args, tuple)
        value = encoded(value) if known else None
    if isinstance(value, Blob) and value.kind is not BlobKind.TEXT:
        return SliceSource(value.source, value.offset, value.length, f"{value.source.name}!{name}")
    return BytesSource(value, name) if isinstance(value, bytes) else None
