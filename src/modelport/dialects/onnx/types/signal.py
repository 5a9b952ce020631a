"""Signals, texts and pictures in files."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.onnx.types.call import FLOATS, Call, rule, within
from modelport.dialects.onnx.types.dims import demand
from modelport.dialects.onnx.types.known import Known, made
from modelport.model.dtype import BOOL, FLOAT32, INT64, STRING, UINT8
from modelport.model.graph import Dim


def _number(x: Known) -> Dim:
    """The one whole number of a scalar, as far as it is known."""
    extents = x.extents
    return extents[0] if extents is not None and len(extents) == 1 else None


@rule("BlackmanWindow", "HammingWindow", "HannWindow")
def _window(call: Call) -> Sequence[Known]:
    return [made(call.dtype("output_datatype", FLOAT32), (_number(call.need(0)),))]


@rule("MelWeightMatrix")
def _mel(call: Call) -> Sequence[Known]:
    bins, length = _number(call.need(0)), _number(call.need(1))
    rows = length // 2 + 1 if isinstance(length, int) else None
    return [made(call.dtype("output_datatype", FLOAT32), (rows, bins))]


@rule("DFT", kinds=FLOATS)
def _dft(call: Call) -> Sequence[Known]:
    x, sided = call.need(0), call.number("onesided", 0) != 0
    if x.shape is None:
        return [Known(x.dtype, None)]
    rank = len(x.shape)
    demand(rank > 1, f"a signal {list(x.shape)} without an axis of real and imaginary parts")
    back = call.number("inverse", 0) != 0
    parts = 1 if sided and back else 2
    place = _number(call.at(2)) if call.has(2) else -2
    if not sided and not call.has(1):
        return [made(x.dtype, (*x.shape[:-1], parts))]
    if not isinstance(place, int):
        return [Known(x.dtype, (*[None] * (rank - 1), parts))]
    axis = within(place, rank)
    demand(axis < rank - 1, f"the axis {place} of {list(x.shape)} is that of the parts")
    length = _number(call.at(1)) if call.has(1) else x.shape[axis]
    if sided and not back:
        length = length // 2 + 1 if isinstance(length, int) else None
    elif sided and not call.has(1):
        length = 2 * (length - 1) if isinstance(length, int) and length > 0 else None
    return [made(x.dtype, (*x.shape[:axis], length, *x.shape[axis + 1 : -1], parts))]


@rule("STFT", kinds=FLOATS)
def _stft(call: Call) -> Sequence[Known]:
    signal, step = call.need(0), _number(call.need(1))
    frame = _number(call.at(3)) if call.has(3) else call.at(2).dim(0)
    length = signal.dim(1)
    frames: Dim = None
    if isinstance(frame, int) and isinstance(step, int) and isinstance(length, int):
        demand(step > 0 and 0 < frame <= length, f"frames of {frame} by {step} over {length}")
        frames = (length - frame) // step + 1
    bins = frame
    if call.number("onesided", 1):
        bins = frame // 2 + 1 if isinstance(frame, int) else None
    return [made(signal.dtype, (signal.dim(0), frames, bins, 2))]


@rule("ImageDecoder")
def _picture(call: Call) -> Sequence[Known]:
    grey = call.text("pixel_format", "RGB") == "Grayscale"
    return [Known(UINT8, (None, None, 1 if grey else 3))]


@rule("RegexFullMatch", kinds=("string",))
def _matches(call: Call) -> Sequence[Known]:
    return [Known(BOOL, call.need(0).shape)]


@rule("StringSplit", kinds=("string",))
def _split(call: Call) -> Sequence[Known]:
    x = call.need(0)
    shape = None if x.shape is None else (*x.shape, None)
    return [Known(STRING, shape), Known(INT64, x.shape)]


@rule("StringNormalizer", kinds=("string",))
def _normalized(call: Call) -> Sequence[Known]:
    x = call.need(0)
    if x.shape is None:
        return [Known(STRING, None)]
    demand(len(x.shape) in (1, 2), f"texts of {len(x.shape)} axes")
    if not call.settings.get("stopwords"):
        return [Known(STRING, x.shape)]
    return [Known(STRING, (*x.shape[:-1], None))]


@rule("TfIdfVectorizer")
def _counted(call: Call) -> Sequence[Known]:
    x, places = call.need(0), call.numbers("ngram_indexes")
    width = max(places) + 1 if places else None
    if x.shape is None:
        return [Known(FLOAT32, None)]
    demand(len(x.shape) in (1, 2), f"texts of {len(x.shape)} axes")
    return [made(FLOAT32, (*x.shape[:-1], width))]
