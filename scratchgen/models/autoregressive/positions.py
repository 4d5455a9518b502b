"""Where a pixel stands. A convolution says the same of the same pixels wherever they are; it is told."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import nn
from .orders import spaced

__all__ = ["PositionEmbedding", "PositionMemory"]


class PositionEmbedding(nn.Module):
    """h + rᵢ + kⱼ at the pixel in row i and column j (위치 임베딩).  Eq. 6.17
    (derivations/06-gated-pixelcnn.md#eq-6-17)

    A vector for each row, one for each column: (N, channels, height, width) → the same. Both begin at 0. `vertical` as
    in `MaskedConv2d`: then images are drawn with it a row at a time, and else pixel by pixel.
    """

    def __init__(self, channels: int, height: int, width: int, vertical: bool = False, dtype: Any = np.float32) -> None:
        self.vertical = vertical
        self.row = nn.Parameter(np.zeros((channels, height, 1), dtype))
        self.column = nn.Parameter(np.zeros((channels, 1, width), dtype))

    def forward(self, h: Any) -> Any:
        return h + (self.row + self.column)


class PositionMemory:
    """What a `PositionEmbedding` says while images are drawn: nothing is remembered but which row it has come to."""

    def __init__(self, layer: PositionEmbedding, lag: int) -> None:
        self.map = layer.row.data + layer.column.data
        self.lag, self.i = lag, -1

    def begin_row(self) -> None:
        """The next row."""
        self.i += 1

    def rows(self, h: Any) -> Any:
        """A row (n · width, C) of n images, the next one."""
        self.begin_row()
        row = self.map[:, self.i].T
        return (h.reshape(-1, *row.shape) + row).reshape(h.shape)

    def pixel(self, h: Any, column: int) -> Any:
        """A pixel (n, C) of n images."""
        return h + self.map[:, self.i, column]

    def pixels(self, h: Any, t: int, rows: range) -> Any:
        """The k pixels (C, k · n) of a front.  Eq. 6.13 (derivations/06-gated-pixelcnn.md#eq-6-13)"""
        channels, height, width = self.map.shape
        here = self.map.reshape(channels, height * width)[:, spaced(t, rows, width, self.lag)]
        return (h.reshape(*here.shape, -1) + here[:, :, None]).reshape(h.shape)
