"""The table of containers: which format files to ask about a file, by its first bytes.

Only the modules of one container are imported for a file, which keeps start-up fast. To add a
format: write its file, name it in one line here, and put a sample below ``tests/files``.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from modelport.errors import UnknownFormat
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.hints import hint
from modelport.model.model import Model

CONTAINERS: dict[str, tuple[str, ...]] = {
    "hdf5": ("keras_h5", "keras_weights_h5", "hdf5"),
    "zip": ("keras_v3", "npz"),
    "json": ("safetensors",),
    "protobuf": ("onnx",),
}

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


def container(candidate: Candidate) -> str:
    """The container of a file, judged by its first bytes; ``protobuf`` is what has no magic."""
    head = candidate.head
    if head[:8] == HDF5_MAGIC:
        return "hdf5"
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if head[8:10] == b'{"' or (head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32):
        return "json"
    # Last, for what another container holds may lie at such a place by chance.
    return "hdf5" if _hdf5_after_userblock(candidate) else "protobuf"


def _hdf5_after_userblock(candidate: Candidate) -> bool:
    offset = 512
    while offset + 8 <= min(candidate.source.size, 1 << 20):
        if candidate.source.read_at(offset, 8) == HDF5_MAGIC:
            return True
        offset *= 2
    return False


def load(module: str) -> Format:
    """The format that a module of this room defines."""
    found: Format = import_module(f"modelport.formats.{module}").FORMAT
    return found


def formats() -> Iterator[Format]:
    """Every format, in the order of the table."""
    for modules in CONTAINERS.values():
        for module in modules:
            yield load(module)


def by_name(name: str) -> Format:
    """The format of that registered name (``keras-h5``).

    Raises:
        ValueError: no such format; the message lists those there are.
    """
    for modules in CONTAINERS.values():
        if name.replace("-", "_") in modules:
            return load(name.replace("-", "_"))
    known = ", ".join(found.name for found in formats())
    raise ValueError(f"unknown format {name!r}; known: {known}")


def identify(candidate: Candidate) -> Format:
    """The one format whose content the file has.

    Raises:
        UnknownFormat: none; MalformedFile where the container itself is broken.
    """
    for module in CONTAINERS[container(candidate)]:
        found = load(module)
        if found.match(candidate):
            return found
    raise UnknownFormat(candidate.source.name, hint(candidate.source))


def read(candidate: Candidate) -> Model:
    """Identify a file and read it."""
    return identify(candidate).read(candidate)
