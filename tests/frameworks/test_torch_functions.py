"""Functions of torch, several in one exported program, held against torch itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from tests.frameworks import torch_live
from torch import nn, rand, randn, tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from modelport import convert
from modelport.errors import ConversionError

pytestmark = pytest.mark.filterwarnings("ignore")

Functions = Mapping[str, Callable[..., Any]]
ODD = tensor([[-2.5, -1.0, -0.0, 0.0], [0.3, 1.5, float("inf"), float("nan")]])
WHOLE = tensor([[-7, -3, 0, 1], [2, 3, 7, 5]])
BYTES = tensor([[0, 1, 7, 200], [255, 3, 2, 9]], dtype=torch.uint8)
MATRICES = tensor([[0.0, 2, 0, 0], [1, 0, 1, 0], [0, 0, 3, 1], [1, 1, 0, 2]]) + tensor(
    [[[0.0]], [[0.3]], [[-0.2]]]
)
SOME = dict.fromkeys(range(4), torch.export.Dim.AUTO)

ELEMENTWISE: Functions = {
    "clamp from below": lambda x, i, u: torch.clamp(x, min=0.1),
    "clamp from above": lambda x, i, u: torch.clamp(x, max=0.1),
    "isreal": lambda x, i, u: torch.isreal(x),
    "bytes over a number below 0": lambda x, i, u: (torch.div(u, -3), torch.div(-3.5, u + 1)),
    "xlogy of bytes": lambda x, i, u: torch.xlogy(u, 2.5),
    "copysign": lambda x, i, u: torch.copysign(u, -3),
    "power of truths": lambda x, i, u: torch.pow(u > 3, True),
    "shift by too much": lambda x, i, u: (i >> tensor([0, 63, 1, -1]), u >> 3, i << 2),
    "any of bytes": lambda x, i, u: (torch.any(u), torch.all(u, 1), torch.any(u > 3, 0)),
    "any over no axis": lambda x, i, u: (torch.any(i, dim=[]), torch.all(i, dim=[])),
    "any of nothing": lambda x, i, u: (torch.any(i[:0]), torch.all(i[:0])),
    "is in a number": lambda x, i, u: (torch.isin(i, 3), torch.isin(3, i), torch.isin(i, i[0])),
    "places": lambda x, i, u: (torch.where(i > 0), torch.where(i > 0, 1.5, 2)),
}

ALONG: Functions = {
    "cumprod": lambda x, y: (torch.cumprod(x, 0), torch.cumprod(x, -1), (x > 0).cumprod(1)),
    "logcumsumexp": lambda x, y: (torch.logcumsumexp(x, 0), torch.logcumsumexp(x, -1)),
    "cummax": lambda x, y: (*torch.cummax(x, 1), *torch.cummin(x, 0)),
    "at least": lambda x, y: (torch.atleast_1d(x), torch.atleast_3d(x), torch.atleast_2d([x, y])),
    "scatter a number": lambda x, y: x.scatter(1, (y > 0).long(), 2.5),
    "scatter with": lambda x, y: (
        x.scatter(1, (y > 0).long(), y, reduce="add"),
        x.scatter(1, (y > 0).long(), 2.0, reduce="multiply"),
    ),
    "split at": lambda x, y: (torch.tensor_split(x, (1, 3), 1), torch.hsplit(x, (1,))),
    "split in": lambda x, y: (torch.tensor_split(x, 3, 1), x.split([1, 3], 1), torch.hsplit(x, 2)),
    "diagonals": lambda x, y: (torch.linalg.diagonal(x[None]), torch.diagonal(x, 1)),
    "channels": lambda x, y: F.channel_shuffle(x.reshape(x.shape[0], 2, 2, 1), 2),
}

POOLED: Functions = {
    "of one window": lambda x: (F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)),
    "uneven": lambda x: F.adaptive_avg_pool2d(x, (4, 5)),
    "largest": lambda x: F.adaptive_max_pool2d(x, (4, 5), return_indices=True),
    "means, rounded up": lambda x: (
        F.avg_pool2d(x, 4, 3, 2, ceil_mode=True),
        F.avg_pool2d(x, 2, 3, 1, ceil_mode=True, count_include_pad=False),
        F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, divisor_override=5),
    ),
    "largest, rounded up": lambda x: F.max_pool2d(x, 2, 3, 1, ceil_mode=True),
    "max pooling": lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True),
}

SCALED: Functions = {
    "by axis": lambda x: F.adaptive_avg_pool2d(x, (3, None)),
    "largest of an axis": lambda x: F.adaptive_max_pool2d(x, (None, 2)),
    "area": lambda x: F.interpolate(x, scale_factor=(0.7, 1.6), mode="area"),
    "recomputed": lambda x: F.interpolate(x, scale_factor=1.7, recompute_scale_factor=True),
}

RESIZED: Functions = {
    f"{mode} {corners} {size}": lambda x, mode=mode, corners=corners, size=size: F.interpolate(
        x, mode=mode, align_corners=corners, antialias=True, **size
    )
    for mode in ("bilinear", "bicubic")
    for corners in (False, True)
    for size in ({"size": (3, 9)}, {"scale_factor": 0.5}, {"scale_factor": (1.5, 0.6)})
} | {
    "a scale that float32 rounds": lambda x: F.interpolate(x.repeat(1, 1, 1, 20), scale_factor=0.29)
}

GAPS = tensor([[1.0, float("nan"), 3.0, 0.5], [2.0, -1.0, 5.0, 4.0]])

ORDERED: Functions = {
    "quantile": lambda x: (
        x.quantile(0.3),
        x.quantile(0.7, dim=0),
        x[1].quantile(tensor([0.1, 0.5])),
    ),
    "quantiles": lambda x: torch.quantile(x[1:], tensor([0.25, 1.0]), dim=1, keepdim=True),
    "the ways of a quantile": lambda x: [
        x[1].quantile(0.4, interpolation=way) for way in ("lower", "higher", "midpoint", "nearest")
    ],
    "quantile of numbers": lambda x: (x.nanquantile(0.4, dim=1), x.nanquantile(0.4, keepdim=True)),
    "runs": lambda x: torch.unique_consecutive((x[1] > 0).int(), True, True),
    "gradient": lambda x: (*torch.gradient(x), *torch.gradient(x, spacing=2.0, dim=1)),
    "integral": lambda x: (
        torch.trapezoid(x, x.cumsum(1), dim=1),
        torch.cumulative_trapezoid(x, dx=0.5),
        torch.cumulative_trapezoid(x, tensor([0.0, 1.0, 3.0, 4.0])),
    ),
    "renorm": lambda x: torch.renorm(x[1:], 2, 1, 1.5),
    "sum to size": lambda x: (x.sum_to_size(4), x.sum_to_size(2, 1)),
    "padded": lambda x: torch.nn.utils.rnn.pad_sequence([x[0], x[1, :2]], padding_value=2.0),
    "parts of any extent": lambda x: (x.tensor_split(3, 1), x.hsplit(2)),
    "contracted": lambda x: (torch.tensordot(x, x, dims=([1], [1])), torch.inner(x, x)),
    "statistics": lambda x: torch.native_layer_norm(x, (4,), None, None, 1e-5),
    "statistics of groups": lambda x: torch.native_group_norm(
        x[None], tensor([1.0, 2.0]), None, 1, 2, 4, 2, 1e-5
    ),
    "adjoint": lambda x: (x.H, x.mH, x.adjoint()),
}

LINEAR: Functions = {
    "inverse": lambda a, b: (torch.linalg.inv(a), torch.inverse(a[0]), torch.linalg.inv_ex(a)[0]),
    "solution": lambda a, b: (
        torch.linalg.solve(a, b),
        torch.linalg.solve(a, b[0]),
        torch.linalg.solve(a, b[:, :, 0]),
        torch.linalg.solve(a, b.mT, left=False),
    ),
    "powers": lambda a, b: (torch.linalg.matrix_power(a, -2), torch.linalg.matrix_power(a, 3)),
    "factor": lambda a, b: (
        torch.linalg.cholesky(a @ a.mT),
        torch.linalg.cholesky(a[0] @ a[0].mT, upper=True),
    ),
    "by a factor": lambda a, b: (
        torch.cholesky_solve(b, a.tril() + torch.eye(4)),
        torch.cholesky_inverse(a[0].triu() + torch.eye(4), upper=True),
    ),
    "triangles": lambda a, b: (
        torch.linalg.solve_triangular(a + torch.eye(4), b, upper=True),
        torch.linalg.solve_triangular(a, b, upper=False, unitriangular=True),
    ),
    "determinant": lambda a, b: (
        torch.linalg.det(a),
        torch.logdet(a @ a.mT),
        *torch.linalg.slogdet(a),
    ),
}

MIXED: Functions = {
    "losses of whole weights": lambda x, i, d: (
        F.binary_cross_entropy_with_logits(x, x.sigmoid(), i),
        F.binary_cross_entropy_with_logits(x, x.sigmoid(), pos_weight=i + 2),
        F.binary_cross_entropy(x.sigmoid(), x.sigmoid(), i),
    ),
    "losses of double targets": lambda x, i, d: (
        F.poisson_nll_loss(x, d, full=True),
        F.kl_div(x, d),
    ),
    "outer": lambda x, i, d: (torch.outer(x[0], i[0]), torch.outer(d[0], x[0])),
    "outer of truths": lambda x, i, d: (torch.outer(i[0] > 1, x[0] > 0), torch.outer(i[0], i[0])),
    "celu of doubles": lambda x, i, d: (F.celu(d - 0.5, 1.5), F.celu(x, 1.5), F.celu(d - 0.5)),
    "elu of doubles": lambda x, i, d: (F.elu(d - 0.5, 2.0), F.elu(x, 2.0)),
    "numbers between others": lambda x, i, d: [
        torch.arange(*ends, dtype=dtype)
        for ends in ((8.5,), (2, 8.5, 1.5), (5.5, 0.5, -1.5), (x.shape[0], 8.5, 1.5))
        for dtype in (torch.int64, torch.int32, torch.uint8, torch.float64)
    ],
    "numbers up to a computed one": lambda x, i, d: [
        torch.arange(x.abs().max() + 3.5, dtype=dtype) for dtype in (torch.int64, torch.int32)
    ],
    "places": lambda x, i, d: (torch._dim_arange(x, 1), torch._dim_arange(x, 0)),
}

WIDE: Functions = {
    "of whole numbers": lambda i: (i / 3, i * 2.5, i.exp(), torch.true_divide(i, i + 1)),
    "made": lambda i: (torch.zeros(2), torch.full((2,), 0.1), torch.arange(0.1, 1.0, 0.2)),
}

ROWS_OF: dict[str, tuple[Any, ...]] = {
    "elementwise": (ELEMENTWISE, (ODD, WHOLE, BYTES)),
    "along axes": (ALONG, (randn(3, 4), randn(3, 4))),
    "ordered": (ORDERED, (GAPS,)),
    "ordered, of any extents": (
        {name: f for name, f in ORDERED.items() if name not in ("padded", "statistics of groups")},
        (GAPS,),
        ({1: torch.export.Dim.AUTO},),
    ),
    "of several dtypes": (MIXED, (randn(2, 4), WHOLE, rand(2, 4).double())),
    "linear algebra": (LINEAR, (MATRICES, randn(3, 4, 2))),
    "pooled": (POOLED, (randn(2, 3, 9, 8),)),
    "pooled, any extents": (
        POOLED,
        (randn(2, 3, 9, 8),),
        (SOME,),
        [(randn(3, 3, 15, 14),)],
    ),
    "scaled, of any number": (SCALED, (randn(2, 3, 9, 8),), (SOME,), [(randn(5, 3, 9, 8),)]),
    "resized": (RESIZED, (randn(2, 3, 8, 5),)),
}


@pytest.mark.parametrize("name", ROWS_OF)
def test_functions_agree_with_torch(name: str, tmp_path: Path) -> None:
    functions, inputs, *rest = ROWS_OF[name]
    torch_live.check_all(functions, inputs, tmp_path, *rest)


def test_the_author_s_default_dtype_is_kept(tmp_path: Path) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        torch_live.check_all(WIDE, (WHOLE.abs(),), tmp_path)
    finally:
        torch.set_default_dtype(torch.float32)


DRAWN: Functions = {
    "uniform": lambda x: (torch.rand(4, 500), torch.rand_like(x), x.clone().uniform_(-2.0, 3.0)),
    "normal": lambda x: (torch.randn(4, 500), torch.randn_like(x), x.clone().normal_(1.0, 2.0)),
    "of means": lambda x: (
        torch.normal(x, 0.1),
        torch.normal(0.0, x.abs()),
        torch.normal(x, x.abs()),
    ),
    "bernoulli": lambda x: (torch.bernoulli(x.sigmoid()), x.clone().bernoulli_(0.2)),
    "exponential": lambda x: x.clone().exponential_(2.0),
    "whole": lambda x: (torch.randint(2, 9, (4, 500)), torch.randint_like(x, 5)),
    "order": lambda x: torch.randperm(50),
    "samples": lambda x: (
        torch.multinomial(x.exp(), 900, replacement=True),
        torch.multinomial(x.exp(), 300),
    ),
}


def test_random_numbers_are_of_torch_s_distributions_and_reported(tmp_path: Path) -> None:
    x = randn(4, 500)
    torch_live.export(torch_live.Several(list(DRAWN.values())), (x,), tmp_path / "source.pt2")
    report = convert(tmp_path / "source.pt2", tmp_path / "target.onnx", verify=False)
    assert any("random" in change.why for change in report.changes)
    session = onnxruntime.InferenceSession(tmp_path / "target.onnx")
    found = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    wanted = torch.utils._pytree.tree_leaves([function(x) for function in DRAWN.values()])
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.numpy().dtype
        spread = float(theirs.double().std()) + 0.1
        assert abs(ours.mean() - float(theirs.double().mean())) < 0.25 * spread
        assert abs(ours.std() - float(theirs.double().std())) < 0.25 * spread
    *_, order, _, places = found
    assert sorted(order) == list(range(50))
    assert all(len(set(row)) == 300 for row in places.tolist())


class Narrow(nn.Module):
    """Multiplies matrices in bfloat16."""

    def forward(self, x: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = x @ x.T
        return y.float()


def test_what_torch_computes_in_bfloat16_is_reported(tmp_path: Path) -> None:
    torch_live.export(Narrow(), (randn(2, 3),), tmp_path / "source.pt2")
    report = convert(tmp_path / "source.pt2", tmp_path / "target.onnx", verify=False)
    assert any("bfloat16" in change.why for change in report.changes)


class Nothing(nn.Module):
    def forward(self, x: torch.Tensor) -> None:
        x.sum()


def test_a_program_that_returns_nothing_is_refused(tmp_path: Path) -> None:
    torch_live.export(Nothing(), (randn(2, 3),), tmp_path / "source.pt2")
    with pytest.raises(ConversionError, match="returns no tensor"):
        convert(tmp_path / "source.pt2", tmp_path / "target.onnx", verify=False)
