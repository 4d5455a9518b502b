"""Minibatches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import backend

__all__ = ["minibatches"]


def minibatches(*arrays: Any, batch_size: int, rng: Any = None, drop_last: bool = False) -> Iterator[tuple[Any, ...]]:
    """One epoch (에폭) over the rows of `arrays`, `batch_size` at a time: every row once.

        for x, y in minibatches(images, labels, batch_size=100, rng=rng): …
        for (x,) in minibatches(images, batch_size=100): …        # a batch is a tuple, of one array too

    With `rng` the rows come in a fresh random order, the same for all arrays, as copies; without, in their own order,
    as views. The last batch is short where `batch_size` does not divide N, or left out with `drop_last`.
    The arrays may lie on any device, each on its own; the rows are picked there.
    Raises `ValueError` for arrays of different length or a batch size below 1.
    """
    lengths = [len(array) for array in arrays]
    if not arrays or len(set(lengths)) > 1:
        raise ValueError(f"minibatches: expected arrays with the same number of rows, got {lengths or 'none'}")
    if batch_size < 1:
        raise ValueError(f"minibatches: batch_size is {batch_size}, expected at least 1")
    n = lengths[0]
    order = None if rng is None else backend.to_host(rng.permutation(n))
    stop = n - n % batch_size if drop_last else n
    return _batches(arrays, order, range(0, stop, batch_size), batch_size)


def _batches(arrays: tuple[Any, ...], order: Any, starts: range, batch_size: int) -> Iterator[tuple[Any, ...]]:
    for start in starts:
        rows: Any = slice(start, start + batch_size)
        if order is None:
            yield tuple(array[rows] for array in arrays)
        else:
            yield tuple(array[backend.to_device(order[rows], backend.device_of(array))] for array in arrays)
