"""Operators of aten called by their own names, as decomposed programs call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.frameworks import torch_live
from torch import rand, randn, tensor

pytestmark = pytest.mark.filterwarnings("ignore")

A, P = torch.ops.aten, torch.ops.prims
Operators = Mapping[str, Callable[..., Any]]

CASTS: Operators = {
    name: lambda x, name=name: getattr(A, f"_cast_{name}")(x * 3)
    for name in ("Float", "Double", "Half", "Int", "Long", "Short", "Char", "Byte")
}

COPIES: Operators = {
    "alias": lambda x: A.alias_copy(x),
    "as_strided": lambda x: A.as_strided_copy(x, [2, 3], [1, 2]),
    "detach": lambda x: A.detach_copy(x),
    "diagonal": lambda x: A.diagonal_copy(x),
    "expand": lambda x: A.expand_copy(x[:1], [2, 4, 6]),
    "squeeze": lambda x: (A.squeeze_copy(x[:1]), A.squeeze_copy.dims(x[:1], [0, 1])),
    "transpose": lambda x: (
        A.t_copy(x[0]),
        A.transpose_copy(x, 0, 1),
        A.permute_copy(x, [2, 0, 1]),
    ),
    "unbind": lambda x: (A.unbind_copy.int(x, 1), A.split_copy(x, 2, 1)),
    "split": lambda x: (A.split_with_sizes_copy(x, [1, 3], 1), A.unsafe_chunk(x, 2, 1)),
    "unsafe": lambda x: (A.unsafe_split(x, 2, 1), A.unsafe_split_with_sizes(x, [1, 3], 1)),
    "view": lambda x: (A.view_copy(x, [8, 6]), A._unsafe_view(x, [8, 6]), A.unsqueeze_copy(x, 0)),
    "unfold": lambda x: (A.unfold_copy(x, 1, 2, 2), A.slice_copy(x, 1, 0, 4, 2)),
    "alike": lambda x: A._reshape_alias(x, [8, 6], [6, 1]),
    "to": lambda x: A._to_copy(x, dtype=torch.float64),
}

SPATIAL: Operators = {
    "convolution": lambda x, w: A._convolution(
        *(x, w, None, [1], [1], [1], False, [0], 1, False, False, True, True)
    ),
    "mode": lambda x, w: A._convolution_mode(x, w, None, [1], "same", [1], 1),
    "transposed": lambda x, w: A.conv_transpose1d(x, w.transpose(0, 1)),
    "columns": lambda x, w: A.im2col(x[None], [2, 2], [1, 1], [1, 1], [2, 1]),
    "image": lambda x, w: A.col2im(
        x[:, :, :5].reshape(1, 4, 10), [3, 6], [2, 2], [1, 1], [0, 0], [1, 1]
    ),
    "grid": lambda x, w: A.grid_sampler_2d(x[None], w[None, :, :, :2] / 2, 1, 1, True),
    "affine": lambda x, w: A.affine_grid_generator(w[:2, :2], [2, 3, 4, 5], False),
    "padded": lambda x, w: (
        *(A._pad_circular(x, [1, 2]), A.reflection_pad1d(x, [1, 2])),
        *(A.replication_pad1d(x, [1, 2]), A.reflection_pad2d(x, [1, 2, 1, 0])),
    ),
    "adaptive": lambda x, w: (
        *(A._adaptive_avg_pool2d(x, [2, 3]), A._adaptive_avg_pool3d(x[None], [2, 2, 3])),
        *(A.adaptive_avg_pool1d(x, 3), A.adaptive_max_pool1d(x, 3)),
    ),
    "largest": lambda x, w: A.max_pool2d_with_indices(x, [2, 2]),
    "nearest": lambda x, w: (
        *(A.upsample_nearest1d(x, [9]), A.upsample_nearest1d(x, [9], 1.6)),
        *(A._upsample_nearest_exact1d(x, [9]), A.upsample_nearest2d(x[None], [5, 9], 1.3, 1.6)),
        A._upsample_nearest_exact2d(x[None], [5, 9], 1.3, 1.6),
        A.upsample_nearest3d(x[None, None], [3, 5, 9], 1.5, 1.3, 1.6),
    ),
    "linear": lambda x, w: (
        *(A.upsample_linear1d(x, [9], False), A.upsample_linear1d(x, [9], True)),
        *(A.upsample_linear1d(x, [9], False, 1.6), A.upsample_bilinear2d(x[None], [5, 9], False)),
        A.upsample_bilinear2d(x[None], [5, 9], False, 1.3, 1.6),
        A.upsample_trilinear3d(x[None, None], [3, 5, 9], False, 1.5, 1.3, 1.6),
    ),
    "cubic": lambda x, w: (
        A.upsample_bicubic2d(x[None], [5, 9], True),
        A.upsample_bicubic2d(x[None], [5, 9], False, 1.3, 1.6),
    ),
    "smooth": lambda x, w: (
        A._upsample_bilinear2d_aa(x[None], [5, 9], False, 1.3, 1.6),
        A._upsample_bicubic2d_aa(x[None], [2, 3], True),
    ),
}

ZERO, ONE = tensor([0.1] * 4), tensor([2.0] * 4)

NORMALISED: Operators = {
    "soft": lambda x: (A._softmax(x, 1, False), A._log_softmax(x, 1, False), A._safe_softmax(x, 1)),
    "nothing": lambda x: A._safe_softmax(x.masked_fill(x > -9, float("-inf")), 1),
    "batch": lambda x: A.native_batch_norm(x, None, None, ZERO, ONE, False, 0.1, 1e-5)[0],
    "evaluated": lambda x: A._native_batch_norm_legit_no_training(
        x, None, None, ZERO, ONE, 0.1, 1e-5
    )[0],
    "its own": lambda x: A._native_batch_norm_legit.no_stats(x, None, None, True, 0.1, 1e-5)[0],
    "root": lambda x: (A._fused_rms_norm(x, [6], None, 1e-5)[0], A.rms_norm(x, [6])),
    "weight": lambda x: A._weight_norm(x, x.norm(dim=(1, 2), keepdim=True), 0),
    "dropout": lambda x: (A.native_dropout(x, 0.5, False)[0], A.feature_dropout(x, 0.5, False)),
    "attention": lambda x: A._scaled_dot_product_flash_attention_for_cpu(x[None], x[None], x[None])[
        0
    ],
    "log sigmoid": lambda x: A.log_sigmoid_forward(x)[0],
    "leaky": lambda x: A._prelu_kernel(x, ZERO[None, :, None]),
    "likelihood": lambda x: (
        A.nll_loss_forward(x[0], tensor([0, 1, 2, 5]), None, 1, -100)[0],
        A.nll_loss2d_forward(x[None], tensor([[[0] * 6] * 4]), None, 2, -100)[0],
        A.nll_loss_nd(x, tensor([[0] * 6, [3] * 6])),
    ),
    "bags": lambda x: (
        A._embedding_bag(x[0], tensor([0, 1, 2]), tensor([0, 2]))[0],
        A._embedding_bag_forward_only(x[0], tensor([0, 1, 2]), tensor([0, 2]), False, 1)[0],
    ),
    "quantised": lambda x: A.fake_quantize_per_tensor_affine_cachemask(x, 0.1, 3, -8, 7)[0],
    "norm": lambda x: (A.frobenius_norm.dim(x, [1, 2]), A.linalg_vector_norm(x, 2, [1])),
}

SCALARS: Operators = {
    "where": lambda x: (A.where.ScalarSelf(x > 0, 1.0, x), A.where.ScalarOther(x > 0, x, 1.0)),
    "clamp": lambda x: (A.clamp.Tensor(x, None, tensor(0.3)), A.threshold(x, 0.1, 2.0)),
    "power": lambda x: (A.pow.Scalar(2.0, x), A.rsub.Scalar(x, 1.0)),
    "remainder": lambda x: (A.remainder.Scalar_Tensor(3.0, x), A.fmod.Scalar(x, 0.7)),
    "divide": lambda x: A.div.Scalar_mode(x, 0.3, rounding_mode="floor"),
    "bits": lambda x: (
        A.bitwise_and.Scalar((x * 9).int(), 3),
        A.bitwise_or.Scalar_Tensor(3, (x * 9).int()),
        A.__and__(x > 0, x < 1),
        A.__xor__(x > 0, x < 1),
    ),
    "filled": lambda x: (
        A.index_fill.int_Tensor(x, 1, tensor([0]), tensor(2.0)),
        A.masked_fill.Tensor(x, x > 0, tensor(1.0)),
        A.fill.Scalar(x, 2.0),
        A.new_full(x, [2], 3.0),
    ),
    "search": lambda x: (
        A.searchsorted.Scalar(tensor([0.0, 1.0]), 0.5),
        A.isin.Scalar_Tensor(1, x.round().int()),
    ),
    "indexed": lambda x: (
        A._unsafe_index(x, [None, tensor([0, 1])]),
        A._unsafe_index_put(x, [tensor([0])], tensor(2.0)),
    ),
    "spread": lambda x: (A.std_mean.correction(x, [1], correction=0), A.var.correction(x, [1])),
    "compared": lambda x: (
        A.greater_equal(x, 0),
        A.less(x, 0),
        A.less_equal(x, x),
        A.any.dims(x > 0, [0, 1]),
    ),
    "primitives": lambda x: (P.acos(x.tanh()), P.ceil(x), P.ge(x, x.flip(0)), P.erf(x), P.round(x)),
}

ROWS: dict[str, tuple[Operators, tuple[Any, ...]]] = {
    "casts": (CASTS, (rand(2, 4, 6),)),
    "copies": (COPIES, (randn(2, 4, 6),)),
    "spatial": (SPATIAL, (randn(2, 4, 6), randn(3, 4, 3))),
    "normalised": (NORMALISED, (randn(2, 4, 6),)),
    "with numbers": (SCALARS, (randn(2, 4, 6),)),
}


@pytest.mark.parametrize("name", ROWS)
def test_operators_agree_with_torch(name: str, tmp_path: Path) -> None:
    operators, inputs = ROWS[name]
    torch_live.check_all(operators, inputs, tmp_path)
