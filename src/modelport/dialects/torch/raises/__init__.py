"""From operators of ONNX to what a person writes for PyTorch: one file an operator family."""
