"""What pickles mean: which names are known, what a stream would do, and the values it holds."""
