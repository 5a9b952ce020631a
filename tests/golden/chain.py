"""chain, converted by modelport."""

import torch
from torch import nn

WEIGHTS = __file__.removesuffix(".py") + ".pt"


class Model(nn.Sequential):
    """input float32 [s31, 1, 14, 14]
    -> linear_1 float32 [s31, 10]
    """

    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(392, 32),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(32, 10),
        )


def load(path=WEIGHTS):
    """The model with its weights, ready to predict."""
    model = Model()
    model.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    return model.eval()
