"""Model to Model and Report."""
