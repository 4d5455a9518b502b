"""The loop that all models share, and the checkpoints that let it be stopped at any moment."""

from .checkpoint import CheckpointError, load, save
from .loop import Run, evaluate, train

__all__ = ["CheckpointError", "Run", "evaluate", "load", "save", "train"]
