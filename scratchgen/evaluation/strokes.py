"""What the strokes of a drawn digit are like: how far they lean, and how thick they are.

What it measures: two things in which digits of one class differ and that a generative model may have found by itself.
What it does not: whether there is a digit at all; noise has a slant and a thickness too. Both are about ink on paper,
x ≥ 0 with 0 for paper, and neither asks how black the ink is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .inputs import pictures

__all__ = ["slant", "thickness"]


def slant(images: Any) -> np.ndarray:
    """By how many pixels a digit leans to the right per pixel upwards: −μ₁₁/μ₀₂, of its second central moments.

    Eq. 23.20 (derivations/23-conditional.md#eq-23-20). Images (N, H, W), or (N, H·H) for square ones; one float64
    number for each, on the host. Raises `ValueError` for other arrays, and for an image whose ink is not in several
    rows: it leans nowhere.
    """
    x = _pictures("slant", images)
    mass, rows, columns = x.sum((1, 2)), np.arange(float(x.shape[1])), np.arange(float(x.shape[2]))
    inked = np.where(mass > 0, mass, 1.0)[:, None]
    across = columns - (x * columns).sum((1, 2))[:, None] / inked
    down = rows - (x * rows[:, None]).sum((1, 2))[:, None] / inked
    spread = np.einsum("nij,ni->n", x, down**2)
    _refuse("slant", "has no ink, or all of it in one row", ~(spread > 0))
    return -np.einsum("nij,ni,nj->n", x, down, across) / spread


def thickness(images: Any) -> np.ndarray:
    """How many pixels wide the strokes are: twice the ink over the length of its outline, 2 Σx / Σ|∇x|.

    Eq. 23.21 (derivations/23-conditional.md#eq-23-21). The total variation is the length of the outline, averaged over
    all grey levels at which one may draw it; no skeleton is wanted. Images (N, H, W), or (N, H·H) for square ones, and
    paper around them; one float64 number for each, on the host. Raises `ValueError` for other arrays, and for an image
    without ink.
    """
    x = np.pad(_pictures("thickness", images), ((0, 0), (1, 1), (1, 1)))
    down, right = x[:, 1:, :-1] - x[:, :-1, :-1], x[:, :-1, 1:] - x[:, :-1, :-1]
    outline = np.sqrt(down**2 + right**2).sum((1, 2))
    _refuse("thickness", "has no ink", ~(outline > 0))
    return 2 * x.sum((1, 2)) / outline


def _pictures(who: str, images: Any) -> np.ndarray:
    """float64 (N, H, W), on the host."""
    x = pictures(who, images)
    if x.ndim != 3 or not ((x >= 0) & (x < np.inf)).all():
        raise ValueError(f"{who}: expected images (N, H, W) or (N, H·H) of ink, finite and ≥ 0, got {np.shape(images)}")
    return x


def _refuse(who: str, why: str, images: np.ndarray) -> None:
    if images.any():
        raise ValueError(f"{who}: image {int(images.argmax())} {why}")
