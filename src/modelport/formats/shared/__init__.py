"""What several formats read the same way."""
