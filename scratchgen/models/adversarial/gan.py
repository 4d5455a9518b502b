"""Generative adversarial networks (생성적 적대 신경망, GAN): a generator G, a discriminator D, and the game they play.

    min_G max_D V(D, G) = E_{x∼p_data}[ln D(x)] + E_{z∼p_z}[ln(1 − D(G(z)))]

Eq. 17.1 (derivations/17-gan-value.md#eq-17-1). A game has two losses, one for each player, each a function of both.
`scratchgen.training.play` lets the players take turns: Algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import backend, nn
from ... import functional as F
from ...autograd import Tensor, no_grad
from .objectives import Objective, _raw, objective_named

__all__ = ["GAN"]

Metrics = dict[str, Any]


class GAN(nn.Module):
    """G and D, what each minimises, and in what order.  Eqs. 19.1 and 19.2 (derivations/19-algorithm-1.md#eq-19-1)

    | argument | says |
    |---|---|
    | `generator` | noise (N, `generator.latent`) → data; its `range` is (lowest, highest) |
    | `discriminator` | data → logits (N,), one for each datum |
    | `objective` | "minimax", "non-saturating", "least squares", "wasserstein", or an `Objective` |
    | `penalty` | None, or what D minimises as well: `R1()`, `GradientPenalty()` |
    | `clip` | None, or c: D's weights are held in [−c, c] |
    | `steps` | D's steps for each of G's, the k of Algorithm 1 |

    I. Goodfellow et al., *Generative adversarial nets*, NeurIPS 2014 (arXiv:1406.2661). Raises `ValueError` for an
    unknown objective, for fewer than one step, for data that are no floats, not finite or beyond G's reach, for no
    images at all, for one where there is batch norm, for a G whose images have another shape or type than the data,
    and for a D of other answers; `TypeError` for a penalty or an objective that is none, and for a G without `latent`
    and `range`.
    """

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        objective: str | Objective = "non-saturating",
        *,
        penalty: Callable[..., Tensor] | None = None,
        clip: float | None = None,
        steps: int = 1,
    ) -> None:
        lacking = [name for name in ("latent", "range") if not hasattr(generator, name)]
        if lacking:
            raise TypeError(
                "GAN: expected a generator with `latent`, how many numbers z has, and `range`, the (lowest, highest) "
                f"it can make; {type(generator).__name__} lacks {', '.join(lacking)}; or are the players exchanged?"
            )
        if not isinstance(objective, (str, Objective)):
            raise TypeError(f"GAN: expected the name of an objective or an Objective, got {objective!r}")
        if not isinstance(steps, (int, np.integer)):
            raise ValueError(f"GAN: steps (of D for each of G's) must be an integer, got {steps!r}")
        if steps < 1:
            raise ValueError(f"GAN: steps (of D for each of G's) must be at least 1, got {steps}")
        if penalty is not None and (isinstance(penalty, type) or not callable(penalty)):
            raise TypeError(f"GAN: expected None or a penalty such as R1() or GradientPenalty(), got {penalty!r}")
        if clip is not None and not clip > 0:
            raise ValueError(f"GAN: clip must be above 0, got {clip}")
        self.generator, self.discriminator = generator, discriminator
        self.objective = objective_named(objective) if isinstance(objective, str) else objective
        self.penalty, self.clip, self.steps = penalty, clip, steps

    def discriminator_loss(self, x: Any, rng: Any, /) -> tuple[Tensor, Metrics]:
        """What D minimises on data x (N, …) and as many images of G's, which are constants here."""
        x = self._reachable(x)
        with no_grad():
            fake = self._made(x, rng)
        real_logits, fake_logits = logits_of(self.discriminator, x), logits_of(self.discriminator, fake)
        loss = self.objective.discriminator(real_logits, fake_logits)
        if self.penalty is not None:
            loss = loss + self.penalty(self.discriminator, x, fake, rng)
        return loss, {"D": loss.data, "D(x)": _probability(real_logits), "D(G(z))": _probability(fake_logits)}

    def generator_loss(self, x: Any, rng: Any, /) -> tuple[Tensor, Metrics]:
        """What G minimises: as many images as there are in x, through D."""
        fake = self._made(self._several(x), rng)
        loss = self.objective.generator(logits_of(self.discriminator, fake))
        return loss, {"G": loss.data}

    def constrain(self) -> None:
        """After each of D's steps: hold its weights in [−clip, clip].  Eq. 18.9
        (derivations/18-gan-gradients.md#eq-18-9). M. Arjovsky, S. Chintala, L. Bottou, 2017 (arXiv:1701.07875)."""
        if self.clip is not None:
            for p in self.discriminator.parameters():
                np.clip(p.data, -self.clip, self.clip, out=p.data)

    def noise(self, n: int, rng: Any, like: Any) -> Any:
        """z ∼ N(0, I): n rows (잠재변수)."""
        return backend.normal(rng, (n, self.generator.latent), like=like)

    def sample(self, n: int, rng: Any) -> Any:
        """n images G(z), a raw array. They are made as in use, whatever mode the game is in: by batch norm's running
        statistics, which stay as they are, so that an image depends on its own z alone."""
        like = next(iter(self.generator.parameters())).data
        with no_grad(), self.generator.in_use():
            return self.generator(self.noise(n, rng, like)).data

    def _several(self, x: Any) -> Any:
        """Raw x; raises `ValueError` for no images, for numbers of another type than the weights, and for one image
        alone where batch norm would measure it by itself."""
        who = type(self).__name__
        x = raw(who, x)
        if not x.size:
            raise ValueError(f"{who}: the minibatch is empty, {backend.described(x)}; there is nothing to average over")
        dtype = next((p.dtype for p in self.parameters()), x.dtype)
        if x.dtype != dtype:
            raise ValueError(
                f"{who}: the data is {x.dtype}, but the players' weights are {dtype}; convert it: x.astype(np.{dtype})"
            )
        if len(x) == 1 and self.training:
            for name, layer in self.named_modules():
                if layer.mixes_images:
                    raise ValueError(
                        f"{who}: a minibatch of one image, but {name} is a {type(layer).__name__}, which "
                        f"{layer.whole_minibatch}; choose a batch_size that leaves the last one two images as well"
                    )
        return x

    def _reachable(self, x: Any) -> Any:
        """Raw x; raises `ValueError` where G could never make it, and no G makes what is not finite."""
        x, who = self._several(x), type(self).__name__
        lowest, highest = (backend.host_scalar(end) for end in (x.min(), x.max()))  # a NaN is both
        if not -math.inf < lowest <= highest < math.inf:
            raise ValueError(f"{who}: the data has values that are not finite, NaN or ±∞; look where they come from")
        low, high = self.generator.range
        if not low <= lowest <= highest <= high:
            raise ValueError(
                f"{who}: the data lies in [{lowest:.9g}, {highest:.9g}], but the generator makes [{low:g}, {high:g}]; "
                "scale the data (2x − 1 takes [0, 1] to [−1, 1]), or end the generator otherwise; what is out by "
                "rounding alone, clip"
            )
        return x

    def _made(self, x: Any, rng: Any) -> Any:
        """G(z), as many images as there are in x."""
        return self._alike(self.generator(self.noise(len(x), rng, like=x)), x)

    def _alike(self, fake: Any, x: Any) -> Any:
        """What G made; raises `ValueError` where it could not stand beside the data x: a D that ends in a mean over its
        image would compare any two shapes, and never say a word."""
        if (fake.shape, fake.dtype) != (x.shape, x.dtype):
            raise ValueError(
                f"{type(self).__name__}: the generator makes {backend.described(fake)}, but the data is "
                f"{backend.described(x)}; both must be of the same shape and type"
            )
        return fake


def logits_of(discriminator: Any, x: Any) -> Tensor:
    """What D says of x (N, …): logits (N,). Raises `ValueError` for a D that gives anything else."""
    logits = discriminator(x)
    if logits.shape != (len(x),):
        raise ValueError(
            f"GAN: expected one logit for each of {len(x)} rows from the discriminator, ({len(x)},), got "
            f"{logits.shape}; give it one output and reshape to (N,), or ask more of it: "
            "CGAN(told_last=True), ACGAN, InfoGAN, SemiSupervisedGAN"
        )
    return logits


def raw(who: str, x: Any) -> Any:
    """The array in x; raises `ValueError` unless it holds floats."""
    x = _raw(x)
    if not backend.is_array(x) or x.dtype.kind != "f":
        got = x.dtype if hasattr(x, "dtype") else type(x).__name__
        raise ValueError(f"{who}: expected an array of floats for data, got {got}; convert it: x.astype(np.float32)")
    return x


def _probability(logits: Tensor) -> Any:
    """The mean of σ(a): the probability of being real, where the objective gives logits that meaning."""
    return F.mean(F.sigmoid(logits.data))
