"""Models with an exact likelihood: each pixel given the pixels before it."""

from .coder import CompressionError, compress, decompress
from .fvsbn import FVSBN
from .gated import GatedPixelCNN
from .made import MADE, Mixture
from .model import Autoregressive, quantile
from .nade import NADE
from .orders import raster, shuffled, spiral
from .pixelcnn import PixelCNN
from .pixelrnn import PixelRNN

__all__ = [
    "Autoregressive",
    "CompressionError",
    "FVSBN",
    "GatedPixelCNN",
    "MADE",
    "Mixture",
    "NADE",
    "PixelCNN",
    "PixelRNN",
    "compress",
    "decompress",
    "quantile",
    "raster",
    "shuffled",
    "spiral",
]
