"""One file an optimizer: slot names and hyperparameters in each framework."""
