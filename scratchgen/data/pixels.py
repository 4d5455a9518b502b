"""Images of digits, and what is done to their pixels before a model sees them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import backend

__all__ = ["Digits", "binarize", "dequantize", "downsample", "quantize"]


class Digits(NamedTuple):
    """N grey images and their classes; unpacks as `images, labels`.

    images: uint8 (N, 28, 28), 0 = paper … 255 = ink.  labels: int64 (N,), 0 … 9.
    """

    images: np.ndarray
    labels: np.ndarray

    def scaled(self) -> np.ndarray:
        """images / 255: float32 (N, 28, 28) in [0, 1]."""
        return self.images / np.float32(255)

    def flat(self) -> np.ndarray:
        """The scaled images as vectors: float32 (N, 784) in [0, 1], what an MLP takes."""
        return self.scaled().reshape(len(self.images), -1)

    def nchw(self) -> np.ndarray:
        """The scaled images with one channel: float32 (N, 1, 28, 28) in [0, 1], what a convolution takes."""
        return self.scaled()[:, None]


def downsample(images: Any, side: int) -> Any:
    """out[…, i, j] = mean of block (i, j): images (…, H, W) to (…, side, side), e.g. 28×28 to 14×14 or 7×7.

    Units and dtype stay; integers are averaged in float32 (0 … 255 stays 0 … 255).
    Raises `ValueError` where `side` divides H or W with a remainder.
    """
    if images.ndim < 2 or side < 1 or images.shape[-2] % side or images.shape[-1] % side:
        raise ValueError(
            f"downsample: expected images (…, H, W) with H and W multiples of side={side}, got {images.shape}; "
            f"28×28 goes to side 14, 7, 4, 2 or 1"
        )
    if images.dtype.kind != "f":
        images = images.astype(np.float32)
    *batch, height, width = images.shape
    blocks = images.reshape(*batch, side, height // side, side, width // side)
    return blocks.mean(axis=(-3, -1))


def quantize(x: Any, levels: int) -> Any:
    """k = ⌊(K − 1)·x + ½⌋, the nearest of K grey levels (양자화) 0 … K − 1, from x ∈ [0, 1]; whole numbers in the shape
    and dtype of x, what a softmax over K levels is trained on (S0, lines 293–295).

    With 256 levels the pixels of a file come back as they are in it. Raises `ValueError` for grey values outside
    [0, 1], and for fewer than 2 levels.
    """
    _check_grey("quantize", x)
    if levels < 2:
        raise ValueError(f"quantize: expected 2 or more levels, got {levels}")
    return np.floor(x * (levels - 1) + 0.5).astype(x.dtype)


def dequantize(x: Any, rng: Any, levels: int = 256) -> Any:
    """y = (k + u)/K, k the level of x ∈ [0, 1] among K (see `quantize`) and u ~ U[0, 1) drawn with `rng` (역양자화).

    Eq. 2.3 (derivations/02-codes.md#eq-2-3): the pixels to ask a *density* about, if it is to say anything of the K
    levels: −ln P(k) ≤ −ln p(y) + D ln K on average over u. In the shape and dtype of x, between 0 and 1, the level
    ⌊K·y⌋. Raises `ValueError` as `quantize` does. L. Theis, A. van den Oord, M. Bethge, *A note on the evaluation of
    generative models*, ICLR 2016.
    """
    return (quantize(x, levels) + backend.uniform(rng, x.shape, like=x)) / levels


def _check_grey(who: str, x: Any) -> None:
    if x.dtype.kind != "f" or not backend.host_scalar(((x >= 0) & (x <= 1)).all()):
        raise ValueError(f"{who}: expected floats in [0, 1], got {x.dtype} {x.shape}; scale first (images / 255)")


# ------------------------------------------------------------------------------------------------- binarization
STATIC_SEED = 20080101


def binarize(x: Any, how: str, rng: Any = None, threshold: float = 0.5) -> Any:
    """b ∈ {0, 1} from grey values x ∈ [0, 1]; shape and dtype of x.

    A likelihood in nats means nothing until the binarization (이진화) is named, so there is no default:

    - `"dynamic"`: b ~ Bernoulli(x), drawn with `rng` at every call. Calling it once per batch re-samples the data: an
      augmentation, worth 2–3 nats. Fix the bits of a *test* set by its own seeded `rng`.
    - `"static"`: b ~ Bernoulli(x), drawn once and for all: the seed is fixed, so the same x gives the same bits, in
      every process and on every device, and the first n images get the bits that they have in the whole set. These are
      *not* the bits behind the published numbers on "static binarized MNIST": for those, see `binarized_mnist`.
    - `"threshold"`: b = [x > threshold], no chance at all; cleaner strokes, an easier data set.

    Raises `ValueError` for grey values outside [0, 1], another `how`, or an `rng` missing or too many.
    Salakhutdinov & Murray 2008 (static); Burda, Grosse & Salakhutdinov 2016 (dynamic).
    """
    _check_grey("binarize", x)
    if how not in ("static", "dynamic", "threshold"):
        raise ValueError(f"binarize: how is {how!r}, expected 'static', 'dynamic' or 'threshold'")
    if (how == "dynamic") != (rng is not None):
        problem = "needs an rng" if rng is None else "takes no rng (only 'dynamic' does)"
        raise ValueError(f"binarize: how={how!r} {problem}; binarize(x, 'dynamic', np.random.default_rng(seed))")
    if how == "threshold":
        return (x > threshold).astype(x.dtype)
    if how == "static":
        rng = np.random.default_rng(STATIC_SEED)
    return (backend.uniform(rng, x.shape, like=x) < x).astype(x.dtype)
