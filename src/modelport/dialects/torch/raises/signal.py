"""Fourier transforms, windows of signals, and mel scales."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, raises, torch_dtype
from modelport.dialects.torch.raises.dtypes import is_whole, to
from modelport.dialects.torch.raises.whole import bare
from modelport.model.dtype import FLOAT32, FLOAT64

_COMPLEX = '''
def _complex(x):
    """Complex numbers from their two parts on the last axis; real ones from one part."""
    return torch.complex(x[..., 0], x[..., 1]) if x.shape[-1] == 2 else x[..., 0]
'''
_MEL = '''
def _mel_weights(bins, length, rate, lowest, highest):
    """Triangles on the mel scale over the frequencies of a spectrum."""
    low, high = (2595 * math.log10(1 + edge / 700) for edge in (lowest, highest))
    mels = [low + i * (high - low) / (bins + 2) for i in range(bins + 2)]
    edges = [int((length + 1) * 700 * (10 ** (mel / 2595) - 1) // rate) for mel in mels]
    weights = torch.zeros(length // 2 + 1, bins, dtype=torch.float64)
    for i, (left, middle, right) in enumerate(zip(edges, edges[1:], edges[2:])):
        weights[middle, i] = 1
        for j in range(left, middle):
            weights[j, i] = (j - left) / (middle - left)
        for j in range(middle, right):
            weights[j, i] = (right - j) / (right - middle)
    return weights
'''
_WINDOWS = {
    "HannWindow": ("hann_window", ""),
    "HammingWindow": ("hamming_window", ", alpha=25 / 46, beta=21 / 46"),
    "BlackmanWindow": ("blackman_window", ""),
}


def _numbers(call: Call, index: int = 0) -> str:
    """A signal from one or two parts on its last axis, in a type that torch transforms."""
    x = call[index] if call.dtype(index).bits >= 32 else f"{call[index]}.float()"
    parts = call.known(index).dim(-1)
    if parts == 1:
        return f"{x}[..., 0]"
    if parts == 2:
        return f"torch.complex({x}[..., 0], {x}[..., 1])"
    return f"{call.helper(_COMPLEX)}({x})"


def _back(call: Call, text: str) -> str:
    """A result in the type of the signal."""
    return text if call.dtype(0).bits >= 32 else to(text, call.dtype(0))


@raises("DFT")
def dft(call: Call) -> str:
    """The discrete Fourier transform along an axis, or the way back."""
    known, inverse = call.whole(2), bool(call.attribute("inverse", 0))
    if not call.has(2) or (known is not None and known[0] < 0):
        dim = str(known[0] + 1 if known else -1)
    elif known is not None:
        dim = str(known[0])
    else:
        dim = f"{bare(call.sizes(2).items[0])} % {call[0]}.ndim"
    length = f"n={bare(call.sizes(1).items[0])}, " if call.has(1) else ""
    settings = f"{_numbers(call)}, {length}dim={dim}"
    if not call.attribute("onesided", 0):
        name = "ifft" if inverse else "fft"
    elif inverse:
        return _back(call, f"torch.fft.irfft({settings}).unsqueeze(-1)")
    else:
        name = "rfft"
    return _back(call, f"torch.view_as_real(torch.fft.{name}({settings}))")


@raises("STFT")
def stft(call: Call) -> str:
    """Fourier transforms of what stands under a moving window."""
    step = bare(call.sizes(1).items[0])
    if call.has(3):
        length = bare(call.sizes(3).items[0])
    else:
        length = f"{call[2]}.shape[0]" if call.has(2) else f"{call[0]}.shape[1]"
    frames = f"{_numbers(call)}.unfold(1, {length}, {step})"
    if call.has(2):
        frames = f"{frames} * {call[2]}"
    if not call.attribute("onesided", 1):
        text = f"torch.fft.fft({frames})"
    elif call.known(0).dim(-1) == 1:
        text = f"torch.fft.rfft({frames})"
    else:
        text = f"torch.fft.fft({frames})[..., : {length} // 2 + 1]"
    return _back(call, f"torch.view_as_real({text})")


@raises(*_WINDOWS)
def signal_window(call: Call) -> str:
    """Weights that rise from the ends to the middle."""
    dtype = call.output().dtype or FLOAT32
    name, settings = _WINDOWS[call.node.op_type]
    size = bare(call.sizes(0).items[0])
    whole = bool(call.attribute("periodic", 1))
    periodic = "" if whole and not settings else f", periodic={whole}"
    inner = FLOAT64 if is_whole(dtype) else dtype
    kind = "" if inner is FLOAT32 else f", dtype={torch_dtype(inner)}"
    text = f"torch.{name}({size}{periodic}{settings}{kind})"
    return to(text, dtype) if inner is not dtype else text


@raises("MelWeightMatrix")
def mel_weights(call: Call) -> str:
    """A matrix from the frequencies of a spectrum to bands of the mel scale."""
    numbers = [bare(call.sizes(i).items[0]) for i in range(3)]
    edges = [call.number(i) if call.array(i) is not None else f"float({call[i]})" for i in (3, 4)]
    text = f"{call.helper(_MEL)}({', '.join([*numbers, *edges])})"
    return to(text, call.output().dtype or FLOAT32)
