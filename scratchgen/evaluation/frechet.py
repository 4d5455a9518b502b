"""How far are two sets of images from each other? The Fréchet distance (프레셰 거리) of their features.

What it measures: whether means and covariances of some features agree; with those of a classifier, whether the digits
are like digits, and all kinds of them there. What it does not: anything beyond means and covariances, whether images
are copied from the training data, or anything that the features do not see. Numbers of different features, or of
different numbers of images, do not compare: two sets of n images each from one source are not at 0, but for d features
of variance 1 at about d(d + 5)/2n, Eq. 8.21 (derivations/08-linear-autoencoder.md#eq-8-21).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .inputs import on_host

__all__ = ["frechet_distance"]


def frechet_distance(a: Any, b: Any) -> float:
    """d² = |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) of two sets of features a (N, width) and b (M, width), in float64.

    Eqs. 8.19 and 8.20 (derivations/08-linear-autoencoder.md#eq-8-19): computed without a matrix square root, so
    covariances may be singular (fewer images than features, features that never change), and never negative. The
    *square* of a distance, in squared units of the features, as it is reported by custom. Raises `ValueError` for sets
    of different widths, of fewer than two rows, or with a NaN or infinity.

    D. C. Dowson, B. V. Landau, *The Fréchet distance between multivariate normal distributions*, 1982; for images
    M. Heusel et al., 2017 (arXiv:1706.08500).
    """
    a, b = _features("a", a), _features("b", b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"frechet_distance: features of different widths, a {a.shape} and b {b.shape}")
    shift = a.mean(0) - b.mean(0)
    first, second = _root(a), _root(b)
    left, _, right = np.linalg.svd(first @ second.T)
    apart = left.T @ first - right @ second  # both turned so that they lie as close as they can
    return float(shift @ shift + (apart * apart).sum())


def _root(x: np.ndarray) -> np.ndarray:
    """A square R (width, width) with RᵀR = Σ, the covariance of the rows of x."""
    triangle = np.linalg.qr((x - x.mean(0)) / np.sqrt(len(x) - 1), mode="r")
    return np.pad(triangle, ((0, x.shape[1] - len(triangle)), (0, 0)))


def _features(name: str, x: Any) -> np.ndarray:
    x = on_host("frechet_distance", name, x)
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"frechet_distance: {name} wants features (N, width) of at least two images, got {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"frechet_distance: {name} has features that are not finite; look at the images behind them")
    return x
