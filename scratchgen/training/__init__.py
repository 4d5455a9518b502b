"""The loop that all models share, threads to share its minibatches, and checkpoints that let it stop at any moment."""

from .checkpoint import CheckpointError, load, save
from .loop import Run, evaluate, train
from .workers import Workers

__all__ = ["CheckpointError", "Run", "Workers", "evaluate", "load", "save", "train"]
