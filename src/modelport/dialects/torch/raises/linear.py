"""Matrix products and the layers made of them."""

from __future__ import annotations

from modelport.dialects.torch.raises.activation import number
from modelport.dialects.torch.raises.call import Call, arguments, raises, torch_dtype
from modelport.dialects.torch.raises.dtypes import Wide, is_whole, to
from modelport.model.derived import Source
from modelport.model.expression import Expression, transpose


@raises("MatMul")
def matmul(call: Call) -> str:
    """``x @ y``; with a matrix of the file (and a vector added) a Linear."""
    weight = call.weight(1)
    if weight is None or len(weight.shape) != 2 or weight.dtype.kind != "float":
        return _matrices(call)
    following = call.next("Add")
    bias = _bias(following, call, weight.shape[1]) if following else None
    turned = transpose(weight, (1, 0))
    module = linear(call, turned, bias)
    if module is None and isinstance(weight, Source):
        return _matrices(call)
    if following is not None and bias is not None:
        call.absorb(following)
    if module is not None:
        return f"{module}({call[0]})"
    return _function(call, turned, following, bias)


def _matrices(call: Call) -> str:
    wide = Wide(call)
    return wide.back(f"{wide[0]} @ {wide[1]}")


def _function(
    call: Call, weight: Expression, following: Call | None, bias: Expression | None
) -> str:
    """A Linear whose weights belong to something else."""
    operands = [call[0], call.parameter(1, weight)]
    if following is not None and bias is not None:
        place = 0 if following.weight(0) is bias or following.weight(1) is None else 1
        operands.append(following.parameter(place, bias))
    return f"F.linear({', '.join(operands)})"


def _bias(following: Call, call: Call, units: int) -> Expression | None:
    """What is added to each row of the product, where the file holds it."""
    for index in (0, 1):
        bias = following.weight(index)
        if bias is not None and bias.shape == (units,):
            return bias
    return None


def linear(call: Call, weight: Expression, bias: Expression | None) -> object | None:
    """The Linear of a weight (units, features)."""
    dtype = weight.dtype
    usual = "torch.float32"
    text = arguments(
        weight.shape[1],
        weight.shape[0],
        bias=(bias is not None, True),
        dtype=(torch_dtype(dtype), usual),
    )
    return call.module(f"nn.Linear({text})", weight=weight, bias=bias)


@raises("Gemm")
def gemm(call: Call) -> str:
    """``alpha a b + beta c`` of matrices that may be transposed; a Linear where it is one."""
    alpha, beta = number(call, "alpha", 1.0), number(call, "beta", 1.0)
    if alpha == "1.0" and (beta == "1.0" or not call.has(2)) and not call.attribute("transA", 0):
        found = _as_linear(call)
        if found is not None:
            return found
    return _product(call, alpha, beta)


def _as_linear(call: Call) -> str | None:
    """A product with a matrix of the file, and with a vector of it added."""
    weight, bias = call.weight(1), call.weight(2)
    if weight is None or weight.dtype.kind != "float" or (bias is None and call.has(2)):
        return None
    turned = weight if call.attribute("transB", 0) else transpose(weight, (1, 0))
    if bias is not None and bias.shape != (turned.shape[0],):
        return None
    module = linear(call, turned, bias)
    if module is not None:
        return f"{module}({call[0]})"
    operands = [call[0], call.parameter(1, turned)]
    operands += [call.parameter(2, bias)] if bias is not None else []
    return f"F.linear({', '.join(operands)})"


def _product(call: Call, alpha: str, beta: str) -> str:
    """``alpha a b + beta c`` as it stands."""
    wide = Wide(call)
    a = f"{wide[0]}.T" if call.attribute("transA", 0) else wide[0]
    b = f"{wide[1]}.T" if call.attribute("transB", 0) else wide[1]
    text = f"{a} @ {b}" if alpha == "1.0" else f"{alpha} * ({a} @ {b})"
    if call.has(2):
        text = f"{text} + {wide[2]}" if beta == "1.0" else f"{text} + {beta} * {wide[2]}"
    if is_whole(call.dtype(0)) and (alpha, beta) != ("1.0", "1.0"):
        return to(f"({text})", call.dtype(0))
    return wide.back(text)


@raises("Det")
def determinant(call: Call) -> str:
    """The determinants of matrices."""
    if call.dtype(0).bits < 32:
        return to(f"torch.linalg.det({call[0]}.float())", call.dtype(0))
    return f"torch.linalg.det({call[0]})"


@raises("Einsum")
def einsum(call: Call) -> str:
    """Products summed as an equation says."""
    wide = Wide(call)
    operands = ", ".join(wide[i] for i in range(len(call)))
    equation = "".join(call.attribute("equation").split())
    return wide.back(f'torch.einsum("{equation}", {operands})')
