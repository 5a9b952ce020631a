"""From operators of ONNX to layers and operations of Keras 3: one file an operator family."""
