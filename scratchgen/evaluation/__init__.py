"""What a trained model is worth: measurements, each with what it measures and what it does not.

Samples and data may be arrays of any device, Tensors, or lists."""

from .cards import Card
from .classes import Classes, class_shares, inception_score, stack_labels
from .frechet import frechet_distance
from .modes import Modes, count_modes, reverse_kl
from .monitor import Diagnosis, Monitor, spread
from .parzen import Parzen, centroids, parzen_log_prob, parzen_score
from .receptive_field import cone, receptive_field, window
from .sharpness import sharpness
from .strokes import slant, thickness

__all__ = [
    "Card", "Classes", "Diagnosis", "Modes", "Monitor", "Parzen", "centroids", "class_shares", "cone", "count_modes",
    "frechet_distance", "inception_score", "parzen_log_prob", "parzen_score", "receptive_field", "reverse_kl",
    "sharpness", "slant", "spread", "stack_labels", "thickness", "window",
]  # fmt: skip
