"""Matrix products and the layers made of them."""

from __future__ import annotations

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held
from modelport.model.expression import Expression, transpose


@raises("MatMul")
def matmul(call: Call) -> Held:
    """A product over the last axes; with a matrix of the file (and a vector added) a Dense."""
    weight = call.weight(1)
    if weight is None or len(weight.shape) != 2 or (call.known(0).rank or 0) < 2:
        return call.op("Matmul", call.plain(0), call.plain(1))
    following = call.next("Add")
    bias = _bias(following, weight.shape[1]) if following else None
    if following is not None and bias is not None:
        call.absorb(following)
    return dense(call, weight, bias)


def _bias(following: Call, units: int) -> Expression | None:
    """What is added to each row of the product, where the file holds it."""
    for index in (0, 1):
        bias = following.weight(index)
        if bias is not None and bias.shape == (units,):
            return bias
    return None


def dense(call: Call, kernel: Expression, bias: Expression | None) -> Held:
    """The Dense of a kernel (features, units)."""
    weights = {"kernel": kernel} | ({"bias": bias} if bias is not None else {})
    config = {"units": kernel.shape[1], "activation": "linear", "use_bias": bias is not None}
    return call.layer("Dense", config, call.plain(0), weights)


@raises("Gemm")
def gemm(call: Call) -> Held:
    """``alpha a b + beta c``; a Dense where ``b`` and ``c`` are in the file."""
    weight, bias = call.weight(1), call.weight(2)
    plain = call.attribute("alpha", 1.0) == 1 and call.attribute("beta", 1.0) == 1
    if not plain or weight is None or call.attribute("transA", 0) or (call.has(2) and bias is None):
        raise call.refused("a product of matrices that is no Dense")
    kernel = transpose(weight, (1, 0)) if call.attribute("transB", 0) else weight
    return dense(call, kernel, bias)
