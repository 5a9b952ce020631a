"""One folder a vocabulary; ONNX is the one in the middle."""
