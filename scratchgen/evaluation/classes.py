"""Which classes do samples belong to? What any classifier of real data says of them, in a few numbers.

What it measures: whether all classes come (2s and 3s only, S0's slide of mode collapse, 모드 붕괴), and with
`inception_score` whether the classifier is sure of each. What it does not: variety inside a class, likeness to real
data, anything the classifier does not look at. One image per class, however often repeated, is perfect here; and a
classifier is sure of much that is no digit.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import entr, rel_entr

from .inputs import on_host

__all__ = ["Classes", "class_shares", "inception_score", "stack_labels"]


class Classes(NamedTuple):
    """What `class_shares` found. Eq. 22.15 (derivations/22-metrics.md#eq-22-15)

    shares: of each class, float64 (K,).  reached: classes with at least one sample.  entropy: H of the shares, nats.
    from_uniform: ln K − H = KL(shares‖uniform), nats.  dominant: the largest share.  effective: e^H, how many equally
    frequent classes would have this entropy.
    """

    shares: np.ndarray
    reached: int
    entropy: float
    from_uniform: float
    dominant: float
    effective: float

    def __str__(self) -> str:
        return (
            f"{self.reached} of {len(self.shares)} classes, as many as {self.effective:.1f} equally frequent ones,"
            f" the largest {self.dominant:.0%}"
        )


def class_shares(predictions: Any, classes: int | None = None) -> Classes:
    """The histogram of predicted classes, H = −Σ q ln q, and ln K − H.  Eq. 22.15 (derivations/22-metrics.md#eq-22-15)

    `predictions` are labels, integers (N,), and then `classes` = K is wanted; or probabilities or logits, floats
    (N, K), of which the largest counts. For stacked digits: `class_shares(stack_labels(labels), 1000)`, as L. Metz et
    al. 2017 (arXiv:1611.02163) do. Raises `ValueError` for labels that are no class, NaN, or no predictions at all.
    """
    p = on_host("class_shares", "predictions", predictions, None)
    if p.ndim == 2 and p.dtype.kind == "f" and p.shape[1]:
        if np.isnan(p).any():
            raise ValueError("class_shares: probabilities or logits are NaN; look at the images behind them")
        p, classes = p.argmax(1), p.shape[1] if classes is None else classes
    if p.ndim != 1 or p.dtype.kind not in "iu" or classes is None or not len(p):
        raise ValueError(
            "class_shares: expected labels, integers (N,), with `classes`; or probabilities, floats (N, K); got"
            f" {p.dtype} {p.shape} with classes={classes}"
        )
    if p.min() < 0 or p.max() >= classes:
        raise ValueError(f"class_shares: labels go from {p.min()} to {p.max()}, expected 0 … {classes - 1}")
    shares = np.bincount(p, minlength=classes) / len(p)
    entropy = float(entr(shares).sum())
    return Classes(
        shares,
        int((shares > 0).sum()),
        entropy,
        max(0.0, math.log(classes) - entropy),
        float(shares.max()),
        math.exp(entropy),
    )


def inception_score(probabilities: Any) -> float:
    """exp E KL(p(y|x)‖p(y)), p(y) = E p(y|x), of a classifier's probabilities (N, K): from 1 to K.

    Eq. 22.16 (derivations/22-metrics.md#eq-22-16). Large if the classifier is sure of each sample and every class
    comes; K for one image of each class, repeated (Eq. 22.17). With a classifier of digits in the place of Inception
    the numbers are those of that classifier, and compare with nothing published. Raises `ValueError` for rows that are
    no probabilities.

    T. Salimans et al., *Improved techniques for training GANs*, 2016 (arXiv:1606.03498).
    """
    p = on_host("inception_score", "probabilities", probabilities)
    if p.ndim != 2 or not p.size or p.min() < 0 or not np.allclose(p.sum(1), 1, atol=1e-3):
        raise ValueError(f"inception_score: expected probabilities (N, K) that add up to 1 in each row, got {p.shape}")
    p = p / p.sum(1, keepdims=True)
    return math.exp(float(rel_entr(p, p.mean(0)).sum(1).mean()))


def stack_labels(labels: Any, classes: int = 10) -> np.ndarray:
    """Labels of the channels, (N, C) → one label (N,) out of classes^C: digits 4, 0, 7 in three channels are mode 407.

    Eq. 22.15 (derivations/22-metrics.md#eq-22-15) then counts the 1,000 modes of stacked MNIST. Raises `ValueError` for
    labels outside 0 … classes − 1, and for so many channels that 64 bits cannot count their modes.
    """
    a = on_host("stack_labels", "labels", labels, None)
    if not (isinstance(classes, (int, np.integer)) and classes >= 1):
        raise ValueError(f"stack_labels: classes counts them, 1 or more, got {classes!r}")
    if a.ndim != 2 or a.dtype.kind not in "iu" or (a.size and (a.min() < 0 or a.max() >= classes)):
        raise ValueError(f"stack_labels: expected labels 0 … {classes - 1}, integers (N, channels), got {a.dtype} {a}")
    if int(classes) ** a.shape[1] > np.iinfo(np.int64).max:
        raise ValueError(f"stack_labels: {classes} classes in {a.shape[1]} channels are too many modes for 64 bits")
    return a.astype(np.int64) @ int(classes) ** np.arange(a.shape[1])[::-1]
