"""Regularisation layers: no effect at inference, kept in the graph where ONNX can."""
