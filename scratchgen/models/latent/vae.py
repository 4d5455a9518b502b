"""The variational autoencoder (VAE, 변분 오토인코더): encoder and decoder both answer with a distribution.

    ln p(x) ≥ ELBO = E_q[ln p(x|z)] − KL(q(z|x) ‖ p(z))        Eq. 12.4 (derivations/12-elbo.md#eq-12-4)

The same model with its gradient written by hand is `HandVAE` next door.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ... import backend, nn
from ... import functional as F
from ...autograd import Tensor, no_grad
from ...distributions import Bernoulli, Normal
from .assumptions import check_decoder, check_pixels
from .terms import bernoulli_log_likelihood, kl_to_standard_normal, normal_log_likelihood, reparameterize

__all__ = ["ELBO", "VAE", "Decoder", "Encoder"]


class ELBO(NamedTuple):
    """The two terms of −ELBO, one number per image, in nats."""

    reconstruction: Tensor  # −ln p(x|z) for one z ~ q(z|x)
    kl: Tensor  # KL(q(z|x) ‖ p(z)), in closed form


class Encoder(nn.Module):
    """q(z|x) = N(μ(x), σ²(x)): images (N, pixels) → a Normal over z (N, latent)  (인코더)."""

    def __init__(self, pixels: int, hidden: int, latent: int, rng: Any = None) -> None:
        self.hidden = nn.Linear(pixels, hidden, rng=rng)
        self.mean = nn.Linear(hidden, latent, rng=rng)
        self.log_variance = nn.Linear(hidden, latent, rng=rng)

    def forward(self, x: Any) -> Normal:
        h = F.tanh(self.hidden(x))
        return Normal(self.mean(h), self.log_variance(h))


class Decoder(nn.Module):
    """p(x|z): latent vectors (N, latent) → one Bernoulli or Normal per pixel (N, pixels)  (디코더)."""

    def __init__(
        self,
        latent: int,
        hidden: int,
        pixels: int,
        kind: str = "bernoulli",
        variance: float | None = None,
        rng: Any = None,
    ) -> None:
        check_decoder("VAE", kind, variance)
        self.kind = kind
        self.variance = variance
        self.hidden = nn.Linear(latent, hidden, rng=rng)
        self.output = nn.Linear(hidden, pixels, rng=rng)
        if kind == "normal" and variance is None:
            self.log_variance = nn.Linear(hidden, pixels, rng=rng)

    def forward(self, z: Any) -> Bernoulli | Normal:
        h = F.tanh(self.hidden(z))
        output = self.output(h)
        if self.kind == "bernoulli":
            return Bernoulli(output)
        return Normal(output, self.log_variance(h) if self.variance is None else math.log(self.variance))


class VAE(nn.Module):
    """Encoder, decoder, and the bound that trains both.  Eq. 12.6 (derivations/12-elbo.md#eq-12-6)

    decoder="bernoulli" is for pixels that are 0 or 1, "normal" for real ones, with a fixed `variance` or a learned one
    per pixel (None). Kingma and Welling, *Auto-Encoding Variational Bayes*, 2013 (arXiv:1312.6114).
    """

    def __init__(
        self,
        pixels: int = 784,
        hidden: int = 400,
        latent: int = 20,
        decoder: str = "bernoulli",
        variance: float | None = None,
        rng: Any = None,
    ) -> None:
        self.latent = latent
        self.encoder = Encoder(pixels, hidden, latent, rng)
        self.decoder = Decoder(latent, hidden, pixels, decoder, variance, rng)

    def encode(self, x: Any) -> Normal:
        """q(z|x) for images x (N, pixels)."""
        return self.encoder(x)

    def decode(self, z: Any) -> Bernoulli | Normal:
        """p(x|z) for latent vectors z (N, latent)."""
        return self.decoder(z)

    def elbo(self, x: Any, noise: Any) -> ELBO:
        """−ELBO in its two terms, with one sample z = μ + σ∘ε per image.  Eq. 12.4 (derivations/12-elbo.md#eq-12-4)

        x (N, pixels), noise ε (N, latent) from N(0, I); both raw arrays or Tensors. Raises `ValueError` for grey pixels
        in a Bernoulli decoder.
        """
        q = self.encode(x)
        z = reparameterize(q.mean, q.log_var, noise)  # Eq. 14.1
        p = self.decode(z)
        if isinstance(p, Bernoulli):
            check_pixels("VAE", x.data if isinstance(x, Tensor) else x)
            log_likelihood = bernoulli_log_likelihood(p.logits, x)  # Eq. 15.1
        else:
            log_likelihood = normal_log_likelihood(p.mean, p.log_var, x)  # Eq. 15.3
        return ELBO(-log_likelihood, kl_to_standard_normal(q.mean, q.log_var))  # Eq. 13.3

    def loss(self, x: Any, rng: Any) -> tuple[Tensor, dict[str, Any]]:
        """The mean −ELBO of a batch, and its terms to be shown; everything in nats per image."""
        noise = backend.normal(rng, (len(x), self.latent), like=x.data if isinstance(x, Tensor) else x)
        reconstruction, kl = self.elbo(x, noise)
        loss = (reconstruction + kl).mean()
        return loss, {"ELBO": -loss.data, "reconstruction": reconstruction.data.mean(), "KL": kl.data.mean()}

    def sample(self, n: int, rng: Any, mean: bool = False) -> Any:
        """New images: z from the *prior*, then x from p(x|z); a raw array (n, pixels).

        Eq. 12.1 (derivations/12-elbo.md#eq-12-1), read as a recipe. With `mean=True` the mean of p(x|z) in place of a
        draw from it: smoother to look at, but not a sample. A z from the encoder would give a reconstruction instead
        (ledger B7).
        """
        with no_grad():
            z = backend.normal(rng, (n, self.latent), like=self.encoder.mean.weight.data)
            p = self.decode(z)
            return (p.mean if mean else p.sample(rng)).data
