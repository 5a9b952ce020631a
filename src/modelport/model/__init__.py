"""What a model is: pure data."""
