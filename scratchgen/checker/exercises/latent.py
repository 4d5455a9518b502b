"""Latent variables: the sample, the KL divergence, and both bounds of the likelihood that are made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .exercise import Arrays, Exercise, Mistake
from .losses import bits, huge, log_sum_exp, sigmoid, softmax, softplus

__all__ = ["EXERCISES"]


# --------------------------------------------------------------------------------------------------- reparameterisation
def reparameterize_forward(mean: Any, log_variance: Any, noise: Any) -> Any:
    return mean + np.exp(log_variance / 2) * noise


def reparameterize_backward(dout: Any, mean: Any, log_variance: Any, noise: Any) -> Arrays:
    return {"dmean": dout, "dlog_variance": dout * noise * np.exp(log_variance / 2) / 2}


REPARAMETERIZE = Exercise(
    name="reparameterize",
    forward=reparameterize_forward,
    backward=reparameterize_backward,
    inputs={"mean": "NJ", "log_variance": "NJ", "noise": "NJ"},
    contract="z = mean + σ·noise with σ² = exp(log_variance); mean, log_variance, noise (N, J) → z (N, J). The "
    "noise is given, and has no gradient",
    page="14-reparameterisation.md",
    equations=("14.1", "14.2", "14.3"),
    quantities=lambda dout, mean, log_variance, noise: {"σ": np.exp(log_variance / 2), "σ²": np.exp(log_variance)},
    terms=lambda dout, mean, log_variance, noise: {
        "out": {"the mean": mean, "the noise": np.exp(log_variance / 2) * noise},
    },
    mistakes=(
        Mistake("VARIANCE_FOR_STD", lambda mean, log_variance, noise: mean + np.exp(log_variance) * noise),
        Mistake("LOG_VARIANCE_AS_STD", lambda mean, log_variance, noise: mean + log_variance * noise),
        Mistake("LOG_VARIANCE_AS_VARIANCE", lambda mean, log_variance, noise: mean + _root(log_variance) * noise),
        Mistake("NOISE_OF_BOTH", lambda mean, log_variance, noise: (mean + np.exp(log_variance / 2)) * noise),
    ),
)


def _root(x: Any) -> Any:
    """√|x|, of the real part's sign, so that it may be differentiated by complex steps."""
    return np.sqrt(x * np.sign(np.real(x)))


# ---------------------------------------------------------------------------------------- the KL to the standard normal
def gaussian_kl_forward(mean: Any, log_variance: Any) -> Any:
    return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(1).mean()


def gaussian_kl_backward(mean: Any, log_variance: Any) -> Arrays:
    return {"dmean": mean / len(mean), "dlog_variance": 0.5 * (np.exp(log_variance) - 1) / len(mean)}


def _kl(mean: Any, variance: Any, log_variance: Any) -> Any:
    return 0.5 * (mean**2 + variance - 1 - log_variance).sum(1).mean()


