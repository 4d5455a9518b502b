"""PixelRNN: an LSTM carries what it has seen across the image, so that a pixel can depend on pixels far away.

    image ─ 7×7 masked ─ [LSTM layer ─ 1×1 ─ +]× layers ─ 1×1 ─ 1×1 ─ logits

Between the first convolution and the logits a map is (rows, N, columns, features): rows first, since the Row LSTM goes
from row to row, and features last, so that each step is one product of matrices.

A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, *Pixel Recurrent Neural Networks*, ICML 2016, section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import functional as F
from ... import nn
from ...autograd import Tensor, primitive
from ...nn.recurrent import lstm, neighbours, open_forget_gate, project
from .model import Autoregressive

__all__ = ["DiagonalBiLSTM", "LineLSTM", "PixelRNN", "RowLSTM", "shift_down", "skew", "unskew"]


# ----------------------------------------------------------------------------------------------------- the skewed map
@primitive
def skew(x: Any) -> Any:
    """y[t, n, r] = x[r, n, t − r], 0 where t − r is no column: each row one place further right than the one above.

    Eq. 7.12 (derivations/07-recurrent.md#eq-7-12). x (rows, N, columns, C) → its diagonals (rows + columns − 1, N,
    rows, C).
    """
    rows, n, columns, channels = x.shape
    y = np.zeros_like(x, shape=(rows + columns - 1, n, rows, channels))
    for r in range(rows):
        y[r : r + columns, :, r] = x[r].swapaxes(0, 1)
    return y


@primitive
def unskew(y: Any) -> Any:
    """x[r, n, c] = y[r + c, n, r]: the inverse of `skew`, and its transpose.

    Eq. 7.12 (derivations/07-recurrent.md#eq-7-12). y (rows + columns − 1, N, rows, C) → (rows, N, columns, C).
    """
    diagonals, n, rows, channels = y.shape
    x = np.empty_like(y, shape=(rows, n, diagonals - rows + 1, channels))
    for r in range(rows):
        x[r] = y[r : r + x.shape[2], :, r].swapaxes(0, 1)
    return x


skew.vjp(x=lambda g: unskew(g))
unskew.vjp(y=lambda g: skew(g))


def shift_down(x: Any) -> Any:
    """Each row gets what the row above had, the first row zeros.  Eq. 7.14 (derivations/07-recurrent.md#eq-7-14)"""
    return F.pad(x[:-1], ((1, 0), (0, 0), (0, 0), (0, 0)))


# ------------------------------------------------------------------------------------------------------- LSTM layers
class LineLSTM(nn.Module):
    """An LSTM that takes a whole line of L pixels at a time: (T, N, L, features) → h (T, N, L, hidden).

    Eq. 7.10 (derivations/07-recurrent.md#eq-7-10). Two convolutions along the line feed the gates: one reads the input
    at the offsets `inputs`, for all lines at once; the other the states of the line before at the offsets `states`.
    """

    def __init__(
        self, features: int, hidden: int, inputs: tuple[int, ...], states: tuple[int, ...], rng: Any = None
    ) -> None:
        self.inputs, self.states = inputs, states
        rng = nn.init.generator(rng)
        self.weight_ih = nn.Parameter(nn.init.glorot_uniform((4 * hidden, len(inputs) * features), rng))
        self.weight_hh = nn.Parameter(nn.init.glorot_uniform((4 * hidden, len(states) * hidden), rng))
        self.bias = nn.Parameter(np.zeros(4 * hidden, np.float32))
        open_forget_gate(self.bias)

    def forward(self, lines: Any) -> Tensor:
        _, n, length, _ = lines.shape
        gates = project(neighbours(lines, self.inputs), self.weight_ih, self.bias)
        nothing = np.zeros_like(self.bias.data, shape=(2, n, length, self.weight_hh.shape[0] // 4))
        return lstm(gates, self.weight_hh, nothing, self.states)[:, 0]


class RowLSTM(nn.Module):
    """From row to row, each state sees three states of the row above: a triangle that grows upwards.

    Eqs. 7.10 and 7.11 (derivations/07-recurrent.md#eq-7-10). Of its own row it reads the pixel's feature and the one to
    the left (a 3×1 convolution of type B). (rows, N, columns, features) → (rows, N, columns, hidden).
    """

    def __init__(self, features: int, hidden: int, rng: Any = None) -> None:
        self.down = LineLSTM(features, hidden, (-1, 0), (-1, 0, 1), rng)

    def forward(self, x: Any) -> Tensor:
        return self.down(x)


class DiagonalBiLSTM(nn.Module):
    """From diagonal to diagonal, each state sees the states to its left and above; and a second LSTM the mirror image.

    Eqs. 7.13 and 7.14 (derivations/07-recurrent.md#eq-7-13). The mirrored map has seen pixels to the right, so a pixel
    may have it from the row above only: it is shifted down. (rows, N, columns, features) → (rows, N, columns, hidden).
    """

    def __init__(self, features: int, hidden: int, rng: Any = None) -> None:
        self.right = LineLSTM(features, hidden, (0,), (-1, 0), rng)
        self.left = LineLSTM(features, hidden, (0,), (-1, 0), rng)

    def forward(self, x: Any) -> Tensor:
        rightwards = unskew(self.right(skew(x)))
        leftwards = F.flip(unskew(self.left(skew(F.flip(x, 2)))), 2)
        return rightwards + shift_down(leftwards)


class Pointwise(nn.Linear):
    """A 1×1 convolution, for maps with their features last.  Eq. 0.61 (derivations/00-autograd.md#eq-0-61)"""

    def forward(self, x: Any) -> Any:
        return project(x, self.weight, self.bias)


KINDS = {"row": RowLSTM, "diagonal": DiagonalBiLSTM}


# --------------------------------------------------------------------------------------------------------- the model
class PixelRNN(Autoregressive):
    """p(x) = Πₖ p(xₖ | x before k), the conditionals by Row LSTMs or Diagonal BiLSTMs.  Eq. 7.16
    (derivations/07-recurrent.md#eq-7-16)

    `kind` is "row" or "diagonal". Each of the `layers` has `hidden` units, in each direction, and adds to 2·hidden
    features (잔차 연결). Raises `ValueError` for another kind, and for images with more than one colour.
    """

    def __init__(
        self,
        shape: tuple[int, int, int] = (1, 28, 28),
        levels: int = 2,
        kind: str = "diagonal",
        hidden: int = 16,
        layers: int = 7,
        rng: Any = None,
    ) -> None:
        super().__init__(shape, levels)
        if kind not in KINDS:
            raise ValueError(f"PixelRNN: kind is {kind!r}, expected 'row' or 'diagonal'")
        if len(shape) != 3 or shape[0] != 1:
            raise ValueError(f"PixelRNN: expected a shape (1, height, width), got {tuple(shape)}; make the images grey")
        rng = nn.init.generator(rng)
        features = 2 * hidden
        # Beyond the edge: without it no feature tells the row below of a row's last pixel (Eq. 7.15).
        self.spare_columns = 1 if kind == "diagonal" else 0
        self.first = nn.MaskedConv2d("A", 1, features, 7, rng=rng)
        self.lstms = nn.ModuleList([KINDS[kind](features, hidden, rng) for _ in range(layers)])
        self.back = nn.ModuleList([Pointwise(hidden, features, rng=rng) for _ in range(layers)])
        self.head = Pointwise(features, features, init=nn.init.he_normal, rng=rng)
        self.output = Pointwise(features, 1 if levels == 2 else levels, rng=rng)

    def logits(self, x: Any, condition: Any = None) -> Tensor:
        """As `Autoregressive.logits`.  Eq. 7.16 (derivations/07-recurrent.md#eq-7-16)"""
        y = self.first(F.pad(x, ((0, 0), (0, 0), (0, 0), (0, self.spare_columns))))
        y = F.transpose(y, (2, 0, 3, 1))  # rows first, features last
        for layer, back in zip(self.lstms, self.back):
            y = y + back(layer(y))
        y = F.relu(self.head(F.relu(y[:, :, : self.shape[2]])))
        y = self.output(y)
        y = F.transpose(y, (1, 3, 0, 2))  # N, levels, rows, columns
        return y if self.levels == 2 else y.reshape((len(x), self.levels, *self.shape))
