"""Matrix products and the layers made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from modelport.dialects.keras.raises.activation import taken_in
from modelport.dialects.keras.raises.addition import added
from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.rows import wanted
from modelport.dialects.keras.raises.value import Held, plain
from modelport.model.expression import Expression, transpose


@dataclass(frozen=True, slots=True)
class Product:
    """A product with a matrix of the file, (features, units), and what is added to its rows."""

    kernel: Expression
    bias: Expression | None


def product(call: Call) -> Product | None:
    """What a MatMul or Gemm does, where it is a Dense."""
    weight = call.weight(1)
    if weight is None or len(weight.shape) != 2 or (call.known(0).rank or 0) < 2:
        return None
    if not _is_float(call):
        return None
    if call.node.op_type == "MatMul":
        return Product(weight, None)
    bias = call.weight(2)
    plain_ = call.attribute("alpha", 1.0) == 1 and call.attribute("beta", 1.0) == 1
    if not plain_ or call.attribute("transA", 0) or (call.has(2) and bias is None):
        return None
    kernel = transpose(weight, (1, 0)) if call.attribute("transB", 0) else weight
    if bias is not None and bias.shape != (kernel.shape[1],):
        if bias.shape not in ((), (1,), (1, 1), (1, kernel.shape[1])):
            return None
        if bias.shape != (1, kernel.shape[1]):
            return None if kernel.shape[1] != 1 else Product(kernel, bias.reshape(1))
        bias = bias.reshape(kernel.shape[1])
    return Product(kernel, bias)


def dense_of(call: Call, found: Product, x: Held) -> Held:
    """The Dense of a product, with the vector that is added next."""
    if found.bias is None:
        following = call.next("Add")
        bias = _bias(following, found.kernel.shape[1]) if following else None
        if following is not None and bias is not None:
            call.absorb(following)
            found = replace(found, bias=bias)
    rows = call.writer.rows.get(x.name)
    kernel = found.kernel if rows is None else rows.turned(found.kernel, 0)
    activation = taken_in(call)
    rows = wanted(call.writer, call.writer.last(call.node))
    weights = {"kernel": kernel if rows is None else rows.turned(kernel, 1)}
    if found.bias is not None:
        weights["bias"] = found.bias if rows is None else rows.turned(found.bias, 0)
    units = found.kernel.shape[1]
    config = {"units": units, "activation": activation, "use_bias": found.bias is not None}
    made = call.layer("Dense", config, x, weights)
    if rows is not None:
        call.writer.rows[made.name] = rows
    return made


def _bias(following: Call, units: int) -> Expression | None:
    """What is added to each row of the product, where the file holds it."""
    for index in (0, 1):
        bias = following.weight(index)
        rank = following.known(1 - index).rank or 0
        if bias is not None and bias.shape[-1:] == (units,) and len(bias.shape) <= rank:
            return bias.reshape(units) if math.prod(bias.shape) == units else None
    return None


@raises("MatMul")
def matmul(call: Call) -> Held:
    """A product over the last axes; with a matrix of the file (and a vector added) a Dense."""
    found = product(call)
    if found is None:
        order = plain(call.output().rank or 0)
        return call.op("Matmul", call.plain(0), call.plain(1), order=order)
    x = call.held(0)
    if x.order[-1] != x.rank - 1:  # the others may lie as they like
        x = call.plain(0)
    return dense_of(call, found, x)


@raises("Gemm")
def gemm(call: Call) -> Held:
    """``alpha a b + beta c``; a Dense where ``b`` and ``c`` are in the file."""
    found = product(call)
    if found is not None:
        return dense_of(call, found, call.plain(0))
    a, b = call.plain(0), call.plain(1)
    if call.attribute("transA", 0):
        a = call.op("Transpose", a, axes=[1, 0])
    if call.attribute("transB", 0):
        b = call.op("Transpose", b, axes=[1, 0])
    made = call.op("Matmul", a, b)
    alpha, beta = call.attribute("alpha", 1.0), call.attribute("beta", 1.0)
    if alpha != 1:
        made = call.op("Multiply", made, alpha)
    if not call.has(2):
        return made
    more = call.plain(2)
    more = call.op("Multiply", more, beta) if beta != 1 else more
    return added(call, made, more, [call.output().shape, call.known(2).shape])


def _is_float(call: Call) -> bool:
    dtype = call.known(0).dtype
    return dtype is not None and dtype.kind == "float"


@raises("Einsum")
def einsum(call: Call) -> Held:
    """Sums of products, as an equation says."""
    equation = str(call.attribute("equation")).replace(" ", "")
    given = [call.plain(i) for i in range(len(call))]
    order = plain(call.output().rank or 0)
    return call.op("Einsum", *given, subscripts=equation, order=order)


@raises("Det")
def det(call: Call) -> Held:
    """The determinants of matrices."""
    x = call.plain()
    return call.op("Det", x, order=plain(x.rank - 2))
