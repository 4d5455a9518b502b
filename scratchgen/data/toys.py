"""Distributions in the plane: small enough to see, and known exactly.

Mixtures of Gaussians on a ring or a grid are where mode collapse (모드 붕괴) is counted: the number of modes that a
generator reaches, and the share of its samples within 3 standard deviations of a mean. Both depend on radius, spacing
and standard deviation, so quote these with every result.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["Mixture", "mixture_grid", "mixture_ring", "two_moons"]


class Mixture(NamedTuple):
    """Draws from p(x) = 1/K Σₖ N(x; meanₖ, std² I).

    points: float32 (n, 2).  labels: int64 (n,), which mode each point came from.  means: float32 (K, 2).
    """

    points: np.ndarray
    labels: np.ndarray
    means: np.ndarray


def _draw(n: int, rng: np.random.Generator, means: np.ndarray, std: float) -> Mixture:
    means = means.astype(np.float32)
    labels = rng.integers(len(means), size=n)
    noise = rng.standard_normal((n, 2), dtype=np.float32)
    return Mixture(means[labels] + np.float32(std) * noise, labels, means)


def mixture_ring(n: int, rng: np.random.Generator, modes: int = 8, radius: float = 1.0, std: float = 0.01) -> Mixture:
    """meanₖ = radius · (cos 2πk/modes, sin 2πk/modes), k = 0 … modes − 1; n points.

    The circle closes: angle 2π is angle 0 again. Spacing `modes` angles over [0, 2π] *with* the end point makes two
    modes fall together, and the ring of 8 has 7. Defaults: radius 1 and std 0.01, as in PacGAN (Lin et al. 2018).
    """
    angles = 2 * math.pi * np.arange(modes) / modes
    return _draw(n, rng, radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), std)


def mixture_grid(n: int, rng: np.random.Generator, side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Mixture:
    """side × side means, `spacing` apart, centred at the origin (−4, −2, 0, 2, 4 in each direction); n points.

    Defaults as in PacGAN (Lin et al. 2018).
    """
    ticks = spacing * (np.arange(side) - (side - 1) / 2)
    return _draw(n, rng, np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2), std)


def two_moons(n: int, rng: np.random.Generator, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles of radius 1 that reach into each other: points float32 (n, 2), labels int64 (n,).

    Moon 0 is (cos t, sin t), moon 1 is (1 − cos t, ½ − sin t), t uniform on [0, π); plus Gaussian noise of standard
    deviation `noise`.
    """
    labels = rng.integers(2, size=n)
    t = math.pi * rng.random(n)
    sign = 1 - 2 * labels  # moon 1 is moon 0 turned by π about (½, ¼)
    moons = np.stack([labels + sign * np.cos(t), labels / 2 + sign * np.sin(t)], axis=1)
    return (moons + noise * rng.standard_normal((n, 2))).astype(np.float32), labels
