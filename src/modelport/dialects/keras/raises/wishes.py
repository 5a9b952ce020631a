"""Layout, as one pass before anything is written: in which order users want the axes of values.

Wishes go backwards from those that demand an order: windows want channels last, products and the
outputs of the model the order of ONNX. What works element by element, or along any axis, wishes for
its operands what is wished of its results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from modelport.dialects.keras.raises.value import Layout, channels_last, plain
from modelport.dialects.onnx.types.known import Known
from modelport.model.graph import Graph, Node

Order = tuple[int, ...]

WINDOWS = frozenset("Conv ConvTranspose MaxPool AveragePool LpPool Resize LRN".split())
"""Operators that move windows over all axes but those of the batch and the channels."""
_FREE = frozenset(
    "GlobalAveragePool GlobalMaxPool GlobalLpPool Shape Size Flatten Reshape Squeeze Unsqueeze "
    "Constant".split()
)
"""Operators that take what there is."""
_FOLLOWING = frozenset(
    "Abs Acos Acosh Add And Asin Asinh Atan Atanh BatchNormalization Cast CastLike Ceil Celu "
    "Clip Concat Cos Cosh CumSum DepthToSpace Div Dropout Elu Equal Erf Exp Expand Floor Gelu "
    "Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity "
    "InstanceNormalization IsInf IsNaN LeakyRelu Less LessOrEqual Log LogSoftmax "
    "LpNormalization Max Mean MeanVarianceNormalization Min Mish Mod Mul Neg Not Or PRelu Pad "
    "Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Slice Softmax Softplus "
    "Softsign SpaceToDepth Split Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Tile Where Xor".split()
)
"""Operators whose results lie as their operands do."""
_REDUCING = "Reduce", "ArgMax", "ArgMin"


def wishes(graph: Graph, known: Callable[[str], Known], layout: Layout) -> Mapping[str, Order]:
    """The order that most users of a value want, of the values of which any is wanted."""
    votes: dict[str, Counter[Order]] = {}

    def vote(name: str, order: Order | None) -> None:
        if name and order is not None and len(order) == known(name).rank:
            votes.setdefault(name, Counter())[order] += 1

    windows = plain if layout is Layout.CHANNELS_FIRST else channels_last
    if layout is not Layout.CHANNELS_LAST:
        for value in graph.outputs:
            vote(value.name, plain(known(value.name).rank or 0))
    for node in reversed(graph.nodes):
        wanted = next((_most(votes[name]) for name in node.outputs if name in votes), None)
        for place, name in enumerate(node.inputs):
            rank = known(name).rank or 0
            if name in graph.tensors:
                continue
            if node.op_type in WINDOWS:
                vote(name, windows(rank) if place == 0 and 3 <= rank <= 5 else None)
            else:
                weighed = len(node.inputs) > 1 and node.inputs[1] in graph.tensors
                vote(name, _of_operand(node, place, rank, wanted, weighed))
    return {name: _most(found) for name, found in votes.items()}


def _most(votes: Counter[Order]) -> Order:
    """What most want; of several that as many want, channels last."""
    best = max(votes.values())
    return min(
        (order for order, count in votes.items() if count == best),
        key=lambda order: order != channels_last(len(order)),
    )


def _of_operand(
    node: Node, place: int, rank: int, wanted: Order | None, weighed: bool
) -> Order | None:
    """How a node wants an operand, where it is ``wanted`` to give its result in some order.

    ``weighed``: its second operand is a weight.
    """
    kind = node.op_type
    if kind == "Transpose":
        axes: Sequence[int] = node.attributes.get("perm") or range(rank)[::-1]
        return None if wanted is None else tuple(axes[axis] for axis in wanted)
    if kind in _FREE:
        return None
    if kind == "LayerNormalization" or (kind == "MatMul" and place == 0 and weighed):
        # Only the last axes have to be where they are.
        first = rank - 1 if kind == "MatMul" else int(node.attributes.get("axis", -1)) % (rank or 1)
        stays = wanted is not None and wanted[first:] == plain(rank)[first:]
        return wanted if stays else plain(rank)
    if kind in _FOLLOWING or kind.startswith(_REDUCING):
        return wanted
    return plain(rank)
