"""Operators on each element: activations, casts, clips, and the softmaxes."""

from __future__ import annotations

from modelport.dialects.onnx.history.rewriting import Rewriting, since, text
from modelport.dialects.onnx.types.known import ONNX_DTYPES
from modelport.model.dtype import BOOL, FLOAT32
from modelport.model.graph import Dim, Node

_SPELLED = {
    "FLOAT": "float32", "DOUBLE": "float64", "FLOAT16": "float16", "BFLOAT16": "bfloat16",
}  # fmt: skip
_IN_PLACE = (
    "Abs Add BatchNormalization Ceil Clip Div Dropout Elu Exp Floor HardSigmoid "
    "InstanceNormalization LeakyRelu Log Max Mean Min Mul Neg PRelu Reciprocal Relu Sigmoid Sqrt "
    "Sub Sum Tanh"
).split()


@since(6, *_IN_PLACE)
def in_place(node: Node, write: Rewriting) -> None:
    """``consumed_inputs`` said which memory could be used again."""
    node.attributes.pop("consumed_inputs", None)
    write.put(node)


@since(6, "Selu")
def selu(node: Node, write: Rewriting) -> None:
    """The defaults had fewer digits."""
    node.attributes.pop("consumed_inputs", None)
    node.attributes.setdefault("alpha", 1.673200011253357)
    node.attributes.setdefault("gamma", 1.0506999492645264)
    write.put(node)


@since(6, "Cast")
def cast(node: Node, write: Rewriting) -> None:
    """The type was given by its name in TensorProto."""
    spelled = node.attributes["to"]
    if isinstance(spelled, str | bytes):
        name = text(spelled).upper()
        code = ONNX_DTYPES.get(_SPELLED.get(name, name.lower()))
        if code is None:
            raise write.fail(f"there is no type {text(spelled)!r}")
        node.attributes["to"] = code
    write.put(node)


@since(11, "Clip")
def clip(node: Node, write: Rewriting) -> None:
    """Bounds that are not given never bounded, before and after."""
    bounds = [node.attributes.pop(name, None) for name in ("min", "max")]
    for bound, name in zip(bounds, ("least", "most"), strict=True):
        node.inputs.append("" if bound is None else write.like(bound, node.inputs[0], name))
    write.put(node)


@since(13, "Softmax", "LogSoftmax", "Hardmax")
def softmax(node: Node, write: Rewriting) -> None:
    """All axes from ``axis`` on were one; now it is that axis alone."""
    axis = _only_axis(node.attributes.get("axis", 1), write.shape(node.inputs[0]))
    if axis is not None:
        node.attributes["axis"] = axis
        write.put(node)
        return
    axis, node.attributes["axis"] = node.attributes.get("axis", 1), -1
    data, result = node.inputs[0], node.outputs[0]
    node.inputs = [write.node("Flatten", [data], axis=axis)]
    node.outputs = [write.name("flat")]
    write.put(node)
    shape = write.node("Shape", [data])
    write.node("Reshape", [node.outputs[0], shape], [result], allowzero=1)


def _only_axis(axis: int, shape: tuple[Dim, ...] | None) -> int | None:
    """The axis that has all elements of those from ``axis`` on, where there is one."""
    if axis == -1 or not shape:
        return -1 if axis == -1 else None
    first = axis % len(shape)
    longer = [place for place in range(first, len(shape)) if shape[place] != 1]
    if len(longer) > 1:
        return None
    last = len(shape) - 1
    return -1 if not longer or longer[0] == last else longer[0]


@since(13, "Erf")
@since(28, "ReduceLogSum", "ReduceLogSumExp")
def of_integers(node: Node, write: Rewriting) -> None:
    """Integers are no longer taken: they go through float64, the result is cut to their type."""
    dtype = write.dtype(node.inputs[0])
    if dtype is None or dtype.kind not in ("int", "uint"):
        write.put(node)
        return
    result = node.outputs[0]
    node.inputs[0] = write.node("Cast", [node.inputs[0]], to=ONNX_DTYPES["float64"])
    node.outputs = [write.name("real")]
    write.put(node)
    write.node("Cast", [node.outputs[0]], [result], to=ONNX_DTYPES[dtype.name])


@since(7, "Dropout")
def dropout_mode(node: Node, write: Rewriting) -> None:
    """``is_test``, by default 0, which is training; from here on nodes only infer.

    The mode stands as ``training_mode`` until version 12 has an input for it.
    """
    if not node.attributes.pop("is_test", 0):
        node.attributes["training_mode"] = 1
    write.put(node)


@since(10, "Dropout")
def dropout_mask(node: Node, write: Rewriting) -> None:
    """The mask had the type of the data; now it is a truth value."""
    mask = "".join(node.outputs[1:])
    node.outputs = node.outputs[:1]
    if write.wanted(mask):
        node.outputs.append(write.name("mask"))
    write.put(node)
    if write.wanted(mask):
        write.node("CastLike", [node.outputs[1], node.inputs[0]], [mask])


@since(12, "Dropout")
def dropout(node: Node, write: Rewriting) -> None:
    """``ratio`` and the mode became inputs."""
    ratio = node.attributes.pop("ratio", None)
    training = node.attributes.pop("training_mode", 0)
    node.inputs.append("" if ratio is None else write.constant(ratio, "ratio", FLOAT32))
    node.inputs.append(write.constant(True, "training", BOOL) if training else "")
    write.put(node)
