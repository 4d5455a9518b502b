"""The autoencoder (오토인코더): squeeze an image through a few numbers, and ask for it back.

It is a compression, not a probability: it has no p(z) to draw from, so it cannot make new images. The VAE repairs that.
"""

from __future__ import annotations

from typing import Any

from ... import functional as F
from ... import nn
from ...autograd import Tensor

__all__ = ["Autoencoder"]


class Autoencoder(nn.Module):
    """x̂ = d(e(x)), trained on Σᵢ (x̂ᵢ − xᵢ)².  Eq. 0.73 (derivations/00-autograd.md#eq-0-73)

    Images (N, pixels) in [0, 1]. Up to scale and a constant the sum is −ln p(x|z) of a Normal decoder with a fixed
    variance: Eq. 15.3 (derivations/15-decoders.md#eq-15-3).
    """

    def __init__(self, pixels: int = 784, hidden: int = 400, latent: int = 20, rng: Any = None) -> None:
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden, rng=rng), nn.Tanh(), nn.Linear(hidden, latent, rng=rng))
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden, rng=rng), nn.Tanh(), nn.Linear(hidden, pixels, rng=rng), nn.Sigmoid()
        )

    def encode(self, x: Any) -> Tensor:
        """The code (N, latent) of images (N, pixels)."""
        return self.encoder(x)

    def decode(self, z: Any) -> Tensor:
        """The image (N, pixels) of codes (N, latent)."""
        return self.decoder(z)

    def forward(self, x: Any) -> Tensor:
        return self.decode(self.encode(x))

    def loss(self, x: Any, rng: Any = None) -> tuple[Tensor, dict[str, Any]]:
        """The squared error per image, summed over its pixels; `rng` is unused (an autoencoder has no noise)."""
        error = F.mse_loss(self(x), x, reduction="sum") * (1 / len(x))
        return error, {"squared error": error.data}
