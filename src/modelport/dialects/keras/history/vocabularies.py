"""The vocabularies that lookup layers learnt, which a ``.keras`` archive keeps beside its config.

Read as ``keras/src/layers/preprocessing/index_lookup.py`` reads them: one word a line, the tokens
for masks and for words out of the vocabulary first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.dialects.keras.history.era import History
from modelport.model.tensor import Tensor

LOOKUPS = ("StringLookup", "IntegerLookup", "TextVectorization")

ASSETS, IDF_WEIGHTS = "assets", "idf_weights"
"""The attributes of a native node: texts by path below the layer, and a tensor."""

_FILE = "vocabulary.txt"


def settle_vocabulary(
    op_type: str,
    config: dict[str, Any],
    attributes: Mapping[str, Any],
    history: History,
    where: str,
) -> Mapping[str, str]:
    """Put what a lookup layer learnt into its config; the texts that Keras reads as the same.

    The texts are empty where only the config can say it: lines that Keras would not read again.

    Raises:
        MalformedFile: a vocabulary that no Keras takes.
    """
    assets: Mapping[str, str] = attributes.get(ASSETS, {})
    if op_type not in LOOKUPS:
        return assets
    text = assets.get(_FILE) if config.get("vocabulary") is None else None
    weights = attributes.get(IDF_WEIGHTS)
    if text is None:
        if config.get("vocabulary") is None:
            return assets
        _check(op_type, config, config["vocabulary"], history, where)
        return {}
    read = _as_keras_reads(text)
    lines = text.split("\n")
    exact = lines if len(lines) == config.get("vocabulary_size") else read
    words = [_word(op_type, line, history, where) for line in exact]
    _check(op_type, config, words, history, where)
    config["vocabulary"] = words
    if str(config.get("output_mode")).replace("-", "_") != "tf_idf":
        return assets if exact == read else {}
    config["idf_weights"] = _weights(weights, len(words), config, history, where)
    again = exact == read and weights is not None and weights.size == len(words)
    return assets if again else {}


def _as_keras_reads(text: str) -> list[str]:
    lines = text.splitlines()
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _word(op_type: str, line: str, history: History, where: str) -> str | int:
    if op_type != "IntegerLookup":
        return line
    try:
        value = int(line)
    except ValueError:
        value = 1 << 63
    if not -(1 << 63) <= value < 1 << 63:
        raise history.malformed(where, expected="a vocabulary of integers", found=line[:80])
    return value


def _check(
    op_type: str, config: Mapping[str, Any], words: Any, history: History, where: str
) -> None:
    """Keras takes no empty vocabulary, and every word once."""
    if not isinstance(words, list):
        return
    rest = words[front_tokens(op_type, config, words) :]
    if not words:
        raise history.malformed(where, expected="a vocabulary", found="one without words")
    seen: set[Any] = set()
    for word in rest:
        if not isinstance(word, str | int):
            raise history.malformed(where, expected="words or integers", found=word)
        if word in seen:
            raise history.malformed(where, expected="every word once", found=f"{word!r:.80} twice")
        seen.add(word)


def front_tokens(op_type: str, config: Mapping[str, Any], words: Sequence[Any]) -> int:
    """How many of the words are tokens for masks and words out of the vocabulary, not its own.

    Keras writes all of them in front, or none.
    """
    mask: Any
    outside: Any
    if op_type == "TextVectorization":
        mask, outside, count = "", "[UNK]", 1
    else:
        mask, outside = config.get("mask_token"), config.get("oov_token")
        count = config.get("num_oov_indices", 1)
    masked = mask is not None and config.get("output_mode") == "int"
    if len(words) < masked + count:
        return 0
    return masked + count if words[: masked + count] == [mask] * masked + [outside] * count else 0


def _weights(
    found: Tensor | None, count: int, config: Mapping[str, Any], history: History, where: str
) -> list[float]:
    """One weight a word, those of the first tokens too; what follows only pads."""
    most = config.get("max_tokens") or 0
    if found is None or len(found.shape) != 1 or not count <= found.size <= max(count, most):
        shape = None if found is None else list(found.shape)
        raise history.malformed(
            where, expected=f"{count} inverse document frequencies", found=f"shape {shape}"
        )
    return [float(value) for value in found.numpy()[:count]]
