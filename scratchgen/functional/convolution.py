"""Convolution (합성곱), its transpose and the gradient of its weight, each a sum over taps.

A **tap** is one position (u, v) of the kernel: a matrix w[:, :, u, v], and a displacement at which an output pixel
reads the input. A convolution is the sum of its taps (Eq. 4.2), and so are its derivatives:

    _convolve    y = Σ W x      each tap reads the input, displaced
    _transpose   x = Σ Wᵀ y     the same taps, read from the other end
    _correlate   w = y xᵀ       tap by tap, summed over pixels and images

The three are one form (Eq. 4.9), linear in x, in w and in y, with another argument left open each time. So the
derivatives of each are the other two, and convolutions can be differentiated as often as one likes.

How the sum becomes a few matrix products, on data that is copied little: `_plan` and `_gathered`.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..autograd import primitive
from .reduction import sum
from .shape import reshape

__all__ = ["conv2d", "conv_transpose2d"]

Pair = tuple[int, int]


class Geometry(NamedTuple):
    """Where the taps of a convolution lie. Pairs are (height, width)."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    taps: tuple[Pair, ...]


# -------------------------------------------------------------------------------------------- the three primitives
@primitive
def _convolve(x: Any, weight: Any, bias: Any, geometry: Geometry, size: Pair) -> Any:
    y = np.empty_like(x, shape=(len(x), len(weight), *size), order="C")
    _tap_sums([y], x, _by_group(weight, geometry), bias, [_reads(geometry)], geometry.stride)
    return y


@primitive
def _transpose(y: Any, weight: Any, geometry: Geometry, size: Pair) -> Any:
    w, (down, right) = _by_group(weight, geometry).swapaxes(1, 2), geometry.stride
    x = np.empty_like(y, shape=(len(y), w.shape[0] * w.shape[1], *size), order="C")
    phases = [*itertools.product(range(down), range(right))]  # every stride-th pixel: they share their taps
    pixels = [x[:, :, a::down, b::right] for a, b in phases]
    _tap_sums(pixels, y, w, None, [_reads_back(geometry, first) for first in phases], (1, 1))
    return x


@primitive
def _correlate(x: Any, y: Any, geometry: Geometry) -> Any:
    w = np.zeros_like(
        y, shape=(y.shape[1], x.shape[1] // geometry.groups, *geometry.kernel), order="C"
    )  # 0 where no tap is
    by_group = _by_group(w, geometry)
    for (u, v), product in _tap_products(x, y, _reads(geometry), geometry.stride, geometry.groups):
        by_group[..., u, v] = product
    return w


_convolve.vjp(
    x=lambda g, weight, geometry, x_shape: _transpose(g, weight, geometry, x_shape[2:]),  # Eq. 4.4
    weight=lambda g, x, geometry: _correlate(x, g, geometry),  # Eq. 4.5
    bias=lambda g: sum(g, (0, 2, 3)),  # Eq. 4.6
)
_transpose.vjp(
    y=lambda g, weight, geometry, y_shape: _convolve(g, weight, None, geometry, y_shape[2:]),
    weight=lambda g, y, geometry: _correlate(g, y, geometry),
)
_correlate.vjp(
    x=lambda g, y, geometry, x_shape: _transpose(y, g, geometry, x_shape[2:]),
    y=lambda g, x, geometry, y_shape: _convolve(x, g, None, geometry, y_shape[2:]),
)


# ------------------------------------------------------------------------------------------------- what users call
def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
    taps: tuple[Pair, ...] | None = None,
) -> Any:
    """y[n, f, i, j] = b[f] + Σ_{c,u,v} w[f, c, u, v] · x[n, c, s·i + d·u − p, s·j + d·v − p], where x is 0 outside.

    Eq. 4.1 (derivations/04-convolution.md#eq-4-1). x (N, C, H, W), weight (F, C / groups, KH, KW), bias (F,) or None
    → (N, F, ⌊(H + 2p − d(KH − 1) − 1) / s⌋ + 1, …). Sizes are an integer or a pair (height, width).

    `taps` names the kernel positions (u, v) to be computed, None all of them. The others are skipped, not multiplied by
    zero: what their weights hold does not matter, and their gradient is 0. A masked convolution is a choice of taps:
    Eq. 4.8 (derivations/04-convolution.md#eq-4-8).

    Raises `ValueError` where shapes and sizes do not fit together, `TypeError` for integers.
    """
    _expect_images("conv2d", x, weight)
    f, c = weight.shape[:2]
    if groups < 1 or f % groups:
        raise ValueError(f"conv2d: {f} filters do not divide into {groups} groups (weight {weight.shape})")
    if x.shape[1] != c * groups:
        expected = c * groups if groups == 1 else f"{c} × {groups} groups"
        raise ValueError(
            f"conv2d: x has {x.shape[1]} channels, weight expects {expected} (x {x.shape}, weight {weight.shape})"
        )
    _expect_bias("conv2d", bias, f)
    geometry = _geometry("conv2d", weight, stride, padding, dilation, groups, taps)
    sides = zip(x.shape[2:], *geometry[:4])
    height, width = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sides)
    if height < 1 or width < 1:
        raise ValueError(
            f"conv2d: the kernel {geometry.kernel} with dilation {geometry.dilation} is larger than the image "
            f"{x.shape[2:]} with padding {geometry.padding}; enlarge the padding"
        )
    return _convolve(x, weight, bias, geometry, (height, width))


