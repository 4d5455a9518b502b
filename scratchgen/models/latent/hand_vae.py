"""The VAE with its whole gradient derived by hand: no graph, no autograd, only arrays.

`HandVAE.forward` computes the negative ELBO line by line as derivations/15-decoders.md writes the network,
`HandVAE.backward` is Eqs. 15.6–15.12 read from top to bottom. It is what `loss.backward()` does inside `VAE`, and the
two exchange weights by name.

Those equations know a layer only as y = Wx + b. Whether W is a matrix or a convolution (Eq. 15.19), and how many layers
stand one behind the other (Eq. 15.20), is settled by the small classes that come first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import backend
from ... import functional as F
from ...nn.init import Initializer, generator, glorot_uniform, he_normal
from .assumptions import check_batch, check_decoder, check_pixels, check_real, check_size
from .networks import check_channels, check_shape, hidden_sizes

__all__ = ["HandVAE", "Pass"]

Array = Any
Shape = tuple[int, ...]


# ------------------------------------------------------------------------------------------------------------ layers
class Layer:
    """y = Wx + b on rows, x (N, inputs) → y (N, outputs); and what becomes of ȳ: x̄ = Wᵀȳ, W̄ = Σₙ ȳₙxₙᵀ, b̄ = Σₙ ȳₙ.

    Eq. 15.19 (derivations/15-decoders.md#eq-15-19). `weights` holds W and b under the names that `VAE` gives them.
    """

    weights: dict[str, Array]

    def __init__(self, name: str, inputs: int, outputs: int, rng: Any, init: Initializer = glorot_uniform) -> None:
        self.weights = _named(name, init((outputs, inputs), rng, np.float32), outputs)
        self.outputs: Shape = (outputs,)

    def forward(self, x: Array) -> Array:
        """y"""
        W, b = self.weights.values()
        return x @ W.T + b

    def transposed(self, y_bar: Array) -> Array:
        """x̄"""
        W, _ = self.weights.values()
        return y_bar @ W

    def gradient(self, y_bar: Array, x: Array) -> dict[str, Array]:
        """W̄ and b̄, by name."""
        return dict(zip(self.weights, (y_bar.T @ x, y_bar.sum(0))))


class Convolution(Layer):
    """y = w ⋆ x + b: a 4×4 kernel at stride 2, a frame of zeros around the image, which becomes half as high and wide.

    Eq. 4.1 (derivations/04-convolution.md#eq-4-1). A layer whose W is never written out: it would hold each number of
    w in many places, and zeros everywhere else.
    """

    def __init__(self, name: str, inputs: Shape, channels: int, rng: Any) -> None:
        before, height, width = inputs
        self.weights = _named(name, he_normal((channels, before, 4, 4), rng, np.float32), channels)
        self.inputs, self.outputs = inputs, (channels, height // 2, width // 2)

    def forward(self, x: Array) -> Array:
        w, b = self.weights.values()
        return _rows(F.conv2d(_images(x, self.inputs), w, b, stride=2, padding=1))

    def transposed(self, y_bar: Array) -> Array:  # Eq. 4.4
        w, _ = self.weights.values()
        return _rows(F.conv_transpose2d(_images(y_bar, self.outputs), w, stride=2, padding=1))

    def gradient(self, y_bar: Array, x: Array) -> dict[str, Array]:  # Eqs. 4.5 and 4.6
        x, y_bar = _images(x, self.inputs), _images(y_bar, self.outputs)
        return dict(zip(self.weights, (_correlation(y_bar, x), y_bar.sum((0, 2, 3)))))


class Upconvolution(Layer):
    """y = wᵀ ⋆ x + b: the transpose of such a convolution. The image becomes twice as high and wide.

    Eq. 4.7 (derivations/04-convolution.md#eq-4-7). Transposed once more it is the convolution again.
    """

    def __init__(self, name: str, inputs: Shape, channels: int, rng: Any, init: Initializer = he_normal) -> None:
        before, height, width = inputs
        # Of the taps only one in four meets any one pixel: the factor 2 restores the variance.
        w = 2 * init((channels, before, 4, 4), rng, np.float32).swapaxes(0, 1)
        self.weights = _named(name, np.ascontiguousarray(w), channels)
        self.inputs, self.outputs = inputs, (channels, 2 * height, 2 * width)

    def forward(self, x: Array) -> Array:
        w, b = self.weights.values()
        return _rows(F.conv_transpose2d(_images(x, self.inputs), w, b, stride=2, padding=1))

    def transposed(self, y_bar: Array) -> Array:
        w, _ = self.weights.values()
        return _rows(F.conv2d(_images(y_bar, self.outputs), w, stride=2, padding=1))

    def gradient(self, y_bar: Array, x: Array) -> dict[str, Array]:
        x, y_bar = _images(x, self.inputs), _images(y_bar, self.outputs)
        return dict(zip(self.weights, (_correlation(x, y_bar), y_bar.sum((0, 2, 3)))))


class Constant(Layer):
    """y = c, whatever x is: one number, which every pixel of every image reads. So c̄ is the sum of all their ȳ.

    Eq. 15.15 (derivations/15-decoders.md#eq-15-15), before it is set to zero.
    """

    def __init__(self, name: str) -> None:
        self.weights = {name: np.zeros((), np.float32)}

    def forward(self, x: Array) -> Array:
        (c,) = self.weights.values()
        return c

    def transposed(self, y_bar: Array) -> Array:
        return 0.0

    def gradient(self, y_bar: Array, x: Array) -> dict[str, Array]:
        return dict(zip(self.weights, [np.reshape(y_bar.sum(), ())]))


def _correlation(small: Array, large: Array) -> Array:
    """w̄[f, c, u, v] = Σₙᵢⱼ small[n, f, i, j] · large[n, c, 2i + u − 1, 2j + v − 1].

    Eq. 4.5 (derivations/04-convolution.md#eq-4-5): each pixel of the small images against the 4×4 window it came from.
    """
    framed = np.pad(large, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(framed, (4, 4), (2, 3))[:, :, ::2, ::2]  # a view, (n,c,i,j,u,v)
    return np.tensordot(small, windows, ((0, 2, 3), (0, 2, 3)))


def _named(name: str, weight: Array, outputs: int) -> dict[str, Array]:
    return {f"{name}.weight": weight, f"{name}.bias": np.zeros(outputs, weight.dtype)}


def _images(rows: Array, shape: Shape) -> Array:
    return rows.reshape(len(rows), *shape)


def _rows(images: Array) -> Array:
    return images.reshape(len(images), math.prod(images.shape[1:]))


# ------------------------------------------------------------------------------------------------------ hidden layers
# A nonlinearity, and its slope as a function of what came out of it.
TANH = np.tanh, lambda h: 1 - h**2
RELU = F.relu, lambda h: h > 0


class Network:
    """h = f(Wh′ + b), layer after layer, f a tanh or a ReLU. Without layers the features are the input itself.

    Eqs. 15.13 and 15.14 (derivations/15-decoders.md#eq-15-13).
    """

    def __init__(self, inputs: Shape, layers: Sequence[Layer], f: tuple[Callable[[Array], Array], ...]) -> None:
        self.layers = list(layers)
        self.f, self.slope = f
        self.outputs = self.layers[-1].outputs if layers else inputs

    def forward(self, x: Array) -> list[Array]:
        """All that is computed on the way: x itself, the hidden layers, and in the end the features."""
        hs = [x]
        for layer in self.layers:
            hs.append(self.f(layer.forward(hs[-1])))
        return hs

    def backward(self, h_bar: Array, hs: list[Array], to_input: bool = True) -> tuple[Array, dict[str, Array]]:
        """From h̄ of the features down to the input's gradient, if anyone wants it; and those of the weights.

        Eq. 15.20 (derivations/15-decoders.md#eq-15-20), from the last layer to the first.
        """
        gradient: dict[str, Array] = {}
        for layer, below, h in zip(self.layers[::-1], hs[-2::-1], hs[::-1]):
            u_bar = h_bar * self.slope(h)
            gradient |= layer.gradient(u_bar, below)
            h_bar = layer.transposed(u_bar) if to_input or layer is not self.layers[0] else None
        return h_bar, gradient


def _encoder(pixels: int, hidden: Shape, shape: Shape | None, rng: Any) -> Network:
    """x → h₁, as `networks.encoder_network`."""
    if shape is None:
        return _mlp("encoder.network", (pixels, *hidden), rng)
    first = Convolution("encoder.network.first", shape, hidden[0], rng)
    return Network(shape, [first, Convolution("encoder.network.second", first.outputs, hidden[1], rng)], RELU)


def _decoder(latent: int, hidden: Shape, shape: Shape | None, rng: Any) -> Network:
    """z → h₂, as `networks.decoder_network`: the encoder's layers in the opposite order."""
    if shape is None:
        return _mlp("decoder.network", (latent, *hidden[::-1]), rng)
    small = (hidden[1], shape[1] // 4, shape[2] // 4)
    spread = Layer("decoder.network.spread", latent, math.prod(small), rng, he_normal)
    return Network((latent,), [spread, Upconvolution("decoder.network.enlarge", small, hidden[0], rng)], RELU)


def _decoder_head(name: str, features: Shape, pixels: int, shape: Shape | None, rng: Any) -> Layer:
    """h₂ → one number per pixel: the last layer of the way back to an image."""
    if shape is None:
        return Layer(name, features[0], pixels, rng)
    return Upconvolution(name, features, shape[0], rng, glorot_uniform)


def _mlp(name: str, sizes: Shape, rng: Any) -> Network:
    pairs = enumerate(itertools.pairwise(sizes))
    return Network(sizes[:1], [Layer(f"{name}.layers.{i}", m, n, rng) for i, (m, n) in pairs], TANH)


# ----------------------------------------------------------------------------------------------------------- the VAE
class Pass(NamedTuple):
    """What one forward pass computed: the two terms of the loss, and every value that its gradient needs again."""

    reconstruction: Array  # −ln p(x|z), one number per image, in nats
    kl: Array  # KL(q(z|x) ‖ N(0, I)), one number per image, in nats
    encoder: list[Array]  # x, hidden layers, the last of them h₁
    mean: Array
    sigma: Array
    noise: Array
    decoder: list[Array]  # z, hidden layers, the last of them h₂
    a: Array
    precision: Array | float  # 1/σ_x² of a Normal decoder

    @property
    def loss(self) -> float:
        """The mean negative ELBO of the batch: the number whose gradient `HandVAE.backward` returns.  Eq. 12.6"""
        return backend.host_scalar((self.reconstruction + self.kl).mean())


class HandVAE:
    """L = (1/N) Σₙ [−ln p(xₙ|zₙ) + KL(q(z|xₙ) ‖ N(0, I))], with z = μ + σ∘ε, and ∂L/∂(every weight) by hand.

    Eq. 12.6 (derivations/12-elbo.md#eq-12-6) and Eqs. 15.6–15.12 (derivations/15-decoders.md#eq-15-6); Kingma and
    Welling 2013 (arXiv:1312.6114).

    Arguments as for `VAE`, which begins with the same weights if it gets the same `rng`; `state_dict` and
    `load_state_dict` carry weights over. Categorical decoders, full covariances and classes are left to `VAE`. Raises
    `ValueError` for options that do not fit together.
    """

    def __init__(
        self,
        pixels: int = 784,
        hidden: int | tuple[int, ...] = 400,
        latent: int = 20,
        decoder: str = "bernoulli",
        variance: float | str | None = None,
        *,
        shape: tuple[int, int, int] | None = None,
        rng: Any = None,
    ) -> None:
        check_decoder("HandVAE", decoder, variance)
        pixels, latent = check_size("HandVAE", "pixels", pixels), check_size("HandVAE", "latent", latent)
        if decoder == "categorical":
            raise ValueError("HandVAE: the gradient of decoder='categorical' is not written out here, VAE has it")
        sizes, rng = hidden_sizes("HandVAE", hidden), generator(rng)
        if shape is not None:
            if math.prod(shape) != pixels:
                raise ValueError(f"HandVAE: images {shape} have {math.prod(shape)} pixels, not pixels={pixels}")
            check_shape("HandVAE", shape)
            check_channels(sizes)
        self.pixels, self.latent, self.kind = pixels, latent, decoder
        self.variance: Any = variance

        self.encoder = _encoder(pixels, sizes, shape, rng)
        width = math.prod(self.encoder.outputs)
        self.mean = Layer("encoder.mean", width, latent, rng)
        self.log_variance = Layer("encoder.log_variance", width, latent, rng)

        self.decoder = _decoder(latent, sizes, shape, rng)
        features = self.decoder.outputs
        self.output = _decoder_head("decoder.output", features, pixels, shape, rng)
        self.log_variance_x: Layer | None = None  # only where a Normal decoder learns its variance
        if variance == "scalar":
            self.log_variance_x = Constant("decoder.log_variance")
        elif decoder == "normal" and variance is None:
            self.log_variance_x = _decoder_head("decoder.log_variance", features, pixels, shape, rng)

    # ------------------------------------------------------------------------------------------------------- weights
    @property
    def layers(self) -> list[Layer]:
        """Every layer, in the order of `state_dict`."""
        variance = [self.log_variance_x] if self.log_variance_x else []
        return [*self.encoder.layers, self.mean, self.log_variance, *self.decoder.layers, self.output, *variance]

    def state_dict(self) -> dict[str, Array]:
        """The weights by the names that `VAE` gives them. Not copies."""
        return {name: value for layer in self.layers for name, value in layer.weights.items()}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Take the weights of a `VAE` (or `HandVAE`) of the same shape, copied, and with them its dtype; raises
        `ValueError` for any other, and for weights that are not all of one floating-point dtype."""
        expected = {name: value.shape for name, value in self.state_dict().items()}
        given = {name: value.shape for name, value in state.items()}
        differences = [
            f"{name}: expected {expected.get(name, 'nothing')}, got {given.get(name, 'nothing')}"
            for name in {**expected, **given}
            if expected.get(name) != given.get(name)
        ]
        floats = [value.dtype for value in state.values() if value.dtype.kind == "f"] or [np.dtype(np.float32)]
        differences = differences or [
            f"{name}: expected {floats[0]}, got {value.dtype}"
            for name, value in state.items()
            if value.dtype != floats[0]
        ]
        if differences:
            raise ValueError("HandVAE.load_state_dict:\n  " + "\n  ".join(differences))
        for layer in self.layers:
            layer.weights = {name: state[name].copy() for name in layer.weights}

    # --------------------------------------------------------------------------------------- the loss, and its gradient
    def forward(self, x: Array, noise: Array) -> Pass:
        """The two terms of the negative ELBO, image by image.  Eq. 12.4 (derivations/12-elbo.md#eq-12-4)

        x (N, pixels), noise ε (N, latent) drawn from N(0, I). Raises `ValueError` for other shapes, for no images,
        for pixels that are NaN or, in a Bernoulli decoder, grey; `TypeError` for real pixels or noise of another dtype.
        """
        x, noise = self._batch(x, noise)
        encoder = self.encoder.forward(x)
        h1 = encoder[-1]
        mean = self.mean.forward(h1)  # W₂h₁ + b₂
        log_variance = self.log_variance.forward(h1)  # W₃h₁ + b₃
        sigma = np.exp(0.5 * log_variance)
        z = mean + sigma * noise  # Eq. 14.1
        decoder = self.decoder.forward(z)
        h2 = decoder[-1]
        a = self.output.forward(h2)  # W₅h₂ + b₅

        precision: Array | float = 1.0
        if self.kind == "bernoulli":
            check_pixels("HandVAE", x)
            log_likelihood = (x * a - F.softplus(a)).sum(1)  # Eq. 15.1
        else:
            check_real("HandVAE", x)
            if self.log_variance_x:
                log_variance_x = self.log_variance_x.forward(h2)  # W₆h₂ + b₆, or one number
                precision = np.exp(-log_variance_x)
            else:
                log_variance_x, precision = math.log(float(self.variance)), 1 / float(self.variance)
            squares = (x - a) ** 2 * precision
            log_likelihood = -0.5 * (math.log(2 * math.pi) + log_variance_x + squares).sum(1)  # Eq. 15.3
        kl = 0.5 * (mean**2 + sigma**2 - 1 - log_variance).sum(1)  # Eq. 13.3
        return Pass(-log_likelihood, kl, encoder, mean, sigma, noise, decoder, a, precision)

    def _batch(self, x: Array, noise: Array) -> tuple[Array, Array]:
        """Images and noise in the dtype of the weights. Bits may come as numbers of any kind, as in `VAE`."""
        check_batch("HandVAE", x, self.pixels)
        if noise.shape != (len(x), self.latent):
            raise ValueError(f"HandVAE: expected noise {(len(x), self.latent)} for these images, got {noise.shape}")
        dtype = next(iter(self.state_dict().values())).dtype
        if self.kind == "bernoulli" and x.dtype != dtype:
            x = x.astype(dtype)
        if not x.dtype == noise.dtype == dtype:
            raise TypeError(
                f"HandVAE: expected images and noise in {dtype}, as the weights are, got {x.dtype} and {noise.dtype}; "
                f"convert them with .astype('{dtype}')"
            )
        return x, noise

    def backward(self, kept: Pass) -> dict[str, Array]:
        """∂L/∂w for every weight w, under the names of `state_dict`.

        Eqs. 15.6–15.12 (derivations/15-decoders.md#eq-15-6). The page's ȳ is `y_bar` here. Each layer has its Wᵀȳ
        (`transposed`), and for its weights Σₙ ȳₙxₙᵀ and Σₙ ȳₙ (`gradient`).
        """
        x, h1, h2, n = kept.encoder[0], kept.encoder[-1], kept.decoder[-1], len(kept.noise)

        # Eq. 15.6: the decoder's output
        if self.kind == "bernoulli":
            a_bar = (F.sigmoid(kept.a) - x) / n
        else:
            a_bar = (kept.a - x) * kept.precision / n

        # Eq. 15.7: the decoder's weights and its hidden layers
        gradient = self.output.gradient(a_bar, h2)
        h2_bar = self.output.transposed(a_bar)
        if self.log_variance_x:
            log_variance_x_bar = 0.5 * (1 - (x - kept.a) ** 2 * kept.precision) / n  # Eq. 15.6 again
            gradient |= self.log_variance_x.gradient(log_variance_x_bar, h2)
            h2_bar += self.log_variance_x.transposed(log_variance_x_bar)
        z_bar, hidden = self.decoder.backward(h2_bar, kept.decoder)  # and Eq. 15.8: the latent variable
        gradient |= hidden

        mean_bar = z_bar + kept.mean / n  # Eq. 15.9: through z, and through the KL
        log_variance_bar = 0.5 * kept.sigma * kept.noise * z_bar + 0.5 * (kept.sigma**2 - 1) / n  # Eq. 15.10: likewise

        # Eq. 15.11: the encoder's heads
        gradient |= self.mean.gradient(mean_bar, h1) | self.log_variance.gradient(log_variance_bar, h1)
        h1_bar = self.mean.transposed(mean_bar) + self.log_variance.transposed(log_variance_bar)

        # Eq. 15.12: the encoder's hidden layers; the image is data and wants no gradient
        _, hidden = self.encoder.backward(h1_bar, kept.encoder, to_input=False)
        gradient |= hidden
        return {name: gradient[name] for name in self.state_dict()}
