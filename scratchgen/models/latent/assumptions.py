"""What a latent-variable model assumes, checked where a wrong assumption would give a wrong number silently."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import backend

__all__ = ["check_decoder", "check_labels", "check_latent", "check_levels", "check_pixels"]


def check_decoder(who: str, decoder: str, variance: float | str | None) -> None:
    """Raise `ValueError` for an unknown decoder, and for a variance that it does not have."""
    if decoder not in ("bernoulli", "normal", "categorical"):
        raise ValueError(f"{who}: decoder must be 'bernoulli', 'normal' or 'categorical', got {decoder!r}")
    positive = variance in (None, "scalar") or (not isinstance(variance, str) and variance > 0)
    if not positive or (variance is not None and decoder != "normal"):
        raise ValueError(
            f"{who}: variance={variance!r} wants decoder='normal', and to be positive, 'scalar' (one that is learned) "
            "or None (one learned for each pixel)"
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
