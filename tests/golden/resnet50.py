"""resnet50, converted by modelport."""

import torch
from torch import nn

WEIGHTS = __file__.removesuffix(".py") + ".pt"


class Bottleneck(nn.Module):
    def __init__(self, in_channels, out_channels, stride, out_channels2):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(
            out_channels, out_channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv3 = nn.Conv2d(out_channels, out_channels2, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels2)
        self.downsample = nn.Sequential(
            nn.Conv2d(in_channels, out_channels2, 1, stride=stride, bias=False),
            nn.BatchNorm2d(out_channels2),
        )

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        x = self.bn3(self.conv3(self.relu(y))) + self.downsample(x)
        return self.relu(x)


class Bottleneck2(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv3 = nn.Conv2d(out_channels, in_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(in_channels)

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(self.bn3(self.conv3(self.relu(y))) + x)


class Model(nn.Module):
    """x float32 [s77, 3, 64, 64]
    -> linear float32 [s77, 1000]
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(
            Bottleneck(64, 64, 1, 256), Bottleneck2(256, 64), Bottleneck2(256, 64)
        )
        self.layer2 = nn.Sequential(
            Bottleneck(256, 128, 2, 512),
            Bottleneck2(512, 128),
            Bottleneck2(512, 128),
            Bottleneck2(512, 128),
        )
        self.layer3 = nn.Sequential(
            Bottleneck(512, 256, 2, 1024),
            Bottleneck2(1024, 256),
            Bottleneck2(1024, 256),
            Bottleneck2(1024, 256),
            Bottleneck2(1024, 256),
            Bottleneck2(1024, 256),
        )
        self.layer4 = nn.Sequential(
            Bottleneck(1024, 512, 2, 2048),
            Bottleneck2(2048, 512),
            Bottleneck2(2048, 512),
        )
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x):
        x = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(x)))))
        x = self.layer4(self.layer3(self.layer2(x))).mean((2, 3), keepdim=True)
        return self.fc(x.flatten(1))


def load(path=WEIGHTS):
    """The model with its weights, ready to predict."""
    model = Model()
    model.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    return model.eval()
