"""What a latent-variable model assumes, checked where a wrong assumption would give a wrong number silently."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ... import backend

__all__ = [
    "check_batch",
    "check_codes",
    "check_decoder",
    "check_draws",
    "check_extent",
    "check_grey",
    "check_images",
    "check_labels",
    "check_levels",
    "check_pairs",
    "check_pixels",
    "check_posterior",
    "check_real",
    "check_size",
    "check_unlabelled",
    "check_weights",
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


def check_size(who: str, name: str, size: Any) -> int:
    """A size as a plain integer. Raises `ValueError` unless it is a whole number of any kind, at least 1."""
    try:
        whole = operator.index(size)
    except TypeError:
        whole = 0
    if whole < 1:
        raise ValueError(f"{who}: {name} must be a whole number, at least 1, got {size!r}")
    return whole


def check_posterior(who: str, posterior: str) -> None:
    """Raise `ValueError` for an unknown posterior."""
    if posterior not in ("diagonal", "full"):
        raise ValueError(f"{who}: posterior must be 'diagonal' or 'full', got {posterior!r}")


def check_images(who: str, x: Any, pixels: int) -> None:
    """Raise `ValueError` unless x are images as rows, (N, pixels)."""
    if x.ndim != 2 or x.shape[1] != pixels:
        raise ValueError(
            f"{who}: expected images as rows, (N, {pixels}), got {tuple(x.shape)}; x.reshape(len(x), -1) makes rows"
        )


def check_batch(who: str, x: Any, pixels: int) -> None:
    """Raise `ValueError` unless x are images as rows, and at least one: a loss is a mean over them."""
    check_images(who, x, pixels)
    if not len(x):
        raise ValueError(f"{who}: expected at least one image, got {tuple(x.shape)}")


def check_pairs(who: str, p: Any, x: Any) -> None:
    """Raise `ValueError` unless there are as many images x as distributions p: what broadcasts would be shared."""
    if len(p) != len(x):
        raise ValueError(f"{who}: expected an image for each of {len(p)} distributions p(x|z), got {len(x)}")


def check_draws(who: str, noise: Any, n: int, latent: int) -> None:
    """Raise `ValueError` unless noise are k draws for each of n images, (k, n, latent)."""
    if noise.ndim != 3 or noise.shape[1:] != (n, latent):
        raise ValueError(f"{who}: expected noise (k, {n}, {latent}), k draws for each image, got {tuple(noise.shape)}")


def check_codes(who: str, z: Any, latent: int) -> None:
    """Raise `ValueError` unless z are codes (N, latent)."""
    if z.ndim != 2 or z.shape[1] != latent:
        raise ValueError(f"{who}: expected codes (N, {latent}), as latent={latent} is, got {tuple(z.shape)}")


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


def check_unlabelled(who: str, model: Any) -> None:
    """Raise `ValueError` for a model of p(x|y): `who` has no labels to give it."""
    classes = getattr(model, "classes", None)
    if classes is not None:
        raise ValueError(f"{who}: takes no labels, so expected a model without classes, got one with classes={classes}")


def check_weights(who: str, **weights: float) -> None:
    """Raise `ValueError` unless the weights of a loss's terms are numbers ≥ 0: others turn the bound around."""
    for name, value in weights.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{who}: {name} must be finite and at least 0, got {value}")


def check_finite(wanted: str, x: Any) -> None:
    """Raise `ValueError`, which begins with what was `wanted`, where the raw array `x` has NaN or infinite numbers."""
    if not backend.host_scalar(np.isfinite(x).all()):
        raise ValueError(f"{wanted}, some are NaN or infinite; find out where in the data they come from")


def check_grey(who: str, x: Any) -> None:
    """Raise `ValueError` unless every pixel of the raw array `x` lies in [0, 1], where a sigmoid can answer."""
    if not _within(x, 1):
        wanted = f"{who}: a sigmoid's answers want pixels in [0, 1]"
        check_finite(wanted, x)
        raise ValueError(
            f"{wanted}, these lie in {_extent(x)}; divide them by 255, or use output='linear' (without a cross-entropy)"
        )


def check_pixels(who: str, x: Any) -> None:
    """Raise `ValueError` unless every pixel of the raw array `x` is exactly 0 or 1.

    A Bernoulli distribution knows no grey: x ln x̂ + (1 − x) ln(1 − x̂) of a grey x is a number, but not the logarithm of
    any probability, and cannot be compared with a likelihood. (Ledger B7.)
    """
    if not backend.host_scalar(((x == 0) | (x == 1)).all()):
        wanted = f"{who}: a Bernoulli decoder wants pixels that are 0 or 1"
        check_finite(wanted, x)
        if backend.host_scalar(((x < 0) | (x > 1)).any()):
            found = f"these lie in {_extent(x)}; bring them into [0, 1] (divide 0 … 255 by 255), then"
        else:
            found = f"these are grey ({_extent(x)});"
        raise ValueError(
            f"{wanted}, {found} say how they become black and white with scratchgen.data.binarize, or use "
            "decoder='normal'"
        )


def check_extent(who: str, x: Any, levels: int) -> None:
    """Raise as `check_pixels` (2 levels) or `check_levels` where a pixel of the raw array `x` lies outside of them.

    What lies between two levels has no likelihood, but an encoder may read it.
    """
    if not _within(x, levels - 1):
        check_pixels(who, x) if levels == 2 else check_levels(who, x, levels)


def check_levels(who: str, x: Any, levels: int) -> None:
    """Raise `ValueError` unless every pixel of the raw array `x` is a whole number 0 … levels − 1."""
    if not backend.host_scalar(((x >= 0) & (x < levels) & (x == np.floor(x))).all()):  # NaN fails every comparison
        wanted = f"{who}: a categorical decoder wants pixels that are whole numbers 0 … {levels - 1}"
        check_finite(wanted, x)
        raise ValueError(
            f"{wanted}, these lie in {_extent(x)}; multiply images in [0, 1] by {levels - 1} and round them"
        )


def check_real(who: str, x: Any, output: str = "a Normal decoder") -> None:
    """Raise `TypeError` where the pixels of the raw array `x` are integers, and `ValueError` where they are no numbers.

    A real pixel may have any size. But integers are levels 0 … 255, to which a variance that begins at 1 does not fit.
    """
    wanted = f"{who}: {output} wants real pixels"
    if x.dtype.kind != "f":
        raise TypeError(f"{wanted}, got {x.dtype}; divide levels 0 … 255 by 255, or use a VAE(decoder='categorical')")
    check_finite(wanted, x)


def _within(x: Any, top: float) -> bool:
    """Whether all numbers of the raw array lie in [0, top]: not where there is a NaN, which fails every comparison."""
    inside: bool = backend.host_scalar(((x >= 0) & (x <= top)).all())
    return inside


def _extent(x: Any) -> str:
    """From where to where the numbers of the raw array go."""
    return f"{backend.host_scalar(x.min()):g} … {backend.host_scalar(x.max()):g}"
