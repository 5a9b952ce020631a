"""The newest version of the default operator set that is known here."""

NEWEST = 28
"""ONNX 1.23."""
