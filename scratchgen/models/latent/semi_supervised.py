"""Learning from few labels (준지도 학습): many images, of which only some come with their class.

M2 is a class-conditional VAE with a classifier beside it. Where the label is known, it is given; where it is not, it is
one more latent variable, and because it has few values, it is summed over:

    ln p(x, y) ≥ B(x, y) = ELBO(x | y) + ln p(y)                     Eq. 31.2
    ln p(x)    ≥ U(x)    = Σ_y q(y|x) B(x, y) + H(q(y|x))            Eq. 31.3

(derivations/31-semi-supervised.md#eq-31-2.) M1 is a plain VAE whose codes are features for any classifier. M1+M2 is an
M2 that sees the codes of an M1 in place of pixels.

D. Kingma, D. Rezende, S. Mohamed, M. Welling, *Semi-supervised Learning with Deep Generative Models*, NIPS 2014
(arXiv:1406.5298).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import backend, nn
from ... import functional as F
from ...autograd import Tensor, no_grad, primitive
from .assumptions import check_batch, check_unlabelled, check_weights
from .networks import encoder_network, hidden_sizes
from .terms import reparameterize
from .vae import VAE

__all__ = ["M2", "UNKNOWN", "codes", "loss_on_codes", "repeat_labelled", "unlabelled_bound"]

UNKNOWN = -1  # stands where a label is not known


@primitive
def unlabelled_bound(bounds: Any, logits: Any) -> Any:
    """U = Σ_y q(y|x) [B(x, y) − ln q(y|x)], q(y|x) = softmax of the logits.

    Eq. 31.3 (derivations/31-semi-supervised.md#eq-31-3). Both (N, classes) → (N,), in nats.
    """
    log_q = F.log_softmax(logits, -1)
    return (np.exp(log_q) * (bounds - log_q)).sum(1)


def _logits_rule(g: Any, bounds: Any, logits: Any, out: Any) -> Any:
    """q(y|x) (B(x, y) − ln q(y|x) − U): a class gains as far as it does better than the average.

    Eq. 31.6 (derivations/31-semi-supervised.md#eq-31-6)
    """
    log_q = F.log_softmax(logits, -1)
    return _column(g) * F.exp(log_q) * (bounds - log_q - _column(out))


unlabelled_bound.vjp(
    bounds=lambda g, logits: _column(g) * F.softmax(logits, -1),  # Eq. 31.7
    logits=_logits_rule,
)


class M2(nn.Module):
    """p(y) p(z) p(x|y, z), with q(z|x, y) and q(y|x).  Eqs. 31.1–31.3 (derivations/31-semi-supervised.md#eq-31-1)

    `vae`, with classes, holds p(x|y, z) and q(z|x, y); `classifier` gives the logits of q(y|x); p(y) is uniform.
    `hidden` are the hidden units of each of the three networks. `alpha`, in nats, is the weight of ln q(y|x) where y is
    known, which no bound contains: Eq. 31.8 (derivations/31-semi-supervised.md#eq-31-8).

    Raises `ValueError` for fewer than two classes, for an alpha that is negative or no number, and whatever `VAE`
    refuses.
    """

    def __init__(
        self,
        pixels: int = 784,
        hidden: int | tuple[int, ...] = 400,
        latent: int = 50,
        classes: int = 10,
        decoder: str = "bernoulli",
        variance: float | str | None = None,
        *,
        alpha: float = 1.0,
        rng: Any = None,
    ) -> None:
        if classes < 2:
            raise ValueError(f"M2: with classes={classes} there is nothing to tell apart; expected at least 2")
        check_weights("M2", alpha=alpha)
        self.classes, self.alpha = classes, alpha
        self.vae = VAE(pixels, hidden, latent, decoder, variance, classes=classes, rng=rng)
        network = encoder_network(pixels, hidden_sizes("M2", hidden), rng=rng)
        self.classifier = nn.Sequential(network, network.head(classes, rng))

    def predict(self, x: Any) -> Any:
        """The most probable class of each image under q(y|x): a raw integer array (N,)."""
        with no_grad():
            return self.logits(x).argmax(1)

    def logits(self, x: Any) -> Tensor:
        """ln q(y|x) of every class up to a constant: (N, classes). Bits may come as integers, as in `VAE`, whose
        `encode` raises as this does."""
        return self.classifier(self.vae.scaled(x))

    def bounds(self, x: Any, noise: Any) -> Tensor:
        """B(x, y) ≤ ln p(x, y) for *every* class y: (N, classes), in nats.

        Eq. 31.2 (derivations/31-semi-supervised.md#eq-31-2). Raw arrays x (N, pixels) and noise ε (N, latent) from
        N(0, I), the same for all classes: what they differ by is then less noisy.
        """
        n, classes = len(x), self.classes
        labels = backend.to_device(np.tile(np.arange(classes), n), backend.device_of(x))
        reconstruction, kl = self.vae.elbo(np.repeat(x, classes, axis=0), np.repeat(noise, classes, axis=0), labels)
        return -F.reshape(reconstruction + kl, (n, classes)) - math.log(classes)

    def loss(self, x: Any, labels: Any, rng: Any) -> tuple[Tensor, dict[str, Any]]:
        """−(B(x, y) + α ln q(y|x)) of the images whose label is known, −U(x) of the others; their mean, in nats.

        Eq. 31.8 (derivations/31-semi-supervised.md#eq-31-8). labels (N,) integers, −1 where not known. Raises
        `ValueError` for others, and for no images. Shown are the mean bound, without α, and the entropy of q(y|x): how
        undecided it is.
        """
        check_batch("M2.loss", x, self.vae.pixels)
        labels = _integers("M2.loss", labels, len(x), self.classes)
        bounds = self.bounds(x, backend.normal(rng, (len(x), self.vae.latent), like=self.vae.like))
        logits = self.logits(x)
        log_q = F.log_softmax(logits, -1)
        known = labels != UNKNOWN
        row = np.where(known, labels, 0)[:, None]
        bound = F.where(known, F.gather(bounds, 1, row)[:, 0], unlabelled_bound(bounds, logits))
        taught = F.where(known, F.gather(log_q, 1, row)[:, 0], 0.0)
        undecided = -(np.exp(log_q.data) * log_q.data).sum(1).mean()
        return -(bound + self.alpha * taught).mean(), {"bound": bound.data.mean(), "entropy": undecided}


def repeat_labelled(labels: Any, share: float) -> np.ndarray:
    """Row numbers to train on: each image once, but one with a label as often as makes these `share` of all rows.

    Eq. 31.9 (derivations/31-semi-supervised.md#eq-31-9). labels (N,), −1 where not known. Otherwise most minibatches
    would hold no label at all. Raises `ValueError` for what are no labels, where none is known, or for a share outside
    (0, 1).
    """
    if not 0 < share < 1:
        raise ValueError(f"repeat_labelled: share must lie between 0 and 1, got {share}")
    labels = _integers("repeat_labelled", backend.to_host(labels), len(labels))
    known, unknown = np.flatnonzero(labels != UNKNOWN), np.flatnonzero(labels == UNKNOWN)
    if not len(known):
        raise ValueError(
            f"repeat_labelled: none of the {len(labels)} labels is known, all are {UNKNOWN}; without any, nothing says "
            "which class is which"
        )
    times = max(1, round(share * len(unknown) / ((1 - share) * len(known))))
    return np.concatenate([unknown, np.repeat(known, times)])


# ------------------------------------------------------------------------------------------------------------- M1 + M2
def codes(model: VAE, x: Any, batch_size: int = 1000) -> tuple[Any, Any]:
    """μ and ln σ² of q(z|x): what M1 knows of images x (N, pixels), as two raw arrays (N, latent).

    Raises `ValueError` for a model with a full covariance, which these do not describe, and for one with classes.
    """
    check_unlabelled("codes", model)
    if model.encoder.posterior != "diagonal":
        raise ValueError(
            f"codes: expected a VAE whose posterior is 'diagonal', got {model.encoder.posterior!r}: its covariance is "
            "more than one ln σ² for each dimension; train an M1 with posterior='diagonal'"
        )
    with no_grad():
        found = [model.encode(x[start : start + batch_size]) for start in range(0, len(x) or 1, batch_size)]
    return np.concatenate([q.mean.data for q in found]), np.concatenate([q.log_var.data for q in found])


def loss_on_codes(model: M2) -> Any:
    """The loss of M1+M2, `loss(mean, log_variance, labels, rng)`: of a code drawn anew from M1's q(z|x) each time.

    Eq. 31.10 (derivations/31-semi-supervised.md#eq-31-10). M1 is trained before, and stays as it is.
    """

    def loss(mean: Any, log_variance: Any, labels: Any, rng: Any) -> tuple[Tensor, dict[str, Any]]:
        return model.loss(reparameterize(mean, log_variance, backend.normal(rng, mean.shape, like=mean)), labels, rng)

    return loss


def _integers(who: str, labels: Any, n: int, classes: int | None = None) -> Any:
    """The labels as int64, where an unsigned one can be compared with −1. Raises `ValueError` for any that are none."""
    top = math.inf if classes is None else classes - 1
    wanted = f"{who}: expected {n} labels, integers 0 … {top}, or {UNKNOWN} where one is not known"
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise ValueError(f"{wanted}, got {labels.dtype} {tuple(labels.shape)}")
    labels = labels.astype(np.int64)
    if backend.host_scalar(((labels < UNKNOWN) | (labels > top)).any()):
        raise ValueError(f"{wanted}; some lie outside")
    return labels


def _column(g: Any) -> Any:
    return F.reshape(g, (-1, 1))
