"""Activation layers: Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax."""
