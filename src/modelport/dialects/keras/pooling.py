"""Pooling: maximum and average, global and adaptive."""
