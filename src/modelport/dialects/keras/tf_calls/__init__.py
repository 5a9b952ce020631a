"""TensorFlow calls that Keras 2 keeps in functional graphs, as ONNX."""
