"""The loop that all models share, threads to share its minibatches, and checkpoints that let it stop at any moment."""

from .checkpoint import CheckpointError, load, save
from .game import Players, play, play_at_once
from .loop import Run, descend, evaluate, train
from .workers import Workers

__all__ = [
    "CheckpointError", "Players", "Run", "Workers", "descend", "evaluate", "load", "play", "play_at_once", "save",
    "train",
]  # fmt: skip
