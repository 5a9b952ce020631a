"""Run both sides and compare; prove the weights."""
