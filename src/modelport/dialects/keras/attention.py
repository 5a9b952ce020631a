"""Attention layers: dot-product, additive, multi-head, grouped-query."""
