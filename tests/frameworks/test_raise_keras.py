"""ONNX as a model of Keras 3, held against the ONNX package's own tests, onnxruntime and torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases
from tests.frameworks import torch_live, torch_nets
from torch import nn

import modelport
from modelport.errors import ConversionError

pytestmark = pytest.mark.filterwarnings("ignore")

NODES = """
    abs acos add_bcast and3d argmax_default_axis_example_select_last_index asinh_example
    attention_23_boolmask_fullymasked_row_nan_robustness attention_3d_gqa_with_past_and_present
    attention_4d_causal averagepool_2d_ceil averagepool_2d_dilations
    averagepool_2d_precomputed_pads_count_include_pad averagepool_2d_same_lower
    averagepool_3d_default basic_conv_with_padding batchnorm_example cast_FLOAT_to_FLOAT16 celu
    clip_default_inbounds concat_3d_axis_negative_2 conv_with_autopad_same
    conv_with_strides_and_asymmetric_padding conv_with_strides_no_padding
    depthtospace_crd_mode_example div_int32_trunc einsum_batch_matmul flatten_axis2
    gather_elements_1 gather_negative_indices gelu_tanh_2 gemm_all_attributes
    gemm_default_vector_bias globalmaxpool group_normalization_example_expanded hardmax_axis_1
    hardsigmoid_example instancenorm_epsilon isinf_negative l2normalization_axis_1
    layer_normalization_3d_axis1_epsilon layer_normalization_4d_axis_negative_1 leakyrelu
    logsoftmax_axis_1 lppool_2d_dilations lrn matmul_3d max_float16 maxpool_1d_default
    maxpool_2d_ceil maxpool_2d_dilations maxpool_2d_same_lower maxpool_2d_uint8 mean_example
    mod_int64_fmod mvn not_4d or_bcast4v2d pow_types_float32_int64 prelu_broadcast reciprocal
    reshape_allowzero_reordered round selu shape_start_negative_1 shrink_soft size softmax_axis_1
    spacetodepth_crd_mode_example squeeze sum_example tan thresholdedrelu
    transpose_all_permutations_2 unsqueeze_two_axes where_long_example xor_bcast4v3d
    attention_4d_softcap attention_4d_with_qk_matmul_softmax dequantizelinear_axis
    dequantizelinear_blocked det_nd dynamicquantizelinear_max_adjusted
    eyelike_populate_off_main_diagonal gathernd_example_int32_batch_dim1
    gathernd_example_float32 if matmulinteger nllloss_NCd1d2_with_weight_reduction_mean
    nllloss_NCd1_weight_ii nllloss_NC quantizelinear_axis quantizelinear_blocked_asymmetric
    quantizelinear_int16 rotary_embedding_interleaved rotary_embedding_with_rotary_dim
    rotary_embedding_3d_input scan9_multi_state scatter_elements_with_negative_indices
    scatter_elements_with_reduction_min scatternd_add scatternd sce_mean_weight_ii_3d_log_prob
    sce_none_weights swiglu tril_neg triu_square
