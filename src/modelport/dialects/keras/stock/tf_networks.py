"""TensorFlow's functions of matrices, networks and images."""

from __future__ import annotations

from typing import Any

from modelport.dialects.keras.stock.chain import ELLIPSIS, Chain, V, constant, slices
from modelport.dialects.keras.stock.tf_functions import function
from modelport.dialects.keras.stock.tf_shapes import extents, known

# Matrices


@function("matmul", "batch_mat_mul", "batch_mat_mul_v2")
def matmul(
    chain: Chain,
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
) -> Any:
    """The matrix product; either matrix may be transposed first."""
    x = _turned(chain, a) if transpose_a or adjoint_a else constant(a)
    y = _turned(chain, b) if transpose_b or adjoint_b else constant(b)
    return chain.op("Matmul", x, y)


def _turned(chain: Chain, x: Any) -> Any:
    return chain.op("Swapaxes", constant(x), axis1=-1, axis2=-2)


@function("matrix_transpose")
def matrix_transpose(chain: Chain, a: V) -> Any:
    """The last two axes in each other's place."""
    return _turned(chain, a)


@function("matvec")
def matvec(chain: Chain, a: Any, b: Any, transpose_a: bool = False) -> Any:
    """A matrix times a vector, sample by sample."""
    x = _turned(chain, a) if transpose_a else constant(a)
    product = chain.op("Matmul", x, chain.op("ExpandDims", constant(b), axis=-1))
    return chain.op("Squeeze", product, axis=-1)


@function("tensordot")
def tensordot(chain: Chain, a: Any, b: Any, axes: Any) -> Any:
    """The product of tensors over some of their axes."""
    return chain.op("Tensordot", constant(a), constant(b), axes=axes)


@function("einsum")
def einsum(chain: Chain, equation: str, *inputs: Any) -> Any:
    """Products summed as an equation says."""
    if len(inputs) < len(str(equation).partition("->")[0].split(",")):
        raise chain.error(
            f"the file states the equation {equation!r} without its operands, which tf.keras does "
            "not save; rebuild the model with a Dot or EinsumDense in its place"
        )
    return chain.op("Einsum", *map(constant, inputs), subscripts=equation)


@function("band_part")
def band_part(chain: Chain, input: V, num_lower: Any, num_upper: Any) -> Any:
    """The diagonals of matrices from so many below to so many above; -1 keeps all."""
    lower, upper = known(chain, num_lower), known(chain, num_upper)
    made = input
    if upper >= 0:
        made = chain.op("Tril", made, k=upper)
    return chain.op("Triu", made, k=-lower) if lower >= 0 else made


# Networks


@function("relu")
def relu(chain: Chain, x: Any = None, **given: Any) -> Any:
    """Relu, with the arguments of Keras' own function."""
    x = given.pop("features", x)
    settings = {
        "negative_slope": float(given.pop("alpha", 0.0)),
        "max_value": given.pop("max_value", None),
        "threshold": float(given.pop("threshold", 0.0)),
    }
    if given:
        raise chain.error(f"Keras 3's relu has no {', '.join(given)}")
    if settings == {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}:
        return chain.op("Relu", x)
    return chain.layer("ReLU", settings, [x])[0]


@function("gelu")
def gelu(chain: Chain, features: V, approximate: bool = False) -> Any:
    """Gelu, exact unless asked otherwise."""
    return chain.op("Gelu", features, approximate=bool(approximate))


@function("silu", "swish")
def silu(chain: Chain, features: V, beta: float = 1.0) -> Any:
    """X sigmoid(β x)."""
    if beta == 1.0:
        return chain.op("Silu", features)
    inside = chain.op("Multiply", features, beta)
    return chain.op("Multiply", features, chain.op("Sigmoid", inside))


@function("crelu")
def crelu(chain: Chain, features: V, axis: int = -1) -> Any:
    """relu(x) and relu(-x), one after the other."""
    both = chain.op("Concatenate", [features, chain.op("Negative", features)], axis=axis)
    return chain.op("Relu", both)


@function("hard_sigmoid")
def hard_sigmoid(chain: Chain, x: V) -> Any:
    """``clip(0.2 x + 0.5, 0, 1)``, as Keras 2 had it."""
    inside = chain.op("Add", chain.op("Multiply", x, 0.2), 0.5)
    return chain.op("Clip", inside, x_min=0.0, x_max=1.0)


@function("moments")
def moments(chain: Chain, x: V, axes: Any, shift: Any = None, keepdims: bool = False) -> list[Any]:
    """The mean and the variance."""
    settings = {"axis": axes, "keepdims": bool(keepdims)}
    return [chain.op("Mean", x, **settings), chain.op("Var", x, **settings)]


@function("bias_add")
def bias_add(chain: Chain, value: V, bias: Any, data_format: Any = None) -> Any:
    """A number a channel added."""
    if str(data_format).startswith("NC"):
        raise chain.error("it adds a bias to channels that come first")
    return chain.op("Add", value, constant(bias))


@function("batch_normalization")
def batch_normalization(
    chain: Chain,
    x: V,
    mean: Any,
    variance: Any,
    offset: Any = None,
    scale: Any = None,
    variance_epsilon: float = 0.001,
) -> Any:
    """(x - mean) / √(variance + ε), times a scale, plus an offset; all of them broadcast."""
    spread = chain.op("Rsqrt", chain.op("Add", constant(variance), variance_epsilon))
    made = chain.op("Multiply", chain.op("Subtract", x, constant(mean)), spread)
    made = made if scale is None else chain.op("Multiply", made, constant(scale))
    return made if offset is None else chain.op("Add", made, constant(offset))


