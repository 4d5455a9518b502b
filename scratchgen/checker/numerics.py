"""Derivatives by numbers: how far can a difference be trusted?  Page 34 derives all of it
(derivations/34-numerical-differentiation.md).

| | error | for |
|---|---|---|
| complex step | 1e-16 | our own formulas: they are analytic. A student's `abs` or `float(…)` would spoil it silently |
| four points, Richardson | 1e-12, and it knows | any function that is smooth around the point |
| random directions | as four points, a few times | to find out *whether* a gradient is wrong; not where |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Slope", "complex_step", "is_float32_inside", "miss_probability", "slope", "smallest_error_seen"]

STEP = 2e-3  # where rounding, 3ε|f|/h, and truncation, of order h⁴, balance in float64
TINY = 1e-30  # the complex step: nothing is subtracted, so nothing cancels, however small it is
SAFETY = 10.0  # estimated errors that a right gradient may be off: of 3,000 slopes none was further
COARSE = 1e-5  # of the slope: an error above it is worth a smaller step
DOUBLE, SINGLE = (float(np.finfo(dtype).eps) for dtype in (np.float64, np.float32))
PROBE = math.sqrt(DOUBLE * SINGLE)  # 5e-12, halfway between what the two can tell apart


def complex_step(f: Callable[..., Any], arguments: Mapping[str, Any], dout: Any, name: str) -> np.ndarray:
    """∂⟨dout, f⟩/∂(argument `name`) = Im f(x + iεe) / ε, for an f that is analytic.  Eq. 34.9
    (derivations/34-numerical-differentiation.md#eq-34-9)"""
    x = np.asarray(arguments[name], np.float64)
    gradient = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        moved = x.astype(np.complex128)
        moved[index] += 1j * TINY
        out = f(**{**arguments, name: moved})
        gradient[index] = np.sum(np.asarray(dout) * np.imag(out)) / TINY
    return gradient


class Slope(NamedTuple):
    """A directional derivative, with what its own two estimates say of its error, and the slopes on both sides."""

    value: float
    error: float
    left: float
    right: float
    rough: bool  # a kink, or a point where f is not finite, lies within the step

    def agrees(self, given: float) -> bool:
        """Whether a derivative that was given lies within the error; at a kink anything between both slopes does.
        Eq. 34.7 (derivations/34-numerical-differentiation.md#eq-34-7)"""
        margin = SAFETY * self.error
        if self.rough:
            return min(self.left, self.right) - margin <= given <= max(self.left, self.right) + margin
        return abs(given - self.value) <= margin


def slope(line: Callable[[float], Any], scale: float = 1.0, step: float = STEP, rounding: float = DOUBLE) -> Slope:
    """The derivative of t ↦ line(t) at 0, from t = ±h and ±h/2, h = step · scale.  Eqs. 34.4–34.6
    (derivations/34-numerical-differentiation.md#eq-34-4)

    `line` may return several numbers, and their sum is meant: if they cancel, that makes the sum smaller, but not its
    noise. `rounding` is the ε of the arithmetic inside. Where a kink lies within the step, or the error is large,
    smaller ones are tried, down to h/10⁴. If a kink lies within all of them, the point itself is one.
    """
    found = _slope(line, step * scale, rounding)
    for smaller in (step / 10, step / 100, step / 1000, step / 10_000):
        if not found.rough and found.error <= COARSE * abs(found.value):
            break
        closer = _slope(line, smaller * scale, rounding)
        if not found.rough and not closer.error < found.error:
            break
        found = closer
    return found


def _slope(line: Callable[[float], Any], h: float, rounding: float) -> Slope:
    with np.errstate(all="ignore"):
        values = np.stack([np.asarray(line(t * h), np.float64) for t in (0.0, 1.0, -1.0, 0.5, -0.5)]).reshape(5, -1)
        moving = values[:, (values != values[0]).any(0)]  # what stands still has no noise
        centre, ahead, behind, half_ahead, half_behind = moving
        wide, narrow = float((ahead - behind).sum()) / (2 * h), float((half_ahead - half_behind).sum()) / h
        right, left = float((half_ahead - centre).sum()) / (h / 2), float((centre - half_behind).sum()) / (h / 2)
        noise = 4 * rounding * float(abs(moving).sum(1).max()) / h
        # Where f is smooth, both slopes differ by h f″, half as much at half the step. At a kink the difference stays.
        jump, half_jump = abs(float((ahead - 2 * centre + behind).sum())) / h, abs(right - left)
        smooth = abs(jump - 2 * half_jump) <= 0.1 * jump + 10 * noise  # never, where something is not finite
        return Slope((4 * narrow - wide) / 3, abs(narrow - wide) / 3 + noise, left, right, not smooth)


def miss_probability(tolerance: float, error: float, directions: int) -> float:
    """P(k random directions all accept a gradient that is wrong by `error`) = erf(τ/(√2 ‖e‖))ᵏ.  Eq. 34.11
    (derivations/34-numerical-differentiation.md#eq-34-11)

    For directions of independent standard normal numbers e·v ∼ N(0, ‖e‖²), in however many dimensions. (With ±1 for
    normal numbers, e = (1, 1) is accepted every second time, whatever the tolerance.)
    """
    return math.erf(tolerance / (math.sqrt(2) * error)) ** directions if error > 0 else 1.0


def smallest_error_seen(tolerance: float, directions: int, probability: float = 1e-9) -> float:
    """How far off, ‖e‖, a gradient has to be so that it is missed with no more than this probability.  Eq. 34.11
    (derivations/34-numerical-differentiation.md#eq-34-11), with erf(t) ≤ 2t/√π"""
    return math.sqrt(2 / math.pi) * tolerance / probability ** (1 / directions)


def is_float32_inside(f: Callable[[Mapping[str, Any]], Any], arguments: Mapping[str, Any], rng: Any) -> bool:
    """Whether f loses what float64 holds: of the numbers that change when the inputs move by 1e-3 of themselves, and
    again by 1e-3, more than half keep all their bits when the move is 5e-12, though float64 could tell.  Eq. 34.8
    (derivations/34-numerical-differentiation.md#eq-34-8)"""
    noise = {name: rng.standard_normal(np.shape(x)) for name, x in arguments.items() if _is_float64(x)}

    def out(size: float) -> np.ndarray:
        moved = {name: arguments[name] * (1 + size * v) for name, v in noise.items()}
        return np.asarray(f({**arguments, **moved}), np.float64)

    still, probed, moved, further = out(0.0), out(PROBE), out(1e-3), out(2e-3)
    alive = (moved != still) & (further != moved)  # both: a sign that jumps once is no float32
    alive &= abs(moved - still) * (PROBE / 1e-3) > 4 * DOUBLE * abs(still)  # a large number may stand still in float64
    return bool(alive.any() and (probed == still)[alive].mean() > 0.5)


def _is_float64(x: Any) -> bool:
    return getattr(x, "dtype", None) == np.float64
