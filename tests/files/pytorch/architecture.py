"""architecture, converted by modelport."""

import torch
from torch import nn

WEIGHTS = __file__.removesuffix(".py") + ".pt"


class Model(nn.Sequential):
    """input float32 [s31, 1, 4, 4]
    -> linear float32 [s31, 3]
    """

    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64, 3),
        )


def load(path=WEIGHTS):
    """The model with its weights, ready to predict."""
    model = Model()
    model.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    return model.eval()
