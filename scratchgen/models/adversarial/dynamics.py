"""Two numbers that play: the smallest games in which gradient descent on both sides goes round and round.

The generator (생성자) is a number θ, the discriminator (판별자) a number ψ, and V(θ, ψ) = h(θψ):

    Dirac-GAN   p_d = δ₀, G gives θ, a(x) = ψx:   V = ln σ(0) + ln σ(−ψθ),  h(t) = −ln 2 − ζ(t)
    bilinear    the game that is linear in both:  V = θψ,                   h(t) = t

G descends, D ascends, both are content at (0, 0), and there V = h(0) + cθψ + …, c = h′(0), is all that matters:
Eq. 20.6 (derivations/20-minimax.md#eq-20-6). A step is a map of the plane; the eigenvalues (고윳값) of its Jacobian
at (0, 0) say what it does close by: |λ| is by how much a round grows in one step, the angle of λ by how much it turns.

L. Mescheder, A. Geiger, S. Nowozin, *Which training methods for GANs do actually converge?*, 2018 (arXiv:1801.04406).
"""

from __future__ import annotations

import cmath
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ... import functional as F

__all__ = [
    "BILINEAR", "DIRAC", "NON_SATURATING", "Game", "alternating", "alternating_jacobian", "eigenvalues", "measured",
    "play", "simultaneous", "simultaneous_jacobian", "unrolled", "unrolled_jacobian",
]  # fmt: skip

State = tuple[Any, Any]  # θ and ψ, numbers or arrays of one shape: many games at once


class Game(NamedTuple):
    """V(θ, ψ) = h(θψ) by its slope h′ and its curvature h″ at t = θψ. `generator` is the slope of what G descends,
    h′ in a zero-sum game."""

    name: str
    slope: Callable[[Any], Any]
    curvature: Callable[[Any], Any]
    generator: Callable[[Any], Any]

    @property
    def c(self) -> float:
        """h′(0)."""
        return float(self.slope(np.zeros(())))


def _constant(value: float) -> Callable[[Any], Any]:
    return lambda t: value + 0 * t


def _dirac_slope(t: Any) -> Any:
    return -F.sigmoid(t)


# G's slope in the last one is that of −ln D(G) = ζ(−θψ) instead of ln(1 − D(G)) = −ζ(θψ): the same at 0.
BILINEAR = Game("bilinear", _constant(1.0), _constant(0.0), _constant(1.0))
DIRAC = Game("Dirac-GAN", _dirac_slope, lambda t: -F.sigmoid(t) * F.sigmoid(-t), _dirac_slope)
NON_SATURATING = DIRAC._replace(name="Dirac-GAN, non-saturating", generator=lambda t: -F.sigmoid(-t))


# ----------------------------------------------------------------------------------------------------------- steps
def simultaneous(game: Game, state: State, lr: float, gamma: float = 0.0) -> State:
    """θ ← θ − ηψ h′(θψ),  ψ ← ψ + η(θ h′(θψ) − γψ), both from the same (θ, ψ).

    Eqs. 20.8 and 20.11 (derivations/20-minimax.md#eq-20-8). `lr` η; `gamma` γ of R1, γ/2 · |∂a/∂x|² = γ/2 · ψ².
    """
    theta, psi = state
    t = theta * psi
    return theta - lr * psi * game.generator(t), psi + lr * (theta * game.slope(t) - gamma * psi)


def alternating(game: Game, state: State, lr: float, gamma: float = 0.0) -> State:
    """The same, but D first, and G answers the new D: as Algorithm 1 has it.

    Eq. 20.9 (derivations/20-minimax.md#eq-20-9).
    """
    theta, psi = state
    psi = psi + lr * (theta * game.slope(theta * psi) - gamma * psi)
    return theta - lr * psi * game.generator(theta * psi), psi


