"""Pickle streams of protocol 0 to 5, interpreted without importing or calling anything."""

from modelport.wire.pickle.interpret import begins, interpret
from modelport.wire.pickle.limits import Limits
from modelport.wire.pickle.machine import Payload
from modelport.wire.pickle.program import Fault, FaultKind, Program
from modelport.wire.pickle.values import Blob, BlobKind, PersistentId, Reference, Stub

__all__ = [
    "Blob",
    "BlobKind",
    "Fault",
    "FaultKind",
    "Limits",
    "Payload",
    "PersistentId",
    "Program",
    "Reference",
    "Stub",
    "begins",
    "interpret",
]
