"""Unrolled GAN: G learns against the discriminator that D is about to become.

    θ_D⁽⁰⁾ = θ_D,   θ_D⁽ᵏ⁺¹⁾ = θ_D⁽ᵏ⁾ − η ∂L_D/∂θ_D⁽ᵏ⁾,   G minimises f_K(θ_G) = f(θ_G, θ_D⁽ᴷ⁾(θ_G, θ_D))

Eqs. 21.1 and 21.2 (derivations/21-unrolling.md#eq-21-1). The K steps are part of G's graph, so that G also sees how its
images change what D will learn: second-order gradients. D itself then makes one ordinary step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ... import autograd, nn, optim
from ... import functional as F
from ...autograd import Tensor
from .gan import GAN, Metrics, logits_of

__all__ = ["UnrolledGAN", "unrolled"]

TINY = 1e-30  # below Adam's square root, whose slope at 0 would be infinite


def _sgd(optimizer: optim.SGD, t: int, g: Tensor, memory: dict[str, Any]) -> Tensor:
    """SGD's change of a weight, momentum included: what `SGD.update` subtracts in place."""
    if "velocity" not in memory:
        return optimizer.lr * g
    memory["velocity"] = u = optimizer.momentum * memory["velocity"] + g
    return optimizer.lr * (g + optimizer.momentum * u if optimizer.nesterov else u)


def _adam(optimizer: optim.Adam, t: int, g: Tensor, memory: dict[str, Any]) -> Tensor:
    """Adam's change of a weight, with the moments as `Adam.descend` keeps them.  Eq. 21.4
    (derivations/21-unrolling.md#eq-21-4)"""
    a = (1 - optimizer.beta1) / (1 - optimizer.beta1**t)
    c = ((1 - optimizer.beta2**t) / (1 - optimizer.beta2)) ** 0.5
    memory["m"] = m = optimizer.beta1 * memory["m"] + g
    memory["v"] = v = optimizer.beta2 * memory["v"] + F.square(g)
    return optimizer.lr * a * c * m / (F.sqrt(v + TINY) + c * optimizer.eps)


RULES: dict[type, Callable[..., Tensor]] = {optim.SGD: _sgd, optim.Adam: _adam}


def unrolled(
    optimizer: optim.Optimizer, loss: Callable[[Sequence[Tensor]], Tensor], steps: int, weights: Sequence[Tensor]
) -> Sequence[Tensor]:
    """The weights after `steps` steps of `optimizer` on `loss(weights)`, as functions of everything in that loss.

    Eq. 21.1 (derivations/21-unrolling.md#eq-21-1). The optimizer's settings and moments are where the steps begin; it
    and the weights are left as they are. Raises `ValueError` for K < 0, `TypeError` for optimizers other than SGD and
    Adam and for weight decay.
    """
    if steps < 0:
        raise ValueError(f"unrolled: the number of steps must be at least 0, got {steps}")
    if not steps:
        return weights
    _check_rule("unrolled", optimizer)
    rule, memory = RULES[type(optimizer)], optimizer.memory()
    for k in range(1, steps + 1):
        slopes = autograd.grad(loss(weights), weights, create_graph=True)
        weights = [w - rule(optimizer, t + k, g, kept) for w, g, (t, kept) in zip(weights, slopes, memory)]
    return weights


def _check_rule(who: str, optimizer: optim.Optimizer) -> None:
    decayed = " with weight decay" * bool(getattr(optimizer, "weight_decay", False))
    if type(optimizer) not in RULES or decayed:
        raise TypeError(f"{who}: expected SGD or Adam without weight decay, got {type(optimizer).__name__}{decayed}")


class UnrolledGAN(GAN):
    """A GAN whose generator looks `unroll` steps of D ahead.  Eq. 21.2 (derivations/21-unrolling.md#eq-21-2)

    `optimizer` is D's: what is unrolled are its own next steps, from its own moments, on the minibatch and the noise at
    hand. The other arguments are those of `GAN`; `unroll=0` is one. L. Metz, B. Poole, D. Pfau, J. Sohl-Dickstein,
    *Unrolled generative adversarial networks*, ICLR 2017 (arXiv:1611.02163). Raises `ValueError` for an optimizer that
    is not D's, for an `unroll` below 0, and for `clip`, which the steps ahead would not see; `TypeError` for an
    optimizer whose steps cannot be derived: SGD's (with momentum or without) and Adam's can, without weight decay.
    """

    def __init__(
        self, generator: Any, discriminator: Any, optimizer: optim.Optimizer, unroll: int = 5, **options: Any
    ) -> None:
        if not isinstance(unroll, (int, np.integer)):
            raise ValueError(f"UnrolledGAN: unroll must be an integer, got {unroll!r}")
        if unroll < 0:
            raise ValueError(f"UnrolledGAN: unroll must be at least 0, got {unroll}")
        if [*map(id, getattr(optimizer, "parameters", ()))] != [*map(id, discriminator.parameters())]:
            raise ValueError(
                "UnrolledGAN: expected the discriminator's own optimizer, of all its parameters in their order, got "
                f"{type(optimizer).__name__} of others; make it of discriminator.parameters()"
            )
        if unroll:
            _check_rule("UnrolledGAN", optimizer)
        super().__init__(generator, discriminator, **options)
        if unroll and self.clip is not None:
            raise ValueError("UnrolledGAN: D's steps ahead are not clipped; bound D's slope by a penalty, or unroll=0")
        self.optimizer, self.unroll = optimizer, unroll

    @property
    def whole_minibatch(self) -> str:
        """A part of the minibatch would lead D elsewhere."""
        return "lets D learn from the whole minibatch" if self.unroll else ""

    def generator_loss(self, x: Any, rng: Any) -> tuple[Tensor, Metrics]:
        """f_K: what G minimises against D as it will be."""
        x = self._reachable(x)
        fake = self._made(x, rng)

        def logits(weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
            future = self.discriminator.with_parameters(weights)
            return logits_of(future, x), logits_of(future, fake)

        def discriminator_loss(weights: Sequence[Tensor]) -> Tensor:
            loss = self.objective.discriminator(*logits(weights))
            if self.penalty is not None:
                loss = loss + self.penalty(self.discriminator.with_parameters(weights), x, fake, rng)
            return loss

        with _put_back(self.discriminator):
            weights = unrolled(self.optimizer, discriminator_loss, self.unroll, list(self.discriminator.parameters()))
            if self.objective.generated is None:  # zero-sum: by now D's answers to real data depend on G as well
                loss = -self.objective.discriminator(*logits(weights))
            else:
                loss = self.objective.generator(logits_of(self.discriminator.with_parameters(weights), fake))
        return loss, {"G": loss.data}


@contextmanager
def _put_back(discriminator: nn.Module) -> Iterator[None]:
    """After the block D's buffers are what they were: else steps that are only thought of would move batch norm's
    running statistics and a spectral norm's vectors, which a copy with other weights shares."""
    before = [buffer.copy() for buffer in discriminator.buffers()]
    try:
        yield
    finally:
        for buffer, kept in zip(discriminator.buffers(), before):
            buffer[...] = kept
