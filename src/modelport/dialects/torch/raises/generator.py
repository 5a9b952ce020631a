"""Values made from nothing but shapes and numbers: constants, ranges, noise; and dropout."""

from __future__ import annotations

import re

from modelport.dialects.onnx.scopes import class_of
from modelport.dialects.torch.raises.call import Call, raises, torch_dtype
from modelport.dialects.torch.raises.cast import casted
from modelport.dialects.torch.raises.dtypes import is_whole, to
from modelport.dialects.torch.raises.literals import literal
from modelport.dialects.torch.raises.whole import bare, counts
from modelport.model.dtype import BOOL, FLOAT32, FLOAT64, INT64, DType

_RANGE = '''
def _range(start, limit, step, dtype):
    """The numbers from start on up to limit; none where the step leads away from it."""
    count = max(0, math.ceil((limit - start) / step))
    return torch.arange(count, dtype=dtype) * step + start
'''
_ONE_HOT = '''
def _one_hot(indices, depth, values, dim=-1):
    """The second value where a place on a new axis is the index, else the first."""
    indices = torch.where(indices < 0, indices + depth, indices).unsqueeze(dim)
    shape = [1] * indices.ndim
    shape[dim] = depth
    places = torch.arange(depth, device=indices.device).reshape(shape)
    return torch.where(indices == places, values[1], values[0])
'''
_DROPOUT = '''
def _dropout(x, ratio):
    """A random part of the elements, scaled up, and which ones are kept."""
    kept = torch.rand_like(x) >= ratio
    return torch.where(kept, x / (1 - ratio), 0), kept
'''


def _kind(dtype: DType | None, usual: DType = FLOAT32) -> str:
    """The data type as an argument, where it is not the usual one."""
    return "" if dtype in (usual, None) or dtype is None else f", dtype={torch_dtype(dtype)}"


@raises("ConstantOfShape")
def constant_of_shape(call: Call) -> str:
    """One number in all places of a shape."""
    dtype, tensor = call.output().dtype or FLOAT32, call.node.attributes.get("value")
    value = 0.0 if tensor is None else tensor.numpy().reshape(()).item()
    device = ""
    if call.knows_sizes(0) or isinstance(call.known(0).dim(0), int):
        found = call.sizes(0)
        device = f", device={found.like}.device" if found.like else ""
        shape = f"({', '.join(found.items)}{',' * (len(found.items) == 1)})"
        flat = ", ".join(found.items) or "()"
    else:
        shape = flat = f"{call[0]}.tolist()"
    if dtype.bits < 8 or dtype.name.startswith("float8"):
        full = f"torch.full({shape}, {literal(float(value))}{device})"
        return casted(call, full, dtype)
    if value in (0, 1):
        return f"torch.{'ones' if value else 'zeros'}({flat}{_kind(dtype)}{device})"
    return f"torch.full({shape}, {literal(value, dtype)}{_kind(dtype)}{device})"


@raises("EyeLike")
def eye_like(call: Call) -> str:
    """Ones on a diagonal of a matrix of the operand's shape."""
    dtype = call.output().dtype
    kind = _kind(dtype, call.dtype(0))
    k = call.attribute("k", 0)
    if dtype is not None and dtype.name in ("uint16", "uint32", "uint64"):
        return to(f"torch.ones_like({call[0]}, dtype=torch.bool).triu({k}).tril({k})", dtype)
    return f"torch.ones_like({call[0]}{kind}).triu({k}).tril({k})"


@raises("Range")
def numbers(call: Call) -> str:
    """Numbers at equal distances up to a limit."""
    dtype = call.dtype(0)
    if not is_whole(dtype):
        ends = ", ".join(call.scalar(i, "float") for i in range(3))
        inner = dtype if dtype is FLOAT64 else FLOAT32
        text = f"{call.helper(_RANGE)}({ends}, {torch_dtype(inner)})"
        return text if inner is dtype else to(text, dtype)
    start, limit, step = (call.scalar(i, "int") for i in range(3))
    like = next((call.sizes(i).like for i in range(3) if counts(call, i)), "")
    device = f", device={like}.device" if like else ""
    if not (start == "0" and step == "1" and "-" not in limit):
        text = f"{call.helper(_RANGE)}({start}, {limit}, {step}, {torch_dtype(dtype)})"
        return f"{text}.to({like}.device)" if device else text
    return f"torch.arange({limit}{_kind(dtype, INT64)}{device})"


