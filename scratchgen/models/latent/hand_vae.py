"""The VAE with its whole gradient derived by hand: no graph, no autograd, only NumPy.

`forward` computes the negative ELBO line by line as derivations/15-decoders.md writes the network, `backward` is
Eqs. 15.6–15.12 read from top to bottom. It is what `loss.backward()` does inside `VAE`, and the two exchange weights
by name.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ... import backend
from ... import functional as F
from .assumptions import check_decoder, check_pixels

__all__ = ["HandVAE", "Pass"]

Array = Any

# The symbols of the derivation and the names under which `VAE` keeps the same numbers.
SYMBOLS = {
    "W1": "encoder.network.layers.0.weight",
    "b1": "encoder.network.layers.0.bias",
    "W2": "encoder.mean.weight",
    "b2": "encoder.mean.bias",
    "W3": "encoder.log_variance.weight",
    "b3": "encoder.log_variance.bias",
    "W4": "decoder.network.layers.0.weight",
    "b4": "decoder.network.layers.0.bias",
    "W5": "decoder.output.weight",
    "b5": "decoder.output.bias",
    "W6": "decoder.log_variance.weight",  # these two only where a Normal decoder learns its variance
    "b6": "decoder.log_variance.bias",
}


class Pass(NamedTuple):
    """What one forward pass computed: the two terms of the loss, and every value that its gradient needs again."""

    reconstruction: Array  # −ln p(x|z), one number per image, in nats
    kl: Array  # KL(q(z|x) ‖ N(0, I)), one number per image, in nats
    x: Array
    noise: Array
    h1: Array
    mean: Array
    sigma: Array
    z: Array
    h2: Array
    a: Array
    precision: Array | float  # 1/σ_x² of a Normal decoder

    @property
    def loss(self) -> float:
        """The mean negative ELBO of the batch: the number whose gradient `HandVAE.backward` returns.  Eq. 12.6"""
        return backend.host_scalar((self.reconstruction + self.kl).mean())


class HandVAE:
    """L = (1/N) Σₙ [−ln p(xₙ|zₙ) + KL(q(z|xₙ) ‖ N(0, I))], with z = μ + σ∘ε, and ∂L/∂(every weight) by hand.

    Eq. 12.6 (derivations/12-elbo.md#eq-12-6) and Eqs. 15.6–15.12 (derivations/15-decoders.md#eq-15-6); Kingma and
    Welling 2013 (arXiv:1312.6114). Arguments as for `VAE`; `state_dict` and `load_state_dict` carry weights over.
    """

    W1: Array
    b1: Array
    W2: Array
    b2: Array
    W3: Array
    b3: Array
    W4: Array
    b4: Array
    W5: Array
    b5: Array
    W6: Array
    b6: Array

    def __init__(
        self,
        pixels: int = 784,
        hidden: int = 400,
        latent: int = 20,
        decoder: str = "bernoulli",
        variance: float | None = None,
        rng: Any = None,
    ) -> None:
        check_decoder("HandVAE", decoder, variance)
        self.pixels, self.latent, self.decoder, self.variance = pixels, latent, decoder, variance
        rng = rng or np.random.default_rng()
        shapes = {1: (hidden, pixels), 2: (latent, hidden), 3: (latent, hidden)}  # encoder
        shapes |= {4: (hidden, latent), 5: (pixels, hidden)}  # decoder
        if decoder == "normal" and variance is None:
            shapes[6] = (pixels, hidden)
        self.symbols = [f"{letter}{layer}" for layer in shapes for letter in "Wb"]
        for layer, (outputs, inputs) in shapes.items():
            bound = math.sqrt(6 / (inputs + outputs))  # Glorot: activations keep their size from layer to layer
            setattr(self, f"W{layer}", rng.uniform(-bound, bound, (outputs, inputs)).astype(np.float32))
            setattr(self, f"b{layer}", np.zeros(outputs, np.float32))

    def state_dict(self) -> dict[str, Array]:
        """The weights by the names that `VAE` gives them. Not copies."""
        return {SYMBOLS[s]: getattr(self, s) for s in self.symbols}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Take the weights of a `VAE` (or `HandVAE`) of the same shape, copied; raises `ValueError` for any other."""
        expected = {name: value.shape for name, value in self.state_dict().items()}
        given = {name: value.shape for name, value in state.items()}
        differences = [
            f"{name}: expected {expected.get(name, 'nothing')}, got {given.get(name, 'nothing')}"
            for name in {**expected, **given}
            if expected.get(name) != given.get(name)
        ]
        if differences:
            raise ValueError("HandVAE.load_state_dict:\n  " + "\n  ".join(differences))
        for symbol in self.symbols:
            setattr(self, symbol, state[SYMBOLS[symbol]].copy())

    def forward(self, x: Array, noise: Array) -> Pass:
        """The two terms of the negative ELBO, image by image.  Eq. 12.4 (derivations/12-elbo.md#eq-12-4)

        x (N, pixels), noise ε (N, latent) drawn from N(0, I). Raises `ValueError` for grey pixels in a Bernoulli
        decoder.
        """
        h1 = np.tanh(x @ self.W1.T + self.b1)
        mean = h1 @ self.W2.T + self.b2
        log_variance = h1 @ self.W3.T + self.b3
        sigma = np.exp(0.5 * log_variance)
        z = mean + sigma * noise  # Eq. 14.1
        h2 = np.tanh(z @ self.W4.T + self.b4)
        a = h2 @ self.W5.T + self.b5

        precision: Array | float = 1.0
        if self.decoder == "bernoulli":
            check_pixels("HandVAE", x)
            log_likelihood = (x * a - F.softplus(a)).sum(1)  # Eq. 15.1
        else:
            log_variance_x: Array | float
            if self.variance is None:
                log_variance_x = h2 @ self.W6.T + self.b6
                precision = np.exp(-log_variance_x)
            else:
                log_variance_x, precision = math.log(self.variance), 1 / self.variance
            squares = (x - a) ** 2 * precision
            log_likelihood = -0.5 * (math.log(2 * math.pi) + log_variance_x + squares).sum(1)  # Eq. 15.3
        kl = 0.5 * (mean**2 + sigma**2 - 1 - log_variance).sum(1)  # Eq. 13.3
        return Pass(-log_likelihood, kl, x, noise, h1, mean, sigma, z, h2, a, precision)

    def backward(self, kept: Pass) -> dict[str, Array]:
        """∂L/∂w for every weight w, under the names of `state_dict`.

        Eqs. 15.6–15.12 (derivations/15-decoders.md#eq-15-6). The page's ȳ is `y_bar` here. One image is one row, so
        Σₙ ȳₙxₙᵀ is `y_bar.T @ x`, and Wᵀȳ is `y_bar @ W`.
        """
        x, n = kept.x, len(kept.x)
        gradient = {}

        # Eq. 15.6: the decoder's output
        if self.decoder == "bernoulli":
            a_bar = (F.sigmoid(kept.a) - x) / n
        else:
            a_bar = (kept.a - x) * kept.precision / n

        # Eq. 15.7: the decoder's weights and its hidden layer
        gradient["W5"], gradient["b5"] = a_bar.T @ kept.h2, a_bar.sum(0)
        h2_bar = a_bar @ self.W5
        if "W6" in self.symbols:
            log_variance_x_bar = 0.5 * (1 - (x - kept.a) ** 2 * kept.precision) / n  # Eq. 15.6 again
            gradient["W6"], gradient["b6"] = log_variance_x_bar.T @ kept.h2, log_variance_x_bar.sum(0)
            h2_bar += log_variance_x_bar @ self.W6
        u2_bar = h2_bar * (1 - kept.h2**2)
        gradient["W4"], gradient["b4"] = u2_bar.T @ kept.z, u2_bar.sum(0)

        z_bar = u2_bar @ self.W4  # Eq. 15.8: the latent variable
        mean_bar = z_bar + kept.mean / n  # Eq. 15.9: through z, and through the KL
        log_variance_bar = 0.5 * kept.sigma * kept.noise * z_bar + 0.5 * (kept.sigma**2 - 1) / n  # Eq. 15.10: likewise

        # Eq. 15.11: the encoder's heads
        gradient["W2"], gradient["b2"] = mean_bar.T @ kept.h1, mean_bar.sum(0)
        gradient["W3"], gradient["b3"] = log_variance_bar.T @ kept.h1, log_variance_bar.sum(0)
        h1_bar = mean_bar @ self.W2 + log_variance_bar @ self.W3

        # Eq. 15.12: the encoder's first layer
        u1_bar = h1_bar * (1 - kept.h1**2)
        gradient["W1"], gradient["b1"] = u1_bar.T @ x, u1_bar.sum(0)
        return {SYMBOLS[s]: gradient[s] for s in self.symbols}
