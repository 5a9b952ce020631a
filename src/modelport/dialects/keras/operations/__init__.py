"""The operations of keras.ops as ONNX, one file a family."""
