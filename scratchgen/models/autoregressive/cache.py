"""Images drawn pixel by pixel for the price of one pass: nothing is computed twice.

In a network of masked convolutions, what a layer says at a pixel depends on that pixel and earlier ones. So once
computed it stays true (Eq. 6.9), and the next pixel needs one new column of features, not a new image of them. A layer
computes it in two parts, Eq. 6.10 (derivations/06-gated-pixelcnn.md#eq-6-10):

    when a row begins    what the taps in the rows above say, for the whole row at once
    at each pixel        what the taps of its own row add, one product of matrices

Pixels none of which sees another need not wait for each other: where no layer runs along whole rows, several rows are
drawn at once (`waves`, Eq. 6.13).

A network is written once, for images (N, C, H, W) and for lists of pixels (P, C): channels are axis 1. It is told how
to `run` a layer: on whole images (`on_images`), or, by a `Cache`, on the row or the pixel whose turn it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np

from ... import nn
from ...autograd import no_grad
from .model import Autoregressive
from .orders import fronts, spaced
from .positions import PositionEmbedding, PositionMemory

__all__ = ["Cache", "MaskedNetwork", "Run", "masked_layers", "multiplications", "on_images"]

Run = Callable[[nn.Module, Any], Any]


def on_images(layer: nn.Module, x: Any) -> Any:
    """Run a layer on whole images."""
    return layer(x)


class MaskedNetwork(Autoregressive):
    """An autoregressive model made of masked convolutions, for images (colours, height, width) in raster order.

    A subclass has a `first` layer, of type A, and says in `along_row` how features of a pixel come from its own row and
    from above; what it gets from above through layers of its own, in `from_above`.
    """

    first: nn.MaskedConv2d

    def __init__(self, shape: tuple[int, ...], levels: int, classes: int | None = None) -> None:
        if len(shape) != 3:
            raise ValueError(f"{type(self).__name__}: expected a shape (colours, height, width), got {tuple(shape)}")
        super().__init__(shape, levels, classes)

    def from_above(self, x: Any, condition: Any, run: Run) -> list[Any]:
        """Maps, to be handed on to `along_row`, of what rows above and the condition say. Layers are `vertical`."""
        return []

    def along_row(self, x: Any, above: list[Any], run: Run) -> Any:
        """A map whose channels are the outputs: channel colour + colours · level."""
        raise NotImplementedError

    @property
    def outputs(self) -> int:
        """How many numbers there are for each pixel."""
        return self.shape[0] * (self.levels if self.levels > 2 else 1)

    @property
    def live_parameters(self) -> int:
        """How many parameters take part: all but the masked weights."""
        return count_live(self)

    def logits(self, x: Any, condition: Any = None, run: Run = on_images) -> Any:
        self.check_input(x, condition)
        outputs = self.along_row(x, self.from_above(x, condition, run), run)
        return outputs if self.levels == 2 else outputs.reshape((len(x), self.levels, *self.shape))

    def scan(self, n: int, condition: Any = None) -> Generator[Any, Any, None]:
        """As `Autoregressive.scan`, with what layers have computed remembered.  Eq. 6.10
        (derivations/06-gated-pixelcnn.md#eq-6-10)"""
        self.check_condition(n, condition)
        colours, height, width = self.shape
        cache = Cache(self, n)
        row = cache.memories[self.first].own_row  # the first layer's memory of its input is the row being drawn
        for _ in range(height):
            newest = row.reshape(n * width, colours)
            above = [m.reshape(n, width, m.shape[1]) for m in self.from_above(newest, condition, cache.run)]
            cache.begin_row()
            for j in range(width):
                cache.column = j
                at_pixel = [m[:, j] for m in above]
                for colour in range(colours):
                    outputs = self.along_row(row[:, j], at_pixel, cache.run)
                    levels = yield outputs[:, colour] if self.levels == 2 else outputs[:, colour::colours]
                    row[:, j, colour] = levels.astype(row.dtype) / (self.levels - 1)

    def waves(self, levels: Any, condition: Any = None) -> Generator[tuple[slice, Any], None, None]:
        """As `Autoregressive.waves`: rows are drawn at the same time, each as far behind the one above as must be.

        Eq. 6.13 (derivations/06-gated-pixelcnn.md#eq-6-13). For networks without vertical layers; those see whole rows.
        """
        layers = masked_layers(self)
        if any(layer.vertical for layer in layers):
            yield from super().waves(levels, condition)
            return
        self.check_condition(len(levels), condition)
        (colours, height, width), like = self.shape, self.like
        lag = 1 + max(0, *map(reach_to_the_right, layers))
        memories: dict[Any, Any] = {layer: FrontMemory(layer, len(levels), height, width, lag) for layer in layers}
        memories |= position_memories(self, lag)

        def run(layer: Any, x: Any) -> Any:
            return memories[layer].pixels(x, t, rows)

        for t, rows in fronts(height, width, lag):
            x = np.zeros_like(like, shape=(colours, len(rows) * len(levels)))
            for colour in range(colours):
                outputs = self.along_row(x, [], run).T.reshape(len(rows), len(levels), self.outputs).swapaxes(0, 1)
                these = spaced(t + colour * height * width, rows, width, lag)
                yield these, outputs[:, :, colour] if self.levels == 2 else outputs[:, :, colour::colours]
                x[colour] = levels[:, these].T.reshape(x.shape[1]) / (self.levels - 1)
            memories[self.first].remember(x, t, rows)


def multiplications(network: MaskedNetwork) -> tuple[int, int]:
    """How many multiplications one image takes: pass after pass, and with a cache.  Eq. 6.11
    (derivations/06-gated-pixelcnn.md#eq-6-11)"""
    colours, height, width = network.shape
    pixels, at_a_pixel, in_a_scan = height * width, 0, 0
    for layer in masked_layers(network):
        outputs, inputs, rows, _ = layer.weight.shape
        own = 0 if layer.vertical else sum(row == rows // 2 for row, _ in layer.taps)
        at_a_pixel += outputs * inputs * len(layer.taps)
        in_a_scan += outputs * inputs * (len(layer.taps) - own + colours * own)
    return colours * pixels * pixels * at_a_pixel, pixels * in_a_scan


def count(module: nn.Module) -> int:
    """How many parameters are stored."""
    return sum(parameter.size for parameter in module.parameters())


def count_live(module: nn.Module) -> int:
    """How many parameters are not masked away by a masked convolution."""
    return count(module) - sum(count(layer) - layer.live for layer in masked_layers(module))


def masked_layers(network: nn.Module) -> list[nn.MaskedConv2d]:
    """All masked convolutions in a network."""
    return [layer for layer in network.modules() if isinstance(layer, nn.MaskedConv2d)]


def position_memories(network: MaskedNetwork, lag: int = 1) -> dict[nn.Module, Any]:
    """What is needed of its position embeddings to draw images; `lag` where that is done in fronts."""
    return {layer: PositionMemory(layer, lag) for layer in network.modules() if isinstance(layer, PositionEmbedding)}


class Cache:
    """What the layers of a network remember while n images are drawn, and where the drawing has come to."""

    def __init__(self, network: MaskedNetwork, n: int) -> None:
        self.width = network.shape[2]
        self.memories: dict[Any, Any] = {layer: Memory(layer, n, self.width) for layer in masked_layers(network)}
        self.memories |= position_memories(network)
        self.column = 0

    def begin_row(self) -> None:
        """Let every layer that goes pixel by pixel look at the rows above the new one."""
        for layer, memory in self.memories.items():
            if not layer.vertical:
                memory.begin_row()

    def run(self, layer: Any, x: Any) -> Any:
        """Run a layer on a row where it is vertical, else on the pixel in this column."""
        memory = self.memories.get(layer)
        if memory is None:  # it says the same at all pixels of an image
            with no_grad():
                return np.repeat(layer(x).data, self.width, axis=0)
        return memory.rows(x) if layer.vertical else memory.pixel(x, self.column)


class Memory:
    """What one layer needs again: its input in the last rows, and in its own row what is to the left.

    A row of n images is a list of n · width pixels (n · width, C). What the taps look at lies side by side, so that all
    of them are one product of matrices.
    """

    def __init__(self, layer: nn.MaskedConv2d, n: int, width: int) -> None:
        weight = layer.seen_weight.data
        self.bias = 0.0 if layer.bias is None else layer.bias.data
        outputs, self.inputs, height, columns = weight.shape
        centre, self.side = height // 2, columns // 2
        self.n, self.width = n, width
        # The kernel's rows that are run a row at a time, and the last rows of the input, which they look at.
        depth = centre + (layer.vertical and layer.mask_type == "B")
        self.taps = [tap for tap in layer.taps if tap[0] < depth]
        self.matrix = _side_by_side(weight, self.taps)
        self.blank = np.zeros_like(weight, shape=(n, self.side + width + self.side, self.inputs))
        self.last_rows = deque([self.blank] * depth, maxlen=depth)
        self.from_above = np.zeros_like(weight, shape=(n, outputs)) + self.bias  # the same in every column, at first
        self.from_above = np.broadcast_to(self.from_above, (width, n, outputs))
        # The taps of a pixel's own row, and that row.
        own = [tap for tap in layer.taps if tap[0] == centre]
        self.own_matrix = _side_by_side(weight, own)
        self.window = len(own) * self.inputs
        self.padded_row = self.blank.copy()
        self.own_row = self.padded_row[:, self.side : self.side + width]
        self.flat_row = self.padded_row.reshape(n, self.padded_row.shape[1] * self.inputs)

    def begin_row(self) -> None:
        """What the taps in the rows above, and the bias, say for the whole row."""
        if self.taps:
            by_image = self.rows(self.own_row).reshape(self.n, self.width, self.from_above.shape[2])
            self.from_above = by_image.swapaxes(0, 1).copy()  # column by column, as they are read

    def rows(self, newest: Any) -> Any:
        """A row of the output, given the newest row of the input that it may see: Σ_t W_t x + b for all its pixels."""
        row = self.blank.copy()
        row[:, self.side : self.side + self.width] = newest.reshape(self.n, self.width, self.inputs)
        self.last_rows.append(row)
        seen = [self.last_rows[u][:, v : v + self.width] for u, v in self.taps]
        y = np.concatenate(seen, axis=2).reshape(self.n * self.width, len(self.matrix)) @ self.matrix
        y += self.bias
        return y

    def pixel(self, x: Any, column: int) -> Any:
        """The output (N, O) at a pixel, given its input (N, C): what the taps of its own row add."""
        if self.side:
            self.own_row[:, column] = x
            x = self.flat_row[:, column * self.inputs : column * self.inputs + self.window]
        y = x @ self.own_matrix
        y += self.from_above[column]
        return y


def reach_to_the_right(layer: nn.MaskedConv2d) -> int:
    """How many columns further to the right than its pixel a layer looks, in the rows above."""
    return max(v - layer.weight.shape[3] // 2 for _, v in layer.taps)


class FrontMemory:
    """What one layer needs again: its input at all pixels that the wave has passed.  Eq. 6.13
    (derivations/06-gated-pixelcnn.md#eq-6-13)

    Images lie row by row in a frame of zeros, so that what is looked at stands at the same distance from each pixel;
    features first and images last, so that what is copied lies in long pieces.
    """

    def __init__(self, layer: nn.MaskedConv2d, n: int, height: int, width: int, lag: int) -> None:
        weight = layer.seen_weight.data
        self.bias = 0.0 if layer.bias is None else layer.bias.data[:, None]
        self.matrix = _side_by_side(weight, layer.taps).T.copy()
        _, inputs, rows, columns = weight.shape
        up, side = rows // 2, columns // 2
        self.width, self.lag, self.corner = width + 2 * side, lag, up * (width + 2 * side) + side
        self.taps = [(u - up) * self.width + v - side for u, v in layer.taps]
        self.map = np.zeros_like(weight, shape=(inputs, (height + up) * self.width, n))

    def remember(self, x: Any, t: int, rows: range) -> slice:
        """Put down the input (C, k · N) at the k pixels of a front; where they stand."""
        here = spaced(t + self.corner, rows, self.width, self.lag)
        self.map[:, here] = x.reshape(len(x), len(rows), self.map.shape[2])
        return here

    def pixels(self, x: Any, t: int, rows: range) -> Any:
        """The output (O, k · N) at these pixels, given the input there."""
        if self.taps != [0]:  # it looks at more than the pixel itself
            here = self.remember(x, t, rows)
            seen = [self.map[:, here.start + tap : here.stop + tap : here.step] for tap in self.taps]
            x = np.concatenate(seen).reshape(self.matrix.shape[1], x.shape[1])
        y = self.matrix @ x
        y += self.bias
        return y


def _side_by_side(weight: Any, taps: Sequence[tuple[int, ...]]) -> Any:
    """The matrices of some taps as one, (taps · C, O)."""
    nothing = np.zeros_like(weight, shape=(0, weight.shape[0]))
    return np.concatenate([nothing, *(weight[:, :, u, v].T for u, v in taps)])