def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
    dilation: int | Pair = 1,
) -> Any:
    """y = wᵀ x + b: the transposed convolution (전치 합성곱), which spreads each pixel over the places conv2d reads.

    Eq. 4.7 (derivations/04-convolution.md#eq-4-7). x (N, C, H, W), weight (C, F / groups, KH, KW), bias (F,) or None
    → (N, F, (H − 1)·s − 2p + d(KH − 1) + 1 + output_padding, …). Sizes are an integer or a pair (height, width).

    A stride of s shrinks s different sizes to the same one; `output_padding` < s picks the one to go back to.
    Raises `ValueError` where shapes and sizes do not fit together.
    """
    _expect_images("conv_transpose2d", x, weight)
    c, f = weight.shape[:2]
    if x.shape[1] != c:
        raise ValueError(
            f"conv_transpose2d: x has {x.shape[1]} channels, weight expects {c} (x {x.shape}, weight {weight.shape})"
        )
    if groups < 1 or c % groups:
        raise ValueError(f"conv_transpose2d: {c} channels do not divide into {groups} groups (weight {weight.shape})")
    _expect_bias("conv_transpose2d", bias, f * groups)
    geometry = _geometry("conv_transpose2d", weight, stride, padding, dilation, groups)
    extra = as_pair("conv_transpose2d", "output_padding", output_padding, 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, geometry.stride, geometry.dilation)):
        raise ValueError(
            f"conv_transpose2d: output_padding {extra} must be smaller than the stride {geometry.stride} "
            f"or the dilation {geometry.dilation}"
        )
    sides = zip(x.shape[2:], *geometry[:4], extra)
    height, width = ((n - 1) * s - 2 * p + d * (k - 1) + 1 + e for n, k, s, p, d, e in sides)
    if height < 1 or width < 1:
        raise ValueError(
            f"conv_transpose2d: nothing is left of the image, padding {geometry.padding} takes {(height, width)} from "
            f"x {x.shape} (weight {weight.shape}); use less padding"
        )
    y = _transpose(x, weight, geometry, (height, width))
    return y if bias is None else y + reshape(bias, (-1, 1, 1))


# -------------------------------------------------------------------------------------------- where the taps read
class Read(NamedTuple):
    """Tap (u, v) brings pixel (stride·i + row, stride·j + column) to pixel (i, j)."""

    tap: Pair
    row: int
    column: int


@functools.lru_cache
def _reads(geometry: Geometry) -> tuple[Read, ...]:
    """Where a convolution reads its input, tap by tap (Eq. 4.2)."""
    (ph, pw), (dh, dw) = geometry.padding, geometry.dilation
    return tuple(Read((u, v), dh * u - ph, dw * v - pw) for u, v in geometry.taps)


