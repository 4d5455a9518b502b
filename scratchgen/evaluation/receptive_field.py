"""What a conditional of an image model can see (수용 영역): asked of the model itself, and foretold by geometry.

`receptive_field` knows nothing of masks and layers; it differentiates. `cone` and `window` are the theorems of
derivations/05-blind-spot.md about masked convolutions and about two stacks; where both are right they agree.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..autograd import grad, tensor

__all__ = ["cone", "receptive_field", "window"]


def receptive_field(model: Any, position: tuple[int, ...], rng: Any, images: int = 8, condition: Any = None) -> Any:
    """|∂ a(position) / ∂x|, a the logits of an autoregressive model: a host array of the model's shape.

    The mean over some random grey images, since a unit that sleeps for one of them may be awake for another; of several
    logits at a position, with random signs added. A pixel that is on no path has exactly 0: Eq. 5.2
    (derivations/05-blind-spot.md#eq-5-2). `position` is an index into an image, such as (0, 14, 14); `condition` the
    classes (images,) for a model of p(x | y). Raises `ValueError` for a position outside of the image.
    """
    if len(position) != len(model.shape) or not all(0 <= p < side for p, side in zip(position, model.shape)):
        raise ValueError(f"receptive_field: expected a position in an image {model.shape}, got {position}")
    x = tensor(backend.uniform(rng, (images, *model.shape), model.like), requires_grad=True)
    logits = model.logits(x, condition)
    here = (slice(None),) * (logits.ndim - len(position)) + tuple(position)
    seed = np.zeros_like(logits.data)
    seed[here] = np.sign(backend.uniform(rng, seed[here].shape, seed) - 0.5)
    (slope,) = grad(logits, [x], seed)
    return backend.to_host(abs(slope.data).mean(0))


def cone(size: tuple[int, int], position: tuple[int, int], first: int, kernel: int, layers: float = math.inf) -> Any:
    """Which pixels of an image of `size` (H, W) masked convolutions see from `position`: booleans (H, W).

    0 ≤ m ≤ r₀ + rL and −(r₀ + rL) ≤ d ≤ r₀ + r·min(m − 1, L); for m = 0, d ≤ −1.  Eqs. 5.3 and 5.4
    (derivations/05-blind-spot.md#eq-5-3)

    for the pixel m rows above and d columns to the right. One layer of type A with a kernel of `first` = 2r₀ + 1, then
    `layers` = L of type B with `kernel` = 2r + 1 ≤ `first`; as many as you like where L is not given. Convolutions of
    1×1 and residual connections change nothing. Raises `ValueError` for a position outside of the image, for kernels
    that are even or larger than the first, and for `layers` that are no number of layers.
    """
    above, right, r0, r, reach = _offsets("cone", size, position, first, kernel, layers)
    edge = np.where(above == 0, -1, r0 + r * np.minimum(above - 1, layers))
    return (above >= 0) & (above <= reach) & (right >= -reach) & (right <= edge)


def window(size: tuple[int, int], position: tuple[int, int], first: int, kernel: int, layers: float = math.inf) -> Any:
    """The same for a vertical and a horizontal stack: everything before `position` that is near enough.

    (m = 0 and −(r₀ + rL) ≤ d ≤ −1) or (1 ≤ m ≤ r₀ + rL and |d| ≤ r₀ + rL).  Eq. 5.7
    (derivations/05-blind-spot.md#eq-5-7)

    Raises `ValueError` where `cone` does, and for `layers` < 1: without any the stacks are not linked.
    """
    if layers < 1:
        raise ValueError(f"window: expected at least one layer, which links the two stacks, got layers={layers}")
    above, right, _, _, reach = _offsets("window", size, position, first, kernel, layers)
    before = (above > 0) | ((above == 0) & (right < 0))
    return before & (above <= reach) & (abs(right) <= reach)


def _offsets(
    name: str, size: tuple[int, int], position: tuple[int, int], first: int, kernel: int, layers: float
) -> tuple[Any, Any, int, int, float]:
    """How far each pixel lies above `position` and to the right of it; r₀, r and r₀ + rL."""
    if len(size) != 2 or len(position) != 2:
        raise ValueError(f"{name}: expected a size (H, W) and a position (row, column), got {size} and {position}")
    if not (layers == math.inf or (layers >= 0 and layers == int(layers))):
        raise ValueError(f"{name}: layers counts those of type B, 0 or more, or is infinite; got {layers}")
    if first % 2 == 0 or kernel % 2 == 0 or not 3 <= kernel <= first:
        raise ValueError(f"{name}: expected odd kernels, 3 ≤ kernel ≤ first, got first={first} and kernel={kernel}")
    if not (0 <= position[0] < size[0] and 0 <= position[1] < size[1]):
        raise ValueError(f"{name}: expected a position in an image {size}, got {position}")
    rows, columns = np.indices(size)
    r0, r = first // 2, kernel // 2
    return position[0] - rows, columns - position[1], r0, r, r0 + r * layers
