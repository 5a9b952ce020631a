"""The exchange vocabulary: the builder of ONNX graphs."""
