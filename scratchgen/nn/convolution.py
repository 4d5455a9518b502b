"""Convolution layers (합성곱). Images are (N, C, H, W); sizes are an integer or a pair (height, width)."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from .. import functional as F
from .init import Initializer, generator, he_normal
from .module import Module, Parameter

__all__ = ["Conv2d", "ConvTranspose2d", "MaskedConv2d"]

Size = int | tuple[int, int]


class Conv2d(Module):
    """y = w ⋆ x + b.  Eq. 4.1 (derivations/04-convolution.md#eq-4-1)

    weight (out, in / groups, KH, KW) begins He normal, bias (out,) at 0.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        init: Initializer = he_normal,
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        _refuse_groups(type(self).__name__, in_channels, out_channels, groups)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        shape = (out_channels, in_channels // groups, *_pair(kernel_size))
        self.weight = Parameter(init(shape, generator(rng), dtype))
        self.bias = Parameter(np.zeros(out_channels, dtype)) if bias else None

    def forward(self, x: Any) -> Any:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class MaskedConv2d(Conv2d):
    """A convolution (마스크 합성곱) that sees only pixels before its own in raster order: above, and left in the row.

    Eq. 4.8 (derivations/04-convolution.md#eq-4-8). Type "A", for the first layer, does not see the pixel itself; type
    "B" does, since what it sees there was computed from earlier pixels alone. Masked taps are not computed at all;
    their weights are 0. Sizes are kept: the padding is half the kernel, whose sides are odd.

    With `vertical`, rows take the place of pixels: it sees all of the rows above, and as type "B" its own whole row.
    With several `colours`, channel c belongs to colour c mod colours, and at the pixel itself an output sees the
    colours before its own (A), or these and its own (B): Eq. 6.7 (derivations/06-gated-pixelcnn.md#eq-6-7).
    `live` counts the parameters that are not masked. Raises `ValueError` for kernels without a centre.
    Source: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, *Pixel Recurrent Neural Networks*, ICML 2016.
    """

    def __init__(
        self,
        mask_type: str,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        bias: bool = True,
        *,
        vertical: bool = False,
        colours: int = 1,
        init: Initializer = he_normal,
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        height, width = _pair(kernel_size)
        if mask_type not in ("A", "B") or height % 2 == 0 or width % 2 == 0:
            raise ValueError(
                f"MaskedConv2d: expected mask_type 'A' or 'B' and odd kernel sides, got {mask_type!r} and {kernel_size}"
            )
        if vertical and colours > 1:
            raise ValueError("MaskedConv2d: rows above are seen in all colours; give no `colours` to a vertical layer")
        padding = (height // 2, width // 2)
        super().__init__(in_channels, out_channels, kernel_size, 1, padding, bias=bias, init=init, rng=rng, dtype=dtype)
        self.mask_type, self.vertical, self.colours = mask_type, vertical, colours
        place = operator.itemgetter(0) if vertical else tuple
        colour_in, colour_out = np.arange(in_channels) % colours, np.arange(out_channels)[:, None] % colours
        own = colour_in < colour_out if mask_type == "A" else colour_in <= colour_out
        seen = np.zeros(self.weight.shape, dtype)
        for tap in np.ndindex(height, width):
            seen[:, :, *tap] = 1 if place(tap) < place(padding) else own if place(tap) == place(padding) else 0
        self.taps = tuple(tap for tap in np.ndindex(height, width) if seen[:, :, *tap].any())
        self.mask = seen if own.any() and not own.all() else None  # a tap that only some channels see
        self.live = int(seen.sum()) + (out_channels if bias else 0)
        # Fewer weights feed an output than the initialiser thought: the factor restores the variance.
        self.weight.data *= seen * math.sqrt(seen.size / max(seen.sum(), 1))

    @property
    def seen_weight(self) -> Any:
        """The weight with zeros where, at a tap that is computed, a channel must not be seen."""
        return self.weight if self.mask is None else self.weight * self.mask

    def forward(self, x: Any) -> Any:
        return F.conv2d(x, self.seen_weight, self.bias, self.stride, self.padding, taps=self.taps)


class ConvTranspose2d(Module):
    """The transposed convolution (전치 합성곱), which enlarges.  Eq. 4.7 (derivations/04-convolution.md#eq-4-7)

    weight (in, out / groups, KH, KW) begins He normal, bias (out,) at 0.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        *,
        init: Initializer = he_normal,
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        _refuse_groups("ConvTranspose2d", in_channels, out_channels, groups)
        self.stride, self.padding, self.output_padding = stride, padding, output_padding
        self.dilation, self.groups = dilation, groups
        inputs, outputs, kernel = in_channels // groups, out_channels // groups, _pair(kernel_size)
        weight = init((out_channels, inputs, *kernel), generator(rng), dtype)
        weight = weight.reshape(groups, outputs, inputs, *kernel).swapaxes(1, 2).reshape(in_channels, outputs, *kernel)
        # Of the taps only one in stride² meets any one output pixel: the factor restores the variance.
        self.weight = Parameter(np.ascontiguousarray(weight * math.sqrt(math.prod(_pair(stride)))))
        self.bias = Parameter(np.zeros(out_channels, dtype)) if bias else None

    def forward(self, x: Any) -> Any:
        return F.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


def _pair(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _refuse_groups(layer: str, in_channels: int, out_channels: int, groups: int) -> None:
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"{layer}: {in_channels} → {out_channels} channels do not divide into {groups} groups")
