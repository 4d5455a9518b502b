"""How sharp is an image? The variance of its Laplacian (라플라시안 분산).

What it measures: how much the brightness bends from pixel to pixel, so edges; a blur (흐림) takes it away. What it does
not: whether the edges are where they should be. Noise bends most of all: independent noise of variance σ² in every
pixel adds 20 σ², Eq. 33.8 (derivations/33-blur.md#eq-33-8), and the image is none the sharper. So it is read beside
something that knows digits from noise, a Fréchet distance for example. Images of other sizes, of another range or
of another thickness of the stroke do not compare.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .inputs import pictures

__all__ = ["sharpness"]


def sharpness(images: Any) -> np.ndarray:
    """S(x) = Var over pixels of (∇²x), ∇² the five-point Laplacian, one float64 number for each image, on the host.

    Eq. 33.5 (derivations/33-blur.md#eq-33-5). Images (N, H, W), or (N, H·H) for square ones; pixels at the border,
    which lack a neighbour, are no place for ∇². The unit is the square of that of the pixels: twice the contrast is
    four times as sharp. A constant or a slope that is added changes nothing, nor does turning or mirroring. Raises
    `ValueError` for images that are no such arrays, smaller than 3 × 3 or not finite.

    J. L. Pech-Pacheco et al., *Diatom autofocusing in brightfield microscopy: a comparative study*, ICPR 2000.
    """
    x = pictures("sharpness", images)
    if x.ndim != 3 or min(x.shape[1:]) < 3:
        raise ValueError(
            f"sharpness: expected images (N, H, W) of at least 3 × 3 pixels, or (N, H·H), got {np.shape(images)}"
        )
    if not np.isfinite(x).all():
        raise ValueError(
            f"sharpness: image {int((~np.isfinite(x)).any((1, 2)).argmax())} has pixels that are not finite"
        )
    inside = x[:, 1:-1, 1:-1]
    bend = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:] - 4 * inside
    return bend.var((1, 2))
