"""Convolution layers (합성곱). Images are (N, C, H, W); sizes are an integer or a pair (height, width)."""

from __future__ import annotations

import math
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
        init: Initializer = he_normal,
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        height, width = _pair(kernel_size)
        if mask_type not in ("A", "B") or height % 2 == 0 or width % 2 == 0:
            raise ValueError(
                f"MaskedConv2d: expected mask_type 'A' or 'B' and odd kernel sides, got {mask_type!r} and {kernel_size}"
            )
        padding = (height // 2, width // 2)
        super().__init__(in_channels, out_channels, kernel_size, 1, padding, bias=bias, init=init, rng=rng, dtype=dtype)
        self.mask_type = mask_type
        last = padding if mask_type == "B" else (padding[0], padding[1] - 1)
        self.taps = tuple((u, v) for u in range(height) for v in range(width) if (u, v) <= last)
        seen = np.zeros((height, width), dtype)
        for tap in self.taps:
            seen[tap] = 1
        # Fewer taps feed an output than the initialiser thought: the factor restores the variance.
        seen *= math.sqrt(height * width / max(len(self.taps), 1))
        self.weight.data *= seen

    def forward(self, x: Any) -> Any:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, taps=self.taps)


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
