"""PixelRNN: an LSTM carries what it has seen across the image, so that a pixel can depend on pixels far away.

    image ─ 7×7 masked ─ [LSTM layer ─ 1×1 ─ +]× layers ─ 1×1 ─ 1×1 ─ logits

Between the first convolution and the logits a map is (features, rows, columns, N): features first and images last, so
that the pixels of a line lie together, and each step is one product of matrices and a few long additions.

Images are drawn for the price of about one pass: the states of the row above and of the pixels to the left are
remembered, and a new pixel is one step of each LSTM (Eq. 7.17), not a new image of them.

A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, *Pixel Recurrent Neural Networks*, ICML 2016, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np

from ... import backend, nn
from ... import functional as F
from ...autograd import Tensor, primitive
from ...nn.recurrent import lstm, lstm_step, neighbours, open_forget_gate, pointwise
from .cache import Memory, Run, count_live, on_images
from .model import Autoregressive
from .orders import fronts, spaced

__all__ = [
    "DiagonalBiLSTM", "DiagonalMemory", "LineLSTM", "LineMemory", "PixelRNN", "RowLSTM", "diagonals",
    "multiplications", "on_diagonals", "on_rows", "shift_down", "skew", "unskew",
]  # fmt: skip


# ----------------------------------------------------------------------------------------------------- the skewed map
def diagonals(rows: int, columns: int) -> list[range]:
    """The rows r that have a pixel (r, t − r) on the diagonal t.  Eq. 7.12 (derivations/07-recurrent.md#eq-7-12)"""
    return [line for _, line in fronts(rows, columns, 1)]


@primitive
def skew(x: Any) -> Any:
    """The pixels of an image in the order of its diagonals: those with r + c = 0, then those with r + c = 1, …

    Eq. 7.12 (derivations/07-recurrent.md#eq-7-12). x (C, rows, columns, N) → (C, rows · columns, N).
    """
    channels, rows, columns, n = x.shape
    y, x = np.empty_like(x, shape=(channels, rows * columns, n), order="C"), x.reshape(channels, rows * columns, n)
    for one_after_the_other, apart in _on_diagonals(rows, columns):
        y[:, one_after_the_other] = x[:, apart]
    return y


@primitive
def unskew(y: Any, columns: int) -> Any:
    """The inverse of `skew`, and its transpose: (C, rows · columns, N) → (C, rows, columns, N).

    Eq. 7.12 (derivations/07-recurrent.md#eq-7-12)"""
    channels, pixels, n = y.shape
    x = np.empty_like(y, order="C")
    for one_after_the_other, apart in _on_diagonals(pixels // columns, columns):
        x[:, apart] = y[:, one_after_the_other]
    return x.reshape(channels, pixels // columns, columns, n)


skew.vjp(x=lambda g, x_shape: unskew(g, x_shape[2]))
unskew.vjp(y=lambda g: skew(g))


def _on_diagonals(rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Where the pixels of each diagonal stand: in order; and in the image, `columns` − 1 apart."""
    end = 0
    for t, line in fronts(rows, columns, 1):
        yield slice(end, end := end + len(line)), spaced(t, line, columns, 1)


def shift_down(x: Any) -> Any:
    """Each row gets what the row above had, the first row zeros.  Eq. 7.14 (derivations/07-recurrent.md#eq-7-14)"""
    return F.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))


# ------------------------------------------------------------------------------------------------------- LSTM layers
class LineLSTM(nn.Module):
    """An LSTM that takes a whole line of pixels at a time.  Eq. 7.10 (derivations/07-recurrent.md#eq-7-10)

    Two convolutions along the line feed the gates: one reads the input at the offsets `inputs`, for all lines at once;
    the other the states of the line before at the offsets `states`. What its cells hold in the beginning is learned for
    a line of `length` of them, and else zeros.
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        inputs: tuple[int, ...],
        states: tuple[int, ...],
        rng: Any = None,
        length: int | None = None,
    ) -> None:
        self.inputs, self.states = inputs, states
        rng = nn.init.generator(rng)
        self.weight_ih = nn.Parameter(nn.init.glorot_uniform((4 * hidden, len(inputs) * features), rng))
        self.weight_hh = nn.Parameter(nn.init.glorot_uniform((4 * hidden, len(states) * hidden), rng))
        self.bias = nn.Parameter(np.zeros(4 * hidden, np.float32))
        open_forget_gate(self.bias)
        self.start = None if length is None else nn.Parameter(np.zeros((2, hidden, length, 1), np.float32))

    def forward(self, x: Any, cells: Sequence[range]) -> Tensor:
        """What is read (K · features, M, N), in the order of the lines, and which cells of each there are → h
        (hidden, M, N)."""
        shape = (2, len(self.bias) // 4, max(line.stop for line in cells), x.shape[2])
        nothing = np.zeros_like(self.bias.data, shape=shape, order="C")
        start = nothing if self.start is None else nothing + self.start
        weight = F.concatenate([self.weight_ih, self.weight_hh], 1)
        return lstm(x, weight, self.bias, start, cells, self.states)[0]


class RowLSTM(nn.Module):
    """From row to row, each state sees three states of the row above: a triangle that grows upwards.

    Eqs. 7.10 and 7.11 (derivations/07-recurrent.md#eq-7-10). Of its own row it reads the pixel's feature and the one to
    the left (a 3×1 convolution of type B). (features, rows, columns, N) → (hidden, rows, columns, N).
    """

    def __init__(self, features: int, hidden: int, rng: Any = None) -> None:
        self.down = LineLSTM(features, hidden, (-1, 0), (-1, 0, 1), rng)

    def forward(self, x: Any) -> Tensor:
        _, rows, columns, n = x.shape
        read = neighbours(x, self.down.inputs)
        h = self.down(read.reshape((len(read), rows * columns, n)), [range(columns)] * rows)
        return h.reshape((len(h), rows, columns, n))

    def memory(self, n: int, rows: int, columns: int) -> LineMemory:
        """What it remembers while n images are drawn."""
        return LineMemory(self.down, on_rows, n, rows, columns)


class DiagonalBiLSTM(nn.Module):
    """From diagonal to diagonal, each state sees the states to its left and above; and a second LSTM the mirror image.

    Eqs. 7.13 and 7.14 (derivations/07-recurrent.md#eq-7-13). The mirrored map has seen pixels to the right, so a pixel
    may have it from the row above only: it is shifted down. (features, rows, columns, N) → (hidden, rows, columns, N).
    """

    def __init__(self, features: int, hidden: int, rows: int, rng: Any = None) -> None:
        self.right = LineLSTM(features, hidden, (0,), (-1, 0), rng, rows)
        self.left = LineLSTM(features, hidden, (0,), (-1, 0), rng, rows)

    def forward(self, x: Any) -> Tensor:
        _, rows, columns, _ = x.shape
        cells = diagonals(rows, columns)
        rightwards = unskew(self.right(skew(x), cells), columns)
        leftwards = F.flip(unskew(self.left(skew(F.flip(x, 2)), cells), columns), 2)
        return rightwards + shift_down(leftwards)

    def memory(self, n: int, rows: int, columns: int) -> DiagonalMemory:
        """What it remembers while n images are drawn."""
        return DiagonalMemory(self, n, rows, columns)


class Pointwise(nn.Linear):
    """A 1×1 convolution, for maps with their features first.  Eq. 0.61 (derivations/00-autograd.md#eq-0-61)"""

    def forward(self, x: Any) -> Any:
        return pointwise(x, self.weight, self.bias)


# -------------------------------------------------------------------------------------------------- pixel by pixel
def on_rows(offset: int) -> tuple[int, int]:
    """Where a step hears the cell at this offset in the line before, (rows, columns) from the pixel: lines are rows.

    Eq. 7.17 (derivations/07-recurrent.md#eq-7-17)"""
    return -1, offset


def on_diagonals(offset: int) -> tuple[int, int]:
    """The same where lines are diagonals, and cells are rows.  Eq. 7.17 (derivations/07-recurrent.md#eq-7-17)"""
    return offset, -1 - offset


class LineMemory:
    """The states of a `LineLSTM` in the row being drawn and in the one above.  Eq. 7.17
    (derivations/07-recurrent.md#eq-7-17)

    `place` says where a step hears the states of the line before.
    """

    def __init__(
        self, line: LineLSTM, place: Callable[[int], tuple[int, int]], n: int, rows: int, columns: int
    ) -> None:
        self.inputs, self.heard, self.cell = line.inputs, [place(offset) for offset in line.states], place(0)
        self.bias = line.bias.data
        self.matrix = np.concatenate([line.weight_ih.data, line.weight_hh.data], axis=1).T
        # To the left of each row: the state with which its cell begins, where lines are diagonals.
        start = line.start
        self.beyond = iter([0.0 if start is None else start.data[:, None, :, r, 0] for r in range(rows)])
        hidden, features = len(self.bias) // 4, line.weight_ih.shape[1] // len(line.inputs)
        # The input in its own row, and h and c in rows 0, its own, and −1: with a column beyond either end.
        self.row = np.zeros_like(self.bias, shape=(n, columns + 2, features), order="C")
        self.states = np.zeros_like(self.bias, shape=(2, 2, n, columns + 2, hidden), order="C")

    def begin_row(self) -> None:
        """What was its own row is now the row above. What was above is overwritten before it is read."""
        self.states = self.states[::-1]
        self.states[0, :, :, 0] = next(self.beyond)

    def pixel(self, x: Any, column: int) -> Any:
        """h (N, hidden) at a pixel, given the input (N, features) there: one step of one cell."""
        here = column + 1
        self.row[:, here] = x
        read = [self.row[:, here + offset] for offset in self.inputs]
        heard = [self.states[up, 0, :, here + aside] for up, aside in self.heard]
        gates = np.concatenate([*read, *heard], axis=1) @ self.matrix
        gates += self.bias
        up, aside = self.cell
        new = lstm_step(gates, self.states[up, 1, :, here + aside])
        self.states[0, :, :, here] = new
        return new[0]


class DiagonalMemory:
    """The states of both directions: rightwards those of a row as far as it is drawn, leftwards those of the row above.

    Eqs. 7.14 and 7.17 (derivations/07-recurrent.md#eq-7-14)
    """

    def __init__(self, layer: DiagonalBiLSTM, n: int, rows: int, columns: int) -> None:
        self.right, self.left = (LineMemory(line, on_diagonals, n, rows, columns) for line in (layer.right, layer.left))
        self.columns = columns

    def begin_row(self) -> None:
        """What both know of their own row is now what they know of the row above."""
        self.right.begin_row()
        self.left.begin_row()

    def pixel(self, x: Any, column: int) -> Any:
        """h→ here + h← one row up.  When the row is complete, it is read once more, from right to left."""
        y = self.right.pixel(x, column) + self.left.states[-1, 0, :, self.columns - column]  # a mirror image
        if column == self.columns - 1:
            for mirrored in range(self.columns):
                self.left.pixel(self.right.row[:, self.columns - mirrored], mirrored)
        return y


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
        if kind not in ("row", "diagonal"):
            raise ValueError(f"PixelRNN: kind is {kind!r}, expected 'row' or 'diagonal'")
        if len(shape) != 3 or shape[0] != 1:
            raise ValueError(f"PixelRNN: expected a shape (1, height, width), got {tuple(shape)}; make the images grey")
        rng = nn.init.generator(rng)
        features = 2 * hidden
        # Beyond the edge: without it no feature tells the row below of a row's last pixel (Eq. 7.15).
        self.kind, self.spare_columns = kind, 1 if kind == "diagonal" else 0
        self.first = nn.MaskedConv2d("A", 1, features, 7, rng=rng)
        self.lstms: Any = nn.ModuleList([self._layer(hidden, rng) for _ in range(layers)])
        self.back: Any = nn.ModuleList([Pointwise(hidden, features, rng=rng) for _ in range(layers)])
        self.head = Pointwise(features, features, init=nn.init.he_normal, rng=rng)
        self.output = Pointwise(features, 1 if levels == 2 else levels, rng=rng)

    def _layer(self, hidden: int, rng: Any) -> RowLSTM | DiagonalBiLSTM:
        if self.kind == "row":
            return RowLSTM(2 * hidden, hidden, rng)
        return DiagonalBiLSTM(2 * hidden, hidden, self.shape[1], rng)

    def grow(self, layers: int, rng: Any = None) -> None:
        """Add LSTM layers to a trained model. Each begins by adding nothing, so that p(x) stays what it was: a
        residual layer whose last weights are zero is the identity.

        After T. Chen, I. Goodfellow, J. Shlens, *Net2Net*, ICLR 2016 (arXiv:1511.05641). Make the optimizer afterwards:
        it is to know the new parameters.
        """
        rng = nn.init.generator(rng)
        features = self.output.weight.shape[1]
        for _ in range(layers):
            self.lstms.append(self._layer(features // 2, rng))
            self.back.append(Pointwise(features // 2, features, rng=rng))
            self.back[-1].weight.data[...] = 0
        self.astype(self.like.dtype).to(backend.device_of(self.like))

    @property
    def live_parameters(self) -> int:
        """How many parameters take part: all but the masked weights of the first convolution."""
        return count_live(self)

    def logits(self, x: Any, condition: Any = None) -> Tensor:
        """As `Autoregressive.logits`.  Eq. 7.16 (derivations/07-recurrent.md#eq-7-16)"""
        self.check_input(x, condition)
        y = self.first(F.pad(x, ((0, 0), (0, 0), (0, 0), (0, self.spare_columns))))
        y = self.recur(F.transpose(y, (1, 2, 3, 0)), on_images)  # features first, images last
        y = self.read_out(y[:, :, : self.shape[2]], on_images)
        y = F.transpose(y, (3, 0, 1, 2))
        return y if self.levels == 2 else y.reshape((len(x), self.levels, *self.shape))

    def recur(self, y: Any, run: Run) -> Any:
        """From what the first convolution says, through the LSTM layers, each of which adds to it."""
        for layer, back in zip(self.lstms, self.back):
            y = y + run(back, run(layer, y))
        return y

    def read_out(self, y: Any, run: Run) -> Any:
        """From features to logits."""
        return run(self.output, F.relu(run(self.head, F.relu(y))))

    def scan(self, n: int, condition: Any = None) -> Generator[Any, Any, None]:
        """As `Autoregressive.scan`, with the states of all layers remembered.  Eq. 7.17
        (derivations/07-recurrent.md#eq-7-17)"""
        self.check_condition(n, condition)
        _, height, width = self.shape
        columns = width + self.spare_columns
        first = Memory(self.first, n, columns)
        row = first.own_row  # the first layer's memory of its input is the row being drawn
        memories = {layer: layer.memory(n, height, columns) for layer in self.lstms}

        def run(layer: Any, x: Any) -> Any:
            if layer in memories:
                return memories[layer].pixel(x, column)
            return F.linear(x, layer.weight.data, layer.bias.data)  # a 1×1 convolution has nothing to remember

        for _ in range(height):
            for memory in (first, *memories.values()):
                memory.begin_row()
            for column in range(columns):
                y = self.recur(first.pixel(row[:, column], column), run)
                if column < width:  # the spare column has no pixel; what is said there is for the next row
                    logits = self.read_out(y, run)
                    levels = yield logits[:, 0] if self.levels == 2 else logits
                    row[:, column, 0] = levels.astype(row.dtype) / (self.levels - 1)


def multiplications(model: PixelRNN, n: int = 1) -> tuple[int, int]:
    """How many multiplications n images take: pass after pass, and in a scan to its end.  Eq. 7.18
    (derivations/07-recurrent.md#eq-7-18)"""
    _, height, width = model.shape
    pixels, places = height * width, height * (width + model.spare_columns)
    lines = [line for line in model.modules() if isinstance(line, LineLSTM)]
    layers = sum(line.weight_ih.size + line.weight_hh.size for line in lines)
    others = model.first.weight.shape[0] * len(model.first.taps) + sum(back.weight.size for back in model.back)
    read_out = model.head.weight.size + model.output.weight.size
    an_image = places * (layers + others) + pixels * read_out
    return n * pixels * an_image, n * an_image
