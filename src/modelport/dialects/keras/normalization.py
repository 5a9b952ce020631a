"""Normalisation layers: batch, layer, group, RMS, unit, spectral."""