GAUSSIAN_KL = Exercise(
    name="gaussian_kl",
    forward=gaussian_kl_forward,
    backward=gaussian_kl_backward,
    inputs={"mean": "NJ", "log_variance": "NJ"},
    contract="KL(N(mean, σ²) ‖ N(0, I)) with σ² = exp(log_variance), summed over the J latent variables, the mean "
    "over the N rows; mean, log_variance (N, J) → a number, in nats",
    page="13-gaussian-kl.md",
    equations=("13.3", "13.4", "13.5"),
    quantities=lambda mean, log_variance: {"σ": np.exp(log_variance / 2), "σ²": np.exp(log_variance)},
    terms=lambda mean, log_variance: {
        "out": {
            "mean²": 0.5 * (mean**2).sum(1).mean(),
            "σ²": 0.5 * np.exp(log_variance).sum(1).mean(),
            "the constant −1": -0.5 * mean.shape[1],
            "the log-variance": -0.5 * log_variance.sum(1).mean(),
        },
        "dlog_variance": {
            "σ²": 0.5 * np.exp(log_variance) / len(mean),
            "the constant −½": np.full(mean.shape, -0.5 / len(mean)),
        },
    },
    mistakes=(
        Mistake(
            "LOG_VARIANCE_AS_LOG_STD", lambda mean, log_variance: _kl(mean, np.exp(2 * log_variance), 2 * log_variance)
        ),
        Mistake(
            "LOG_VARIANCE_AS_LOG_STD", lambda mean, log_variance: _kl(mean, np.exp(2 * log_variance), log_variance)
        ),
        Mistake("LOG_VARIANCE_AS_STD", lambda mean, log_variance: _kl(mean, log_variance**2, np.log(log_variance**2))),
        Mistake("LOG_VARIANCE_AS_STD", lambda mean, log_variance: _kl(mean, log_variance**2, log_variance)),
        Mistake(
            "LOG_VARIANCE_AS_VARIANCE",
            backward=lambda mean, log_variance: {
                "dmean": mean / len(mean),
                "dlog_variance": 0.5 * (1 - 1 / log_variance) / len(mean),
            },
        ),
        Mistake(
            "LOG_VARIANCE_AS_VARIANCE",
            lambda mean, log_variance: _kl(mean, log_variance, np.log(log_variance + 0j).real),
        ),
        Mistake("LOG_VARIANCE_AS_VARIANCE", lambda mean, log_variance: _kl(mean, log_variance, log_variance)),
        Mistake("STD_FOR_VARIANCE", lambda mean, log_variance: _kl(mean, np.exp(log_variance / 2), log_variance)),
        Mistake("STD_FOR_VARIANCE", lambda mean, log_variance: _kl(mean, np.exp(log_variance / 2), log_variance / 2)),
        Mistake(
            "KL_REVERSED",
            lambda mean, log_variance: 0.5 * ((1 + mean**2) / np.exp(log_variance) - 1 + log_variance).sum(1).mean(),
        ),
        Mistake(
            "KL_MEAN_NOT_SQUARED",
            lambda mean, log_variance: 0.5 * (mean + np.exp(log_variance) - 1 - log_variance).sum(1).mean(),
        ),
    ),
)


# ---------------------------------------------------------------------------------- the evidence lower bound, as a loss
def decoder(rng: np.random.Generator, sizes: dict[str, int]) -> Any:
    """A weight whose outputs are of order one."""
    return rng.standard_normal((sizes["D"], sizes["J"])) / math.sqrt(sizes["J"])


# A small decoder is part of it: logits or pixels are the linear map z Wᵀ + b, so that every gradient is a line.
def elbo_bernoulli_forward(x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any) -> Any:
    z = mean + np.exp(log_variance / 2) * noise
    logits = z @ weight.T + bias
    reconstruction = (softplus(logits) - x * logits).sum(1).mean()
    return reconstruction + gaussian_kl_forward(mean, log_variance)


def elbo_bernoulli_backward(x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any) -> Arrays:
    sigma = np.exp(log_variance / 2)
    z = mean + sigma * noise
    dlogits = (sigmoid(z @ weight.T + bias) - x) / len(x)
    return _through_the_sample(dlogits, z, mean, sigma, noise, weight)


def _through_the_sample(dlogits: Any, z: Any, mean: Any, sigma: Any, noise: Any, weight: Any) -> Arrays:
    """The gradient of the decoder's output goes to its weights, to z, from there to mean and log-variance; the KL adds
    its own."""
    dz = dlogits @ weight
    return {
        "dmean": dz + mean / len(mean),
        "dlog_variance": 0.5 * dz * (sigma * noise) + 0.5 * (sigma**2 - 1) / len(mean),
        "dweight": dlogits.T @ z,
        "dbias": dlogits.sum(0),
    }


def _elbo_terms(dlogits: Any, mean: Any, log_variance: Any, noise: Any, weight: Any) -> Any:
    """Reconstruction and KL in every gradient; of the decoder's there is only the first."""
    sigma = np.exp(log_variance / 2)
    z = mean + sigma * noise
    dz = dlogits @ weight
    divergence = gaussian_kl_backward(mean, log_variance)
    return {
        "dmean": {"the reconstruction": dz, "the KL": divergence["dmean"]},
        "dlog_variance": {"the reconstruction": 0.5 * sigma * noise * dz, "the KL": divergence["dlog_variance"]},
        "dweight": {"the reconstruction": dlogits.T @ z},
        "dbias": {"the reconstruction": dlogits.sum(0)},
    }


def _elbo_bernoulli_terms(x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any) -> Any:
    logits = (mean + np.exp(log_variance / 2) * noise) @ weight.T + bias
    dlogits = (sigmoid(logits) - x) / len(x)
    out = {
        "the reconstruction": (softplus(logits) - x * logits).sum(1).mean(),
        "the KL": gaussian_kl_forward(mean, log_variance),
    }
    return {"out": out, **_elbo_terms(dlogits, mean, log_variance, noise, weight)}


