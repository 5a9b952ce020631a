"""The text of TorchScript code, a typed subset of Python, cut into a tree by our own grammar."""

from modelport.wire.torchscript.parser import parse

__all__ = ["parse"]
