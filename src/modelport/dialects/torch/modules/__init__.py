"""Modules of torch.nn whose order is known, as a graph of aten operators."""
