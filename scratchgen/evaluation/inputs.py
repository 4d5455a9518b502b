"""What comes in to be measured: arrays of any library, Tensors, or plain lists. All of it is measured on the host."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..autograd import Tensor

__all__ = ["on_host", "pictures"]


def on_host(who: str, name: str, a: Any, dtype: Any = np.float64) -> np.ndarray:
    """The numbers of the argument `name` as a NumPy array, which may be the caller's own: not to be written to.

    Raises `ValueError` for what is no array of numbers, in the name of `who` asks."""
    a = a.data if isinstance(a, Tensor) else a
    try:
        found = np.asarray(backend.to_host(a) if backend.is_array(a) else a)
        if found.dtype.kind not in "biuf":  # None and words would pass for numbers, or for NaN
            raise ValueError(f"an array of {found.dtype}")
        return found if dtype is None else found.astype(dtype, copy=False)
    except (TypeError, ValueError) as error:
        got = backend.described(a)
        raise ValueError(f"{who}: {name} wants numbers, in an array or in even lists, got {got} ({error})") from error


def pictures(who: str, images: Any) -> np.ndarray:
    """float64 (N, H, W) of images (N, H, W) or of square ones in rows (N, H·H); anything else as it came."""
    x = on_host(who, "images", images)
    side = math.isqrt(x.shape[-1]) if x.ndim == 2 else 0
    return x.reshape(len(x), side, side) if side and side * side == x.shape[-1] else x
