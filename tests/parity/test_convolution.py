"""Convolution, its transpose and pooling against PyTorch: strides, paddings, dilations, groups, awkward shapes."""

import numpy as np
import pytest

import scratchgen.functional as F

from .compare import DTYPES, agree, normal, torch

T = torch.nn.functional
both = pytest.mark.parametrize("dtype", DTYPES)

# (N, C, H, W), (F, C / groups, KH, KW), stride, padding, dilation, groups
CONVOLUTIONS = [
    ((2, 3, 7, 6), (4, 3, 3, 3), 1, 1, 1, 1),
    ((2, 3, 7, 6), (4, 3, 3, 3), 1, 0, 1, 1),
    ((1, 1, 28, 28), (5, 1, 7, 7), 1, 3, 1, 1),
    ((3, 8, 9, 9), (8, 8, 3, 3), 1, 1, 1, 1),
    ((2, 3, 5, 8), (4, 3, 1, 1), 1, 0, 1, 1),
    ((2, 3, 5, 8), (4, 3, 1, 1), 2, 0, 1, 1),
    ((2, 3, 8, 5), (4, 3, 2, 3), 1, (0, 2), 1, 1),
    ((2, 3, 9, 8), (2, 3, 4, 4), 2, 1, 1, 1),
    ((2, 3, 9, 8), (2, 3, 3, 2), (2, 3), (1, 0), 1, 1),
    ((2, 2, 11, 10), (3, 2, 3, 3), 1, 2, 2, 1),
    ((2, 2, 11, 12), (3, 2, 3, 2), (2, 1), (1, 2), (3, 2), 1),
    ((2, 4, 6, 7), (6, 2, 3, 3), 1, 1, 1, 2),
    ((2, 4, 6, 7), (4, 1, 3, 3), 1, 1, 1, 4),
    ((2, 6, 8, 7), (3, 2, 3, 3), 2, 1, 2, 3),
    ((1, 2, 3, 3), (2, 2, 5, 5), 1, 2, 1, 1),  # the kernel is larger than the image
    ((2, 2, 3, 3), (2, 2, 3, 3), 1, 4, 1, 1),  # the padding is larger than the kernel
    ((2, 2, 7, 7), (2, 2, 2, 2), 3, 0, 1, 1),  # strides that leave the last rows unread
    ((1, 2, 5, 5), (1, 2, 5, 5), 1, 0, 1, 1),  # one output pixel
    ((0, 2, 5, 5), (3, 2, 3, 3), 1, 1, 1, 1),  # no image at all
    ((2, 70, 6, 6), (66, 70, 3, 3), 1, 1, 1, 1),  # many channels
]


@both
@pytest.mark.parametrize(("x", "w", "stride", "padding", "dilation", "groups"), CONVOLUTIONS, ids=str)
def test_conv2d(x, w, stride, padding, dilation, groups, dtype):
    rest = (stride, padding, dilation, groups)
    agree(
        lambda x, w, b: F.conv2d(x, w, b, *rest), lambda x, w, b: T.conv2d(x, w, b, *rest),
        normal(*x), normal(*w), normal(w[0]), dtype=dtype,
    )  # fmt: skip
    agree(
        lambda x, w: F.conv2d(x, w, None, *rest), lambda x, w: T.conv2d(x, w, None, *rest),
        normal(*x), normal(*w), dtype=dtype,
    )  # fmt: skip


# (N, C, H, W), (C, F / groups, KH, KW), stride, padding, output_padding, dilation, groups
TRANSPOSED = [
    ((2, 3, 5, 4), (3, 4, 3, 3), 1, 1, 0, 1, 1),
    ((2, 3, 5, 4), (3, 4, 4, 4), 2, 1, 0, 1, 1),
    ((2, 3, 5, 4), (3, 4, 3, 3), 2, 1, 1, 1, 1),
    ((2, 3, 5, 4), (3, 4, 3, 2), (2, 3), (1, 0), (1, 2), 1, 1),
    ((2, 3, 1, 1), (3, 2, 7, 7), 1, 0, 0, 1, 1),
    ((2, 3, 5, 4), (3, 2, 2, 2), 3, 0, 0, 1, 1),  # strides larger than the kernel: gaps
    ((2, 3, 5, 4), (3, 2, 3, 3), 1, 2, 0, 2, 1),
    ((2, 4, 5, 4), (4, 3, 3, 3), 2, 1, 1, 1, 2),
    ((2, 4, 3, 4), (4, 1, 3, 3), 2, 1, 0, 2, 4),
    ((2, 3, 5, 4), (3, 4, 1, 1), 1, 0, 0, 1, 1),
]


@both
@pytest.mark.parametrize(("x", "w", "stride", "padding", "extra", "dilation", "groups"), TRANSPOSED, ids=str)
def test_conv_transpose2d(x, w, stride, padding, extra, dilation, groups, dtype):
    rest = (stride, padding, extra, groups, dilation)
    agree(
        lambda x, w, b: F.conv_transpose2d(x, w, b, *rest), lambda x, w, b: T.conv_transpose2d(x, w, b, *rest),
        normal(*x), normal(*w), normal(w[1] * groups), dtype=dtype,
    )  # fmt: skip


@both
@pytest.mark.parametrize(("kernel", "last"), [((3, 3), (1, 1)), ((7, 7), (3, 2)), ((5, 3), (2, 0))], ids=str)
def test_skipped_taps_are_masked_weights(kernel, last, dtype):
    """The taps that come before `last` in raster order; PyTorch multiplies the others by 0 (Eq. 4.8)."""
    taps = tuple(tap for tap in np.ndindex(*kernel) if tap <= last)
    mask = np.zeros(kernel, dtype)
    for tap in taps:
        mask[tap] = 1
    padding = (kernel[0] // 2, kernel[1] // 2)
    agree(
        lambda x, w, b: F.conv2d(x, w, b, padding=padding, taps=taps),
        lambda x, w, b: T.conv2d(x, w * torch.tensor(mask), b, padding=padding),
        normal(2, 3, 8, 7), normal(4, 3, *kernel), normal(4), dtype=dtype,
    )  # fmt: skip


# (H, W), kernel, stride, padding
POOLS = [
    ((6, 8), 2, None, 0),
    ((7, 5), 2, None, 0),  # a row and a column are left over
    ((7, 6), 3, 2, 1),
    ((7, 6), (3, 2), (1, 2), (1, 0)),
    ((5, 5), 2, 3, 0),  # gaps between the windows
    ((4, 4), 4, 1, 2),
    ((3, 5), 1, 2, 0),
]


@both
@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), POOLS, ids=str)
def test_pooling(size, kernel, stride, padding, dtype):
    for x in (normal(2, 3, *size), np.round(normal(2, 3, *size))):  # rounded: ties, where the first pixel wins
        for name in ("max_pool2d", "avg_pool2d"):
            agree(
                lambda x, name=name: getattr(F, name)(x, kernel, stride, padding),
                lambda x, name=name: getattr(T, name)(x, kernel, stride, padding),
                x, dtype=dtype,
            )  # fmt: skip


@both
@pytest.mark.parametrize("scale", [1, 2, (3, 2)], ids=str)
def test_upsample(scale, dtype):
    agree(
        lambda x: F.upsample(x, scale), lambda x: T.interpolate(x, scale_factor=scale, mode="nearest"),
        normal(2, 3, 4, 5), dtype=dtype,
    )  # fmt: skip