""".split()


@cache
def _cases() -> dict[str, Any]:
    with np.errstate(all="ignore"):
        return {case.name.removeprefix("test_"): case for case in collect_testcases(None)}


def _array(value: Any) -> np.ndarray:
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.asarray(value)


def run(path: Path, inputs: Sequence[Any]) -> list[np.ndarray]:
    """The outputs of a Keras file on arrays."""
    model = keras.saving.load_model(path, compile=False)
    found = model([keras.ops.convert_to_tensor(item) for item in inputs])
    return [np.asarray(item) for item in (found if isinstance(found, list | tuple) else [found])]


def close(found: Sequence[Any], wanted: Sequence[Any], tolerance: float = 1e-4) -> None:
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        scale = float(np.abs(theirs.astype("f8")).max(initial=0)) or 1.0
        np.testing.assert_allclose(ours.astype("f8"), theirs.astype("f8"), 1e-3, tolerance * scale)


@pytest.mark.parametrize("name", NODES)
def test_an_operator_does_what_the_onnx_package_says(name: str, tmp_path: Path) -> None:
    case = _cases()[name]
    (tmp_path / "m.onnx").write_bytes(case.model.SerializeToString())
    modelport.convert(tmp_path / "m.onnx", tmp_path / "m.keras", verify=False)
    for inputs, outputs in case.data_sets:
        close(run(tmp_path / "m.keras", [*map(_array, inputs)]), [*map(_array, outputs)])


def against_runtime(
    folder: Path, nodes: Sequence[Any], shape: Sequence[Any], fed: Sequence[int], **weights: Any
) -> Path:
    """Convert a graph over one input ``x`` and compare its output ``y``."""
    held = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "net", [x], [y], held)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10)
    onnx.save(proto, folder / "m.onnx")
    modelport.convert(folder / "m.onnx", folder / "m.keras", verify=False)
    array = np.random.default_rng(2).normal(size=fed).astype("f4")
    session = onnxruntime.InferenceSession(folder / "m.onnx")
    close(run(folder / "m.keras", [array]), session.run(None, {"x": array}))
    return folder / "m.keras"


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype("f4")


def test_a_sum_is_none_of_the_bias_that_keras_takes_it_for(tmp_path: Path) -> None:
    """``keras.ops.add`` adds (1, 4, 1) to (n, 4, 4) along the last axis, and to (1, 4) as well."""
    for shape in ([1, 4, 1], [4, 1]):
        node = helper.make_node("Add", ["x", "b"], ["y"])
        against_runtime(tmp_path, [node], ["n", 4, 4], [3, 4, 4], b=normal(*shape))
        (tmp_path / "m.keras").unlink()


@pytest.mark.parametrize(
    "settings",
    [
        {"strides": [2, 2], "output_padding": [1, 1], "pads": [1, 1, 1, 1]},
        {"strides": [3, 2], "group": 2},
        {"dilations": [2, 2], "pads": [0, 1, 2, 1]},
        {"strides": [2, 2], "auto_pad": "SAME_LOWER"},
        {"strides": [2, 2], "output_shape": [12, 11]},
        {"strides": [5, 5]},
    ],
)
def test_a_transposed_convolution(settings: dict[str, Any], tmp_path: Path) -> None:
    node = helper.make_node("ConvTranspose", ["x", "w", "b"], ["y"], **settings)
    groups = settings.get("group", 1)
    weights = {"w": normal(4, 6 // groups, 3, 3), "b": normal(6)}
    against_runtime(tmp_path, [node], ["n", 4, 6, 5], [2, 4, 6, 5], **weights)


@pytest.mark.parametrize(
    ("mode", "way", "scales"),
    [
        ("nearest", "asymmetric", [2.0, 3.0]),
        ("nearest", "half_pixel", [1.5, 0.6]),
        ("linear", "half_pixel", [2.0, 2.0]),
        ("linear", "align_corners", [2.0, 0.4]),
        ("linear", "pytorch_half_pixel", [0.2, 2.5]),
        ("cubic", "half_pixel", [1.6, 0.8]),
    ],
)
def test_resizing(mode: str, way: str, scales: list[float], tmp_path: Path) -> None:
    settings = {"mode": mode, "coordinate_transformation_mode": way}
    settings |= {"nearest_mode": "floor" if way == "asymmetric" else "round_prefer_floor"}
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], **settings)
    factors = np.array([1, 1, *scales], "f4")
    against_runtime(tmp_path, [node], ["n", 3, 6, 5], [2, 3, 6, 5], s=factors)


@pytest.mark.parametrize("shape", [[1, 1, 300], [1, 200, 3], [6, 1, 100], [100]])
def test_large_constants_are_weights(shape: list[int], tmp_path: Path) -> None:
    node = helper.make_node("Mul", ["c", "x"], ["y"])
    wide = [max(extent, 2) for extent in [1] * (3 - len(shape)) + shape]
    path = against_runtime(tmp_path, [node], ["n", *wide], [2, *wide], c=normal(*shape))
    model = keras.saving.load_model(path)
    assert model.count_params() == np.prod(shape)
    assert len(model.to_json()) < 10_000


class Net(nn.Module):
    """A convolutional net whose flattened result is not turned back."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch_nets.conv(3, 6), torch_nets.conv(9, 8, stride=2)
        self.depth, self.head = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Linear(8 * 3 * 2, 4)

    def forward(self, x: Any) -> Any:
        x = self.second(torch.cat([x, self.first(x)], 1))
        x = nn.functional.max_pool2d(x + self.depth(x), 2, ceil_mode=True)
        return self.head(torch.flatten(x, 1))