def _sample_quantities(mean: Any, log_variance: Any, noise: Any, **others: Any) -> Any:
    sigma = np.exp(log_variance / 2)
    return {"σ": sigma, "σ²": sigma**2, "z": mean + sigma * noise}


def _elbo_of(reconstruction: Any, **changes: Any) -> Any:
    """The loss with another reconstruction (x, output of the decoder, further arguments), sample, or KL."""
    sample = changes.get("sample", reparameterize_forward)
    divergence = changes.get("divergence", gaussian_kl_forward)

    def loss(x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any, **others: Any) -> Any:
        z = sample(mean, log_variance, noise)
        return reconstruction(x, z @ weight.T + bias, **others) + divergence(mean, log_variance)

    return loss


def _at_the_mean(dlogits: Any) -> Any:
    """A backward that decodes the mean where the sample was decoded."""

    def backward(x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any, **others: Any) -> Arrays:
        d = dlogits(x, mean @ weight.T + bias, **others) / len(x)
        return _through_the_sample(d, mean, mean, np.exp(log_variance / 2), noise, weight)

    return backward


def _weight_from_mean(dlogits: Any) -> Any:
    """The gradient of the decoder's weight as if the mean had been decoded."""

    def backward(x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any, **others: Any) -> Arrays:
        z = reparameterize_forward(mean, log_variance, noise)
        return {"dweight": dlogits(x, z @ weight.T + bias, **others).T @ mean / len(x)}

    return backward


def _less_seen(x: Any, logits: Any) -> Any:
    return sigmoid(logits) - x


def _residual(x: Any, output: Any, pixel_variance: Any) -> Any:
    return (output - x) / pixel_variance


def _misread(reconstruction: Any) -> tuple[Mistake, ...]:
    """What goes wrong with a log-variance, and with the sample, whatever the decoder."""
    return (
        Mistake("VARIANCE_FOR_STD", _elbo_of(reconstruction, sample=lambda m, v, e: m + np.exp(v) * e)),
        Mistake("LOG_VARIANCE_AS_STD", _elbo_of(reconstruction, sample=lambda m, v, e: m + v * e)),
        Mistake(
            "LOG_VARIANCE_AS_LOG_STD",
            _elbo_of(
                reconstruction,
                sample=lambda m, v, e: m + np.exp(v) * e,
                divergence=lambda m, v: _kl(m, np.exp(2 * v), 2 * v),
            ),
        ),
        Mistake(
            "LOG_VARIANCE_AS_LOG_STD",
            _elbo_of(reconstruction, divergence=lambda m, v: _kl(m, np.exp(2 * v), 2 * v)),
        ),
        Mistake("STD_FOR_VARIANCE", _elbo_of(reconstruction, divergence=lambda m, v: _kl(m, np.exp(v / 2), v))),
        Mistake("ELBO_MEAN_DECODED", _elbo_of(reconstruction, sample=lambda m, v, e: m)),
    )


def _bernoulli(x: Any, logits: Any) -> Any:
    return (softplus(logits) - x * logits).sum(1).mean()


def _square(x: Any, output: Any) -> Any:
    return ((x - output) ** 2).sum(1).mean()


