"""What the formats of Keras share: configs to graphs and back, weights by layer and by object."""
