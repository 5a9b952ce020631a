"""Preprocessing layers that are deterministic at inference."""