class Words(nn.Module):
    """Tokens, two layers of a recurrent kind, the last step and the last states."""

    def __init__(self, kind: str, both: bool) -> None:
        super().__init__()
        self.tokens = nn.Embedding(11, 6)
        self.cells = getattr(nn, kind)(6, 5, 2, batch_first=True, bidirectional=both)

    def forward(self, ids: Any) -> Any:
        y, states = self.cells(self.tokens(ids))
        return y[:, -1], *(states if isinstance(states, tuple) else (states,))


N, AUTO = {0: torch.export.Dim.AUTO}, torch.export.Dim.AUTO
IDS = torch.randint(0, 11, (3, 6), generator=torch.Generator().manual_seed(1))
MODELS: dict[str, tuple[Any, ...]] = {
    "convolutional": (Net, (torch.randn(2, 3, 10, 8),), (N,), 1),
    "mobile": (torch_nets.Mobile, (torch.randn(2, 3, 16, 16),), (N,), 1),
    "transformer": (torch_nets.ViT, (torch.randn(2, 3, 8, 8),), (N,), None),
    "bert": (torch_nets.Bert, (IDS, (IDS > 2).long(), IDS % 2), ({0: AUTO, 1: AUTO},) * 3, None),
    "llama": (torch_nets.Llama, (torch.randn(2, 5, 8),), ({0: AUTO, 1: AUTO},), None),
    "lstm": (lambda: Words("LSTM", False), (IDS,), (N,), None),
    "both ways": (lambda: Words("LSTM", True), (IDS,), (N,), None),
    "gru": (lambda: Words("GRU", True), (IDS,), (N,), None),
    "rnn": (lambda: Words("RNN", False), (IDS,), (N,), None),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_network_of_torch_agrees(name: str, tmp_path: Path) -> None:
    make, inputs, dynamic, turned = MODELS[name]
    torch.manual_seed(3)
    network = make().eval()
    torch_live.export(network, inputs, tmp_path / "m.pt2", dynamic)
    modelport.convert(tmp_path / "m.pt2", tmp_path / "m.keras", verify=False)
    other = [torch.cat([item, item]) for item in inputs]
    with torch.no_grad():
        wanted = network(*other)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    found = run(tmp_path / "m.keras", [item.numpy() for item in other])
    close(found, [item.numpy() for item in wanted])
    model = keras.saving.load_model(tmp_path / "m.keras")
    kinds = [type(layer).__name__ for layer in model.operations]
    assert turned is None or kinds.count("Permute") + kinds.count("Transpose") == turned


def test_the_old_file_of_keras_agrees_too(tmp_path: Path) -> None:
    torch_live.export(Net(), (torch.randn(2, 3, 10, 8),), tmp_path / "m.pt2", (N,))
    for kind in ("keras", "h5"):
        report = modelport.convert(tmp_path / "m.pt2", tmp_path / f"m.{kind}")
        assert report.verification["status"] == "agreed"
    array = normal(3, 3, 10, 8)
    close(run(tmp_path / "m.h5", [array]), run(tmp_path / "m.keras", [array]), 1e-6)


REFUSED = """
    loop11 add_uint64 maxpool_with_argmax_2d_precomputed_pads
    nonmaxsuppression_iou_threshold_boundary
""".split()


@pytest.mark.parametrize("name", REFUSED)
def test_what_keras_cannot_hold_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(_cases()[name].model.SerializeToString())
    with pytest.raises(ConversionError):
        modelport.convert(tmp_path / "m.onnx", tmp_path / "m.keras", verify=False)
    assert not (tmp_path / "m.keras").exists()