ELBO_BERNOULLI = Exercise(
    name="elbo_bernoulli",
    forward=elbo_bernoulli_forward,
    backward=elbo_bernoulli_backward,
    inputs={"x": bits("ND"), "mean": "NJ", "log_variance": "NJ", "noise": "NJ", "weight": decoder, "bias": "D"},
    contract="the loss of a VAE, −ELBO = −ln p(x|z) + KL(N(mean, σ²) ‖ N(0, I)), with z = mean + σ·noise, σ² = "
    "exp(log_variance), and a decoder of one linear layer: logits = z Wᵀ + b, p(pixel is 1) = σ(logit). "
    "Summed over the D pixels and the J latent variables, the mean over the N images; x (N, D) of zeros "
    "and ones, mean, log_variance, noise (N, J), weight W (D, J), bias b (D,) → a number; derivatives for"
    " mean, log_variance, weight, bias",
    page="15-decoders.md",
    equations=("12.4", "15.1", "15.2", "15.9", "15.10"),
    stress=lambda rng, sizes: {
        "x": bits("ND")(rng, sizes),
        "mean": rng.standard_normal((sizes["N"], sizes["J"])),
        "log_variance": rng.standard_normal((sizes["N"], sizes["J"])),
        "noise": rng.standard_normal((sizes["N"], sizes["J"])),
        "weight": decoder(rng, sizes),
        "bias": huge("D")(rng, sizes),
    },
    quantities=_sample_quantities,
    terms=_elbo_bernoulli_terms,
    mistakes=(
        Mistake("ELBO_AT_MEAN", backward=_at_the_mean(_less_seen)),
        *_misread(_bernoulli),
        Mistake("ELBO_WEIGHT_FROM_MEAN", backward=_weight_from_mean(_less_seen)),
        Mistake("ELBO_SQUARED", _elbo_of(lambda x, logits: _square(x, sigmoid(logits)))),
        Mistake("ELBO_SQUARED", _elbo_of(lambda x, logits: 0.5 * _square(x, sigmoid(logits)))),
        Mistake("ELBO_SQUARED", _elbo_of(_square)),
        Mistake("BCE_SIGMOID_TWICE", _elbo_of(lambda x, logits: _bernoulli(x, sigmoid(logits)))),
        Mistake("BCE_ONES_ONLY", _elbo_of(lambda x, logits: (x * softplus(-logits)).sum(1).mean())),
        Mistake(
            "ELBO_SIGMOID_SLOPE",
            backward=lambda x, mean, log_variance, noise, weight, bias: _with_slope(
                x, mean, log_variance, noise, weight, bias
            ),
        ),
    ),
)


def _with_slope(x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any) -> Arrays:
    """The slope of the sigmoid multiplied in, though the logarithm has cancelled it."""
    sigma = np.exp(log_variance / 2)
    z = mean + sigma * noise
    p = sigmoid(z @ weight.T + bias)
    return _through_the_sample((p - x) * p * (1 - p) / len(x), z, mean, sigma, noise, weight)


# -------------------------------------------------------------------------------------------------- and for grey pixels
def elbo_normal_forward(
    x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any, pixel_variance: Any
) -> Any:
    output = (mean + np.exp(log_variance / 2) * noise) @ weight.T + bias
    return _normal(x, output, pixel_variance) + gaussian_kl_forward(mean, log_variance)


def elbo_normal_backward(
    x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any, pixel_variance: Any
) -> Arrays:
    sigma = np.exp(log_variance / 2)
    z = mean + sigma * noise
    doutput = (z @ weight.T + bias - x) / pixel_variance / len(x)
    return _through_the_sample(doutput, z, mean, sigma, noise, weight)


def _normal(x: Any, output: Any, pixel_variance: Any) -> Any:
    return 0.5 * (math.log(2 * math.pi * pixel_variance) + (x - output) ** 2 / pixel_variance).sum(1).mean()


def _elbo_normal_terms(
    x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any, pixel_variance: Any
) -> Any:
    output = (mean + np.exp(log_variance / 2) * noise) @ weight.T + bias
    doutput = (output - x) / pixel_variance / len(x)
    out = {
        "the reconstruction": _normal(x, output, pixel_variance),
        "the KL": gaussian_kl_forward(mean, log_variance),
    }
    return {"out": out, **_elbo_terms(doutput, mean, log_variance, noise, weight)}


