"""Moving numbers about without changing them.

Each of these is a linear map of zeros and ones, and its rule is the transposed map: what was read from one place
is added back to that place.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend
from ..autograd import Tensor, primitive

__all__ = [
    "broadcast_to",
    "concatenate",
    "embedding",
    "flip",
    "gather",
    "getitem",
    "one_hot",
    "pad",
    "reshape",
    "split",
    "stack",
    "take",
    "transpose",
]


@primitive
def reshape(x: Any, shape: Any) -> Any:
    """The same elements in the same order, in another shape.  Eq. 0.50 (derivations/00-autograd.md#eq-0-50)"""
    return np.reshape(x, shape)


reshape.vjp(x=lambda g, x_shape: reshape(g, x_shape))


@primitive
def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in another order, reversed if none is given.  Eq. 0.51 (derivations/00-autograd.md#eq-0-51)"""
    return np.transpose(x, axes)


def _transpose_rule(g: Any, axes: Any) -> Any:
    return transpose(g, None if axes is None else tuple(int(i) for i in np.argsort([a % g.ndim for a in axes])))


transpose.vjp(x=_transpose_rule)


@primitive
def broadcast_to(x: Any, shape: Any) -> Any:
    """Copies of x side by side (without copying).  Eq. 0.52 (derivations/00-autograd.md#eq-0-52)"""
    return np.broadcast_to(x, shape)


broadcast_to.vjp(x=lambda g: g)  # the walk sums over the copies: Eq. 0.8


@primitive
def _concatenate(xs: tuple[Any, ...], axis: int) -> Any:
    return np.concatenate(xs, axis=axis)


def _concatenate_rule(g: Any, which: int, xs_shape: Any, axis: int) -> Any:
    ends = [0, *np.cumsum([shape[axis] for shape in xs_shape]).tolist()]
    return g[_along(axis, g.ndim, slice(ends[which], ends[which + 1]))]


_concatenate.vjp(xs=_concatenate_rule)


def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """Arrays joined along an axis.  Eq. 0.53 (derivations/00-autograd.md#eq-0-53)"""
    return _concatenate(tuple(xs), axis)


def stack(xs: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape joined along a new axis.  Eq. 0.53 (derivations/00-autograd.md#eq-0-53)"""
    if len({x.shape for x in xs}) > 1:
        raise ValueError(f"stack: expected arrays of one shape, got {', '.join(str(x.shape) for x in xs)}")
    axis = place(axis, xs[0].ndim + 1) if xs else axis
    return concatenate([reshape(x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in xs], axis)


def split(x: Any, sections: Any, axis: int = 0) -> list[Any]:
    """x cut into equal parts (`sections` an integer), or at the given indices.

    Eq. 0.54 (derivations/00-autograd.md#eq-0-54). Raises `ValueError` where equal parts are not possible.
    """
    length = x.shape[axis]
    if isinstance(sections, int):
        if sections < 1 or length % sections:
            raise ValueError(f"split: {length} elements along axis {axis} do not divide into {sections} equal parts")
        sections = [length // sections * i for i in range(1, sections)]
    ends = [0, *sections, length]
    return [x[_along(axis, x.ndim, slice(a, b))] for a, b in itertools.pairwise(ends)]


def place(axis: int, ndim: int) -> int:
    """An axis counted from the front. Raises `AxisError` (an `IndexError` and a `ValueError`) where there is none."""
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def _along(axis: int, ndim: int, index: Any) -> tuple[Any, ...]:
    """The index that applies `index` to one axis and takes the others whole."""
    axis = place(axis, ndim)
    return tuple(index if i == axis else slice(None) for i in range(ndim))


@primitive
def getitem(x: Any, index: Any) -> Any:
    """x[index], with any of NumPy's indices.  Eq. 0.54 (derivations/00-autograd.md#eq-0-54)"""
    return x[index]


@primitive
def _scatter(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of that shape, with g added where x[index] reads: the transpose of `getitem`."""
    out = np.zeros_like(g, shape=shape, order="C")
    if _reads_once(index):
        out[index] = g
    else:
        backend.array_module(g).add.at(out, index, g)
    return out


def _reads_once(index: Any) -> bool:
    """Whether no element can be read twice: true of slices, integers and boolean masks, not of integer arrays, nor of
    what NumPy makes such arrays of."""
    parts = index if isinstance(index, tuple) else (index,)
    several = (list, tuple, range)
    return not any(isinstance(part, several) or (hasattr(part, "dtype") and part.dtype.kind in "iu") for part in parts)


getitem.vjp(x=lambda g, index, x_shape: _scatter(g, index, x_shape))
_scatter.vjp(g=lambda g, index: getitem(g, index))


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements (axis None: of the flattened x) at integer indices.  Eq. 0.54 (derivations/00-autograd.md#eq-0-54)"""
    if axis is None:
        return reshape(x, (-1,))[indices]
    return x[_along(axis, x.ndim, indices)]


def gather(x: Any, axis: int, index: Any) -> Any:
    """zᵢⱼ… = x at position indexᵢⱼ… along `axis`, the other axes as they are.

    Eq. 0.54 (derivations/00-autograd.md#eq-0-54). `index` has x's number of axes (NumPy: take_along_axis,
    PyTorch: gather), else `ValueError` is raised.
    """
    if index.ndim != x.ndim:
        raise ValueError(f"gather: expected an index with {x.ndim} axes, as x {x.shape} has, got {index.shape}")
    axis, grid = place(axis, x.ndim), []
    for i, n in enumerate(index.shape):
        other = np.arange(n).reshape([-1 if j == i else 1 for j in range(index.ndim)])
        grid.append(index if i == axis else backend.to_device(other, backend.device_of(index)))
    return x[tuple(grid)]


@primitive
def pad(x: Any, pad_width: Any, value: float = 0.0) -> Any:
    """x with a border of `value`.  Eq. 0.55 (derivations/00-autograd.md#eq-0-55)

    `pad_width` has a pair (before, after) for each axis; raises `ValueError` for fewer or more.
    """
    if len(pad_width) != x.ndim:
        raise ValueError(f"pad: expected a pair (before, after) for each axis of {x.shape}, got {pad_width}")
    return np.pad(x, pad_width, constant_values=value)


def _pad_rule(g: Any, x_shape: Any, pad_width: Any) -> Any:
    return g[tuple(slice(before, before + n) for (before, _), n in zip(pad_width, x_shape))]


pad.vjp(x=_pad_rule)


@primitive
def flip(x: Any, axis: Any = None) -> Any:
    """The elements in reverse order along the axes.  Eq. 0.56 (derivations/00-autograd.md#eq-0-56)"""
    return np.flip(x, axis)


flip.vjp(x=lambda g, axis: flip(g, axis))


def embedding(ids: Any, weight: Any) -> Any:
    """zₙ = weight[idsₙ]: one row per id.  Eq. 0.57 (derivations/00-autograd.md#eq-0-57)

    ids integers of any shape, weight (V, D) → (…, D). Raises `TypeError` for ids that are not integers.
    """
    ids = ids.data if isinstance(ids, Tensor) else ids
    if getattr(ids, "dtype", np.dtype(object)).kind not in "iu":
        raise TypeError(f"embedding: ids must be an array of integers, got {getattr(ids, 'dtype', type(ids).__name__)}")
    return getitem(weight, ids)


def one_hot(ids: Any, classes: int, dtype: Any = np.float32) -> Any:
    """Rows of the identity: zₙₖ = 1 where idsₙ = k, else 0.  Eq. 0.57 (derivations/00-autograd.md#eq-0-57)

    ids integers (…) → array (…, classes). A constant: ids have no derivative.
    """
    ids = ids.data if isinstance(ids, Tensor) else ids
    if ids.dtype.kind not in "iu":
        raise TypeError(f"one_hot: ids must be integers, got {ids.dtype}")
    if ids.size and not (backend.host_scalar(ids.min()) >= 0 and backend.host_scalar(ids.max()) < classes):
        raise ValueError(f"one_hot: ids must lie in 0 … {classes - 1}")
    every = backend.to_device(np.arange(classes), backend.device_of(ids))
    return (ids[..., None] == every).astype(dtype)
