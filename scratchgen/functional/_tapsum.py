"""Convolution (합성곱) as a sum over taps of matrix products, and its two adjoints.

    y[o, i, j] = Σ_t Σ_c W_t[o, c] · x[c, s·i + a_t, s·j + b_t]          Eq. 4.2 (derivations/04-convolution.md#eq-4-2)

A **tap** t is one position (u, v) of the kernel; it reads x at an **offset** (a, b) = (u·d − p, v·d − p), and x is 0
outside of its frame. Everything here is this sum: the gradient in x is the same sum with offsets turned round and W_t
transposed, once for every phase of the stride; the gradient in W_t is a product of g with what the tap read.

What a tap reads is not copied out tap by tap. Taps with the same column offset read the same columns, only some rows
further down: one copy of those columns (a **slot**) serves them all, as a shifted view (Eq. 4.3). A tap that a mask
forbids is left out of the sum: it costs nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..autograd import primitive
from .shape import reshape

__all__ = ["conv2d", "conv_transpose2d"]

Pair = tuple[int, int]
Taps = tuple[Pair, ...]
BLOCK = 1 << 18  # numbers read at a time on a CPU: images are taken in blocks whose slots stay in the cache (1 MiB)
FEW = 16  # up to this many columns × channels every tap is copied out: one larger product beats many slim ones


class Geometry(NamedTuple):
    """How a kernel lies on an image: everything about a convolution but the numbers."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    taps: Taps

    def offsets(self) -> Taps:
        (dh, dw), (ph, pw) = self.dilation, self.padding
        return tuple((u * dh - ph, v * dw - pw) for u, v in self.taps)

    def output(self, size: Pair) -> Pair:
        """⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1 along each side."""
        sides = zip(size, self.kernel, self.stride, self.padding, self.dilation)
        return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sides)  # type: ignore[return-value]


# -------------------------------------------------------------------------------- the sum over taps, on raw arrays
class Run(NamedTuple):
    """Taps whose slots are neighbours and whose rows are shifted alike: one matrix product serves them."""

    slots: slice
    shift: int
    taps: slice


