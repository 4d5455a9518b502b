"""What all autoregressive models (자기회귀 모델) share: the chain rule, read in both directions.

    ln p(x) = Σₖ ln p(xₖ | x before k)          Eq. 1.1 (derivations/01-likelihood.md#eq-1-1)

A model says in which `order` it takes the elements of an image and, in `logits`, what the elements before each one say
about it. All conditionals of a given image are computed at once: that is how likelihoods are found and models trained.
To draw an image they are needed one after the other: that is `scan`, from which compressing is made, and `waves`, from
which sampling and completing are. A model may know a quicker way than to start anew for every element.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

import numpy as np

from ... import backend, nn
from ... import functional as F
from ...autograd import Tensor, no_grad
from ...distributions import check_drawable

__all__ = ["Autoregressive", "quantile"]


class Autoregressive(nn.Module):
    """p(x) = Πₖ p(xₖ | x before k) over images of `shape`, whose elements are levels 0 … levels − 1.

    With 2 levels a conditional is a Bernoulli and has one logit, with more it is a softmax over `levels` logits.
    `classes`, where it is not None, is the number of classes of p(x | y): then every method wants `condition`, integers
    (N,). A subclass gives `logits`, and its own `order` where that is not raster order (래스터 순서; the colours of a
    pixel one after the other).
    """

    def __init__(self, shape: tuple[int, ...], levels: int = 2, classes: int | None = None) -> None:
        if levels < 2:
            raise ValueError(f"{type(self).__name__}: expected at least 2 levels, got {levels}")
        self.shape = tuple(shape)
        self.levels = levels
        self.classes = classes

    @property
    def size(self) -> int:
        """How many elements an image has."""
        return math.prod(self.shape)

    @property
    def order(self) -> list[int]:
        """Positions in a flat image, first to be drawn first: row by row, the colours of a pixel one after the other.
        An image is (colours, height, width), (height, width), or a vector."""
        colours = self.shape[0] if len(self.shape) > 2 else 1
        positions: list[int] = np.arange(self.size).reshape(colours, -1).T.ravel().tolist()
        return positions

    def logits(self, x: Any, condition: Any = None) -> Tensor:
        """The logits of every conditional for images x (N, *shape), array or Tensor, **scaled to 0 … 1**.

        (N, *shape) for 2 levels, else (N, levels, *shape). Those of an element depend on the elements before it in
        `order`, and on no other.
        """
        raise NotImplementedError

    def log_prob(self, x: Any, condition: Any = None, **how: Any) -> Tensor:
        """ln p(x) in nats, exact: (N,) for levels x (N, *shape), an array of whole numbers. `how` is for `logits`.

        Eq. 1.1 (derivations/01-likelihood.md#eq-1-1). Raises `ValueError` for images of another size, and for what is
        no level: a pixel that is not known is for `complete`.
        """
        x = x.data if isinstance(x, Tensor) else x
        self.check(x, condition)
        logits = self.logits(self.scaled(x), condition, **how)
        if self.levels == 2:
            each = -F.binary_cross_entropy_with_logits(logits, x.astype(logits.dtype), "none")
        else:
            each = -F.cross_entropy(logits, x.astype(np.int64), "none")
        return each.reshape((len(x), self.size)).sum(1)

    def loss(self, x: Any, *condition_and_rng: Any) -> tuple[Tensor, dict[str, Any]]:
        """The mean of −ln p(x) over a batch, and what is to be shown: nats per image, bits per element. Called as
        `loss(x, rng)` or `loss(x, condition, rng)`; here `rng` is unused."""
        return self.as_loss(self.log_prob(x, *condition_and_rng[:-1]))

    def as_loss(self, log_prob: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """What `loss` returns, of ln p(x) (N,)."""
        nats = -log_prob.mean()
        return nats, {"NLL": nats.data, "bits/dim": nats.data * (1 / (math.log(2) * self.size))}

    # --------------------------------------------------------------------------------------- one after the other
    def scan(self, n: int, condition: Any = None) -> Generator[Any, Any, None]:
        """The conditionals of n images one after the other, as a generator: it gives the logits of the next element of
        `order`, a raw array (n,) or (n, levels), and wants to be sent its levels (n,).

            scan = model.scan(n)
            logits = scan.send(None)         # of the first element
            logits = scan.send(values)       # of the next one

        This is the plain way, a whole pass for every element.
        """
        size = self.size
        x = np.zeros_like(self.like, shape=(n, size))
        for position in self.order:
            with no_grad():
                logits = self.logits(x.reshape(n, *self.shape), condition).data
            levels = yield logits.reshape(n, *logits.shape[1 : logits.ndim - len(self.shape)], size)[..., position]
            x[:, position] = self.scaled(levels)

    def waves(self, levels: Any, condition: Any = None) -> Generator[tuple[slice, Any], None, None]:
        """The same in steps of as many elements as can be drawn at once, since none of them sees another: gives where
        in a flat image they stand, k of them, and their logits (n, k) or (n, k, levels). Before the next step their
        levels have to be in `levels` (n, size).

        This is the plain way, an element at a time.
        """
        scan, sent = self.scan(len(levels), condition), None
        for position in self.order:
            yield slice(position, position + 1), scan.send(sent)[:, None]
            sent = levels[:, position]

    def sample(self, n: int, rng: Any, condition: Any = None) -> Any:
        """n new images (n, *shape): a raw array of levels, each element drawn from its conditional given those drawn
        before (조상 샘플링). One uniform number of `rng` decides each element: see `quantile`. Raises `ValueError` for
        an n that is no whole number, 0 or more."""
        if not isinstance(n, (int, np.integer)) or n < 0:
            raise ValueError(f"{type(self).__name__}.sample: expected a number of images, 0 or more, got {n!r}")
        nothing = np.zeros_like(self.like, shape=(n, *self.shape))
        return self.complete(nothing, nothing > 0, rng, condition)

    def complete(self, x: Any, known_mask: Any, rng: Any, condition: Any = None) -> Any:
        """x (n, *shape) with the elements at which `known_mask` (shaped as x, or as one image) is False drawn anew.

        An element is drawn given all elements *before* it in `order`. Where known ones come later, the result is
        therefore no draw from p(unknown | known): those still to come have no say. It is drawn from the c of Eq. 3.20
        (derivations/03-conditionals.md#eq-3-20). Raises as `log_prob`, `ValueError` for a mask that is not of this
        kind, and `FloatingPointError` where the model's logits are no numbers.
        """
        mask = self.checked_mask(x, known_mask)
        levels = np.where(mask, x, 0).astype(self.like.dtype, order="C")  # so that `flat` is a view of it
        self.check(levels, condition)
        flat, known = (a.reshape(len(x), self.size) for a in (levels, mask))
        uniforms = backend.uniform(rng, flat.shape, self.like)
        for these, logits in self.waves(flat, condition):
            flat[:, these] = np.where(known[:, these], flat[:, these], quantile(logits, uniforms[:, these]))
        return levels

    # ------------------------------------------------------------------------------------------------------- helpers
    @property
    def like(self) -> Any:
        """An array of the model's dtype and device."""
        return next(self.parameters()).data

    def scaled(self, levels: Any) -> Any:
        """Levels 0 … K − 1 as numbers 0 … 1 in the model's dtype."""
        return levels.astype(self.like.dtype) / (self.levels - 1)

    def check(self, x: Any, condition: Any) -> None:
        """Raises `ValueError` where x are no images of this model, or the condition is none of its classes."""
        name = type(self).__name__
        self.check_input(x, condition)
        strange = ~((x >= 0) & (x < self.levels) & (x == np.floor(x)))  # NaN fails every comparison
        if backend.host_scalar(strange.any()):
            raise ValueError(
                f"{name}: expected whole numbers 0 … {self.levels - 1}; "
                f"{backend.host_scalar(strange.sum())} elements are not (scale or binarize the images first; elements "
                "that are not known are for `complete`)"
            )

    def check_input(self, x: Any, condition: Any) -> None:
        """Raises `ValueError` where x is not shaped as images of this model, or the condition is not their classes."""
        self.check_shape(x)
        self.check_condition(len(x), condition)

    def check_shape(self, x: Any) -> None:
        """Raises `ValueError` where x (N, *shape) has another shape, or hides elements under a mask of NumPy's."""
        if isinstance(x, np.ma.MaskedArray):
            raise ValueError(
                f"{type(self).__name__}: expected an array of levels, got a masked one; elements that are not known "
                "are for `complete`, which takes x.filled(0) and known_mask=~np.ma.getmaskarray(x)"
            )
        if getattr(x, "shape", ())[1:] != self.shape:
            wanted = f"(N, {', '.join(map(str, self.shape))})"
            got = getattr(x, "shape", type(x).__name__)
            raise ValueError(f"{type(self).__name__}: expected images {wanted}, got {got}")

    def check_condition(self, n: int, condition: Any) -> None:
        """Raises `ValueError` where the condition is not the classes of n images."""
        name = type(self).__name__
        if self.classes is None:
            if condition is not None:
                raise ValueError(f"{name}: this model has no classes, expected condition=None")
            return
        wanted = f"{name}: expected a condition of {n} integers 0 … {self.classes - 1}, the classes"
        if getattr(condition, "shape", None) != (n,) or condition.dtype.kind not in "iu":
            raise ValueError(f"{wanted}, got {backend.described(condition)}")
        if backend.host_scalar(((condition < 0) | (condition >= self.classes)).any()):
            raise ValueError(f"{wanted}; some lie outside")

    def checked_mask(self, x: Any, known_mask: Any) -> Any:
        """The mask of all images x, where it was given for one. Raises `ValueError` where either does not fit."""
        self.check_shape(x)
        if getattr(known_mask, "dtype", None) != np.dtype(bool) or known_mask.shape not in (x.shape, self.shape):
            raise ValueError(
                f"{type(self).__name__}: expected a mask, an array of bool, {tuple(x.shape)} or for all images "
                f"{self.shape}, got {backend.described(known_mask)}"
            )
        return np.broadcast_to(known_mask, x.shape)


def quantile(logits: Any, u: Any) -> Any:
    """The level at which the cumulative distribution passes u ∈ [0, 1): with u uniform, a draw from p.

    logits of a Bernoulli, shaped as u, x = 1 if u ≥ p(0) = σ(−a); or (*u.shape, K) of a softmax → levels in the shape
    and dtype of u. Raises `FloatingPointError` for logits that are no numbers: no level would be more likely.
    """
    bernoulli = logits.ndim == u.ndim
    check_drawable("quantile", logits, bernoulli)
    if bernoulli:
        return (u >= F.sigmoid(-logits)).astype(u.dtype)
    cumulative = np.cumsum(F.softmax(logits, -1), axis=-1)
    # The last is 1 only up to rounding, and u may lie above it: so there are K − 1 thresholds.
    return (u[..., None] >= cumulative[..., :-1]).sum(axis=-1).astype(u.dtype)
