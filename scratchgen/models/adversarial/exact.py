"""The game solved: the best discriminator (판별자), what it makes of V, and what the generator (생성자) then minimises.

    D* = p_d/(p_d + p_g),   V(D*, G) = −ln 4 + 2 JSD(p_d ‖ p_g)         Eq. 17.7 (derivations/17-gan-value.md#eq-17-7)

Nothing is trained here. A law is an array of densities on a grid, with the `weights` that make sums integrals (the
spacing, say), or of probabilities, with weights 1. D speaks in logits a, since σ(a) rounds to 1 where the real data are
1e17 times as likely as the made ones, and ln(1 − 1) is no number. An oracle is asked seldom and believed always:
everything is NumPy in float64, and in nats.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import rel_entr

from ... import functional as F

__all__ = [
    "Solution", "best_law", "generator_value", "jsd", "kl", "maximin", "minimax", "non_saturating_divergence",
    "optimal_discriminator", "optimal_logits", "optimal_value", "value",
]  # fmt: skip

ENDS = 1e-2  # of a law may lie outside the grid


# ------------------------------------------------------------------------------------------------- how far two laws are
def kl(p: Any, q: Any, weights: Any = 1.0) -> float:
    """KL(p ‖ q) = ∫ p ln(p/q).  Eq. 1.6 (derivations/01-likelihood.md#eq-1-6). ∞ where only p is; 0 ln 0 = 0."""
    return _kl(*_laws("kl", p, q, weights))


def jsd(p: Any, q: Any, weights: Any = 1.0) -> float:
    """JSD(p ‖ q) = ½ KL(p ‖ m) + ½ KL(q ‖ m), m = ½(p + q): between 0 (the same) and ln 2 (never both).

    Jensen–Shannon divergence (옌센-섀넌 발산). Eq. 17.6 (derivations/17-gan-value.md#eq-17-6).
    """
    p, q, weights = _laws("jsd", p, q, weights)
    # With everything doubled nothing is halved, and the smallest of all numbers does not become a 0 to divide by.
    return 0.25 * (_kl(2 * p, p + q, weights) + _kl(2 * q, p + q, weights))


def _kl(p: np.ndarray, q: np.ndarray, weights: np.ndarray) -> float:
    """∫ p ln(p/q) of any masses, one or two of each."""
    return float((weights * rel_entr(p, q)).sum())


# ------------------------------------------------------------------------------------------------ D, and what V becomes
def value(p_data: Any, p_model: Any, logits: Any, weights: Any = 1.0) -> float:
    """V(D, G) = ∫ p_d ln σ(a) + p_g ln σ(−a), for any D.  Eq. 17.2 (derivations/17-gan-value.md#eq-17-2)"""
    p_data, p_model, weights = _laws("value", p_data, p_model, weights)
    a = np.broadcast_to(np.asarray(logits, np.float64), p_data.shape)
    return float((weights * (_expected(p_data, -F.softplus(-a)) + _expected(p_model, -F.softplus(a)))).sum())


def optimal_logits(p_data: Any, p_model: Any) -> np.ndarray:
    """a* = ln p_d − ln p_g: what a discriminator learns is how many times likelier the real data are.

    Eq. 17.5 (derivations/17-gan-value.md#eq-17-5). ±∞ where only one of the two is; 0 where neither is and nobody asks.
    """
    p_data, p_model, _ = _densities("optimal_logits", p_data, p_model, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p_data == p_model, 0.0, np.log(p_data) - np.log(p_model))


def optimal_discriminator(p_data: Any, p_model: Any) -> np.ndarray:
    """D* = p_d/(p_d + p_g).  Eq. 17.4 (derivations/17-gan-value.md#eq-17-4). ½ where neither is."""
    p_data, p_model, _ = _densities("optimal_discriminator", p_data, p_model, 1.0)
    total = p_data + p_model
    return np.divide(p_data, total, out=np.full(total.shape, 0.5), where=total > 0)


def optimal_value(p_data: Any, p_model: Any, weights: Any = 1.0) -> float:
    """max over D of V(D, G) = −ln 4 + 2 JSD(p_d ‖ p_g).  Eq. 17.7 (derivations/17-gan-value.md#eq-17-7)"""
    return -float(np.log(4.0)) + 2 * jsd(p_data, p_model, weights)


# ------------------------------------------------------------------------------------------------ what G minimises
def generator_value(p_model: Any, logits: Any, weights: Any = 1.0, saturating: bool = False) -> float:
    """∫ p_g ζ(−a) = E[−ln D(G(z))] for a fixed D; `saturating`: ∫ p_g (−ζ(a)) = E[ln(1 − D(G(z)))].

    Eqs. 18.5 and 18.3 (derivations/18-gan-gradients.md#eq-18-5). With a fixed at a*, moving p_g changes the first as it
    changes `non_saturating_divergence`, and the second as it changes 2 JSD: Eqs. 18.17 and 18.19.
    """
    p_model, _, weights = _laws("generator_value", p_model, p_model, weights)
    a = np.broadcast_to(np.asarray(logits, np.float64), p_model.shape)
    return float((weights * _expected(p_model, -F.softplus(a) if saturating else F.softplus(-a))).sum())


def non_saturating_divergence(p_data: Any, p_model: Any, weights: Any = 1.0) -> float:
    """KL(p_g ‖ p_d) − 2 JSD(p_d ‖ p_g) = 2 KL(m ‖ p_d), m = ½(p_d + p_g): never negative, 0 only for p_g = p_d.

    Eq. 18.20 (derivations/18-gan-gradients.md#eq-18-20). M. Arjovsky, L. Bottou 2017 (arXiv:1701.04862) have the left
    side; for the right one see also M. Shannon et al. 2020 (arXiv:2010.08029).
    """
    p_data, p_model, weights = _laws("non_saturating_divergence", p_data, p_model, weights)
    return _kl(p_data + p_model, 2 * p_data, weights)


# ---------------------------------------------------------------------------------------------------- who moves first
class Solution(NamedTuple):
    """The value of a game, and which row (a generator) and which column (a discriminator) reach it."""

    value: float
    generator: int
    discriminator: int


def minimax(table: Any) -> Solution:
    """min over G of max over D of V[G, D]: D answers, so G's move has to be good against every D.

    Eq. 20.1 (derivations/20-minimax.md#eq-20-1). `table` (generators, discriminators) of pure strategies (순수 전략).
    """
    table = _payoffs("minimax", table)
    generator = int(table.max(1).argmin())
    discriminator = int(table[generator].argmax())
    return Solution(float(table[generator, discriminator]), generator, discriminator)


def maximin(table: Any) -> Solution:
    """max over D of min over G of V[G, D]: G answers, so it need only fool one D, whatever it loses elsewhere.

    Eq. 20.2 (derivations/20-minimax.md#eq-20-2). `table` (generators, discriminators). Of several best answers, the
    first.
    """
    table = _payoffs("maximin", table)
    discriminator = int(table.min(0).argmax())
    generator = int(table[:, discriminator].argmin())
    return Solution(float(table[generator, discriminator]), generator, discriminator)


def best_law(logits: Any) -> np.ndarray:
    """The probabilities of G's best answer to a fixed D: all of it on the one point that D takes for real most of all.

    Eq. 20.4 (derivations/20-minimax.md#eq-20-4). logits (points,). At a tie the first point; any mixture is as good.
    Raises `ValueError` for logits of another shape, of no points, or NaN.
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 1 or not len(logits) or np.isnan(logits).any():
        raise ValueError(f"best_law: expected logits (points,), one or more and no NaN, got {logits.shape}: {logits}")
    law = np.zeros(logits.shape)
    law[int(logits.argmax())] = 1.0
    return law


# ------------------------------------------------------------------------------------------------------------ helpers
def _expected(p: np.ndarray, f: np.ndarray) -> np.ndarray:
    """p·f, and 0 where p is 0, however bad f may be there: what never happens costs nothing."""
    return np.multiply(p, f, out=np.zeros(p.shape), where=p > 0)


def _laws(who: str, p: Any, q: Any, weights: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two laws on one grid, whose masses are 1, or as near to 1 as a grid that ends somewhere comes."""
    p, q, weights = _densities(who, p, q, weights)
    for law in (p, q):
        if not abs((weights * law).sum() - 1) <= ENDS:
            raise ValueError(
                f"{who}: the mass of a law, Σ weights·p, is {(weights * law).sum():.6g} and not 1; of densities on a "
                "grid pass its spacing as weights, and counts divided by their sum"
            )
    return p, q, weights


def _densities(who: str, p: Any, q: Any, weights: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p, q, weights = (np.asarray(a, np.float64) for a in (p, q, weights))
    if p.shape != q.shape or weights.shape not in ((), p.shape):
        raise ValueError(f"{who}: laws {p.shape} and {q.shape} with weights {weights.shape} are not on one grid")
    if not all(((a >= 0) & (a < np.inf)).all() for a in (p, q, weights)):
        raise ValueError(f"{who}: a density, a probability or a weight is negative, infinite or NaN; pass p, not ln p")
    return p, q, weights


def _payoffs(who: str, table: Any) -> np.ndarray:
    table = np.asarray(table, np.float64)
    if table.ndim != 2 or 0 in table.shape or np.isnan(table).any():
        raise ValueError(
            f"{who}: expected a table (generators, discriminators) without NaN, got {table.shape}: {table}"
        )
    return table
