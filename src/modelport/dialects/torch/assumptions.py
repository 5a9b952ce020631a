"""What is taken to hold where only a run can tell: notes of lowerings that change no number."""

from __future__ import annotations

GOES_ON = "the code raises an exception for some inputs; ONNX goes on"
ONE = (
    "whether the axis that it takes away has extent 1 is not known; it is taken to have, and ONNX "
    "refuses inputs of others (example inputs tell: convert ... --inputs FILE.npz)"
)
NOT_ONE = (
    "axes of extent 1 go, and of some the extent is not known; they are taken to have others "
    "(example inputs tell: convert ... --inputs FILE.npz)"
)
STACKED = (
    "the code gives a list whose length only a run can tell; it is one tensor, its items along a "
    "new first axis"
)
DROPS = (
    "it drops elements at random, as in training; the target drops none, as in evaluation (call "
    "eval() on a module before it is saved)"
)
ASSUMPTIONS = (GOES_ON, ONE, NOT_ONE)

NO_TYPE = "the file states no type"
"""How the reason for the type of an input begins that was guessed from the code."""
