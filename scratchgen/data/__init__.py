"""Digits, whole and bundled; toys in the plane; minibatches."""

from .batches import minibatches
from .bundled import digits
from .complete import binarized_mnist, data_root, mnist
from .idx import read_idx
from .pixels import Digits, binarize, dequantize, downsample, quantize
from .toys import Mixture, mixture_grid, mixture_ring, two_moons

__all__ = [
    "Digits", "Mixture", "binarize", "binarized_mnist", "data_root", "dequantize", "digits", "downsample",
    "minibatches", "mixture_grid", "mixture_ring", "mnist", "quantize", "read_idx", "two_moons",
]  # fmt: skip
