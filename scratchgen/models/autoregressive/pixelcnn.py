"""PixelCNN (픽셀 CNN): all conditionals of an image from one pass of masked convolutions.

x ─ 7×7, type A ─ (+ where it is) ─ residual blocks ─ ReLU ─ 1×1 ─ ReLU ─ 1×1 ─ logits

A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, *Pixel Recurrent Neural Networks*, ICML 2016.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ... import backend, nn
from ... import functional as F
from .cache import MaskedNetwork, Run
from .positions import PositionEmbedding

__all__ = ["PixelCNN", "ResidualBlock"]


class ResidualBlock(nn.Module):
    """h + f(h), f = 1×1 ∘ ReLU ∘ k×k ∘ ReLU ∘ 1×1 ∘ ReLU with half the channels inside.  Eq. 6.1
    (derivations/06-gated-pixelcnn.md#eq-6-1)

    The last layer's first weights are smaller the more blocks there are, so that h does not grow with them (Eq. 6.2).
    """

    def __init__(self, channels: int, blocks: int, kernel: int, colours: int, rng: Any, dtype: Any) -> None:
        masked = functools.partial(nn.MaskedConv2d, "B", colours=colours, rng=rng, dtype=dtype)
        self.narrow = masked(channels, channels // 2, 1)
        self.context = masked(channels // 2, channels // 2, kernel)
        self.widen = masked(channels // 2, channels, 1)
        self.widen.weight.data *= blocks**-0.5

    def forward(self, h: Any, run: Run) -> Any:
        f = run(self.narrow, F.relu(h))
        f = run(self.context, F.relu(f))
        return h + run(self.widen, F.relu(f))


class PixelCNN(MaskedNetwork):
    """p(x) = Πₖ p(xₖ | x before k) of images (colours, height, width), raster order, colours of a pixel one by one.

    A Bernoulli for 2 levels, else a softmax over them. It does not see everything before a pixel: part of what is above
    to the right is a blind spot (사각지대), see derivations/05-blind-spot.md. With 15 blocks of 32 channels, grey and
    binary: 53,569 parameters, of which 37,409 are not masked. A `kernel` of 7 in 5 blocks reaches as far as 3 in 15,
    with about as many weights, and its blind spot is smaller: Eqs. 5.3 and 5.4.

    With `positions` each pixel is told where it stands, which the first layer's features then say as well: Eq. 6.17.
    `dropout` is the probability to drop, in training, what goes into the last layer of a block: Eq. 6.15.

    Raises `ValueError` where half of the channels are fewer than the colours, for other kernels than 3, 5 and 7, and
    for a dropout outside [0, 1).
    """

    def __init__(
        self,
        shape: tuple[int, ...] = (1, 28, 28),
        levels: int = 2,
        channels: int = 32,
        blocks: int = 7,
        rng: Any = None,
        dtype: Any = np.float32,
        kernel: int = 3,
        dropout: float = 0.0,
        positions: bool = False,
    ) -> None:
        super().__init__(shape, levels)
        colours, height, width = shape
        self.channels, self.kernel, self.dropout = channels, kernel, dropout
        if channels // 2 < colours:
            raise ValueError(
                f"PixelCNN: expected at least two channels for each of {colours} colours, got {channels} in all"
            )
        if kernel not in (3, 5, 7):  # the first layer's is 7, and Eq. 5.3 wants none larger
            raise ValueError(f"PixelCNN: expected blocks with a kernel of 3, 5 or 7, got {kernel}")
        if not 0 <= dropout < 1:
            raise ValueError(f"PixelCNN: expected a dropout in [0, 1), got {dropout}")
        masked = functools.partial(nn.MaskedConv2d, colours=colours, rng=rng, dtype=dtype)
        self.first = masked("A", colours, channels, 7)
        self.positions = PositionEmbedding(channels, height, width, dtype=dtype) if positions else None
        self.blocks: Any = nn.ModuleList(
            [ResidualBlock(channels, blocks, kernel, colours, rng, dtype) for _ in range(blocks)]
        )
        self.hidden = masked("B", channels, channels, 1)
        self.last = masked("B", channels, self.outputs, 1)

    def grow(self, blocks: int = 0, channels: int = 0, rng: Any = None, positions: bool = False) -> None:
        """Give a trained model more residual blocks, more channels in every layer, and `positions`.  Eq. 6.14
        (derivations/06-gated-pixelcnn.md#eq-6-14)

        p(x) stays what it was: what was there begins by hearing nothing of what is new, and a new block, or a position,
        by adding nothing. Make the optimizer afterwards: it is to know the new parameters. Raises `ValueError` for
        fewer.
        """
        if min(blocks, channels) < 0:
            raise ValueError(f"PixelCNN.grow: expected 0 or more, got {blocks} blocks and {channels} channels to add")
        known, like = dict(self.named_parameters()), self.like
        larger = PixelCNN(
            self.shape,
            self.levels,
            self.channels + channels,
            len(self.blocks) + blocks,
            rng,
            like.dtype,
            self.kernel,
            positions=positions or self.positions is not None,
        ).to(backend.device_of(like))
        for name, parameter in larger.named_parameters():
            if name in known:
                old = known[name].data
                parameter.data[: len(old)] = 0  # no output that was there hears a new input
                parameter.data[tuple(map(slice, old.shape))] = old
        for block in larger.blocks[len(self.blocks) :]:
            block.widen.weight.data[...] = 0
        self.channels, self.first, self.positions = larger.channels, larger.first, larger.positions
        self.blocks, self.hidden, self.last = larger.blocks, larger.hidden, larger.last

    def loss(self, x: Any, *rng: Any) -> tuple[Any, dict[str, Any]]:
        """As `Autoregressive.loss`. In training with `dropout` some of what goes into the last layer of each block is
        dropped; `rng` draws what, image by image.  Eq. 6.15 (derivations/06-gated-pixelcnn.md#eq-6-15)"""
        if not (self.training and self.dropout):
            return super().loss(x, *rng)
        thinned = {block.widen for block in self.blocks}

        def run(layer: nn.Module, h: Any) -> Any:
            return layer(F.dropout(h, self.dropout, *rng) if layer in thinned else h)

        return self.as_loss(self.log_prob(x, run=run))

    def along_row(self, x: Any, above: list[Any], run: Run) -> Any:
        h = run(self.first, x)
        if self.positions is not None:
            h = run(self.positions, h)
        for block in self.blocks:
            h = block(h, run)
        h = run(self.hidden, F.relu(h))
        return run(self.last, F.relu(h))
