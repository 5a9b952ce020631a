"""The layers of Keras as ONNX, one file a family."""
