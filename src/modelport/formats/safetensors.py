"""safetensors: named tensors and a text dictionary, nothing that could run.

Written by the Hugging Face libraries and most of what publishes weights since 2022. Layout: eight
bytes with the header's length (little-endian), the header as JSON, then the values back to back.
Specification: https://huggingface.co/docs/safetensors/index#format. Holds weights and metadata.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from modelport.errors import ConversionError, LimitExceeded, MalformedFile, UnsupportedFeature
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.weights_only import (
    fitting,
    report_apart,
    report_left_out,
    text_metadata,
)
from modelport.model.component import Component, Holds
from modelport.model.dtype import DTYPES
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import FileSlice, Tensor
from modelport.wire.json import parse
from modelport.wire.source import ByteSource

if TYPE_CHECKING:
    from modelport.wire.output import Output

TITLE = "safetensors"
MAX_HEADER = 100_000_000  # part of the format
MAX_RANK = 64
_METADATA = "__metadata__"
_LENGTH_BYTES = 8

_NAMES = {
    "BOOL": "bool",
    "F4": "float4_e2m1fn",
    "F6_E2M3": "float6_e2m3fn",
    "F6_E3M2": "float6_e3m2fn",
    "U8": "uint8",
    "I8": "int8",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "C64": "complex64",
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
}
_CODES = {name: code for code, name in _NAMES.items()}


def match(candidate: Candidate) -> bool:
    """Whether the bytes after the length open a JSON object whose first key is text."""
    rest = candidate.head[_LENGTH_BYTES + 1 :].lstrip()[:1]
    return candidate.head[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and rest in (b'"', b"}", b"")


def read(candidate: Candidate) -> Model:
    """The tensors as slices of the file, under their names and in the header's order."""
    source = candidate.source
    header, start = _read_header(source)
    metadata = _metadata(source, header.pop(_METADATA, None))
    model = Model(format=FORMAT.name, path=str(candidate.path), bytes=source.size)
    model.metadata.update(metadata)
    spans = []
    for name, entry in header.items():
        data = _read_entry(source, name, entry, start)
        model.graph.tensors[name] = Tensor(name, data)
        spans.append((data.offset, data.offset + data.length, name))
    _check_cover(source, start, spans)
    if model.graph.tensors:
        model.evidence[Component.WEIGHTS] = "the tensors of the header; no architecture"
    if metadata:
        model.evidence[Component.METADATA] = f"{_METADATA} in the header"
    return model


def _read_header(source: ByteSource) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(source.read_at(0, _LENGTH_BYTES), "little")
    start = _LENGTH_BYTES + length
    if start > source.size:
        raise _broken(source, 0, f"at most {source.size:,} bytes", f"a header of {length:,} bytes")
    if length > MAX_HEADER:
        raise LimitExceeded(
            source.name, resource="bytes of the header", limit=MAX_HEADER, actual=length
        )
    raw = source.read_at(_LENGTH_BYTES, length)
    text = raw.rstrip(b" ")
    if text[:1] != b"{" or text[-1:] != b"}":
        found = repr(text[:1] + b" ... " + text[-1:])
        raise _broken(source, _LENGTH_BYTES, "a JSON object, then only spaces", found)
    header: dict[str, Any] = parse(text, source.name, max_depth=8)
    return header, start


def _metadata(source: ByteSource, value: Any) -> dict[str, str]:
    if value is None:
        return {}
    texts = isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    if not texts:
        raise _broken(source, None, f"text under every key of {_METADATA}", "something else")
    found: dict[str, str] = value
    return found


