"""lstm_classifier, converted by modelport."""

import torch
from torch import nn

WEIGHTS = __file__.removesuffix(".py") + ".pt"


class Model(nn.Module):
    """tokens int64 [s52, 7]
    -> linear_1 float32 [s52, 5]
    """

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(1000, 32)
        self.lstm = nn.LSTM(32, 64, batch_first=True, bidirectional=True)
        self.classifier = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, tokens):
        x = self.embedding(tokens)
        x, _ = self.lstm(x)
        return self.classifier(x[:, -1])


def load(path=WEIGHTS):
    """The model with its weights, ready to predict."""
    model = Model()
    model.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    return model.eval()