@functools.lru_cache(maxsize=512)
def _plan(offsets: Taps, stride: Pair, gather: bool) -> tuple[list[Pair], list[int], list[Run], int]:
    """Where each tap finds its numbers: (offsets of the slots, taps in the order of the products, runs, extra rows).

    The tap at row offset a = s·q + r reads the slot of remainder r, q rows down. With `gather` every tap has a slot
    of its own: more copying but a single product, which wins where channels are few.
    """
    s = stride[0]
    wants = [((a, b), 0) if gather else ((a % s, b), a // s) for a, b in offsets]
    slots = sorted({slot for slot, _ in wants})
    order = sorted(range(len(offsets)), key=lambda t: (wants[t][1], wants[t][0]))
    low = min(shift for _, shift in wants)
    runs: list[Run] = []
    for position, t in enumerate(order):
        slot, shift = slots.index(wants[t][0]), wants[t][1] - low
        if runs and runs[-1].shift == shift and runs[-1].slots.stop == slot:
            first = runs.pop()
            runs.append(Run(slice(first.slots.start, slot + 1), shift, slice(first.taps.start, position + 1)))
        else:
            runs.append(Run(slice(slot, slot + 1), shift, slice(position, position + 1)))
    return [(r + s * low, b) for r, b in slots], order, runs, runs[-1].shift


def _inside(offset: int, stride: int, count: int, size: int) -> tuple[slice, slice]:
    """Of the positions offset + stride·i, i < count: the i that lie in 0 … size − 1, and where."""
    first = max(0, -(offset // stride))
    last = max(first, min(count, -((offset - size) // stride)))
    start = offset + stride * first
    return slice(first, last), slice(max(0, start), max(0, start + stride * (last - first)), stride)


def _read(x: Any, outputs: int, offsets: Taps, stride: Pair, size: Pair) -> tuple[list[int], list[Run], Any]:
    """What the taps read from x, as an order of the taps, the runs, and a generator over blocks of images that gives
    the slice of images and for each run its matrices (images, taps × channels, positions)."""
    channels, (height, width) = x.shape[1], size
    columns = len({b for _, b in offsets})
    starts, order, runs, extra = _plan(offsets, stride, gather=columns * channels <= FEW)
    per_image = len(starts) * channels * (height + extra) * width
    block = max(1, min(len(x), BLOCK // max(1, per_image))) if isinstance(x, np.ndarray) else max(1, len(x))
    slots = np.zeros_like(x, shape=(block, len(starts), channels, height + extra, width))

    def blocks() -> Iterator[tuple[slice, list[Any]]]:
        for n in range(0, len(x), block):
            images = slice(n, min(n + block, len(x)))
            part = slots[: images.stop - n]
            for slot, (a, b) in enumerate(starts):
                rows, from_rows = _inside(a, stride[0], height + extra, x.shape[2])
                cols, from_cols = _inside(b, stride[1], width, x.shape[3])
                part[:, slot, :, rows, cols] = x[images, :, from_rows, from_cols]
            yield (
                images,
                [part[:, r.slots, :, r.shift : r.shift + height].reshape(len(part), -1, height * width) for r in runs],
            )

    return order, runs, blocks()


def _tap_sum(x: Any, matrices: Any, offsets: Taps, stride: Pair, size: Pair) -> Any:
    """Σ_t W_t x(s·i + a_t, s·j + b_t): x (N, C, H, W), matrices (T, O, C) → (N, O, *size).  Eq. 4.2"""
    outputs = matrices.shape[1]
    y = np.zeros_like(x, shape=(len(x), outputs, *size))
    if not offsets or not y.size:
        return y
    order, runs, blocks = _read(x, outputs, offsets, stride, size)
    matrices = np.ascontiguousarray(np.swapaxes(matrices[order], 0, 1))  # (O, T, C), taps in the order of the runs
    factors = [matrices[:, run.taps].reshape(outputs, -1) for run in runs]
    flat = y.reshape(len(x), outputs, -1)
    for images, read in blocks:
        total = flat[images]
        np.matmul(factors[0], read[0], out=total)
        for factor, columns in zip(factors[1:], read[1:]):
            total += np.matmul(factor, columns)
    return y


def _tap_products(x: Any, g: Any, offsets: Taps, stride: Pair) -> Any:
    """For each tap the product of g with what it read, summed over images: (T, O, C).  Eq. 4.5"""
    outputs, channels = g.shape[1], x.shape[1]
    products = np.zeros_like(x, shape=(len(offsets), outputs, channels))
    if not offsets or not x.size or not g.size:
        return products
    order, runs, blocks = _read(x, outputs, offsets, stride, g.shape[2:])
    sums = np.zeros_like(x, shape=(len(offsets) * channels, outputs))
    flat = g.reshape(len(g), outputs, -1)
    for images, read in blocks:
        turned = np.ascontiguousarray(np.swapaxes(flat[images], 1, 2))
        for run, columns in zip(runs, read):
            sums[run.taps.start * channels : run.taps.stop * channels] += np.matmul(columns, turned).sum(axis=0)
    products[order] = np.swapaxes(sums.reshape(len(offsets), channels, outputs), 1, 2)
    return products


def _spread(g: Any, matrices: Any, offsets: Taps, stride: Pair, size: Pair) -> Any:
    """The transpose of `_tap_sum`: x̄[s·i + a_t, s·j + b_t] += W_tᵀ ḡ[i, j].  Eq. 4.4

    The positions of x̄ fall into s × s phases. Those of one phase are reached by taps of one remainder only, and for
    them this is a tap sum over g again, at stride 1, with the offsets turned round.
    """
    x = np.zeros_like(g, shape=(len(g), matrices.shape[2], *size))
    turned = np.swapaxes(matrices, 1, 2)
    for row, column in product(range(min(stride[0], size[0])), range(min(stride[1], size[1]))):
        mine = [t for t, (a, b) in enumerate(offsets) if (row - a) % stride[0] == 0 and (column - b) % stride[1] == 0]
        back = tuple(((row - offsets[t][0]) // stride[0], (column - offsets[t][1]) // stride[1]) for t in mine)
        phase = x[:, :, row :: stride[0], column :: stride[1]]
        phase[...] = _tap_sum(g, turned[mine], back, (1, 1), phase.shape[2:])
    return x


# ------------------------------------------------------------------------------------- three primitives, one family
# Convolution is linear in x and in w. Its two adjoints are written with the same sum over taps, and the derivative of
# each of the three is another of the three: so there are derivatives of every order.


def _matrices(w: Any, how: Geometry, group: int) -> Any:
    """W_t of each tap, (T, O, C), for one group of channels."""
    outputs = w.shape[0] // how.groups
    part = w[group * outputs : (group + 1) * outputs]
    return np.stack([part[:, :, u, v] for u, v in how.taps]) if how.taps else part[:, :, 0, 0][None][:0]


def _part(x: Any, how: Geometry, group: int) -> Any:
    channels = x.shape[1] // how.groups
    return x[:, group * channels : (group + 1) * channels]


@primitive
def _correlate(x: Any, w: Any, how: Geometry) -> Any:
    """y of Eq. 4.2, from x (N, C, H, W) and w (O, C/groups, KH, KW)."""
    size = how.output(x.shape[2:])
    parts = [
        _tap_sum(_part(x, how, k), _matrices(w, how, k), how.offsets(), how.stride, size) for k in range(how.groups)
    ]
    return parts[0] if how.groups == 1 else np.concatenate(parts, axis=1)


@primitive
def _scatter(y: Any, w: Any, how: Geometry, size: Pair) -> Any:
    """x̄ of Eq. 4.4: what reaches an x of that size from ȳ = y."""
    parts = [
        _spread(_part(y, how, k), _matrices(w, how, k), how.offsets(), how.stride, size) for k in range(how.groups)
    ]
    return parts[0] if how.groups == 1 else np.concatenate(parts, axis=1)


@primitive
def _weigh(x: Any, y: Any, how: Geometry) -> Any:
    """w̄ of Eq. 4.5: how well each tap's reading of x agrees with ȳ = y. Taps that are left out get exactly 0."""
    channels, outputs = x.shape[1] // how.groups, y.shape[1] // how.groups
    w = np.zeros_like(x, shape=(y.shape[1], channels, *how.kernel))
    for k in range(how.groups):
        products = _tap_products(_part(x, how, k), _part(y, how, k), how.offsets(), how.stride)
        for t, (u, v) in enumerate(how.taps):
            w[k * outputs : (k + 1) * outputs, :, u, v] = products[t]
    return w


_correlate.vjp(x=lambda g, w, how, x_shape: _scatter(g, w, how, x_shape[2:]), w=lambda g, x, how: _weigh(x, g, how))
_scatter.vjp(y=lambda g, w, how: _correlate(g, w, how), w=lambda g, y, how: _weigh(g, y, how))
_weigh.vjp(x=lambda g, y, how, x_shape: _scatter(y, g, how, x_shape[2:]), y=lambda g, x, how: _correlate(x, g, how))


# ------------------------------------------------------------------------------------------------- the public face
def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
    taps: Sequence[Pair] | None = None,
) -> Any:
    """y[o, i, j] = b[o] + Σ_{c,u,v} w[o, c, u, v] x[c, s·i + d·u − p, s·j + d·v − p].

    Eq. 4.1 (derivations/04-convolution.md#eq-4-1), computed as Eq. 4.2. x (N, C, H, W), weight (F, C/groups, KH, KW),
    bias (F,) or None → (N, F, H', W') with H' = ⌊(H + 2p − d(KH − 1) − 1)/s⌋ + 1. Pairs are (vertical, horizontal).
    `taps`, kernel positions (u, v), leaves all others out of the sum: Eq. 4.8 (derivations/04-convolution.md#eq-4-8).
    Raises `ValueError` for channels, groups, kernels or taps that do not fit.
    """
    how = _geometry("conv2d", x, weight, bias, 0, stride, padding, dilation, groups, taps)
    if x.shape[1] != weight.shape[1] * groups:
        raise ValueError(
            f"conv2d: x has {x.shape[1]} channels, weight expects {weight.shape[1] * groups} "
            f"(x {x.shape}, weight {weight.shape}, groups {groups})"
        )
    if min(how.output(x.shape[2:])) < 1:
        raise ValueError(
            f"conv2d: a kernel of {how.kernel} at dilation {how.dilation} is larger than the padded image "
            f"(x {x.shape}, padding {how.padding}); pad more"
        )
    return _biased(_correlate(x, weight, how), bias)


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
    """The transpose of `conv2d` as a linear map (전치 합성곱): y[f, s·i + d·u − p, …] += w[c, f, u, v] x[c, i, …].

    Eq. 4.7 (derivations/04-convolution.md#eq-4-7). x (N, C, H, W), weight (C, F/groups, KH, KW), bias (F,) or None
    → (N, F, H', W') with H' = s(H − 1) − 2p + d(KH − 1) + output_padding + 1. The output padding says which of the
    sizes that `conv2d` would round down to H is meant. Raises `ValueError` for arguments that do not fit.
    """
    how = _geometry("conv_transpose2d", x, weight, bias, 1, stride, padding, dilation, groups, None)
    extra = _pair("conv_transpose2d", "output_padding", output_padding, 0)
    if x.shape[1] != weight.shape[0]:
        raise ValueError(
            f"conv_transpose2d: x has {x.shape[1]} channels, weight expects {weight.shape[0]} "
            f"(x {x.shape}, weight {weight.shape})"
        )
    if any(e >= max(s, d) for e, s, d in zip(extra, how.stride, how.dilation)):
        raise ValueError(
            f"conv_transpose2d: output_padding {extra} must be smaller than stride {how.stride} or dilation {how.dilation}"
        )
    sides = zip(x.shape[2:], how.kernel, how.stride, how.padding, how.dilation, extra)
    size = tuple(s * (n - 1) - 2 * p + d * (k - 1) + e + 1 for n, k, s, p, d, e in sides)
    if min(size) < 1:
        raise ValueError(f"conv_transpose2d: padding {how.padding} leaves nothing of the output (size {size})")
    return _biased(_scatter(x, weight, how, size), bias)


def _biased(y: Any, bias: Any) -> Any:
    return y if bias is None else y + reshape(bias, (1, -1, 1, 1))


def _geometry(
    name: str, x: Any, weight: Any, bias: Any, axis: int, stride: Any, padding: Any, dilation: Any, groups: int, taps: Any
) -> Geometry:
    """The checked geometry; `axis` is the weight axis that the groups do not divide the bias by."""
    if x.ndim != 4 or weight.ndim != 4:
        raise ValueError(f"{name}: expected x (N, C, H, W) and a weight of 4 axes, got {x.shape} and {weight.shape}")
    kernel = weight.shape[2:]
    if groups < 1 or weight.shape[0] % groups or x.shape[1] % groups:
        raise ValueError(f"{name}: groups={groups} does not divide the channels (x {x.shape}, weight {weight.shape})")
    outputs = weight.shape[1] * groups if axis else weight.shape[0]
    if bias is not None and bias.shape != (outputs,):
        raise ValueError(f"{name}: bias has shape {bias.shape}, expected ({outputs},) (weight {weight.shape})")
    every = tuple(product(range(kernel[0]), range(kernel[1])))
    chosen = every if taps is None else tuple(sorted({(int(u), int(v)) for u, v in taps}))
    if strays := set(chosen) - set(every):
        raise ValueError(f"{name}: taps {sorted(strays)} lie outside of the {kernel[0]} × {kernel[1]} kernel")
    return Geometry(
        kernel,
        _pair(name, "stride", stride, 1),
        _pair(name, "padding", padding, 0),
        _pair(name, "dilation", dilation, 1),
        groups,
        chosen,
    )


def _pair(name: str, what: str, value: int | Pair, least: int) -> Pair:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or any(not isinstance(n, int) or n < least for n in pair):
        raise ValueError(f"{name}: {what} must be an integer ≥ {least} or a pair of them, got {value!r}")
    return pair
