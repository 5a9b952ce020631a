"""Products of matrices, and what is added to them or to a convolution."""

from __future__ import annotations

from modelport.dialects.onnx.simplify.arrangement import reshaped_tensor, transposed_tensor
from modelport.dialects.onnx.simplify.match import both
from modelport.dialects.onnx.simplify.nothing import order_of, same_shape
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.dtype import INT64
from modelport.model.graph import Node


@rule("Add")
def biased(scene: Scene, node: Node) -> bool:
    """A number for each channel, added to a convolution without a bias."""
    for name, bias in both(node):
        conv = scene.inner(name, "Conv", "ConvTranspose")
        shape, given = scene.known(name).shape, scene.known(bias).shape
        if conv is None or shape is None or given is None or len(shape) < 3:
            continue
        free = len(conv.inputs) == 2 or conv.inputs[2] == ""
        channels = shape[1]
        if not free or not isinstance(channels, int) or scene.tensor(bias) is None:
            continue
        padded = (1,) * (len(shape) - len(given)) + tuple(given)
        if padded != (1, channels, *[1] * (len(shape) - 2)):
            continue
        fitting = reshaped_tensor(scene, bias, (channels,))
        if fitting is None:
            continue
        return scene.become(node, conv.op_type, [*conv.inputs[:2], fitting], **conv.attributes)
    return False


@rule("Add")
def completed(scene: Scene, node: Node) -> bool:
    """What is added to a Gemm that has nothing to add."""
    for name, bias in both(node):
        gemm = scene.inner(name, "Gemm")
        shape, given = scene.known(name).shape, scene.known(bias).shape
        if gemm is None or shape is None or given is None or len(gemm.inputs) > 2:
            continue
        if len(given) <= 2 and same_shape(scene, name, node.outputs[0]):
            settings = {key: value for key, value in gemm.attributes.items() if key != "beta"}
            return scene.become(node, "Gemm", [*gemm.inputs[:2], bias], **settings)
    return False


@rule("MatMul")
def turned(scene: Scene, node: Node) -> bool:
    """A product with a matrix that was turned before."""
    if any(scene.rank(name) != 2 for name in node.inputs):
        return False
    dtype = scene.dtype(node.inputs[0])
    if dtype is None or dtype.kind != "float":
        return False
    names, settings = [], {}
    for name, setting in zip(node.inputs, ("transA", "transB"), strict=True):
        before = scene.producer(name, "Transpose")
        if before is not None and order_of(scene, before) == [1, 0]:
            name, settings[setting] = before.inputs[0], 1
        names.append(name)
    return bool(settings) and scene.become(node, "Gemm", names, **settings)


@rule("Reshape", "Flatten")
def row_by_row(scene: Scene, node: Node) -> bool:
    """A product (and a vector added) of all rows as one matrix, and the shape given back."""
    product = scene.inner(node.inputs[0], "MatMul", "Gemm", "Add")
    bias = ""
    if product is not None and product.op_type == "Add":
        found = _vector_added(scene, product)
        product, bias = (None, "") if found is None else found
    before = None if product is None else scene.producer(product.inputs[0], "Reshape", "Flatten")
    if product is None or before is None or not _is_plain(scene, product):
        return False
    source = before.inputs[0]
    rows, result = scene.known(source).shape, scene.known(node.outputs[0]).shape
    matrix = scene.known(before.outputs[0]).shape
    if rows is None or result is None or matrix is None or len(matrix) != 2:
        return False
    lead = len(result) - 1
    fits = lead > 1 and None not in result and rows[:lead] == result[:lead]
    if not fits or len(rows) <= lead or not isinstance(matrix[1], int):
        return False
    if product.op_type == "Gemm" and len(product.inputs) > 2:
        bias = product.inputs[2]
    weight = _upright(scene, product)
    if weight is None:
        return False
    where = node.name or node.outputs[0]
    if len(rows) > lead + 1 or rows[lead] != matrix[1]:
        extents = [extent if isinstance(extent, int) else 0 for extent in rows[:lead]]
        shape = scene.constant([*extents, matrix[1]], INT64, f"{where}/rows")
        source = scene.put(node, "Reshape", [source, shape])
    if not bias:
        return scene.become(node, "MatMul", [source, weight])
    return scene.become(node, "Add", [scene.put(node, "MatMul", [source, weight]), bias])


def _upright(scene: Scene, product: Node) -> str | None:
    """The matrix of a product as MatMul takes it."""
    name = product.inputs[1]
    if not product.attributes.get("transB", 0):
        return name
    return transposed_tensor(scene, name)


def _vector_added(scene: Scene, node: Node) -> tuple[Node, str] | None:
    for name, bias in both(node):
        product = scene.inner(name, "MatMul", "Gemm")
        if product is not None and len(product.inputs) == 2 and scene.rank(bias) == 1:
            return product, bias
    return None


def _is_plain(scene: Scene, product: Node) -> bool:
    """Whether a product is one of matrices as they are, with at most a vector added."""
    if scene.rank(product.inputs[1]) != 2:
        return False
    if product.op_type == "MatMul":
        return True
    settings = product.attributes
    if settings.get("transA", 0) or settings.get("alpha", 1.0) != 1:
        return False
    return len(product.inputs) < 3 or (
        settings.get("beta", 1.0) == 1 and scene.rank(product.inputs[2]) == 1
    )
