"""What a decoder assumes about its pixels, checked where a wrong assumption would give a wrong number silently."""

from __future__ import annotations

from typing import Any

from ... import backend

__all__ = ["check_decoder", "check_pixels"]


def check_decoder(who: str, decoder: str, variance: float | None) -> None:
    """Raise `ValueError` unless the decoder is "bernoulli", or "normal" with a positive variance or None (learned)."""
    if decoder not in ("bernoulli", "normal"):
        raise ValueError(f"{who}: decoder must be 'bernoulli' or 'normal', got {decoder!r}")
    if variance is not None and (decoder == "bernoulli" or variance <= 0):
        raise ValueError(f"{who}: variance={variance} wants decoder='normal', and to be positive (None: learned)")


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
