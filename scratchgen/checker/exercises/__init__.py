"""All exercises, in the order of the course."""

from __future__ import annotations

from . import adversarial, convolution, latent, layers, losses, optimizers
from .exercise import SIZES, Exercise, Mistake, Task

__all__ = ["EXERCISES", "SIZES", "TASKS", "Exercise", "Mistake", "Task"]

EXERCISES: dict[str, Exercise] = {
    e.name: e for module in (layers, convolution, losses, latent, adversarial, optimizers) for e in module.EXERCISES
}
TASKS: dict[str, Task] = {task.name: task for e in EXERCISES.values() for task in e.tasks}