@raises("OneHot")
def one_hot(call: Call) -> str:
    """One of two values at each place of a new axis: whether the index points there."""
    extent = call.scalar(1, "int")
    indices = call[0]
    if is_whole(call.dtype(0)) and call.dtype(0) is not INT64:
        indices = f"{indices}.long()"
    axis = call.attribute("axis", -1)
    dim = "" if axis == -1 else f", dim={axis}"
    return f"{call.helper(_ONE_HOT)}({indices}, {extent}, {_pair_of_values(call)}{dim})"


def _pair_of_values(call: Call) -> str:
    """The two values; as plain numbers where these have the right type by themselves."""
    pair, dtype = call.array(2), call.dtype(2)
    if pair is None or dtype not in (FLOAT32, INT64, BOOL):
        return call[2]
    return f"({', '.join(bare(literal(item, dtype)) for item in pair.tolist())})"


@raises("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike")
def noise(call: Call) -> str:
    """Random numbers, normally or evenly distributed."""
    operator, dtype = call.node.op_type, call.output().dtype
    like = operator.endswith("Like")
    name = "randn" if "Normal" in operator else "rand"
    if like:
        text = f"torch.{name}_like({call[0]}{_kind(dtype, call.dtype(0))})"
    else:
        text = f"torch.{name}({', '.join(map(str, call.ints('shape'))) or '()'}{_kind(dtype)})"
    if name == "randn":
        start, scale = call.attribute("mean", 0.0), call.attribute("scale", 1.0)
    else:
        start = call.attribute("low", 0.0)
        scale = call.attribute("high", 1.0) - start
    text = text if scale == 1 else f"{text} * {literal(float(scale))}"
    return text if start == 0 else f"{text} + {literal(float(start))}"


@raises("Multinomial")
def multinomial(call: Call) -> str:
    """Random classes, by the logarithms of how likely they are."""
    dtype = call.output().dtype
    count = call.attribute("sample_size", 1)
    text = f"torch.multinomial({call[0]}.softmax(-1), {count}, replacement=True)"
    return text if dtype in (INT64, None) or dtype is None else to(text, dtype)


@raises("Bernoulli")
def bernoulli(call: Call) -> str:
    """Ones as often as each element says, zeros else."""
    dtype = call.output().dtype
    text = f"torch.bernoulli({call[0]})"
    return text if dtype is None or dtype is call.dtype(0) else to(text, dtype)


@raises("Dropout")
def dropout(call: Call) -> str | list[str] | None:
    """Nothing, when the model predicts; a part of the elements while it is trained."""
    training, ratio = call.array(2), call.array(1)
    share = call.scalar(1, "float") if call.has(1) else "0.5"
    if ratio is not None:
        share = literal(float(ratio.reshape(())))
    fixed = not call.has(2) or (training is not None and not training.reshape(()))
    if call.wanted(1):
        if fixed:
            return [call[0], f"torch.ones_like({call[0]}, dtype=torch.bool)"]
        drop = f"{call.helper(_DROPOUT)}({call[0]}, {share})"
        none = f"({call[0]}, torch.ones_like({call[0]}, dtype=torch.bool))"
        call.several(drop if training is not None else f"{drop} if {call[2]} else {none}")
        return None
    if not fixed:
        always = "True" if training is not None else f"bool({call[2]})"
        return [f"F.dropout({call[0]}, {share}, training={always})"]
    kind = class_of(call.node)
    kind = kind if re.fullmatch(r"Dropout[123]d", kind) else "Dropout"
    module = f"nn.{kind}({share})" if ratio is not None or not call.has(1) else ""
    call.activation(module, f"F.dropout({call[0]}, {share}, training=self.training)")
    return None
