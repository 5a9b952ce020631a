"""gru, converted by modelport."""

import math

import torch
from torch import nn

WEIGHTS = __file__.removesuffix(".py") + ".pt"


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


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.empty(1, 36))
        self.kernel = nn.Parameter(torch.empty(7, 18))
        self.recurrent_kernel = nn.Parameter(torch.empty(6, 18))


class GRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = Cell()

    def forward(self, x):
        x, y = _gru(
            x,
            self.cell.kernel.reshape(7, 18, 1).permute(2, 1, 0)[0],
            self.cell.recurrent_kernel.reshape(6, 18, 1).permute(2, 1, 0)[0],
            bias=self.cell.bias[0],
        )
        return torch.stack([y]).squeeze(0)


class Model(nn.Module):
    """input_layer_4 float32 [batch, 12, 5]
    -> dense_6 float32 [batch, 1]
    """

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(5, 7, batch_first=True)
        self.gru_1 = GRU()
        self.dense_6 = nn.Linear(6, 1)

    def forward(self, input_layer_4):
        x, _ = self.gru(input_layer_4)
        return torch.sigmoid(self.dense_6(self.gru_1(x.transpose(0, 1))))


def load(path=WEIGHTS):
    """The model with its weights, ready to predict."""
    model = Model()
    model.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    return model.eval()
