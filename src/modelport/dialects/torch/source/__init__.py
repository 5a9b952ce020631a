"""Models as source code: what a person would have written for PyTorch."""
