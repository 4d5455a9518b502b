"""Models with an exact likelihood: each pixel given the pixels before it."""

from .model import Autoregressive, quantile

__all__ = ["Autoregressive", "quantile"]
