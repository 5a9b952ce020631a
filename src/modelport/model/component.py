"""The components a model file can hold: the project's central list."""

from __future__ import annotations

from enum import StrEnum


class Component(StrEnum):
    """One part of a model that a file may hold or lack."""

    ARCHITECTURE = "architecture"
    WEIGHTS = "weights"
    LOSS = "loss"
    OPTIMIZER = "optimizer"
    OPTIMIZER_STATE = "optimizer_state"
    HYPERPARAMETERS = "hyperparameters"
    SIGNATURE = "signature"
    TRAINING_DATA = "training_data"
    METADATA = "metadata"
    PYTHON_OBJECTS = "python_objects"


class Holds(StrEnum):
    """How a format stands to a component."""

    ALWAYS = "always"
    MAY = "may"
    NEVER = "never"
