"""The arguments of a layer's call: the lists of Keras 1 and 2 as the keywords of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ATTENTION = ("Attention", "AdditiveAttention")
_CONVOLUTIONAL = ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_RECURRENT = ("RNN", "SimpleRNN", "LSTM", "GRU", "Bidirectional", *_CONVOLUTIONAL)


def modern_call(
    op_type: str, config: Mapping[str, Any], written: Any, inputs: int
) -> dict[str, Any]:
    """The call of a layer with ``inputs`` tensors, as Keras 3 would write it.

    A recurrent layer of Keras 2 got its initial states in one list with its input; whether
    attention looks back only was a setting of the layer (``config`` as the file has it).
    """
    if not isinstance(written, Mapping):
        tensors: list[Any] = [{"tensor": i} for i in range(inputs)]
        return {"args": tensors[:1] if inputs == 1 else [tensors], "kwargs": {}}
    args, kwargs = list(written.get("args", [])), dict(written.get("kwargs", {}))
    first = args[0] if args else None
    if op_type in _RECURRENT and len(args) == 1 and isinstance(first, list) and len(first) > 1:
        args = [first[0]]
        # tf_keras writes the keyword beside the list, with nothing in it.
        if kwargs.get("initial_state") is None:
            kwargs["initial_state"] = first[1:]
    if op_type in _ATTENTION and config.get("causal"):
        kwargs.setdefault("use_causal_mask", True)
    return {"args": args, "kwargs": kwargs}
