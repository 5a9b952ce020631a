"""Simpler graphs of the same meaning: what exporters wrote out is one operator again."""
