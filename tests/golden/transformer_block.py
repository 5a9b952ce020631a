"""transformer_block, converted by modelport."""

import torch
import torch.nn.functional as F
from torch import nn

WEIGHTS = __file__.removesuffix(".py") + ".pt"


class Model(nn.Module):
    """x float32 [s77, s27, 64]
    -> add_1 float32 [s77, s27, 64]
    """

    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(64)
        self.qkv = nn.Linear(64, 192)
        self.proj = nn.Linear(64, 64)
        self.norm2 = nn.LayerNorm(64)
        self.mlp = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))

    def forward(self, x):
        y = self.qkv(self.norm1(x))
        y = y.reshape(y.shape[0], y.shape[1], 3, 4, 16).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(y[0], y[1], y[2]).transpose(1, 2)
        x = x + self.proj(y.reshape(y.shape[0], y.shape[1], 64))
        return x + self.mlp(self.norm2(x))


def load(path=WEIGHTS):
    """The model with its weights, ready to predict."""
    model = Model()
    model.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    return model.eval()
