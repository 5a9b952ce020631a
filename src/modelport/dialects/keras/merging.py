"""Merging layers: sums, products, concatenation, dot products."""
