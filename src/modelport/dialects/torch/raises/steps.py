"""Recurrent cells as loops: what torch's layers do not do."""

from __future__ import annotations

ACTIVATIONS = {
    "sigmoid": "torch.sigmoid",
    "tanh": "torch.tanh",
    "relu": "torch.relu",
    "softsign": "F.softsign",
    "softplus": "F.softplus",
    "affine": "lambda v: {alpha} * v + {beta}",
    "leakyrelu": "lambda v: F.leaky_relu(v, {alpha})",
    "thresholdedrelu": "lambda v: v * (v > {alpha})",
    "scaledtanh": "lambda v: {alpha} * torch.tanh({beta} * v)",
    "hardsigmoid": "lambda v: ({alpha} * v + {beta}).clamp(0, 1)",
    "elu": "lambda v: F.elu(v, {alpha})",
}
"""Activations of a cell, by their names in small letters."""
SCALES: dict[str, tuple[float | None, float | None]] = {
    "affine": (1.0, 0.0),
    "leakyrelu": (0.01, None),
    "thresholdedrelu": (1.0, None),
    "scaledtanh": (1.0, 1.0),
    "hardsigmoid": (0.2, 0.5),
    "elu": (1.0, None),
}
"""Their usual alpha and beta."""

_LSTM = '''
def _lstm(
    x,
    weight,
    recurrent,
    h=None,
    c=None,
    bias=None,
    lengths=None,
    peepholes=None,
    backwards=False,
    functions=(torch.sigmoid, torch.tanh, torch.tanh),
    clip=math.inf,
    coupled=False,
):
    """An LSTM over (time, batch, features) in one direction, and its last states."""
    gate, squash = (lambda v, f=f: f(v.clamp(-clip, clip)) for f in functions[:2])
    size = recurrent.shape[1]
    h = x.new_zeros(x.shape[1], size) if h is None else h
    c = x.new_zeros(x.shape[1], size) if c is None else c
    bias = x.new_zeros(8 * size) if bias is None else bias
    peepholes = x.new_zeros(3 * size) if peepholes is None else peepholes
    on_input, on_output, on_forget = peepholes.chunk(3)
    outputs = [x.new_zeros(0, x.shape[1], size)]
    for step in reversed(range(len(x))) if backwards else range(len(x)):
        gates = (
            x[step] @ weight.T + h @ recurrent.T + bias[: 4 * size] + bias[4 * size :]
        )
        i, o, f, g = gates.chunk(4, dim=1)
        i = gate(i + on_input * c)
        f = 1 - i if coupled else gate(f + on_forget * c)
        cell = f * c + i * squash(g)
        y = gate(o + on_output * cell) * functions[2](cell)
        if lengths is None:
            h, c = y, cell
        else:
            going = (step < lengths).unsqueeze(1)
            h, c = torch.where(going, y, h), torch.where(going, cell, c)
            y = y * going
        outputs.append(y.unsqueeze(0))
    return torch.cat(outputs[:1] + outputs[1:][:: -1 if backwards else 1]), h, c
'''
_GRU = '''
def _gru(
    x,
    weight,
    recurrent,
    h=None,
    bias=None,
    lengths=None,
    backwards=False,
    functions=(torch.sigmoid, torch.tanh),
    clip=math.inf,
    reset_after=False,
):
    """A GRU over (time, batch, features) in one direction, and its last state."""
    gate, squash = (lambda v, f=f: f(v.clamp(-clip, clip)) for f in functions)
    size = recurrent.shape[1]
    h = x.new_zeros(x.shape[1], size) if h is None else h
    bias = x.new_zeros(6 * size) if bias is None else bias
    outside, inside = bias.chunk(2)
    outputs = [x.new_zeros(0, x.shape[1], size)]
    for step in reversed(range(len(x))) if backwards else range(len(x)):
        new = x[step] @ weight.T + outside
        old = h @ recurrent[: 2 * size].T + inside[: 2 * size]
        z, r = gate(new[:, : 2 * size] + old).chunk(2, dim=1)
        if reset_after:
            old = r * (h @ recurrent[2 * size :].T + inside[2 * size :])
        else:
            old = (r * h) @ recurrent[2 * size :].T + inside[2 * size :]
        y = (1 - z) * squash(new[:, 2 * size :] + old) + z * h
        if lengths is None:
            h = y
        else:
            going = (step < lengths).unsqueeze(1)
            h = torch.where(going, y, h)
            y = y * going
        outputs.append(y.unsqueeze(0))
    return torch.cat(outputs[:1] + outputs[1:][:: -1 if backwards else 1]), h
'''
_RNN = '''
def _rnn(
    x,
    weight,
    recurrent,
    h=None,
    bias=None,
    lengths=None,
    backwards=False,
    functions=(torch.tanh,),
    clip=math.inf,
):
    """A recurrent layer over (time, batch, features) in one direction, and its last state."""
    size = recurrent.shape[1]
    h = x.new_zeros(x.shape[1], size) if h is None else h
    bias = x.new_zeros(2 * size) if bias is None else bias
    outputs = [x.new_zeros(0, x.shape[1], size)]
    for step in reversed(range(len(x))) if backwards else range(len(x)):
        y = x[step] @ weight.T + h @ recurrent.T + bias[:size] + bias[size:]
        y = functions[0](y.clamp(-clip, clip))
        if lengths is None:
            h = y
        else:
            going = (step < lengths).unsqueeze(1)
            h = torch.where(going, y, h)
            y = y * going
        outputs.append(y.unsqueeze(0))
    return torch.cat(outputs[:1] + outputs[1:][:: -1 if backwards else 1]), h
'''
LOOPS = {"LSTM": _LSTM, "GRU": _GRU, "RNN": _RNN}
"""The function that loops over the steps of each."""
