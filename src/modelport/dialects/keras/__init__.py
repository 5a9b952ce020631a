"""The vocabulary of Keras 1 to 3: upgrade old words, lower to ONNX."""
