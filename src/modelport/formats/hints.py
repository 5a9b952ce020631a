"""What a file is that no format claims, as far as that helps the one who has it."""

from __future__ import annotations

from typing import Any

from modelport.errors import ModelportError
from modelport.wire.json import parse
from modelport.wire.source import ByteSource

MOST_JSON = 16 << 20

ARCHITECTURE = (
    "; it is JSON with the architecture of a Keras model and no weights (model.to_json()). Open "
    "the file of its weights instead, or save the whole model in Keras as .keras: "
    "keras.models.model_from_json(text), load_weights(...), save(...)"
)
POINTER = "; it is a pointer of Git LFS instead of the file itself, which git lfs pull fetches"
_POINTER_HEAD = b"version https://git-lfs.github.com/spec/"


def hint(source: ByteSource) -> str:
    """The end of the sentence ``not a model file of any format modelport knows``."""
    if source.size == 0:
        return "; it is empty"
    if source.read_at(0, min(len(_POINTER_HEAD), source.size)) == _POINTER_HEAD:
        return POINTER
    start = source.read_at(0, min(64, source.size)).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start not in (b"{", b"[", b'"') or source.size > MOST_JSON:
        return ""
    try:
        value: Any = parse(source.read_at(0, source.size), source.name, nonfinite=True)
        if isinstance(value, str):
            # Some save the text of to_json() as JSON once more.
            value = parse(value.encode(), source.name, nonfinite=True)
    except ModelportError:
        return ""
    if not isinstance(value, dict):
        return ""
    if isinstance(value.get("class_name"), str) and "config" in value:
        return ARCHITECTURE
    return ""
