"""The table of containers: which format files to ask about a file, by its first bytes.

Only the modules of one container are imported for a file, which keeps start-up fast. To add a
format: write its file, name it and its endings in two lines here, and put a sample below
``tests/files``.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from modelport.errors import ModelportError, UnknownFormat
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.hints import hint
from modelport.model.model import Finding, Model

CONTAINERS: dict[str, tuple[str, ...]] = {
    "hdf5": ("keras_h5", "keras_weights_h5", "hdf5"),
    "zip": ("pytorch", "torchscript", "pt2", "keras_v3", "npz"),
    "json": ("safetensors",),
    "text": ("sharded",),
    "pickle": ("pytorch_legacy", "pickle"),
    "tar": ("pytorch_tar",),
    "compressed": ("pickle",),
    "npy": ("npz",),
    "protobuf": ("onnx", "pickle"),
}

ENDINGS: dict[str, tuple[str, ...]] = {
    ".h5": ("keras_h5", "keras_weights_h5", "hdf5"),
    ".hdf5": ("keras_h5", "keras_weights_h5", "hdf5"),
    ".weights.h5": ("keras_weights_h5",),
    ".he5": ("hdf5",),
    ".keras": ("keras_h5", "keras_v3"),
    ".pt": ("pytorch", "torchscript", "pytorch_legacy", "pytorch_tar"),
    ".pth": ("pytorch", "pytorch_legacy"),
    ".bin": ("pytorch",),
    ".ckpt": ("pytorch",),
    ".th": ("pytorch_legacy",),
    ".ts": ("torchscript",),
    ".pt2": ("pt2",),
    ".npz": ("npz",),
    ".safetensors": ("safetensors",),
    ".index.json": ("sharded",),
    ".safetensors.index.json": ("sharded",),
    ".bin.index.json": ("sharded",),
    ".weights.json": ("sharded",),
    ".pkl": ("pickle",),
    ".pickle": ("pickle",),
    ".joblib": ("pickle",),
    ".onnx": ("onnx",),
}
"""The modules of the formats whose ``extensions`` each ending is one of."""

_PICKLE = "pickle"
_SECOND = ("json", "text", "tar", "protobuf", "hdf5")
"""Containers whose first bytes are chosen freely enough to be those of a pickle."""

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
NPY_MAGIC = b"\x93NUMPY"
_WRAPPED = (b"\x1f", b"B", b"\xfd", b"]", b"\x04", b"x")


def container(candidate: Candidate) -> str:
    """The container of a file, judged by its first bytes; ``protobuf`` is what has no magic."""
    head = candidate.head
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    tar = _is_tar(head)
    if tar and load("pytorch_tar").match(candidate):
        return "tar"  # torch looks for it first, whatever the name of its first member looks like
    if head[:8] == HDF5_MAGIC:
        return "hdf5"
    if head[:6] == NPY_MAGIC:
        return "npy"
    if _is_text(head):
        return "text"
    if _is_json(candidate):
        return "json"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "pickle"
    if tar:
        return "tar"
    if head[:1] in _WRAPPED:
        from modelport.wire.compressed import kind

        if kind(head) is not None:
            return "compressed"
    # Last, for what another container holds may lie at such a place by chance.
    return "hdf5" if _hdf5_after_userblock(candidate) else "protobuf"


def _is_tar(head: bytes) -> bool:
    """Whether a checksum says so; before POSIX tar had nothing else to be known by."""
    from modelport.wire.tar import is_tar

    return is_tar(head)


def _is_text(head: bytes) -> bool:
    """Whether a JSON object begins here, rather than after a length (which ends in zeros)."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and 0 not in head[:8]


def _is_json(candidate: Candidate) -> bool:
    """Whether a length comes first and then a JSON object; a pickle may have its bytes there."""
    head = candidate.head
    length = int.from_bytes(head[:8], "little")
    if head[:1] == b"\x80" and length > candidate.source.size:
        return False
    return head[8:10] == b'{"' or (head[8:9] == b"{" and length < 1 << 32)


def _hdf5_after_userblock(candidate: Candidate) -> bool:
    offset = 512
    while offset + 8 <= candidate.source.size:
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
    modules = (module for group in CONTAINERS.values() for module in group)
    for module in dict.fromkeys(modules):
        yield load(module)


def by_ending(name: str) -> Iterator[tuple[str, Format]]:
    """Every ending that a file of that name has, with each format it can stand for."""
    for ending, modules in ENDINGS.items():
        if name.lower().endswith(ending):
            yield from ((ending, load(module)) for module in modules)


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
        UnknownFormat: none; MalformedFile where the container itself is broken. What members of
            an archive of no known format would do is in ``findings`` of the error.
    """
    holder = container(candidate)
    for module in CONTAINERS[holder]:
        found = load(module)
        if found.match(candidate):
            return found
    error = UnknownFormat(candidate.source.name, hint(candidate.source))
    if holder == "zip":
        from modelport.formats.shared.pickle.members import judge_members

        error.findings = tuple(judge_members(candidate.zip, depth=candidate.depth))
    raise error


def read(candidate: Candidate) -> Model:
    """Identify a file and read it; that it is a pickle besides is among the findings."""
    found = None
    try:
        found = candidate.format
        model = found.read(candidate)
    except ModelportError as error:
        error.findings = (*_second(candidate, found), *error.findings)
        raise
    model.findings[:0] = _second(candidate, found)
    return model


def _second(candidate: Candidate, found: Format | None) -> tuple[Finding, ...]:
    if container(candidate) not in _SECOND or (found is not None and found.name == _PICKLE):
        return ()
    from modelport.formats.shared.polyglot import also_a_pickle  # what few files need

    return tuple(also_a_pickle(candidate))
