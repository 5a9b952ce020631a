"""Whether a GRU resets its state before or after the product, where a config does not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.dialects.keras.words import number
from modelport.model.tensor import Tensor


def settle_reset_after(
    written: Mapping[str, Any], config: dict[str, Any], given: Sequence[Tensor]
) -> None:
    """Let the shape of the bias decide: ``(3u,)`` means before, ``(2, 3u)`` after.

    Only a config that states nothing is changed, in the layer itself and in those it wraps.
    """
    if "reset_after" in config and "reset_after" not in written:
        units = number(config, "units")
        shapes = {tensor.shape for tensor in given}
        if units is not None and (3 * units,) in shapes:
            config["reset_after"] = False
        elif units is not None and (2, 3 * units) in shapes and units != 2:
            config["reset_after"] = True
        elif units == 2 and [tensor.shape for tensor in given].count((2, 6)) > 1:
            # The recurrent kernel of two units has the shape of such a bias too.
            config["reset_after"] = True
    for key in ("layer", "backward_layer", "cell"):
        inner, before = config.get(key), written.get(key)
        if isinstance(inner, Mapping) and isinstance(inner.get("config"), dict):
            if not isinstance(before, Mapping):
                before = written.get("layer")
            stated = before.get("config") if isinstance(before, Mapping) else None
            if isinstance(stated, Mapping):
                settle_reset_after(stated, inner["config"], given)
