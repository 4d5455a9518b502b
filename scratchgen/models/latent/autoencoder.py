"""The autoencoder (오토인코더): squeeze an image through a few numbers, the code, and ask for it back.

It is a compression, not a probability: it has no p(z) to draw from, so it cannot make new images. The VAE repairs that.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ... import backend, nn
from ... import functional as F
from ...autograd import Tensor
from .assumptions import check_batch, check_codes, check_grey, check_images, check_real, check_size
from .networks import decoder_network, encoder_network, hidden_sizes

__all__ = ["PCA", "Autoencoder", "mask", "pca"]

LOSSES = ("squared error", "cross-entropy", "absolute error")


class Autoencoder(nn.Module):
    """x̂ = d(e(x)), trained to be x.  Eq. 8.1 (derivations/08-linear-autoencoder.md#eq-8-1)

    Images (N, pixels) in [0, 1] ↔ codes (N, latent). What it becomes:

    | arguments | autoencoder |
    |---|---|
    | hidden=400, or (400, 200) | MLP, with tanh between its layers |
    | hidden=(), output="linear" | linear: it finds the subspace that `pca` computes, Eq. 8.8 |
    | hidden=(), code="sigmoid" | the lecture's z = σ(Wx + b), x̂ = σ(W′z + b′), Eq. 8.1 |
    | hidden=(16, 32), shape=(1, 28, 28) | convolutional, the decoder with transposed convolutions (upconv) |
    | masked=0.3 | denoising: sees an image with 30 % of its pixels blanked, is asked for the whole one, Eq. 8.16 |

    `loss` is one of "squared error" (Eq. 0.73; what its answer tends to is the mean, Eq. 8.13), "cross-entropy" (on the
    logits, Eq. 0.71; the mean as well, Eq. 8.14) and "absolute error" (Eq. 0.74; the median, Eq. 8.15).

    Raises `ValueError` for arguments that do not fit together. P. Vincent et al., *Extracting and composing robust
    features with denoising autoencoders*, ICML 2008.
    """

    def __init__(
        self,
        pixels: int = 784,
        hidden: int | tuple[int, ...] = 400,
        latent: int = 20,
        *,
        code: str = "linear",
        output: str = "sigmoid",
        loss: str = "squared error",
        masked: float = 0.0,
        shape: tuple[int, int, int] | None = None,
        rng: Any = None,
    ) -> None:
        _check(pixels, code, output, loss, masked, shape)
        pixels, latent = check_size("Autoencoder", "pixels", pixels), check_size("Autoencoder", "latent", latent)
        sizes = hidden_sizes("Autoencoder", hidden)
        self.pixels, self.latent = pixels, latent
        self.kind, self.masked = loss, masked
        network = encoder_network(pixels, sizes, shape, rng)
        self.encoder = nn.Sequential(network, network.head(latent, rng), *[nn.Sigmoid()] * (code == "sigmoid"))
        network = decoder_network(latent, sizes, shape, rng)
        self.decoder = nn.Sequential(network, network.head(pixels, rng))  # the image's logits where a sigmoid follows
        self.output = nn.Sequential(*[nn.Sigmoid()] * (output == "sigmoid"))

    def encode(self, x: Any) -> Tensor:
        """The code (N, latent) of images (N, pixels). Raises `ValueError` for images of another size."""
        check_images("Autoencoder", x, self.pixels)
        return self.encoder(x)

    def decode(self, z: Any) -> Tensor:
        """The image (N, pixels) of codes (N, latent). Raises `ValueError` for other codes."""
        check_codes("Autoencoder", z, self.latent)
        return self.output(self.decoder(z))

    def forward(self, x: Any) -> Tensor:
        return self.decode(self.encode(x))

    def loss(self, x: Any, rng: Any = None) -> tuple[Tensor, dict[str, Any]]:
        """The error per image, summed over its pixels. `rng` is for the noise of a denoising autoencoder alone.

        Where pixels are blanked, the answer is still compared with the clean image: Eq. 8.16
        (derivations/08-linear-autoencoder.md#eq-8-16). Raises `ValueError` for images of another size or none at all,
        for pixels that are NaN or, where the output is a sigmoid, outside [0, 1]; else `TypeError` for integers.
        """
        self._check_batch(x)
        a = self.decoder(self.encode(mask(x, self.masked, rng) if self.masked else x))
        if self.kind == "cross-entropy":
            total = F.binary_cross_entropy_with_logits(a, x, "sum")
        else:
            total = (F.mse_loss if self.kind == "squared error" else F.l1_loss)(self.output(a), x, "sum")
        error = total * (1 / len(x))
        return error, {self.kind: error.data}

    def _check_batch(self, x: Any) -> None:
        """Raise `ValueError` or `TypeError` for images that the output cannot be compared with."""
        check_batch("Autoencoder.loss", x, self.pixels)
        raw = x.data if isinstance(x, Tensor) else x
        if len(self.output):
            check_grey("Autoencoder.loss", raw)
        else:
            check_real("Autoencoder.loss", raw, "a linear output")


def mask(x: Any, share: float, rng: Any) -> Any:
    """x̃ = m ∘ x, each mᵢ 0 with probability `share`, else 1: pixels (N, pixels) blanked at random, anew at each call.

    Eq. 8.16 (derivations/08-linear-autoencoder.md#eq-8-16). Raises `ValueError` where there is no `rng` to draw from,
    and for pixels that are no floats.
    """
    if rng is None:
        raise ValueError(f"mask: share={share} of the pixels are chosen at random; pass rng, a NumPy generator")
    raw = x.data if isinstance(x, Tensor) else x
    if raw.dtype.kind != "f":
        raise ValueError(f"mask: expected pixels as floats, got {raw.dtype}; convert them: x.astype(np.float32)")
    return F.where(backend.uniform(rng, raw.shape, like=raw) >= share, x, 0.0)


class PCA(NamedTuple):
    """The best linear autoencoder: z = W(x − m), x̂ = Wᵀz + m, as host arrays."""

    mean: np.ndarray  # m (pixels,)
    directions: np.ndarray  # W (latent, pixels): rows of length 1, at right angles, the widest spread first
    spread: np.ndarray  # λ (min(N, pixels),): the variance along each direction, also those left out

    @property
    def error(self) -> float:
        """What is lost: Σ λⱼ of the directions left out, the squared error per image of the data that it is of."""
        return float(self.spread[len(self.directions) :].sum())

    def encode(self, x: Any) -> Any:
        """The code (N, latent)."""
        return (x - self.mean) @ self.directions.T

    def decode(self, z: Any) -> Any:
        """The image (N, pixels), not always in [0, 1]."""
        return z @ self.directions + self.mean


def pca(x: Any, latent: int) -> PCA:
    """Principal component analysis (주성분 분석) of data x (N, pixels), through the singular values of x − m.

    Eqs. 8.7 and 8.8 (derivations/08-linear-autoencoder.md#eq-8-7); floats keep their dtype. Raises `ValueError` unless
    x are rows, 1 ≤ latent ≤ min(N, pixels) and all x are finite. C. Eckart, G. Young, *The approximation of one matrix
    by another of lower rank*, 1936.
    """
    x = backend.to_host(x.data if isinstance(x, Tensor) else x)
    if x.ndim != 2:
        raise ValueError(f"pca: expected data as rows, (N, pixels), got {x.shape}; x.reshape(len(x), -1) makes rows")
    if not 1 <= latent <= min(x.shape):
        raise ValueError(f"pca: {len(x)} images of {x.shape[1]} pixels have no {latent} principal directions")
    if not np.isfinite(x).all():
        raise ValueError("pca: expected finite data, got NaN or infinite numbers among them; remove those images")
    mean = x.mean(0)
    triangle = np.linalg.qr(x - mean, mode="r")  # X = QR: X and R have the same XᵀX, and R is small
    _, singular, directions = np.linalg.svd(triangle, full_matrices=False)
    return PCA(mean, directions[:latent], singular**2 / len(x))


def _check(pixels: int, code: str, output: str, loss: str, masked: float, shape: Any) -> None:
    for name, value, known in (
        ("code", code, ("linear", "sigmoid")),
        ("output", output, ("linear", "sigmoid")),
        ("loss", loss, LOSSES),
    ):
        if value not in known:
            raise ValueError(f"Autoencoder: {name} must be {' or '.join(map(repr, known))}, got {value!r}")
    if loss == "cross-entropy" and output == "linear":
        raise ValueError("Autoencoder: a cross-entropy wants probabilities: output='sigmoid', not 'linear'")
    if not 0 <= masked < 1:
        raise ValueError(f"Autoencoder: masked, the share of blanked pixels, must lie in [0, 1), got {masked}")
    if shape is not None and math.prod(shape) != pixels:
        raise ValueError(f"Autoencoder: images of shape {tuple(shape)} have {math.prod(shape)} pixels, not {pixels}")
