"""Losses (손실 함수), which take logits where a logarithm would otherwise meet a rounded 0.

`reduction` is "mean" (over all elements, or over the labels of `nll_loss`), "sum" or "none". A likelihood in nats per
image is a *sum* over pixels and a mean over images: use "none" or "sum" for it, not "mean".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..autograd import Tensor, primitive
from . import reduction as over
from .elementwise import abs, clip, log, positive_part, sigmoid, square
from .shape import gather, reshape

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "l1_loss",
    "mse_loss",
    "nll_loss",
]


def _reduced(loss: Any, reduction: str) -> Any:
    if reduction == "mean":
        return over.mean(loss)
    if reduction == "sum":
        return over.sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def _matching(name: str, x: Any, target: Any) -> Any:
    """The target, checked: of x's shape, or one number for all elements."""
    if isinstance(target, (bool, int, float)):
        return float(target)
    if target.shape != x.shape:
        raise ValueError(f"{name}: input {x.shape} and target {target.shape} differ in shape; reshape one of them")
    return target.astype(x.dtype) if target.dtype.kind in "iub" else target


@primitive
def _bce(p: Any, t: Any) -> Any:
    # A logarithm is kept above −100, so that p = 0 or 1 costs a finite 100 nats per wrong element.
    with np.errstate(divide="ignore"):
        return -(t * np.maximum(np.log(p), -100.0) + (1 - t) * np.maximum(np.log1p(-p), -100.0))


def _bce_rule(g: Any, p: Any, t: Any) -> Any:
    return g * ((p - t) / clip(p * (1 - p), 1e-12))


def _bce_target_rule(g: Any, p: Any) -> Any:
    with np.errstate(divide="ignore"):
        return g * (clip(log(1 - p), -100.0) - clip(log(p), -100.0))


_bce.vjp(p=_bce_rule, t=_bce_target_rule)


def binary_cross_entropy(p: Any, target: Any, reduction: str = "mean") -> Any:
    """−(t ln p + (1 − t) ln(1 − p)).  Eq. 0.70 (derivations/00-autograd.md#eq-0-70)

    p probabilities, target of the same shape or one number. Both logarithms are held above −100 and the denominator
    p(1 − p) of the slope above 1e−12 (PyTorch's conventions). Raises `ValueError` for p outside [0, 1]: pass logits to
    `binary_cross_entropy_with_logits` instead, which needs neither bound.
    """
    target = _matching("binary_cross_entropy", p, target)
    value = p.data if isinstance(p, Tensor) else p
    if value.size and (backend.host_scalar(value.min()) < 0 or backend.host_scalar(value.max()) > 1):  # NaN stays NaN
        raise ValueError(
            "binary_cross_entropy: probabilities must lie in [0, 1]; apply a sigmoid, or pass the logits to "
            "binary_cross_entropy_with_logits"
        )
    return _reduced(_bce(p, target), reduction)


@primitive
def _bce_with_logits(x: Any, t: Any) -> Any:
    loss = positive_part(x)
    loss -= x * t  # exactly 0 where a sure prediction is right, so that the small rest keeps its digits
    loss += np.log1p(np.exp(-np.abs(x)))
    return loss


_bce_with_logits.vjp(x=lambda g, x, t: g * (sigmoid(x) - t), t=lambda g, x: -g * x)


def binary_cross_entropy_with_logits(logits: Any, target: Any, reduction: str = "mean") -> Any:
    """ζ(a) − a t = −ln p(t | σ(a)).  Eq. 0.71 (derivations/00-autograd.md#eq-0-71)

    logits a of any shape, target t of the same shape or one number. The slope is σ(a) − t: finite, and not 0 where
    the prediction is wrong.
    """
    target = _matching("binary_cross_entropy_with_logits", logits, target)
    return _reduced(_bce_with_logits(logits, target), reduction)


def nll_loss(log_probs: Any, labels: Any, reduction: str = "mean") -> Any:
    """−ln p at each label.  Eq. 0.72 (derivations/00-autograd.md#eq-0-72)

    log_probs (N, K) or (N, K, …), labels integers (N,) or (N, …) in 0 … K − 1.
    Raises `TypeError` for labels that are not integers, `ValueError` for shapes or classes that do not fit.
    """
    labels = labels.data if isinstance(labels, Tensor) else labels
    if getattr(labels, "dtype", np.dtype(object)).kind not in "iu":
        raise TypeError(
            f"nll_loss: labels must be an array of integers, got {getattr(labels, 'dtype', type(labels).__name__)}"
        )
    if log_probs.ndim < 2 or labels.shape != (log_probs.shape[0], *log_probs.shape[2:]):
        raise ValueError(
            f"nll_loss: scores {log_probs.shape} want labels of shape (N, …) without the class axis, got {labels.shape}"
        )
    classes = log_probs.shape[1]
    if labels.size and not (backend.host_scalar(labels.min()) >= 0 and backend.host_scalar(labels.max()) < classes):
        raise ValueError(f"nll_loss: labels must lie in 0 … {classes - 1}, the classes of scores {log_probs.shape}")
    picked = gather(log_probs, 1, labels[:, None])
    return _reduced(-reshape(picked, labels.shape), reduction)


def cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> Any:
    """−ln softmax(logits) at each label.  Eq. 0.72 (derivations/00-autograd.md#eq-0-72)

    logits (N, K) or (N, K, …), labels integers (N,) or (N, …). Raises as `nll_loss`.
    """
    return nll_loss(over.log_softmax(logits, axis=1), labels, reduction)


def mse_loss(x: Any, target: Any, reduction: str = "mean") -> Any:
    """(x − t)².  Eq. 0.73 (derivations/00-autograd.md#eq-0-73)"""
    return _reduced(square(x - _matching("mse_loss", x, target)), reduction)


def l1_loss(x: Any, target: Any, reduction: str = "mean") -> Any:
    """|x − t|.  Eq. 0.74 (derivations/00-autograd.md#eq-0-74). The slope at 0 is 0."""
    return _reduced(abs(x - _matching("l1_loss", x, target)), reduction)
