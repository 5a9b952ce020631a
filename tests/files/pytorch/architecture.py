"""architecture, converted by modelport."""

import torch
import torch.nn.functional as F
from torch import nn

WEIGHTS = __file__.removesuffix(".py") + ".pt"


class Model(nn.Module):
    """input float32 [s31, 1, 4, 4]
    -> linear float32 [s31, 3]
    """

    def __init__(self):
        super().__init__()
        self.add_module("0", nn.Conv2d(1, 4, 3, padding=1))
        self.add_module("1", nn.BatchNorm2d(4))
        self.add_module("4", nn.Linear(64, 3))

    def forward(self, input):
        x = self.get_submodule("1")(self.get_submodule("0")(input))
        x = F.relu(x).flatten(1)
        return self.get_submodule("4")(x)


def load(path=WEIGHTS):
    """The model with its weights, ready to predict."""
    model = Model()
    model.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    return model.eval()
