"""Archives of old versions of torch and what torch itself computes there, kept small.

    python make_old.py OUT_FOLDER

Run under the version that a file's name begins with (Python 3.7 for 1.3 and 1.4, 3.8 for others):

    1.3  LSTM.script
    1.4  SE.script Style.script Cell.trace Cells.trace Attention.script, and SE.state (torch.save
         in a zip archive, which lies beside the samples of ``pytorch``)
    1.6  Attention.script
    1.13 Encoder.trace Causal.trace Bag.trace

``<name>.io.npz`` holds the inputs (in0 ...) and outputs (out0 ...). What torch keeps to show where
code came from (``*.debug_pkl``) is left out, for it holds paths of the machine.
"""

import io
import os
import sys
import zipfile

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class LSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.r = nn.LSTM(5, 6)

    def forward(self, x):
        y, (h, c) = self.r(x)
        return y, h, c


class SE(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 8, 3, padding=1)
        self.a = nn.Conv2d(8, 4, 1)
        self.b = nn.Conv2d(4, 8, 1)

    def forward(self, x):
        x = self.c(x)
        y = F.relu(self.a(F.adaptive_avg_pool2d(x, 1)))
        return x * torch.sigmoid(self.b(y))


class Style(nn.Module):
    def __init__(self):
        super().__init__()
        self.p = nn.ReflectionPad2d(1)
        self.c = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        y = self.c(self.p(x))
        a = F.interpolate(y, mode="nearest", scale_factor=2.0)
        b = F.interpolate(y, size=(7, 9), mode="bilinear", align_corners=True)
        return a, b, F.interpolate(y, scale_factor=1.6, mode="bilinear", align_corners=False)


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.LSTMCell(5, 6)

    def forward(self, x, h, c):
        for i in range(3):
            h, c = self.c(x[i], (h, c))
        return h, c


class Cells(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.GRUCell(5, 6)
        self.r = nn.RNNCell(6, 6)

    def forward(self, x, h):
        h = self.c(x, h)
        return self.r(h, h)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.MultiheadAttention(8, 2)

    def forward(self, x, y):
        return self.a(x, x, x)[0], self.a(x, y, y)[0]


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.t = nn.TransformerEncoderLayer(8, 2, 16)

    def forward(self, x):
        return self.t(x)


class Causal(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.utils.weight_norm(nn.Conv1d(4, 4, 3, padding=2))

    def forward(self, x):
        return torch.relu(self.c(x)[:, :, :-2].contiguous() + x)


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.EmbeddingBag(20, 5, mode="mean")

    def forward(self, x, o):
        return self.e(x, o)


CASES = {
    "LSTM": (LSTM, [torch.randn(4, 2, 5)]),
    "SE": (SE, [torch.randn(2, 3, 6, 6)]),
    "Style": (Style, [torch.randn(1, 3, 6, 5)]),
    "Cell": (Cell, [torch.randn(3, 2, 5), torch.randn(2, 6), torch.randn(2, 6)]),
    "Cells": (Cells, [torch.randn(2, 5), torch.randn(2, 6)]),
    "Attention": (Attention, [torch.randn(4, 2, 8), torch.randn(5, 2, 8)]),
    "Encoder": (Encoder, [torch.randn(4, 2, 8)]),
    "Causal": (Causal, [torch.randn(2, 4, 9)]),
    "Bag": (Bag, [torch.randint(0, 20, (7,)), torch.tensor([0, 3, 4])]),
}


def without_places(data):
    """The archive without the members that say where code came from."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for member in old.infolist():
            if not member.filename.endswith(".debug_pkl"):
                entry = zipfile.ZipInfo(member.filename)
                deflate = member.file_size > 1000 and "code/" in member.filename
                new.writestr(entry, old.read(member), 8 if deflate else 0)
    return made.getvalue()


def main():
    folder = sys.argv[1]
    version = ".".join(torch.__version__.split(".")[:2])
    for line in __doc__.splitlines():
        words = line.replace(",", "").split()
        names = [word for word in words if "." in word and word.split(".")[0] in CASES]
        if not names or words[0] != version:
            continue
        for name in names:
            kind, how = CASES[name.split(".")[0]], name.split(".")[1]
            torch.manual_seed(0)
            module, inputs = kind[0]().eval(), kind[1]
            path = os.path.join(folder, version.replace(".", "_") + "-" + name + ".pt")
            if how == "state":
                torch.save(module.state_dict(), path, _use_new_zipfile_serialization=True)
                state = {key: value.numpy() for key, value in module.state_dict().items()}
                np.savez(path.replace(".pt", ".io.npz"), **state)
                continue
            with torch.no_grad():
                outputs = module(*inputs)
                made = torch.jit.script(module) if how == "script" else torch.jit.trace(module, inputs)
            made.save(path)
            data = open(path, "rb").read()
            open(path, "wb").write(without_places(data))
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            arrays = {"in%d" % i: item.numpy() for i, item in enumerate(inputs)}
            arrays.update({"out%d" % i: item.numpy() for i, item in enumerate(outputs)})
            np.savez(path.replace(".pt", ".io.npz"), **arrays)


if __name__ == "__main__":
    main()
