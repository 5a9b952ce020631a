"""Layers that move elements: reshape, permute, crop, pad, repeat, up-sample."""
