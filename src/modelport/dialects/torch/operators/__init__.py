"""Lowerings of aten operators, one file a family."""
