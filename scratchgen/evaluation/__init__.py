"""What a trained model is worth: measurements, each with what it measures and what it does not."""

from .frechet import frechet_distance
from .receptive_field import cone, receptive_field, window
from .sharpness import sharpness

__all__ = ["cone", "frechet_distance", "receptive_field", "sharpness", "window"]
