"""What a latent-variable model assumes, checked where a wrong assumption would give a wrong number silently."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import backend

__all__ = [
    "check_decoder",
    "check_grey",
    "check_labels",
    "check_latent",
    "check_levels",
    "check_penalty",
    "check_pixels",
]


def check_decoder(who: str, decoder: str, variance: float | str | None) -> None:
    """Raise `ValueError` for an unknown decoder, and for a variance that it does not have."""
    if decoder not in ("bernoulli", "normal", "categorical"):
        raise ValueError(f"{who}: decoder must be 'bernoulli', 'normal' or 'categorical', got {decoder!r}")
    positive = variance in (None, "scalar") or (not isinstance(variance, str) and 0 < variance < math.inf)
    if not positive or (variance is not None and decoder != "normal"):
        raise ValueError(
            f"{who}: variance={variance!r} wants decoder='normal', and to be positive and finite, 'scalar' (one that "
            "is learned) or None (one learned for each pixel)"
        )


def check_latent(who: str, latent: int, posterior: str) -> None:
    """Raise `ValueError` for a latent space without dimensions, and for an unknown posterior."""
    if latent < 1:
        raise ValueError(f"{who}: latent must be at least 1, got {latent}")
    if posterior not in ("diagonal", "full"):
        raise ValueError(f"{who}: posterior must be 'diagonal' or 'full', got {posterior!r}")


def check_labels(who: str, labels: Any, classes: int | None, n: int) -> None:
    """Raise `ValueError` unless there is one label for each of n images, or, without classes, none at all."""
    if classes is None:
        if labels is not None:
            raise ValueError(f"{who}: this model has no classes, expected labels=None; make it with classes=…")
        return
    wanted = f"{who}: expected {n} labels, integers 0 … {classes - 1}"
    if labels is None or labels.shape != (n,) or labels.dtype.kind not in "iu":
        got = None if labels is None else f"{labels.dtype}{tuple(labels.shape)}"
        raise ValueError(f"{wanted}, got {got}")
    if backend.host_scalar(((labels < 0) | (labels >= classes)).any()):
        raise ValueError(f"{wanted}; some lie outside")


def check_penalty(who: str, beta: float, free_bits: float) -> None:
    """Raise `ValueError` unless both weights of the KL divergence are numbers ≥ 0: others turn the bound around."""
    for name, value in (("beta", beta), ("free_bits", free_bits)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{who}: {name} must be finite and at least 0, got {value}")


def check_grey(who: str, x: Any) -> None:
    """Raise `ValueError` unless every pixel of the raw array `x` lies in [0, 1], as a probability does."""
    if not backend.host_scalar(((x >= 0) & (x <= 1)).all()):  # NaN fails every comparison
        raise ValueError(
            f"{who}: a cross-entropy wants pixels in [0, 1], these lie in "
            f"{backend.host_scalar(x.min()):g} … {backend.host_scalar(x.max()):g}; divide them by 255, or use "
            "loss='squared error'"
        )


def check_pixels(who: str, x: Any) -> None:
    """Raise `ValueError` unless every pixel of the raw array `x` is exactly 0 or 1.

    A Bernoulli distribution knows no grey: x ln x̂ + (1 − x) ln(1 − x̂) of a grey x is a number, but not the logarithm of
    any probability, and cannot be compared with a likelihood. (Ledger B7.)
    """
    if not backend.host_scalar((x * x == x).all()):  # only 0 and 1 are their own squares
        raise ValueError(
            f"{who}: a Bernoulli decoder wants pixels that are 0 or 1, these are grey "
            f"({backend.host_scalar(x.min()):g} … {backend.host_scalar(x.max()):g}); say how they become black and "
            "white with scratchgen.data.binarize, or use decoder='normal'"
        )


def check_levels(who: str, x: Any, levels: int) -> None:
    """Raise `ValueError` unless every pixel of the raw array `x` is a whole number 0 … levels − 1."""
    if not backend.host_scalar(((x >= 0) & (x < levels) & (x == np.floor(x))).all()):  # NaN fails every comparison
        raise ValueError(
            f"{who}: a categorical decoder wants pixels that are whole numbers 0 … {levels - 1}, these lie in "
            f"{backend.host_scalar(x.min()):g} … {backend.host_scalar(x.max()):g}; multiply images in [0, 1] by "
            f"{levels - 1} and round them"
        )
