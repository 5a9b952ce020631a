"""What stock Keras 3 has no layer for, in layers and operations that it has."""