@functools.lru_cache
def _reads_back(geometry: Geometry, first: Pair) -> tuple[Read, ...]:
    """Where the transpose reads, for every stride-th of its pixels beginning at `first`. A tap that brought pixel
    s·i + r to i brings i back to s·i + r: the taps whose r is among these pixels take part (Eq. 4.4)."""
    (sh, sw), (a, b) = geometry.stride, first
    return tuple(
        Read(tap, (a - row) // sh, (b - column) // sw)
        for tap, row, column in _reads(geometry)
        if (a - row) % sh == 0 and (b - column) % sw == 0
    )


def overlap(offset: int, stride: int, count: int, size: int) -> tuple[slice, slice]:
    """Of `count` positions, the k-th of which reads index offset + stride·k: those that hit one of the `size` indices,
    and what they hit."""
    first = min(max(0, -(offset // stride)), count)
    last = max(first, min(count, -((offset - size) // stride)))
    start = offset + stride * first
    return slice(first, last), slice(start, start + stride * (last - first), stride) if last > first else slice(0)


# ------------------------------------------------------------------------------------------- taps as matrix products
class Limits(NamedTuple):
    """What suits a machine."""

    buffer: int  # bytes to gather before multiplying
    thin: int  # a kernel row of fewer channels · columns makes too thin a matrix: then all taps are gathered
    small: int  # images of fewer pixels make too short a matrix each: then they lie side by side


# A processor multiplies fastest what is in its second-level cache; with less, two workers wait for each other's calls.
# A GPU wants few and large ones.
CPU, GPU = Limits(3 * 2**19, 10, 128), Limits(2**30, 2**62, 0)


class Product(NamedTuple):
    """Taps whose pixels stand side by side in the buffer: slots first … last, `shift` rows down."""

    first: int
    last: int
    shift: int
    taps: tuple[Pair, ...]


class Plan(NamedTuple):
    """How sums of taps become matrix products."""

    slots: tuple[Pair, ...]  # (row, column): the displacement at which each slot of the buffer is filled
    extra_rows: int  # how many more rows than the output a slot holds
    products: tuple[tuple[Product, ...], ...]  # of each sum

    @property
    def in_place(self) -> bool:
        """Whether there is but one tap, which reads every pixel where it is."""
        return self.slots == ((0, 0),) and self.extra_rows == 0 and len(self.products) == 1


@functools.lru_cache
def _plan(sums: tuple[tuple[Read, ...], ...], stride: int, gather_all: bool) -> Plan:
    """Copy what one row of the kernel reads; for the other rows this is a *shift* of the same buffer.

    A slot holds, row after row, what one tap reads. The tap one kernel row further down reads the same, one image row
    later (for a stride s: the tap s kernel rows further down). Eq. 4.3 (derivations/04-convolution.md#eq-4-3). So there
    is one slot for each column of the kernel and one product for each row, and taps side by side in a row are one long
    matrix. With `gather_all` each tap has a slot of its own. Several sums share their slots.
    """

    def placed(read: Read) -> tuple[int, Pair]:
        return (0, (read.row, read.column)) if gather_all else (read.row // stride, (read.row % stride, read.column))

    everywhere = {placed(read) for reads in sums for read in reads}
    shifts, slots = sorted({shift for shift, _ in everywhere}), sorted({slot for _, slot in everywhere})
    products: list[tuple[Product, ...]] = []
    for reads in sums:
        found: list[Product] = []
        for shift, slot, tap in sorted((*placed(read), read.tap) for read in reads):
            position = slots.index(slot)
            if found and (found[-1].shift, found[-1].last) == (shift - shifts[0], position):
                taps = (*found.pop().taps, tap)
            else:
                taps = (tap,)
            found.append(Product(position + 1 - len(taps), position + 1, shift - shifts[0], taps))
        products.append(tuple(found))
    displaced = tuple((row + stride * shifts[0], column) for row, column in slots)
    return Plan(displaced, shifts[-1] - shifts[0], tuple(products))


def _limits(x: Any) -> Limits:
    return CPU if backend.device_of(x) == "cpu" else GPU


def _planned(x: Any, sums: tuple[tuple[Read, ...], ...], stride: Pair, channels: int) -> Plan:
    columns = max(len({read.column for read in reads}) for reads in sums)
    return _plan(sums, stride[0], channels * columns < _limits(x).thin)


def _together(x: Any, size: Pair) -> bool:
    """Whether a handful of images is one matrix; else each of them is."""
    return math.prod(size) < _limits(x).small


def _as_images(columns: Any, n: int, size: Pair, together: bool) -> Any:
    """The columns of matrices as pixels of n images (n, groups, C, height, width), a view. Where images go together,
    columns are ordered by row, image and column: so that the next kernel row is a shift there too."""
    _, groups, c, _ = columns.shape
    if together:
        return columns.reshape(groups, c, size[0], -1, size[1])[..., :n, :].transpose(3, 0, 1, 2, 4)
    return columns.reshape(n, groups, c, *size)


def _gathered(x: Any, plan: Plan, stride: Pair, groups: int, size: Pair) -> Iterator[tuple[slice, list[list[Any]]]]:
    """A handful of images at a time: which, and for each product of each sum the matrices of what its taps read, as
    (images, groups, taps · channels, pixels), or where images go together as (1, groups, taps · channels, pixels of all
    images). All are views of one buffer, which stays in the cache."""
    n, c, *image = x.shape
    (height, width), channels = size, c // groups
    rows, together = height + plan.extra_rows, _together(x, size)
    handful = _limits(x).buffer // (groups * len(plan.slots) * channels * rows * width * x.dtype.itemsize)
    handful = max(1, min(n, handful))
    starts = range(0, n, handful)
    if plan.in_place and stride == (1, 1) and size == tuple(image) and not together:  # a 1×1 kernel: x is the buffer
        lines = x.reshape(n, groups, channels, height * width)
        yield from ((slice(i, i + handful), [[lines[i : i + handful]]]) for i in starts)
        return
    apart, beside = (1, handful) if together else (handful, 1)
    shape = (apart, groups, len(plan.slots) * channels, rows * beside * width)
    lines, line = np.zeros_like(x, shape=shape, order="C"), beside * width  # 0 where nothing lands
    factors = [
        [lines[:, :, p.first * channels : p.last * channels, p.shift * line :][..., : height * line] for p in products]
        for products in plan.products
    ]
    slots = _as_images(lines, handful, (rows, width), together)
    slots = slots.reshape(handful, groups, len(plan.slots), channels, rows, width)
    copies = [
        (slots[:, :, k], *overlap(row, stride[0], rows, image[0]), *overlap(column, stride[1], width, image[1]))
        for k, (row, column) in enumerate(plan.slots)
    ]
    for start in starts:
        part = x[start : start + handful]
        part = part.reshape(len(part), groups, channels, *image)
        for slot, to_rows, from_rows, to_columns, from_columns in copies:
            slot[: len(part), :, :, to_rows, to_columns] = part[:, :, :, from_rows, from_columns]
        read = factors if together else [[factor[: len(part)] for factor in several] for several in factors]
        yield slice(start, start + handful), read


def _tap_sums(outs: Sequence[Any], x: Any, w: Any, bias: Any, sums: Sequence[tuple[Read, ...]], stride: Pair) -> None:
    """y[n, o, i, j] = b[o] + Σ_t Σ_c w[o, c, t] · x[n, c, s·i + r_t, s·j + c_t]: each of `outs` from its own of `sums`.

    Eq. 4.2 (derivations/04-convolution.md#eq-4-2). w is (groups, outputs, inputs, KH, KW).
    """
    groups, outputs, inputs = w.shape[:3]
    wanted = [(y, reads) for y, reads in zip(outs, sums) if reads and inputs and y.size]
    for y in outs if len(wanted) < len(outs) else ():  # an empty mask, or a stride that steps over all taps
        y[...] = 0 if bias is None else bias.reshape(-1, 1, 1)
    if not wanted:
        return
    size = max(y.shape[2] for y, _ in wanted), max(y.shape[3] for y, _ in wanted)
    plan, together = _planned(x, tuple(reads for _, reads in wanted), stride, inputs), _together(x, size)
    matrices = [
        [np.stack([w[..., u, v] for u, v in p.taps], axis=2).reshape(groups, outputs, -1) for p in products]
        for products in plan.products
    ]
    for images, factors in _gathered(x, plan, stride, groups, size):
        for (y, _), several, read in zip(wanted, matrices, factors):
            part = y[images]
            n, _, *its_size = part.shape
            part = part.reshape(n, groups, outputs, *its_size)
            in_place = tuple(its_size) == size and part.flags.c_contiguous and not together
            first, *others = zip(several, read)
            product = np.matmul(*first, out=part.reshape(n, groups, outputs, math.prod(size)) if in_place else None)
            for pair in others:
                product += np.matmul(*pair)
            if bias is not None:
                product += bias.reshape(groups, outputs, 1)
            if not in_place:
                part[...] = _as_images(product, n, size, together)[..., : its_size[0], : its_size[1]]


def _tap_products(x: Any, y: Any, reads: tuple[Read, ...], stride: Pair, groups: int) -> Iterator[tuple[Pair, Any]]:
    """For each tap Σ_{n,i,j} y[n, o, i, j] · x[n, c, s·i + r_t, s·j + c_t], as (groups, outputs, inputs).  Eq. 4.5
    (derivations/04-convolution.md#eq-4-5)"""
    if not (reads and x.size):
        return
    outputs, inputs, size = y.shape[1] // groups, x.shape[1] // groups, y.shape[2:]
    plan, together = _planned(x, (reads,), stride, inputs), _together(x, size)
    (products,) = plan.products
    totals: list[Any] = [0.0] * len(products)
    for images, (factors,) in _gathered(x, plan, stride, groups, size):
        part = y[images]
        part = part.reshape(len(part), groups, outputs, *size)
        if together:
            columns = np.zeros_like(y, shape=(1, groups, outputs, factors[0].shape[3]), order="C")
            _as_images(columns, len(part), size, together)[...] = part
        else:
            columns = part.reshape(len(part), groups, outputs, math.prod(size))
        for k, factor in enumerate(factors):
            totals[k] += np.matmul(factor, columns.swapaxes(2, 3)).sum(0)
    for p, total in zip(products, totals):
        by_tap = total.reshape(groups, len(p.taps), inputs, outputs)
        for k, tap in enumerate(p.taps):
            yield tap, by_tap[:, k].swapaxes(1, 2)


def _by_group(weight: Any, geometry: Geometry) -> Any:
    """(F, C, KH, KW) as (groups, F / groups, C, KH, KW)."""
    return weight.reshape(geometry.groups, -1, *weight.shape[1:])


# ---------------------------------------------------------------------------------------------- reading arguments
def _expect_images(name: str, x: Any, weight: Any) -> None:
    if len(x.shape) != 4 or len(weight.shape) != 4:
        raise ValueError(
            f"{name}: expected x (N, C, H, W) and a weight with 4 axes, got x {x.shape} and weight {weight.shape}"
        )
    if x.dtype.kind != "f" or weight.dtype.kind != "f":  # sums of taps are rounded to the kind of the images
        raise TypeError(
            f"{name}: expected floating-point numbers, got x {x.dtype} and weight {weight.dtype}; use "
            "x.astype(np.float32), and pixels between 0 and 1"
        )


def _expect_bias(name: str, bias: Any, outputs: int) -> None:
    if bias is not None and bias.shape != (outputs,):
        raise ValueError(f"{name}: expected a bias of shape {(outputs,)}, one per output channel, got {bias.shape}")


def _geometry(
    name: str,
    weight: Any,
    stride: int | Pair,
    padding: int | Pair,
    dilation: int | Pair,
    groups: int,
    taps: tuple[Pair, ...] | None = None,
) -> Geometry:
    pair, (height, width) = functools.partial(as_pair, name), weight.shape[2:]
    steps = pair("stride", stride, 1), pair("padding", padding, 0), pair("dilation", dilation, 1)
    return Geometry((height, width), *steps, groups, _checked_taps(taps, height, width))


def as_pair(name: str, argument: str, size: int | Pair, least: int) -> Pair:
    """An integer or a pair of them, as a pair."""
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2 or not all(isinstance(n, (int, np.integer)) and n >= least for n in pair):
        raise ValueError(f"{name}: expected {argument} to be an integer ≥ {least} or a pair of them, got {size!r}")
    return int(pair[0]), int(pair[1])


def _checked_taps(taps: tuple[Pair, ...] | None, height: int, width: int) -> tuple[Pair, ...]:
    every = tuple(itertools.product(range(height), range(width)))
    if taps is None:
        return every
    chosen = tuple(sorted({(int(u), int(v)) for u, v in taps}))
    if strays := set(chosen) - set(every):
        raise ValueError(f"conv2d: taps {sorted(strays)} lie outside of the kernel {(height, width)}")
    return chosen
