"""What the two players minimise, as functions of the discriminator's logits a, ln D = ln σ(a) and ln(1 − D) = ln σ(−a).

    V = E ln D(x) + E ln(1 − D(G(z)))                         Eq. 17.1 (derivations/17-gan-value.md#eq-17-1)

D maximises V, so it minimises −V. What G minimises is where the games differ; so does what is added to D's objective to
keep its slope bounded. With logits all of them are finite however sure D is; a sigmoid followed by a logarithm is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ... import autograd, backend, nn
from ... import functional as F
from ...autograd import Tensor

__all__ = ["OBJECTIVES", "R1", "GradientPenalty", "Objective", "objective_named"]

TINY = 1e-30  # below a square root whose argument may be 0


class Objective(NamedTuple):
    """A game. Each part turns logits into the numbers whose mean is minimised. Without a `generated` of its own the
    game is zero-sum: G minimises −(what D minimises).

    `guessing` is the unit of its losses: what D pays where it can only guess, p_g = p_d, if the least that it can pay
    is 0. A loss without a least value has no unit, and says 0."""

    name: str
    real: Callable[[Any], Any]  # D's part for real data
    fake: Callable[[Any], Any]  # D's part for what G made
    generated: Callable[[Any], Any] | None = None  # G's
    guessing: float = 0.0

    def discriminator(self, real_logits: Any, fake_logits: Any) -> Any:
        """What D minimises, from logits (N, …) of real data and of G's."""
        return F.mean(self.real(real_logits)) + F.mean(self.fake(fake_logits))

    def generator(self, fake_logits: Any) -> Any:
        """What G minimises, from the logits (N, …) of what it made. Of a zero-sum game just the term with G in it."""
        return -F.mean(self.fake(fake_logits)) if self.generated is None else F.mean(self.generated(fake_logits))


def _to_one(a: Any) -> Any:
    return 0.5 * F.square(a - 1)


# Eqs. 18.1, 18.3, 18.5, 18.7 and 18.9 (derivations/18-gan-gradients.md#eq-18-1). The first two are in nats.
OBJECTIVES = {
    game.name: game
    for game in (
        Objective("minimax", lambda a: F.softplus(-a), F.softplus, guessing=2 * math.log(2)),
        Objective("non-saturating", lambda a: F.softplus(-a), F.softplus, lambda a: F.softplus(-a), 2 * math.log(2)),
        Objective("least squares", _to_one, lambda a: 0.5 * F.square(a), _to_one, 0.25),
        Objective("wasserstein", lambda a: -a, lambda a: a),
    )
}


def objective_named(name: str) -> Objective:
    """One of `OBJECTIVES`; raises `ValueError` for an unknown name."""
    if name not in OBJECTIVES:
        raise ValueError(f"objective: expected one of {', '.join(map(repr, OBJECTIVES))}, got {name!r}")
    return OBJECTIVES[name]


# ------------------------------------------------------------------------------------------------------- penalties
# A penalty is added to what D minimises: penalty(D, real, fake, rng) -> a number. Both differentiate D by its input,
# and are themselves differentiated by D's weights: second-order gradients. Both raise `ValueError` for a weight below 0
# or not finite, and for a D in which images see each other.
@dataclass(frozen=True)
class R1:
    """γ/2 · E‖∇ₓ a(x)‖² on real data: D is to be flat where the data is.

    Eq. 18.11 (derivations/18-gan-gradients.md#eq-18-11). L. Mescheder, A. Geiger, S. Nowozin, *Which training methods
    for GANs do actually converge?*, ICML 2018 (arXiv:1801.04406).
    """

    gamma: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.gamma < math.inf:
            raise ValueError(f"R1: gamma must be at least 0 and finite, got {self.gamma}")

    def __call__(self, discriminator: Any, real: Any, fake: Any, rng: Any) -> Tensor:
        return 0.5 * self.gamma * F.mean(_slopes_squared(discriminator, real))


@dataclass(frozen=True)
class GradientPenalty:
    """λ · E(‖∇ₓ a(x̂)‖ − 1)², x̂ anywhere on the line from a real image to one of G's: the critic's slope is to be 1.

    Eq. 18.10 (derivations/18-gan-gradients.md#eq-18-10). I. Gulrajani et al., *Improved training of Wasserstein GANs*,
    NeurIPS 2017 (arXiv:1704.00028). Raises `ValueError` where there are not as many of G's images as real ones.
    """

    weight: float = 10.0

    def __post_init__(self) -> None:
        finite_weight("GradientPenalty", self.weight)

    def __call__(self, discriminator: Any, real: Any, fake: Any, rng: Any) -> Tensor:
        real = _raw(real)
        if real.shape != fake.shape:
            raise ValueError(f"GradientPenalty: real {real.shape} and fake {fake.shape} must come in pairs")
        u = backend.uniform(rng, (len(real), *(1,) * (real.ndim - 1)), like=real)
        slopes = F.sqrt(_slopes_squared(discriminator, u * real + (1 - u) * fake) + TINY)
        return self.weight * F.mean(F.square(slopes - 1))


def _slopes_squared(discriminator: Any, x: Any) -> Tensor:
    """‖∇ₓ a(x)‖² for each image, as something that can be differentiated again. Images do not see each other, so the
    gradient of the sum of all logits holds each one's own. Where x leads back to G, as in an `UnrolledGAN`, it still
    does."""
    if isinstance(discriminator, nn.Module):
        _refuse_mixing(discriminator)
    if not isinstance(x, Tensor) or not x.requires_grad:
        x = Tensor(_raw(x))
        x.requires_grad = True
    (slope,) = autograd.grad(F.sum(discriminator(x)), [x], create_graph=True)
    return F.sum(F.square(slope), axis=tuple(range(1, slope.ndim)))


def _refuse_mixing(discriminator: nn.Module) -> None:
    """Raise `ValueError` where images see each other."""
    for name, layer in discriminator.named_modules():
        if layer.mixes_images:
            raise ValueError(
                f"penalty: expected a discriminator that looks at each image alone, but {name or 'it'} is a "
                f"{type(layer).__name__}, which {layer.whole_minibatch}; leave it away (DCDiscriminator(norm=False)), "
                "or the penalty"
            )


def _raw(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def finite_weight(who: str, weight: float) -> float:
    """The weight of a part of a loss; raises `ValueError` for one below 0, and for NaN and infinity."""
    if not 0 <= weight < math.inf:
        raise ValueError(f"{who}: weight must be at least 0 and finite, got {weight}")
    return weight
