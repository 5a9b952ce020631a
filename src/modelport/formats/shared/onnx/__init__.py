"""ONNX as bytes: readers and writers of its messages."""
