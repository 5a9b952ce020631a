"""Complex numbers and Fourier transforms in exported programs, held against torch itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.frameworks import torch_live
from torch import nn, randn

from modelport.errors import ConversionError

pytestmark = pytest.mark.filterwarnings("ignore")

Functions = Mapping[str, Callable[..., Any]]


def _pair(z: Any) -> Any:
    return z.real, z.imag


def _numbers(x: Any) -> tuple[Any, Any]:
    return torch.view_as_complex(x), torch.complex(x[..., 1], x[..., 0]).flip(0)


def _of(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of two complex tensors, over the parts of a real one."""

    def over(x: Any) -> Any:
        found = function(*_numbers(x))
        return _pair(found) if found.is_complex() else found

    return over


ARITHMETIC: Functions = {
    name: _of(function)
    for name, function in {
        "sum": lambda z, w: z + w - 2 * w,
        "sum with a factor": lambda z, w: torch.add(z, w, alpha=2) - torch.sub(1.5, z),
        "sum with a number": lambda z, w: (z + 1j) * (2 - 1j),
        "product": lambda z, w: z * w,
        "product with a real tensor": lambda z, w: z * w.real + w.imag,
        "quotient": lambda z, w: z / w + 1 / z,
        "powers": lambda z, w: z**2 + z**-1.5 + z**w,
        "functions": lambda z, w: z.exp() + z.log() + z.sqrt() + z.sgn() + z.square(),
        "matrices": lambda z, w: z @ w.T + torch.einsum("ij,kj->ik", w, z),
        "conjugate": lambda z, w: z.conj() * w.mH.T,
        "size": lambda z, w: z.abs() + w.angle(),
        "choice": lambda z, w: torch.where(z.real > 0, z, w),
        "filled": lambda z, w: z.masked_fill(z.real > 0, 2.0),
        "equality": lambda z, w: (z == w) | (z != z.real),
        "another dtype": lambda z, w: z.to(torch.complex128) + w.to(torch.float32),
        "of a size and an angle": lambda z, w: torch.polar(z.abs(), w.real),
        "of real numbers": lambda z, w: z.real.to(torch.complex64) + w,
    }.items()
}

MOVED: Functions = {
    name: _of(function)
    for name, function in {
        "shape": lambda z, w: z.reshape(2, -1).flatten().unsqueeze(0),
        "order": lambda z, w: z.permute(1, 0).contiguous().transpose(0, 1),
        "parts": lambda z, w: z[0] + z[:, 1].sum() + z.chunk(2, 1)[0].mean(0).sum(),
        "joined": lambda z, w: (
            torch.cat([z, w, w.real.to(z.dtype)]) - torch.stack([z, w]).sum(0)[:1]
        ),
        "repeated": lambda z, w: z.unsqueeze(1).expand(-1, 2, -1) + w.repeat(1, 1)[:, None],
        "turned": lambda z, w: z.roll(1, 0).flip(1).cumsum(0),
    }.items()
}

TRANSFORMS: Functions = {
    "fft": lambda x: _pair(torch.fft.fft(x)),
    "fft of a pair": lambda x: _pair(torch.fft.fft(torch.complex(x, x.flip(0)), dim=0)),
    "fft of another length": lambda x: (
        *_pair(torch.fft.fft(x, n=9)),
        *_pair(torch.fft.fft(x, n=4)),
    ),
    "ifft": lambda x: _pair(torch.fft.ifft(torch.complex(x, x.flip(0)), norm="ortho")),
    "rfft": lambda x: _pair(torch.fft.rfft(x, norm="forward")),
    "there and back": lambda x: torch.fft.irfft(torch.fft.rfft(x) * 2, norm="forward"),
    "back to an odd length": lambda x: torch.fft.irfft(torch.fft.rfft(x, dim=0), n=5, dim=0),
    "planes": lambda x: torch.fft.irfft2(torch.fft.rfft2(x, norm="ortho"), norm="ortho"),
    "all axes": lambda x: torch.fft.ifftn(torch.fft.fftn(x)).real,
    "mixing": lambda x: torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real,
    "shifted": lambda x: (torch.fft.fftshift(x), torch.fft.ifftshift(x, dim=1)),
    "shifted pair": lambda x: torch.fft.fftshift(torch.fft.fft2(x)).abs(),
    "frequencies": lambda x: (torch.fft.fftfreq(6, 0.5), torch.fft.rfftfreq(5)),
}


def _windows(**options: Any) -> Callable[[Any], Any]:
    window = torch.hann_window(8) if options.pop("window", True) else None

    def transform(x: Any) -> Any:
        return torch.view_as_real(
            torch.stft(x, 8, 3, window=window, return_complex=True, **options)
        )

    return transform


WINDOWED: Functions = {
    "centred": _windows(),
    "plain": _windows(center=False, window=False),
    "both sides": _windows(onesided=False, normalized=True),
    "sizes": lambda x: torch.stft(
        x[0], 8, window=torch.hann_window(6), win_length=6, return_complex=True
    ).abs(),
}

ROWS: dict[str, tuple[Functions, Any]] = {
    "arithmetic": (ARITHMETIC, randn(3, 4, 2)),
    "moved": (MOVED, randn(3, 4, 2)),
    "transforms": (TRANSFORMS, randn(5, 6)),
    "windowed": (WINDOWED, randn(2, 40)),
}


@pytest.mark.parametrize("name", ROWS)
def test_pairs_agree_with_torch(name: str, tmp_path: Path) -> None:
    functions, x = ROWS[name]
    torch_live.check_all(functions, (x,), tmp_path)


def test_the_program_in_core_operators_agrees_with_torch(tmp_path: Path) -> None:
    names = ("product", "quotient", "matrices", "size", "of a size and an angle")
    several = torch_live.Several([ARITHMETIC[name] for name in names])
    torch_live.check(several, (randn(3, 4, 2),), tmp_path, core=True)


class Rotated(nn.Module):
    """Turns pairs of features by their place, as rotary embeddings do; the turns are a buffer."""

    def __init__(self) -> None:
        super().__init__()
        angles = torch.outer(torch.arange(5.0), torch.tensor([1.0, 0.1]))
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles))

    def forward(self, x: Any) -> Any:
        pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
        return torch.view_as_real(pairs * self.turns).flatten(-2).type_as(x)


def test_a_complex_buffer_agrees_with_torch(tmp_path: Path) -> None:
    batch = torch.export.Dim("batch", min=2, max=64)
    inputs, dynamic = (randn(2, 5, 4),), ({0: batch},)
    torch_live.check(Rotated(), inputs, tmp_path, dynamic, [(randn(3, 5, 4),)])


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x: x * 2, randn(3, dtype=torch.complex64)),
        (lambda x: torch.view_as_complex(x), randn(3, 2)),
        (lambda x: torch.view_as_complex(x).sinh().real, randn(3, 2)),
        (
            lambda x: x.clone().copy_(torch.view_as_complex(x.repeat(2, 1).T.contiguous()).exp()),
            randn(3),
        ),
    ],
)
def test_other_complex_numbers_are_refused(function: Any, x: Any, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="complex"):
        torch_live.check(function, (x,), tmp_path)
