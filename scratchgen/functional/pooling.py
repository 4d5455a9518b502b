"""Pooling (풀링) and its opposite: images (N, C, H, W) made smaller window by window, or larger pixel by pixel.

Two primitives, each the transpose of the other, so that there are derivatives of every order: `_collect` sums over
each window (or picks the pixel that won the maximum), `_distribute` gives a number to all pixels of its window (or to
the winner alone).
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import numpy as np

from ..autograd import Tensor, primitive
from .convolution import Pair, as_pair, overlap

__all__ = ["avg_pool2d", "max_pool2d", "upsample"]


class Windows(NamedTuple):
    """A grid of windows on an image of `size`, which is `padding` wider on each side. Pairs are (height, width)."""

    size: Pair
    kernel: Pair
    stride: Pair
    padding: Pair

    @property
    def grid(self) -> Pair:
        """How many windows there are, ⌊(H + 2p − k) / s⌋ + 1."""
        height, width = ((n + 2 * p - k) // s + 1 for n, k, s, p in zip(*self))
        return height, width


@functools.lru_cache
def _places(windows: Windows) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """For each place in a window, in raster order: the windows in which it lies on the image, and the pixels there."""
    down, right = ([overlap(u - p, s, count, n) for u in range(k)] for n, k, s, p, count in zip(*windows, windows.grid))
    return [((..., i, j), (..., y, x)) for (i, y), (j, x) in itertools.product(down, right)]


@primitive
def _collect(x: Any, winner: Any, windows: Windows) -> Any:
    out = np.zeros_like(x, shape=(*x.shape[:2], *windows.grid), order="C")
    for place, (to, pixels) in enumerate(_places(windows)):
        out[to] += x[pixels] if winner is None else np.where(winner[to] == place, x[pixels], 0.0)
    return out


@primitive
def _distribute(y: Any, winner: Any, windows: Windows) -> Any:
    out = np.zeros_like(y, shape=(*y.shape[:2], *windows.size), order="C")
    for place, (of, pixels) in enumerate(_places(windows)):
        out[pixels] += y[of] if winner is None else np.where(winner[of] == place, y[of], 0.0)
    return out


_collect.vjp(x=lambda g, winner, windows: _distribute(g, winner, windows))
_distribute.vjp(y=lambda g, winner, windows: _collect(g, winner, windows))


def max_pool2d(x: Any, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0) -> Any:
    """y[n, c, i, j] = max_{u,v} x[n, c, s·i + u − p, s·j + v − p].  Eq. 0.78 (derivations/00-autograd.md#eq-0-78)

    x (N, C, H, W) → (N, C, ⌊(H + 2p − k) / s⌋ + 1, …). Sizes are an integer or a pair (height, width); `stride` None is
    the kernel's size. Padding counts as −∞ and is at most half the kernel. Where several pixels of a window are
    largest, the first in raster order takes the whole gradient. NaN is larger than any number.

    Raises `ValueError` where shapes and sizes do not fit together.
    """
    windows = _windows("max_pool2d", x, kernel_size, stride, padding)
    return _collect(x, _winners(x.data if isinstance(x, Tensor) else x, windows), windows)


def _winners(x: Any, windows: Windows) -> Any:
    """For each window the place of its largest pixel, the first of equals."""
    best = np.full_like(x, -np.inf, shape=(*x.shape[:2], *windows.grid), order="C")
    winner = np.full_like(best, -1, dtype=np.int32)
    for place, (to, pixels) in enumerate(_places(windows)):
        wins = (x[pixels] > best[to]) | (x[pixels] != x[pixels]) | (winner[to] < 0)
        best[to] = np.where(wins, x[pixels], best[to])
        winner[to] = np.where(wins, place, winner[to])
    return winner


def avg_pool2d(x: Any, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0) -> Any:
    """y[n, c, i, j] = Σ_{u,v} x[n, c, s·i + u − p, s·j + v − p] / k².  Eq. 0.79 (derivations/00-autograd.md#eq-0-79)

    Shapes and sizes as in `max_pool2d`. Padding counts as zeros: each sum is divided by the whole window.
    Raises `ValueError` where shapes and sizes do not fit together.
    """
    windows = _windows("avg_pool2d", x, kernel_size, stride, padding)
    return _collect(x, None, windows) * (1 / (windows.kernel[0] * windows.kernel[1]))


def upsample(x: Any, scale_factor: int | Pair) -> Any:
    """y[n, c, i, j] = x[n, c, ⌊i / s⌋, ⌊j / s⌋]: nearest neighbours.  Eq. 0.80 (derivations/00-autograd.md#eq-0-80)

    x (N, C, H, W) → (N, C, s·H, s·W); s is an integer or a pair (height, width). Raises `ValueError` for anything else.
    """
    _expect_images("upsample", x)
    scale = as_pair("upsample", "scale_factor", scale_factor, 1)
    size = (x.shape[2] * scale[0], x.shape[3] * scale[1])
    return _distribute(x, None, Windows(size, kernel=scale, stride=scale, padding=(0, 0)))


def _windows(name: str, x: Any, kernel_size: int | Pair, stride: int | Pair | None, padding: int | Pair) -> Windows:
    _expect_images(name, x)
    kernel = as_pair(name, "kernel_size", kernel_size, 1)
    windows = Windows(
        tuple(x.shape[2:]),
        kernel,
        kernel if stride is None else as_pair(name, "stride", stride, 1),
        as_pair(name, "padding", padding, 0),
    )
    if any(2 * p > k for p, k in zip(windows.padding, kernel)):
        raise ValueError(f"{name}: padding {windows.padding} is more than half of the window {kernel}")
    if min(windows.grid) < 1:
        raise ValueError(
            f"{name}: the window {kernel} is larger than the image {windows.size} with padding {windows.padding}"
        )
    return windows


def _expect_images(name: str, x: Any) -> None:
    if len(x.shape) != 4:
        raise ValueError(f"{name}: expected x (N, C, H, W), got {x.shape}")