# Windows


def _window(chain: Chain, data_format: Any, padding: Any) -> dict[str, Any]:
    if not isinstance(padding, str):
        raise chain.error("Keras 3 has no explicit paddings")
    first = str(data_format).startswith("NC")
    form = "channels_first" if first else "channels_last"
    return {"padding": padding.lower(), "data_format": form}


def _spatial(value: Any, rank: int, data_format: Any) -> Any:
    """A window's numbers for the spatial axes: all axes may have been given, or one number."""
    if value is None:
        return 1
    listed = list(value) if isinstance(value, list | tuple) else [value]
    if len(listed) == rank + 2:
        listed = listed[2:] if str(data_format).startswith("NC") else listed[1:-1]
    # Some operations of Keras 3 take one number for all axes, but no list after a file.
    return listed[0] if len(set(listed)) == 1 else listed


def _convolution(operation: str, rank: int) -> Any:
    def say(
        chain: Chain,
        input: V,
        filters: Any = None,
        strides: Any = 1,
        padding: Any = "VALID",
        data_format: Any = None,
        dilations: Any = None,
        filter: Any = None,
        stride: Any = None,
        rate: Any = None,
    ) -> Any:
        kernel = filter if filters is None else filters
        steps = strides if stride is None else stride
        rates = dilations if rate is None else rate
        return chain.op(
            operation,
            input,
            constant(kernel),
            strides=_spatial(steps, rank, data_format),
            dilation_rate=_spatial(rates, rank, data_format),
            **_window(chain, data_format, padding),
        )

    return say


for _rank in (1, 2, 3):
    function(f"nn.conv{_rank}d")(_convolution("Conv", _rank))
function("nn.depthwise_conv2d", "nn.depthwise_conv2d_native")(_convolution("DepthwiseConv", 2))


def _pooling(operation: str, rank: int) -> Any:
    def say(
        chain: Chain, input: V, ksize: Any, strides: Any, padding: Any, data_format: Any = None
    ) -> Any:
        return chain.op(
            operation,
            input,
            pool_size=_spatial(ksize, rank, data_format),
            strides=_spatial(strides, rank, data_format),
            **_window(chain, data_format, padding),
        )

    return say


for _kind, _operation in (("max", "MaxPool"), ("avg", "AveragePool")):
    for _rank in (1, 2, 3):
        function(f"nn.{_kind}_pool{_rank}d")(_pooling(_operation, _rank))
    # The operator of graphs names no rank: it is that of images.
    function(f"nn.{_kind}_pool")(_pooling(_operation, 2))


# Images

_METHODS = {0: "bilinear", 1: "nearest", 2: "bicubic", 3: "area"}
_INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


@function("image.resize", "image.resize_v2")
def resize(
    chain: Chain,
    images: V,
    size: Any,
    method: Any = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> Any:
    """Images in another size."""
    name = _METHODS.get(method, "") if isinstance(method, int) else str(method)
    if preserve_aspect_ratio or name not in _INTERPOLATIONS:
        raise chain.error(f"Keras 3 does not resize by {name!r} or keeping the proportions")
    wanted = extents(chain, size)
    if None in wanted:
        raise chain.error("it resizes to an extent that the file does not state")
    return chain.op(
        "Resize",
        images,
        size=wanted,
        interpolation=name,
        antialias=bool(antialias),
        data_format="channels_last",
    )


def _old_resize(method: str) -> Any:
    def say(
        chain: Chain,
        images: V,
        size: Any,
        align_corners: bool = False,
        half_pixel_centers: bool = False,
    ) -> Any:
        if not half_pixel_centers:
            raise chain.error("Keras 3 resizes by the centres of pixels alone, this by corners")
        return resize(chain, images, size, method)

    return say


function("image.resize_bilinear")(_old_resize("bilinear"))
function("image.resize_nearest_neighbor")(_old_resize("nearest"))


@function("image.crop_to_bounding_box")
def crop(
    chain: Chain,
    image: V,
    offset_height: int,
    offset_width: int,
    target_height: int,
    target_width: int,
) -> Any:
    """A box of images."""
    rows = slices(offset_height, offset_height + target_height)
    columns = slices(offset_width, offset_width + target_width)
    return chain.op("GetItem", image, [ELLIPSIS, rows, columns, slices()])


@function("image.pad_to_bounding_box")
def pad(
    chain: Chain,
    image: V,
    offset_height: int,
    offset_width: int,
    target_height: int,
    target_width: int,
) -> Any:
    """Images in a larger box of zeros."""
    return chain.op(
        "PadImages",
        image,
        top_padding=offset_height,
        left_padding=offset_width,
        target_height=target_height,
        target_width=target_width,
        data_format="channels_last",
    )


@function("image.extract_patches")
def extract_patches(
    chain: Chain, images: V, sizes: Any, strides: Any, rates: Any, padding: Any
) -> Any:
    """Every patch as the channels of one place."""
    return chain.op(
        "ExtractPatches",
        images,
        size=_spatial(sizes, 2, "NHWC"),
        strides=_spatial(strides, 2, "NHWC"),
        dilation_rate=_spatial(rates, 2, "NHWC"),
        **_window(chain, "NHWC", padding),
    )
