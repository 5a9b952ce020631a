"""Control flow and lists of ONNX written out as operators of tensors alone."""
