"""keras.ops operations inside functional graphs."""