def _read_entry(source: ByteSource, name: str, entry: Any, start: int) -> FileSlice:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        wanted = f"dtype, shape and data_offsets of {name!r}"
        raise _broken(source, None, wanted, str(entry)[:80])
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or not _counts(shape) or not _counts(offsets):
        wanted = f"a dtype and counts from 0 in {name!r}"
        raise _broken(source, None, wanted, str(entry)[:80])
    if code not in _NAMES:
        raise UnsupportedFeature(source.name, f"dtype {code[:20]!r} of {name!r}")
    if len(shape) > MAX_RANK:
        raise LimitExceeded(
            source.name, resource=f"axes of {name!r}", limit=MAX_RANK, actual=len(shape)
        )
    found = DTYPES[_NAMES[code]]
    if len(offsets) != 2 or offsets[0] > offsets[1] or start + offsets[1] > source.size:
        raise _broken(source, None, f"offsets of {name!r} inside the file", str(offsets)[:80])
    if math.prod(shape) * found.bits % 8:
        raise _broken(source, None, f"whole bytes for {name!r}", f"{found} {shape}")
    return FileSlice(source, start + offsets[0], offsets[1] - offsets[0], found, tuple(shape))


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(item) is int and 0 <= item < 1 << 63 for item in value
    )


def _check_cover(source: ByteSource, start: int, spans: list[tuple[int, int, str]]) -> None:
    """Refuse overlaps, and bytes that belong to no tensor."""
    end = start
    for begin, stop, name in sorted(spans):
        if begin != end:
            raise _broken(source, end, f"the next tensor at byte {end:,}", f"{name!r} at {begin:,}")
        end = stop
    if end != source.size:
        raise _broken(source, end, "the end of the file", f"{source.size - end:,} more bytes")


def write(model: Model, output: Output, report: Report) -> None:
    """Write weights and metadata; everything else is reported as dropped.

    The header keeps the model's order. The values stand sorted by the size of their elements,
    largest first, so that every tensor is aligned in a mapped file, as loaders expect.
    """
    report_left_out(model, {Component.WEIGHTS, Component.METADATA}, TITLE, report)
    tensors = fitting(model, _CODES, TITLE, report)
    report_apart(tensors, TITLE, report)
    if tensors.pop(_METADATA, None) is not None:
        why = "the name is reserved for the text dictionary"
        report.add(Kind.DROPPED, Component.WEIGHTS, _METADATA, why)
    tensors = _whole_bytes(tensors, report)
    placed = sorted(tensors.items(), key=lambda item: -item[1].dtype.bits)
    offsets, end = {}, 0
    for name, tensor in placed:
        offsets[name] = [end, end + tensor.nbytes]
        end += tensor.nbytes
    metadata = text_metadata(model.metadata, TITLE, report)
    header = _header(tensors, offsets, metadata)
    with output.path.open("wb") as file:
        file.write(len(header).to_bytes(_LENGTH_BYTES, "little"))
        file.write(header)
        for _, tensor in placed:
            tensor.copy(file)


def _whole_bytes(tensors: dict[str, Tensor], report: Report) -> dict[str, Tensor]:
    kept = {}
    for name, tensor in tensors.items():
        if tensor.size * tensor.dtype.bits % 8 == 0:
            kept[name] = tensor
            continue
        why = f"{tensor.dtype} of {tensor.size} elements does not end at a byte"
        report.add(Kind.DROPPED, Component.WEIGHTS, name, why)
    return kept


def _header(
    tensors: dict[str, Tensor], offsets: dict[str, list[int]], metadata: dict[str, str]
) -> bytes:
    entries: dict[str, Any] = {_METADATA: metadata} if metadata else {}
    for name, tensor in tensors.items():
        entries[name] = {
            "dtype": _CODES[tensor.dtype.name],
            "shape": list(tensor.shape),
            "data_offsets": offsets[name],
        }
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > MAX_HEADER:
        raise ConversionError(TITLE, f"the header would have {len(header):,} bytes")
    return header


def _broken(source: ByteSource, at: int | None, expected: str, found: str) -> MalformedFile:
    return MalformedFile(source.name, offset=at, expected=expected, found=found)


FORMAT = Format(
    name="safetensors",
    title="safetensors",
    framework="Hugging Face (any framework)",
    status="alive",
    specification="https://huggingface.co/docs/safetensors/index#format",
    extensions=(".safetensors",),
    holds=dict.fromkeys(Component, Holds.NEVER)
    | {Component.WEIGHTS: Holds.ALWAYS, Component.METADATA: Holds.MAY},
    samples={
        Component.WEIGHTS: "safetensors/all_dtypes.safetensors",
        Component.METADATA: "safetensors/all_dtypes.safetensors",
    },
    match=match,
    read=read,
    write=write,
)
