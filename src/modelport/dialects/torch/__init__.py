"""The vocabulary of PyTorch: aten operators to ONNX."""
