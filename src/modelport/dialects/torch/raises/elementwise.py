"""Arithmetic, comparisons, logic, bits and functions of one element at a time."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, raises
from modelport.dialects.torch.raises.dtypes import Wide, is_plain, is_whole, to
from modelport.dialects.torch.raises.whole import bare, of_sizes
from modelport.dialects.torch.source.sizes import Sizes
from modelport.model.dtype import BOOL, FLOAT32, INT64, UINT64

_ARITHMETIC = {"Add": "+", "Sub": "-", "Mul": "*"}
_COMPARISONS = {"Less": "<", "LessOrEqual": "<=", "Greater": ">", "GreaterOrEqual": ">="}
_LOGIC = {"And": "&", "Or": "|", "Xor": "^"}
_BITS = {f"Bitwise{name}": sign for name, sign in _LOGIC.items()}
_PLAIN = (
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf", "Exp",
    "Floor", "Log", "Reciprocal", "Round", "Sin", "Sinh", "Sqrt", "Tan",
)  # fmt: skip

_DIVIDED = '''
def _divided(a, b):
    """The quotient and remainder of unsigned 64-bit numbers that signed ones carry."""
    lowest = torch.iinfo(torch.int64).min
    half = torch.div((a >> 1) & ~lowest, b, rounding_mode="trunc")
    quotient = torch.where(b < 0, 0, half << 1)
    rest = a - quotient * b
    more = (rest ^ lowest) >= (b ^ lowest)
    rest = torch.where(more, rest - b, rest)
    return (quotient + more).to(torch.uint64), rest.to(torch.uint64)
'''


@raises(*_ARITHMETIC)
def arithmetic(call: Call) -> str | Sizes:
    """A sum, difference or product; whole numbers wrap around."""
    counted = of_sizes(call)
    if counted is not None:
        return counted
    wide = Wide(call)
    a, b = wide.pair()
    return wide.back(f"{a} {_ARITHMETIC[call.node.op_type]} {b}")


@raises("Div")
def div(call: Call) -> str | Sizes:
    """A quotient; that of whole numbers is cut towards zero."""
    counted = of_sizes(call)
    if counted is not None:
        return counted
    if not is_whole(call.dtype(0)):
        a, b = Wide(call).pair()
        return f"{a} / {b}"
    if call.dtype(0) is UINT64:
        return f"{call.helper(_DIVIDED)}({call[0]}.long(), {call[1]}.long())[0]"
    wide = Wide(call)
    return wide.back(f'torch.div({wide[0]}, {wide.number(1)}, rounding_mode="trunc")')


@raises("Mod")
def mod(call: Call) -> str | Sizes:
    """What a division leaves: with the sign of the divisor, or of the dividend by ``fmod``."""
    counted = of_sizes(call)
    if counted is not None:
        return counted
    if call.dtype(0) is UINT64:
        return f"{call.helper(_DIVIDED)}({call[0]}.long(), {call[1]}.long())[1]"
    wide = Wide(call)
    if call.attribute("fmod", 0):
        return wide.back(f"torch.fmod({wide[0]}, {wide.number(1)})")
    a, b = wide.pair()
    return wide.back(f"{a} % {b}")


@raises("Pow")
def power(call: Call) -> str:
    """A power in the type of its base."""
    base, exponent = call.dtype(0), call.dtype(1)
    if is_whole(base) and not is_whole(exponent):
        return to(f"torch.pow({call[0]}.double(), {call[1]})", base)
    known = call.array(1)
    if known is not None and known.size == 1 and is_plain(call.number(1)):
        value = float(known.reshape(()))
        return f"{call[0]}.pow({int(value) if value.is_integer() else bare(call.number(1))})"
    if base is exponent:
        return f"torch.pow({bare(call.number(0))}, {call[1]})"
    if is_whole(exponent):
        text = f"torch.pow({call[0]}, {Wide(call, 1)[1]})"
        return to(text, base) if is_whole(base) else text
    common = max(base, exponent, key=lambda dtype: dtype.bits)
    common = FLOAT32 if base.bits == exponent.bits else common
    a, b = (
        call[i] if dtype is common else to(call[i], common)
        for i, dtype in enumerate((base, exponent))
    )
    text = f"torch.pow({a}, {b})"
    return text if base is common else to(text, base)


@raises(*_COMPARISONS)
def comparison(call: Call) -> str:
    """Which elements are less or greater."""
    a, b = Wide(call, order=True).pair()
    return f"{a} {_COMPARISONS[call.node.op_type]} {b}"


@raises("Equal")
def equal(call: Call) -> str:
    """Which elements are the same."""
    if call.dtype(0).kind == "string":
        raise call.refused("torch has no tensors of text")
    a, b = Wide(call).pair()
    return f"{a} == {b}"


@raises(*_LOGIC, *_BITS)
def logic(call: Call) -> str:
    """Truth values or bits, combined."""
    a = call[0] if call.array(1) is not None else call.number(0)
    b = call.number(1)
    return f"{a} {(_LOGIC | _BITS)[call.node.op_type]} {b}"


@raises("Not", "BitwiseNot")
def invert(call: Call) -> str:
    """Every bit (or truth value) turned."""
    wide = Wide(call)
    return wide.back(f"~{wide[0]}")


@raises("BitShift")
def shift(call: Call) -> str:
    """Bits moved; zeros come in from both sides, but copies of the sign for signed numbers."""
    wide = Wide(call)
    a, n = wide.pair()
    if call.attribute("direction") == "LEFT":
        return wide.back(f"{a} << {n}")
    if call.dtype(0) is UINT64:
        mask = f"(torch.iinfo(torch.int64).max >> ({n} - 1))"
        return wide.back(f"torch.where({wide[1]} == 0, {a}, ({a} >> {n}) & {mask})")
    return wide.back(f"{a} >> {n}")


@raises("Neg")
def neg(call: Call) -> str:
    """The other sign."""
    return f"-{call[0]}"


@raises("Abs")
def absolute(call: Call) -> str:
    """The distance from zero."""
    return call[0] if call.dtype(0).kind == "uint" else f"torch.abs({call[0]})"


@raises("Sign")
def sign(call: Call) -> str:
    """-1, 0 or 1."""
    if call.dtype(0).kind == "uint":
        return to(f"({call[0]} != 0)", call.dtype(0))
    return f"torch.sign({call[0]})"


@raises(*_PLAIN)
def plain(call: Call) -> str:
    """A function that torch has by the same name."""
    return f"torch.{call.node.op_type.lower()}({call[0]})"


@raises("IsNaN")
def is_nan(call: Call) -> str:
    """Which elements are no numbers."""
    return f"torch.isnan({_computed(call)})"


@raises("IsInf")
def is_infinite(call: Call) -> str:
    """Which elements are infinite, of either sign or of one."""
    below, above = call.attribute("detect_negative", 1), call.attribute("detect_positive", 1)
    if below and above:
        return f"torch.isinf({_computed(call)})"
    if below or above:
        return f"torch.is{'neg' if below else 'pos'}inf({_computed(call)})"
    return f"torch.zeros_like({call[0]}, dtype=torch.bool)"


def _computed(call: Call) -> str:
    """A float operand in a type that torch computes with."""
    return f"{call[0]}.half()" if call.dtype(0).bits == 8 else call[0]


@raises("Identity")
def identity(call: Call) -> str:
    """The same value."""
    return call[0]


@raises("Where")
def where(call: Call) -> str:
    """From one operand or another, by truth values."""
    a, b = call.number(1), call.number(2)
    if is_plain(a) and is_plain(b) and call.dtype(1) not in (BOOL, FLOAT32, INT64):
        b = call[2]
    return f"torch.where({call[0]}, {a}, {b})"


@raises("Clip")
def clip(call: Call) -> str | None:
    """Between two bounds; the upper one wins."""
    least, most = call.array(1), call.array(2)
    if least is not None and most is not None and call.dtype(0).kind == "float":
        bounds = (float(least.reshape(())), float(most.reshape(())))
        module = {(0.0, 6.0): "ReLU6", (-1.0, 1.0): "Hardtanh"}.get(bounds, "")
        if module:
            call.activation(f"nn.{module}()", f"F.{module.lower()}({call[0]})")
            return None
    wide = Wide(call, order=True)
    x = wide[0]
    tensors = any(call.has(i) and call.array(i) is None for i in (1, 2))
    named = [
        f"{name}={wide[i] if tensors else wide.number(i)}"
        for i, name in ((1, "min"), (2, "max"))
        if call.has(i)
    ]
    if not named:
        return call[0]
    if len(named) == 2:
        named = [text.partition("=")[2] for text in named]
    return wide.back(f"torch.clamp({x}, {', '.join(named)})")


@raises("Max", "Min")
def extreme(call: Call) -> str | Sizes:
    """The largest or smallest of the operands, element by element."""
    counted = of_sizes(call)
    if counted is not None:
        return counted
    name = "maximum" if call.node.op_type == "Max" else "minimum"
    bound = "min" if call.node.op_type == "Max" else "max"
    wide = Wide(call, order=True)
    if len(call) == 1:
        return call[0]
    for one, other in ((0, 1), (1, 0)):
        if len(call) == 2 and call.array(one) is None and is_plain(wide.number(other)):
            return wide.back(f"torch.clamp({wide[one]}, {bound}={wide.number(other)})")
    text = wide[0]
    for index in range(1, len(call)):
        text = f"torch.{name}({text}, {wide[index]})"
    return wide.back(text)


@raises("Sum", "Mean")
def total(call: Call) -> str:
    """All operands added; the mean is over their number."""
    text = " + ".join(call[i] for i in range(len(call)))
    if call.node.op_type == "Sum" or len(call) == 1:
        return text
    return f"({text}) / {len(call)}"
