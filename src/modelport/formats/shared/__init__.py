"""What several formats read or write in the same way."""
