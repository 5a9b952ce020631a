"""Training configs and optimizer states of every era, in the words of Keras 3."""
