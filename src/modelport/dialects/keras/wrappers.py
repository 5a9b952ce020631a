"""Wrappers: Bidirectional, TimeDistributed; Masking."""
