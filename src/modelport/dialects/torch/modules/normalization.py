"""Normalisation over batches, layers, groups, instances and neighbours."""

from __future__ import annotations

from modelport.dialects.torch.modules.step import Input, Ref, Step, module


def _takes(step: Step) -> Input:
    axes = int(step.tree.name[-2])
    # Of one axis fewer too, for BatchNorm1d takes rows as well.
    rank = 2 if step.tree.name == "BatchNorm1d" else axes + 2
    return Input(rank, {1: step.get("num_features")})


def _batch_norm(step: Step, x: Ref) -> Ref:
    weights = [step.weight(role) for role in ("weight", "bias", "running_mean", "running_var")]
    momentum, eps = step.get("momentum", 0.0), step.get("eps", 1e-5)
    training = weights[2] is None or weights[3] is None
    return step.call("batch_norm", x, *weights, training, momentum, eps, False)


module("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", takes=_takes)(_batch_norm)
module("SyncBatchNorm", takes=lambda step: Input(None, {1: step.get("num_features")}))(_batch_norm)


@module("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", takes=_takes)
def instance_norm(step: Step, x: Ref) -> Ref:
    """By each sample's own statistics, or by running ones where the module keeps such."""
    weights = [step.weight(role) for role in ("weight", "bias", "running_mean", "running_var")]
    momentum, eps = step.get("momentum", 0.1), step.get("eps", 1e-5)
    own = weights[2] is None
    return step.call("instance_norm", x, *weights, own, momentum, eps, False)


@module("GroupNorm", takes=lambda step: Input(None, {1: step.get("num_channels")}))
def group_norm(step: Step, x: Ref) -> Ref:
    """By the statistics of groups of channels."""
    weights = (step.weight("weight"), step.weight("bias"))
    return step.call(
        "group_norm", x, step.get("num_groups"), *weights, step.get("eps", 1e-5), False
    )


def _last_axes(step: Step) -> Input:
    shape = step.several("normalized_shape", 1)
    return Input(None, {at - len(shape): extent for at, extent in enumerate(shape)})


@module("LayerNorm", takes=_last_axes)
def layer_norm(step: Step, x: Ref) -> Ref:
    """By the statistics of the last axes."""
    shape = step.several("normalized_shape", 1)
    weights = (step.weight("weight"), step.weight("bias"))
    return step.call("layer_norm", x, shape, *weights, step.get("eps", 1e-5), False)


@module("RMSNorm", takes=_last_axes)
def rms_norm(step: Step, x: Ref) -> Ref:
    """Over the root of the mean square of the last axes."""
    shape = step.several("normalized_shape", 1)
    return step.call("rms_norm", x, shape, step.weight("weight"), step.get("eps"))


@module("LocalResponseNorm", takes=Input(through=True))
def neighbours(step: Step, x: Ref) -> Ref:
    """Over a power of the mean square of neighbouring channels (``F.local_response_norm``)."""
    size, axes = int(step.get("size", 5)), step.rank - 2
    if axes not in (1, 2):
        raise ValueError(f"{step.rank} axes")
    square = step.call("unsqueeze", step.call("mul.Tensor", x, x), 1)
    around = [0, 0] * axes + [size // 2, (size - 1) // 2]
    padded = step.call("pad", square, around, "constant")
    kernel = [size] + [1] * axes
    mean = step.call(f"avg_pool{axes + 1}d", padded, kernel, [1] * (axes + 1))
    mean = step.call("squeeze.dim", mean, 1)
    scaled = step.call("mul.Scalar", mean, step.get("alpha", 1e-4))
    shifted = step.call("add.Scalar", scaled, step.get("k", 1.0))
    power = step.call("pow.Tensor_Scalar", shifted, step.get("beta", 0.75))
    return step.call("div.Tensor", x, power)