def unrolled(game: Game, state: State, lr: float, k: int) -> State:
    """G descends V(θ, ψₖ(θ)), where ψₖ is what k of D's steps will have made of ψ; D makes one of them. Both at once.

    Eq. 20.13 (derivations/20-minimax.md#eq-20-13). `lr` η of both players and of the steps that G foresees; k = 0 is
    `simultaneous`. L. Metz et al. 2017 (arXiv:1611.02163).
    """
    _check_foreseen("unrolled", k)
    theta, psi = state
    foreseen, moved = psi, 0 * theta  # ψᵢ and dψᵢ/dθ
    for _ in range(k):
        t, dt = theta * foreseen, foreseen + theta * moved
        foreseen, moved = (
            foreseen + lr * theta * game.slope(t),
            moved + lr * (game.slope(t) + theta * game.curvature(t) * dt),
        )
    slope = game.generator(theta * foreseen) * (foreseen + theta * moved)
    return theta - lr * slope, psi + lr * theta * game.slope(theta * psi)


def _check_foreseen(who: str, k: int) -> None:
    if k < 0:
        raise ValueError(f"{who}: k is how many of D's steps G foresees, at least 0, got {k}")


# --------------------------------------------------------------------------------------------- what they do near (0, 0)
def simultaneous_jacobian(c: float, lr: float, gamma: float = 0.0) -> np.ndarray:
    """[[1, −ηc], [ηc, 1 − ηγ]].  Eqs. 20.8 and 20.11 (derivations/20-minimax.md#eq-20-8)"""
    return np.array([[1.0, -lr * c], [lr * c, 1 - lr * gamma]])


def alternating_jacobian(c: float, lr: float, gamma: float = 0.0) -> np.ndarray:
    """[[1 − η²c², −ηc(1 − ηγ)], [ηc, 1 − ηγ]].  Eqs. 20.9 and 20.12 (derivations/20-minimax.md#eq-20-9)"""
    return np.array([[1 - (lr * c) ** 2, -lr * c * (1 - lr * gamma)], [lr * c, 1 - lr * gamma]])


def unrolled_jacobian(c: float, lr: float, k: int) -> np.ndarray:
    """[[1 − 2kη²c², −ηc], [ηc, 1]].  Eq. 20.14 (derivations/20-minimax.md#eq-20-14). k as in `unrolled`."""
    _check_foreseen("unrolled_jacobian", k)
    return np.array([[1 - 2 * k * (lr * c) ** 2, -lr * c], [lr * c, 1.0]])


def eigenvalues(jacobian: Any) -> np.ndarray:
    """λ = ½τ ± √(¼τ² − δ), τ the trace and δ the determinant of a 2 × 2 matrix: complex (2,), Im λ₁ ≥ 0.

    Eq. 20.7 (derivations/20-minimax.md#eq-20-7). A pair that turns has |λ|² = δ.
    """
    (p, q), (r, s) = jacobian
    half, root = 0.5 * (p + s), cmath.sqrt(0.25 * (p - s) ** 2 + q * r)
    return np.array([half + root, half - root])


# ------------------------------------------------------------------------------------------------ playing and measuring
def play(step: Callable[[State], State], start: State, steps: int) -> np.ndarray:
    """The path (steps + 1, 2, …) of (θ, ψ) from `start`, `step` being one of the above with its game and η."""
    path = [start]
    for _ in range(steps):
        path.append(step(path[-1]))
    return np.array(path, np.float64)


def measured(path: Any) -> np.ndarray:
    """Eigenvalues (2,) of the matrix that carries each point of a path (steps + 1, 2) to the next, by least squares.

    They know nothing of the game: only where it went. Raises `ValueError` for a path that has no such matrix, and for
    one that has run away to where numbers end.
    """
    path = np.asarray(path, np.float64)
    if path.ndim != 2 or path.shape[1] != 2 or len(path) < 3:
        raise ValueError(f"measured: expected a path (steps + 1, 2) of two steps or more, got {path.shape}")
    if not np.isfinite(path).all():
        raise ValueError(f"measured: the path is not finite from step {int((~np.isfinite(path)).any(1).argmax())} on")
    matrix, _, rank, _ = np.linalg.lstsq(path[:-1], path[1:])
    if rank < 2:
        raise ValueError("measured: the path is a straight line through (0, 0), which says nothing of what is beside")
    return eigenvalues(matrix.T)
