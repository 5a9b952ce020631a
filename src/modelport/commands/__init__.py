"""What the commands do, returning data."""