ELBO_NORMAL = Exercise(
    name="elbo_normal",
    forward=elbo_normal_forward,
    backward=elbo_normal_backward,
    inputs={
        "x": "ND",
        "mean": "NJ",
        "log_variance": "NJ",
        "noise": "NJ",
        "weight": decoder,
        "bias": "D",
        "pixel_variance": lambda rng, sizes: float(rng.uniform(0.4, 3)),
    },
    contract="as elbo_bernoulli, but each pixel is normal, p(x|z) = N(x | z Wᵀ + b, pixel_variance), its constants"
    " included: summed over the D pixels and the J latent variables, the mean over the N images; x (N, "
    "D), mean, log_variance, noise (N, J), weight W (D, J), bias b (D,), pixel_variance a number → a "
    "number; derivatives for mean, log_variance, weight, bias",
    page="15-decoders.md",
    equations=("12.4", "15.3", "15.4", "15.9", "15.10"),
    quantities=_sample_quantities,
    terms=_elbo_normal_terms,
    mistakes=(
        Mistake("ELBO_AT_MEAN", backward=_at_the_mean(_residual)),
        *_misread(_normal),
        Mistake("ELBO_WEIGHT_FROM_MEAN", backward=_weight_from_mean(_residual)),
        Mistake("ELBO_SQUARED_ERROR", _elbo_of(lambda x, output, pixel_variance: _square(x, output))),
        Mistake("ELBO_SQUARED_ERROR", _elbo_of(lambda x, output, pixel_variance: 0.5 * _square(x, output))),
        Mistake("ELBO_SQUARED_ERROR", _elbo_of(lambda x, output, pixel_variance: ((x - output) ** 2).mean())),
        Mistake(
            "ELBO_CONSTANT_LOST", _elbo_of(lambda x, output, pixel_variance: 0.5 * _square(x, output) / pixel_variance)
        ),
        Mistake(
            "ELBO_CONSTANT_LOST",
            _elbo_of(
                lambda x, output, pixel_variance: (
                    0.5 * _square(x, output) / pixel_variance + 0.5 * x.shape[1] * math.log(pixel_variance)
                )
            ),
        ),
        Mistake(
            "ELBO_CONSTANT_LOST",
            _elbo_of(
                lambda x, output, pixel_variance: (
                    0.5 * _square(x, output) / pixel_variance + 0.5 * math.log(2 * math.pi * pixel_variance)
                )
            ),
        ),
        Mistake("VARIANCE_AS_STD", _elbo_of(lambda x, output, pixel_variance: _normal(x, output, pixel_variance**2))),
        Mistake(
            "BCE_SIGMOID_ADDED", _elbo_of(lambda x, output, pixel_variance: _normal(x, sigmoid(output), pixel_variance))
        ),
    ),
)


# -------------------------------------------------------------------------------------------- importance-weighted bound
def iwae_bound_forward(log_weights: Any) -> Any:
    return (log_sum_exp(log_weights) - math.log(log_weights.shape[1])).mean()


def iwae_bound_backward(log_weights: Any) -> Arrays:
    return {"dlog_weights": softmax(log_weights) / len(log_weights)}


IWAE_BOUND = Exercise(
    name="iwae_bound",
    forward=iwae_bound_forward,
    backward=iwae_bound_backward,
    inputs={"log_weights": "NK"},
    contract="ln((1/K) Σ w) of the K importance weights w of each datum, the mean over the N data: a bound, which "
    "is made large; log_weights ln w (N, K) → a number; its derivative for ln w",
    page="11-importance.md",
    equations=("11.5", "11.8"),
    stress=lambda rng, sizes: {"log_weights": -900 + 300 * rng.random((sizes["N"], sizes["K"]))},
    quantities=lambda log_weights: {
        "the share of the sample": softmax(log_weights),
        "the weight": np.exp(log_weights),
        "the sum of the weights": np.exp(log_weights).sum(1, keepdims=True),
        "1 − the share of the sample": 1 - softmax(log_weights),
    },
    terms=lambda log_weights: {
        "out": {
            "the log-sum-exp": log_sum_exp(log_weights).mean(),
            "the constant −ln K": -math.log(log_weights.shape[1]),
        },
    },
    mistakes=(
        Mistake("IWAE_LOG_INSIDE", lambda log_weights: log_weights.mean()),
        Mistake(
            "IWAE_LOG_INSIDE",
            backward=lambda log_weights: {"dlog_weights": np.full(log_weights.shape, 1 / log_weights.size)},
        ),
        Mistake("IWAE_AXIS", lambda log_weights: (log_sum_exp(log_weights, 0) - math.log(len(log_weights))).mean()),
        Mistake("IWAE_AXIS", backward=lambda log_weights: {"dlog_weights": softmax(log_weights, 0) / len(log_weights)}),
        Mistake(
            "IWAE_SHARES_OF_LOGARITHMS",
            backward=lambda log_weights: {
                "dlog_weights": log_weights / log_weights.sum(1, keepdims=True) / len(log_weights)
            },
        ),
        Mistake("IWAE_OF_ALL", lambda log_weights: np.log(np.exp(log_weights).mean())),
        Mistake("IWAE_NO_LOG", lambda log_weights: np.exp(log_weights).mean()),
        Mistake("IWAE_LARGEST", lambda log_weights: np.real(log_weights).max(1).mean()),
        Mistake(
            "IWAE_LARGEST",
            backward=lambda log_weights: {
                "dlog_weights": (log_weights == log_weights.max(1, keepdims=True)) / len(log_weights)
            },
        ),
    ),
)


EXERCISES = (REPARAMETERIZE, GAUSSIAN_KL, ELBO_BERNOULLI, ELBO_NORMAL, IWAE_BOUND)
