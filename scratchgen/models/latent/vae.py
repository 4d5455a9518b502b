"""The variational autoencoder (VAE, 변분 오토인코더): encoder and decoder both answer with a distribution.

    ln p(x) ≥ ELBO = E_q[ln p(x|z)] − KL(q(z|x) ‖ p(z))        Eq. 12.4 (derivations/12-elbo.md#eq-12-4)

The same model with its gradient written by hand is `HandVAE` next door.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ... import backend, nn
from ... import functional as F
from ...autograd import Tensor, no_grad
from ...distributions import Bernoulli, Categorical, MultivariateNormal, Normal
from .assumptions import (
    check_batch,
    check_codes,
    check_decoder,
    check_draws,
    check_extent,
    check_images,
    check_labels,
    check_levels,
    check_pairs,
    check_pixels,
    check_posterior,
    check_real,
    check_size,
    check_weights,
)
from .bounds import iwae_bound, kl_sample, normalized_weights, weigh_path
from .networks import Levels, check_shape, decoder_network, encoder_network, hidden_sizes
from .terms import (
    bernoulli_log_likelihood,
    categorical_log_likelihood,
    free_bits,
    kl_full,
    kl_per_dimension,
    kl_to_standard_normal,
    lower_triangle,
    normal_log_likelihood,
    reparameterize,
    reparameterize_full,
)

__all__ = ["ELBO", "VAE", "Decoder", "Encoder"]

LEVELS = 256  # of a categorical pixel


class ELBO(NamedTuple):
    """The two terms of −ELBO, one number per image, in nats."""

    reconstruction: Tensor  # −ln p(x|z) for one z ~ q(z|x)
    kl: Tensor  # KL(q(z|x) ‖ p(z)), in closed form


class Encoder(nn.Module):
    """q(z|x): images (N, pixels) → a distribution over z (N, latent), a Normal with a variance for each dimension, or
    with `posterior="full"` a MultivariateNormal  (인코더)."""

    def __init__(self, network: Any, latent: int, posterior: str = "diagonal", rng: Any = None) -> None:
        self.posterior = posterior
        self.network = network
        self.mean = network.head(latent, rng)
        if posterior == "diagonal":
            self.log_variance = network.head(latent, rng)
        else:
            self.factor = network.head(latent * (latent + 1) // 2, rng)

    def forward(self, x: Any) -> Normal | MultivariateNormal:
        h = self.network(x)
        if self.posterior == "diagonal":
            return Normal(self.mean(h), self.log_variance(h))
        return MultivariateNormal(self.mean(h), lower_triangle(self.factor(h)), validate_args=False)


class Decoder(nn.Module):
    """p(x|z): codes (N, latent) → a Bernoulli, Normal or Categorical for every pixel (N, pixels)  (디코더).

    `variance` of a Normal: a number, which stays; "scalar", one that is learned; None, one for each pixel. The one that
    is learned begins at 1. Where the data's is far from that, set `log_variance` nearer: Adam moves it by the learning
    rate a step, and until it is there the KL counts for too much.
    """

    def __init__(
        self,
        network: Any,
        pixels: int,
        kind: str = "bernoulli",
        variance: float | str | None = None,
        rng: Any = None,
    ) -> None:
        self.kind, self.variance, self.pixels = kind, variance, pixels
        self.network = network
        self.output = Levels(network, pixels, LEVELS, rng) if kind == "categorical" else network.head(pixels, rng)
        if kind == "normal" and variance is None:
            self.log_variance = network.head(pixels, rng)
        elif variance == "scalar":
            self.log_variance = nn.Parameter(np.zeros((), np.float32))

    def forward(self, z: Any) -> Bernoulli | Normal | Categorical:
        h = self.network(z)
        output = self.output(h)
        if self.kind == "bernoulli":
            return Bernoulli(output)
        if self.kind == "categorical":
            return Categorical(output)
        if self.variance is None:
            return Normal(output, self.log_variance(h))
        return Normal(output, self.log_variance if self.variance == "scalar" else math.log(float(self.variance)))


class VAE(nn.Module):
    """Encoder, decoder, and the bound that trains both.  Eq. 12.6 (derivations/12-elbo.md#eq-12-6)

    | argument | says |
    |---|---|
    | `hidden` | hidden units, 400 or (200, 200); () makes encoder and decoder linear |
    | `decoder` | "bernoulli" for pixels that are 0 or 1, "normal" for real ones, "categorical" for levels 0 … 255 |
    | `variance` | of a Normal decoder: a number, "scalar" (one, learned), or None (learned for each pixel) |
    | `posterior` | "diagonal", or "full": a covariance between latent dimensions too |
    | `classes` | how many; then everything is given the label as well (CVAE), Eq. 12.11 |
    | `shape` | of an image (C, H, W); then both networks are convolutional, `hidden` their channels |

    Two attributes change what is minimised *in training*; in evaluation (`eval()`) the loss is always −ELBO, so that
    the best epoch is the one with the best bound. `beta` is the weight of the KL divergence, Eq. 12.9: raise it from 0
    to 1 during training for a KL warm-up. `free_bits` is how many nats each latent dimension may use for nothing,
    Eq. 12.10 (derivations/12-elbo.md#eq-12-10).

    D. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014 (arXiv:1312.6114). Raises `ValueError` for
    options that do not fit together.
    """

    def __init__(
        self,
        pixels: int = 784,
        hidden: int | tuple[int, ...] = 400,
        latent: int = 20,
        decoder: str = "bernoulli",
        variance: float | str | None = None,
        *,
        posterior: str = "diagonal",
        classes: int | None = None,
        shape: tuple[int, int, int] | None = None,
        rng: Any = None,
    ) -> None:
        check_decoder("VAE", decoder, variance)
        check_posterior("VAE", posterior)
        pixels, latent = check_size("VAE", "pixels", pixels), check_size("VAE", "latent", latent)
        classes = None if classes is None else check_size("VAE", "classes", classes)
        if shape is not None:
            if math.prod(shape) != pixels:
                raise ValueError(f"VAE: images {shape} have {math.prod(shape)} pixels, not pixels={pixels}")
            check_shape("VAE", shape)
        self.pixels, self.latent, self.classes = pixels, latent, classes
        self.beta, self.free_bits = 1.0, 0.0
        sizes, labels = hidden_sizes("VAE", hidden), classes or 0
        # An encoder of images sees a label as so many further maps, each constant.
        self.copies = 1 if shape is None else shape[1] * shape[2]
        seen = None if shape is None else (shape[0] + labels, *shape[1:])
        self.encoder = Encoder(encoder_network(pixels + labels, sizes, seen, rng), latent, posterior, rng)
        self.decoder = Decoder(decoder_network(latent + labels, sizes, shape, rng), pixels, decoder, variance, rng)

    # ------------------------------------------------------------------------------------------------- distributions
    def encode(self, x: Any, labels: Any = None) -> Any:
        """q(z|x), or q(z|x, y), for images x (N, pixels) and labels y (N,). Raises `ValueError` for other images.

        Grey pixels between two levels may be encoded, though a Bernoulli or a Categorical has no likelihood for them.
        """
        check_images(type(self).__name__, x, self.pixels)
        return self.encoder(self._labelled(self.scaled(x), labels, self.copies))

    def decode(self, z: Any, labels: Any = None) -> Any:
        """p(x|z), or p(x|z, y), for codes z (N, latent) and labels y (N,). Raises `ValueError` for other codes."""
        check_codes(type(self).__name__, z, self.latent)
        return self.decoder(self._labelled(z, labels))

    def log_likelihood(self, p: Any, x: Any) -> Tensor:
        """ln p(x|z) of images x (N, pixels), given p(·|z): (N,), in nats.

        Eqs. 15.1, 15.3 and the categorical form (derivations/15-decoders.md#eq-15-1). Raises `ValueError` for pixels
        that p knows nothing of: grey ones for a Bernoulli, no whole numbers 0 … 255 for a Categorical, NaN for any; and
        for images of another size or number; `TypeError` for integers that go to a Normal.
        """
        check_images("VAE.log_likelihood", x, self.pixels)
        check_pairs("VAE.log_likelihood", p.mean if isinstance(p, Normal) else p.logits, x)
        x = self.numbers(x)
        raw = x.data if isinstance(x, Tensor) else x
        if isinstance(p, Bernoulli):
            check_pixels("VAE", raw)
            return bernoulli_log_likelihood(p.logits, x)
        if isinstance(p, Categorical):
            check_levels("VAE", raw, LEVELS)
            return categorical_log_likelihood(p.logits, raw.astype(np.int64))
        return normal_log_likelihood(p.mean, p.log_var, x)

    # -------------------------------------------------------------------------------------------------------- bounds
    def elbo(self, x: Any, noise: Any, labels: Any = None) -> ELBO:
        """−ELBO in its two terms, with one sample z = μ + σ∘ε per image.  Eq. 12.4 (derivations/12-elbo.md#eq-12-4)

        x (N, pixels), noise ε (N, latent) from N(0, I); both raw arrays or Tensors. Raises as `log_likelihood`.
        """
        q = self.encode(x, labels)
        return ELBO(-self.log_likelihood(self.decode(reparameterized(q, noise), labels), x), kl(q))

    def log_weights(self, x: Any, noise: Any, labels: Any = None) -> Tensor:
        """ln w = ln p(x|z) + ln p(z) − ln q(z|x) for k samples of z per image.  Eq. 12.5
        (derivations/12-elbo.md#eq-12-5)

        x (N, pixels), noise ε (k, N, latent) → (k, N), in nats. Their mean over k is the ELBO with both terms sampled,
        and `bounds.iwae_bound` of them a bound that is tighter. Raises as `log_likelihood`, and `ValueError` for other
        noise.
        """
        check_draws("VAE.log_weights", noise, len(x), self.latent)
        q = self.encode(x, labels)
        z = reparameterized(q, noise)
        # ln p(z) − ln q(z|x), where z is seen as a function of ε: the constants −½ ln 2π cancel.
        ratio = 0.5 * F.sum(F.square(noise) - F.square(z), -1) + log_spread(q)
        return self._log_likelihoods(x, z, labels) + ratio

    def doubly_reparameterized(self, x: Any, noise: Any, labels: Any = None) -> Tensor:
        """The same log-weights, from which `iwae_bound` gives the encoder a gradient with less noise: the decoder's is
        that of Eq. 11.9, the encoder's that of Eq. 11.16 (derivations/11-importance.md#eq-11-16).

        The numbers (k, N) are those of `log_weights`, and on average the gradients are. But ln q(z|x) counts as a
        function of z alone, and each z passes its share of the gradient on once more. For the bound and nothing else.
        Raises as `log_weights`.
        """
        check_draws("VAE.doubly_reparameterized", noise, len(x), self.latent)
        q = self.encode(x, labels)
        shares = np.zeros_like(noise, shape=noise.shape[:2])
        z = weigh_path(reparameterized(q, noise), shares)
        log_w = self._log_likelihoods(x, z, labels) - kl_sample(detached(q), z)
        shares[...] = normalized_weights(log_w.data)
        return log_w

    def _log_likelihoods(self, x: Any, z: Any, labels: Any) -> Tensor:
        """ln p(x|z) of k samples for each image, z (k, N, latent): (k, N)."""
        draws, n = z.shape[:2]
        many = None if labels is None else np.tile(labels, draws)
        p = self.decode(F.reshape(z, (draws * n, self.latent)), many)
        log_likelihood = self.log_likelihood(p, np.tile(x.data if isinstance(x, Tensor) else x, (draws, 1)))
        return F.reshape(log_likelihood, (draws, n))

    def loss(self, x: Any, *labels_and_rng: Any) -> tuple[Tensor, dict[str, Any]]:
        """The mean −ELBO of a batch, and its terms to be shown; everything in nats per image. Called as
        `loss(x, rng)` or `loss(x, labels, rng)`. In training `beta` and `free_bits` have their say; the ELBO shown is
        the ELBO all the same. Raises as `log_likelihood`; `ValueError` for no images, for labels that do not fit, and
        for a `beta` or `free_bits` that is negative, no number, or not to be had with a full covariance; `TypeError`
        without a generator."""
        check_weights("VAE", beta=self.beta, free_bits=self.free_bits)
        labels, rng = _labels_and_rng("VAE.loss", labels_and_rng)
        check_batch("VAE.loss", x, self.pixels)
        q = self.encode(x, *labels)
        z = reparameterized(q, backend.normal(rng, (len(x), self.latent), like=self.like))
        reconstruction, divergence = -self.log_likelihood(self.decode(z, *labels), x).mean(), kl(q)
        penalty = divergence.mean()
        loss = elbo = reconstruction + penalty
        if self.training and self.free_bits:
            if not isinstance(q, Normal):
                raise ValueError(
                    "VAE: free_bits are given to each latent dimension, and a full covariance does not split its KL "
                    "among them; use posterior='diagonal', or free_bits=0"
                )
            penalty = free_bits(kl_per_dimension(q.mean, q.log_var), self.free_bits)  # Eq. 12.10
        if self.training and (self.free_bits or self.beta != 1):
            loss = reconstruction + self.beta * penalty  # Eq. 12.9
        return loss, {"ELBO": -elbo.data, "reconstruction": reconstruction.data, "KL": divergence.data.mean()}

    def iwae_loss(self, draws: int, doubly: bool = False) -> Any:
        """A loss to train on in place of `loss`: minus the importance-weighted bound of k = `draws` samples.

        Eq. 11.5 (derivations/11-importance.md#eq-11-5). `doubly` takes the encoder's gradient from
        `doubly_reparameterized`: the same on average, with less noise. Raises `ValueError` for k < 1, and in training
        for a `beta` or `free_bits`, which weigh a KL divergence: this bound has none on its own. Y. Burda, R. Grosse,
        R. Salakhutdinov, *Importance Weighted Autoencoders*, ICLR 2016.
        """
        if draws < 1:
            raise ValueError(f"VAE.iwae_loss: expected draws of at least 1, got {draws}")
        log_weights = self.doubly_reparameterized if doubly else self.log_weights

        def loss(x: Any, *labels_and_rng: Any) -> tuple[Tensor, dict[str, Any]]:
            labels, rng = _labels_and_rng("VAE.iwae_loss", labels_and_rng)
            check_batch("VAE.iwae_loss", x, self.pixels)
            if self.training and (self.beta != 1 or self.free_bits):
                raise ValueError(
                    f"VAE.iwae_loss: beta={self.beta} and free_bits={self.free_bits} would weigh a KL divergence, and "
                    "this bound has none on its own; train on `loss`, or with beta=1 and free_bits=0"
                )
            noise = backend.normal(rng, (len(x), draws, self.latent), self.like)  # images first: workers share them
            bound = iwae_bound(log_weights(x, noise.swapaxes(0, 1), *labels)).mean()
            return -bound, {f"IWAE-{draws}": bound.data}

        return loss

    # ------------------------------------------------------------------------------------------------------- samples
    def sample(self, n: int, rng: Any, mean: bool = False, labels: Any = None) -> Any:
        """New images: z from the *prior*, then x from p(x|z); a raw array (n, pixels).

        Eq. 12.1 (derivations/12-elbo.md#eq-12-1), read as a recipe. With `mean=True` the mean of p(x|z) in place of a
        draw from it: smoother to look at, but not a sample. A z from the encoder would give a reconstruction instead
        (ledger B7). Raises `ValueError` for labels that do not fit, `TypeError` without a generator, and
        `FloatingPointError` where logits to draw from are no numbers.
        """
        with no_grad():
            p = self.decode(backend.normal(rng, (n, self.latent), like=self.like), labels)
            return (p.mean if mean else p.sample(rng)).data

    # ------------------------------------------------------------------------------------------------------- helpers
    @property
    def like(self) -> Any:
        """An array of the model's dtype and device: the decoder's last weight, which is near, for a step asks often."""
        return next(self.decoder.output.parameters()).data

    @property
    def whole_minibatch(self) -> str:
        """As `Module.whole_minibatch`: free bits are counted over the minibatch."""
        return "needs the mean over the whole minibatch for its free bits" if self.free_bits else ""

    def numbers(self, x: Any) -> Any:
        """Images in the model's dtype. Bits and levels may come as integers of any kind; real pixels come as they are,
        since to convert those is to change them. Raises as `log_likelihood` for what are no real pixels."""
        if self.decoder.kind == "normal":
            check_real(type(self).__name__, x.data if isinstance(x, Tensor) else x)
            return x
        if isinstance(x, Tensor) and x.dtype.kind == "f":
            return x
        return x if x.dtype == self.like.dtype else x.astype(self.like.dtype)

    def scaled(self, x: Any) -> Any:
        """Images as networks read them: `numbers`, and grey levels 0 … 255 as 0 … 1. Raises `ValueError` for bits and
        levels that lie outside."""
        x = self.numbers(x)
        if self.decoder.kind == "normal":
            return x
        levels = LEVELS if self.decoder.kind == "categorical" else 2
        check_extent(type(self).__name__, x.data if isinstance(x, Tensor) else x, levels)
        return x if levels == 2 else x * (1 / (levels - 1))

    def _labelled(self, rows: Any, labels: Any, copies: int = 1) -> Any:
        """Each row with its label behind it, as zeros and a one; every number `copies` times."""
        check_labels(type(self).__name__, labels, self.classes, len(rows))
        if self.classes is None:
            return rows
        ones = F.one_hot(labels, self.classes, self.like.dtype)
        return F.concatenate([rows, ones if copies == 1 else np.repeat(ones, copies, axis=1)], 1)


def _labels_and_rng(who: str, given: tuple[Any, ...]) -> tuple[list[Any], Any]:
    """What a loss is given behind the images: labels, where there are any, and a generator."""
    *labels, rng = given or (None,)
    if not hasattr(rng, "standard_normal"):
        got = ", ".join(["x", *(type(argument).__name__ for argument in given)])
        raise TypeError(
            f"{who}: expected (x, rng) or (x, labels, rng), a generator such as np.random.default_rng(0) at the end, "
            f"got ({got})"
        )
    return labels, rng


# ------------------------------------------------------------------------------------- what differs between posteriors
def reparameterized(q: Any, noise: Any) -> Tensor:
    """z ~ q as a function of the noise.  Eq. 14.1 (derivations/14-reparameterisation.md#eq-14-1)"""
    if isinstance(q, Normal):
        return reparameterize(q.mean, q.log_var, noise)
    return reparameterize_full(q.mean, q.factor, noise)


def kl(q: Any) -> Tensor:
    """KL(q ‖ N(0, I)): (N,), in nats.  Eq. 13.3 (derivations/13-gaussian-kl.md#eq-13-3)"""
    return kl_to_standard_normal(q.mean, q.log_var) if isinstance(q, Normal) else kl_full(q.mean, q.factor)


def log_spread(q: Any) -> Tensor:
    """½ ln det Σ of q: (N,)."""
    return 0.5 * F.sum(q.log_var, -1) if isinstance(q, Normal) else F.sum(q.log_diagonal, -1)


def detached(q: Any) -> Any:
    """q with the numbers it has, as constants."""
    if isinstance(q, Normal):
        return Normal(q.mean.detach(), q.log_var.detach())
    return MultivariateNormal(q.mean.detach(), q.factor.detach(), validate_args=False)
