"""What a trained model is worth: measurements, each with what it measures and what it does not."""

from .receptive_field import cone, receptive_field, window

__all__ = ["cone", "receptive_field", "window"]
