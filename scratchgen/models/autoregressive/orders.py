"""In which order the pixels are taken: any order gives an exact likelihood, but not any order is as easy to learn.

An order is a list of positions in the flat image, first to be drawn first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ... import backend
from .model import Autoregressive

__all__ = ["Ordered", "fronts", "raster", "shuffled", "spaced", "spiral"]


def raster(height: int, width: int) -> list[int]:
    """Row by row (래스터 순서): what the other models of this room have built in."""
    return list(range(height * width))


def fronts(height: int, width: int, lag: int) -> Iterator[tuple[int, range]]:
    """A wave that runs across the image (파면), each row `lag` columns behind the row above: at time t it has come to
    the pixels (r, t − lag · r) of these rows r.  Eq. 6.13 (derivations/06-gated-pixelcnn.md#eq-6-13)"""
    for t in range(width + lag * (height - 1)):
        rows = range(max(0, -((width - 1 - t) // lag)), min(t // lag + 1, height))
        if rows:
            yield t, rows


def spaced(t: int, rows: range, width: int, lag: int) -> slice:
    """Where these pixels stand in an image with its rows end to end: from row to row, width − lag further.  Eq. 6.13
    (derivations/06-gated-pixelcnn.md#eq-6-13)"""
    first, last = (t + r * (width - lag) for r in (rows[0], rows[-1]))
    return slice(first, last + 1, max(1, width - lag))


def shuffled(height: int, width: int, rng: Any) -> list[int]:
    """Any order, as likely as any other."""
    order: list[int] = rng.permutation(height * width).tolist()
    return order


def spiral(height: int, width: int) -> list[int]:
    """From the corner along the edges, ever further in, to the middle."""
    rest, order = np.arange(height * width).reshape(height, width), []
    while rest.size:
        order += rest[0].tolist()
        rest = np.rot90(rest[1:])  # what was the right edge is now on top
    return order


class Ordered(Autoregressive):
    """A model of bits whose order can be chosen. The order is a buffer, so it is kept with the weights.

    `rank` (D,) says of each position how many elements come before it. Raises `ValueError` for an order that does not
    name every position once.
    """

    def __init__(self, shape: tuple[int, ...], order: Sequence[int] | None = None) -> None:
        super().__init__(shape)
        order = super().order if order is None else list(order)
        if sorted(order) != list(range(self.size)):
            raise ValueError(
                f"{type(self).__name__}: an order of {self.shape} names each of 0 … {self.size - 1} once, "
                f"got {order!r:.60}"
            )
        self.rank = np.argsort(order)

    @property
    def order(self) -> list[int]:
        """Positions in the flat image, first to be drawn first."""
        positions: list[int] = np.argsort(backend.to_host(self.rank)).tolist()
        return positions
