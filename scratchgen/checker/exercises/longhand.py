"""The same answers in longhand: one step a line, as they are first derived, before anything cancels.

A mistake sits in one of these steps and is spread over many terms once they have been put together. So the detectors
look for it here too (`scratchgen.checker.edits`). Nothing is judged by these forms: several overflow for large inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .exercise import Arrays
from .layers import EPS

__all__ = ["LONGHAND"]


def logistic(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


# -------------------------------------------------------------------------------------------------------------- layers
def batch_norm_backward(dout: Any, x: Any, gamma: Any, beta: Any) -> Arrays:
    n = len(x)
    mean = x.sum(0) / n
    centred = x - mean
    variance = (centred**2).sum(0) / n
    deviation = np.sqrt(variance + EPS)
    y = gamma * centred / deviation + beta
    xhat = (y - beta) / gamma  # of an output that was kept
    dxhat = dout * gamma
    dvariance = (dxhat * centred).sum(0) * -0.5 / deviation**3
    dmean = -(dxhat / deviation).sum(0)
    dx = dxhat / deviation + dvariance * 2 * centred / n + dmean / n
    return {"dx": dx, "dgamma": (dout * xhat).sum(0), "dbeta": dout.sum(0)}


def layer_norm_backward(dout: Any, x: Any, gamma: Any, beta: Any) -> Arrays:
    d = x.shape[1]
    mean = x.sum(1, keepdims=True) / d
    centred = x - mean
    variance = (centred**2).sum(1, keepdims=True) / d
    deviation = np.sqrt(variance + EPS)
    y = gamma * centred / deviation + beta
    xhat = (y - beta) / gamma  # of an output that was kept
    dxhat = dout * gamma
    dvariance = (dxhat * centred).sum(1, keepdims=True) * -0.5 / deviation**3
    dmean = -(dxhat / deviation).sum(1, keepdims=True)
    dx = dxhat / deviation + dvariance * 2 * centred / d + dmean / d
    return {"dx": dx, "dgamma": (dout * xhat).sum(0), "dbeta": dout.sum(0)}


def avg_pool2d_forward(x: Any) -> Any:
    return (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4


def lstm_step_forward(x: Any, previous_h: Any, previous_c: Any, weight: Any, recurrent: Any, bias: Any) -> Arrays:
    a_i, a_f, a_g, a_o = np.split(x @ weight.T + previous_h @ recurrent.T + bias, 4, 1)
    i = logistic(a_i)
    f = logistic(a_f)
    g = np.tanh(a_g)
    o = logistic(a_o)
    c = f * previous_c + i * g
    h = o * np.tanh(c)
    return {"h": h, "c": c}


# -------------------------------------------------------------------------------------------------------------- losses
def softmax_forward(logits: Any) -> Any:
    largest = np.real(logits).max(1, keepdims=True)
    return np.exp(logits - largest) / np.exp(logits - largest).sum(1, keepdims=True)


def softmax_backward(dout: Any, logits: Any) -> Arrays:
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    jacobian = p[:, :, None] * np.eye(p.shape[1]) - p[:, :, None] * p[:, None, :]
    return {"dlogits": (jacobian * dout[:, None, :]).sum(2)}


def softmax_cross_entropy_forward(logits: Any, labels: Any) -> Any:
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    own = p[np.arange(len(labels)), labels]
    return -np.log(own).mean()


def softmax_cross_entropy_backward(logits: Any, labels: Any) -> Arrays:
    n = len(labels)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = np.eye(p.shape[1])[labels]
    dp = -y / p / n
    return {"dlogits": p * (dp - (dp * p).sum(1, keepdims=True))}


def softmax256_nll_forward(logits: Any, levels: Any) -> Any:
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    own = np.take_along_axis(p, levels[:, None], 1)[:, 0]
    return -np.log(own).sum((1, 2)).mean()


def bce_with_logits_forward(logits: Any, target: Any) -> Any:
    p = logistic(logits)
    return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(1).mean()


def bce_with_logits_backward(logits: Any, target: Any) -> Arrays:
    n = len(logits)
    p = logistic(logits)
    dp = -target / p + (1 - target) / (1 - p)
    return {"dlogits": dp * p * (1 - p) / n}


def log_sum_exp_forward(x: Any) -> Any:
    largest = np.real(x).max(1)
    return largest + np.log(np.exp(x - largest[:, None]).sum(1))


def log_sum_exp_backward(dout: Any, x: Any) -> Arrays:
    e = np.exp(x)
    total = e.sum(1, keepdims=True)
    return {"dx": dout[:, None] * e / total}


def gaussian_log_density_forward(z: Any, mean: Any, log_variance: Any) -> Any:
    sigma = np.exp(log_variance / 2)
    standard = (z - mean) / sigma
    return (-0.5 * standard**2 - np.log(sigma) - 0.5 * math.log(2 * math.pi)).sum(1)


def gaussian_log_density_backward(dout: Any, z: Any, mean: Any, log_variance: Any) -> Arrays:
    sigma = np.exp(log_variance / 2)
    standard = (z - mean) / sigma
    d = dout[:, None]
    dsigma = d * (standard**2 / sigma - 1 / sigma)
    return {"dz": -d * standard / sigma, "dmean": d * standard / sigma, "dlog_variance": dsigma * sigma / 2}


# ----------------------------------------------------------------------------------------------------- latent variables
def gaussian_kl_forward(mean: Any, log_variance: Any) -> Any:
    sigma = np.exp(log_variance / 2)
    return (mean**2 / 2 + sigma**2 / 2 - 1 / 2 - np.log(sigma)).sum(1).mean()


def gaussian_kl_backward(mean: Any, log_variance: Any) -> Arrays:
    n = len(mean)
    sigma = np.exp(log_variance / 2)
    dsigma = (sigma - 1 / sigma) / n
    return {"dmean": mean / n, "dlog_variance": dsigma * sigma / 2}


def elbo_bernoulli_forward(x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any) -> Any:
    sigma = np.exp(log_variance / 2)
    z = mean + sigma * noise
    logits = z @ weight.T + bias
    p = logistic(logits)
    reconstruction = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(1).mean()
    divergence = 0.5 * (mean**2 + sigma**2 - 1 - log_variance).sum(1).mean()
    return reconstruction + divergence


def elbo_bernoulli_backward(x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any) -> Arrays:
    n = len(x)
    sigma = np.exp(log_variance / 2)
    z = mean + sigma * noise
    logits = z @ weight.T + bias
    dlogits = (logistic(logits) - x) / n
    dz = dlogits @ weight
    dsigma = dz * noise + (sigma - 1 / sigma) / n
    dmean = dz + mean / n
    dlog_variance = dsigma * sigma / 2
    return {"dmean": dmean, "dlog_variance": dlog_variance, "dweight": dlogits.T @ z, "dbias": dlogits.sum(0)}


def elbo_normal_forward(
    x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any, pixel_variance: Any
) -> Any:
    sigma = np.exp(log_variance / 2)
    z = mean + sigma * noise
    output = z @ weight.T + bias
    square = (x - output) ** 2 / (2 * pixel_variance)
    reconstruction = (square + 0.5 * math.log(2 * math.pi * pixel_variance)).sum(1).mean()
    divergence = 0.5 * (mean**2 + sigma**2 - 1 - log_variance).sum(1).mean()
    return reconstruction + divergence


def elbo_normal_backward(
    x: Any, mean: Any, log_variance: Any, noise: Any, weight: Any, bias: Any, pixel_variance: Any
) -> Arrays:
    n = len(x)
    sigma = np.exp(log_variance / 2)
    z = mean + sigma * noise
    output = z @ weight.T + bias
    doutput = (output - x) / pixel_variance / n
    dz = doutput @ weight
    dsigma = dz * noise + (sigma - 1 / sigma) / n
    dmean = dz + mean / n
    dlog_variance = dsigma * sigma / 2
    return {"dmean": dmean, "dlog_variance": dlog_variance, "dweight": doutput.T @ z, "dbias": doutput.sum(0)}


def iwae_bound_forward(log_weights: Any) -> Any:
    w = np.exp(log_weights)
    return np.log(w.mean(1)).mean()


def iwae_bound_backward(log_weights: Any) -> Arrays:
    n = len(log_weights)
    w = np.exp(log_weights)
    total = w.sum(1, keepdims=True)
    return {"dlog_weights": w / total / n}


# ------------------------------------------------------------------------------------------------------ a game of two
def optimal_discriminator_forward(p_data: Any, p_generator: Any) -> Any:
    ratio = p_data / p_generator
    return ratio / (1 + ratio)


def optimal_discriminator_backward(dout: Any, p_data: Any, p_generator: Any) -> Arrays:
    total = p_data + p_generator
    dnumerator = dout / total
    dtotal = -dout * p_data / total**2
    return {"dp_data": dnumerator + dtotal, "dp_generator": dtotal}


def discriminator_loss_forward(real_logits: Any, fake_logits: Any) -> Any:
    real = logistic(real_logits)
    fake = logistic(fake_logits)
    return -np.log(real).mean() - np.log(1 - fake).mean()


def discriminator_loss_backward(real_logits: Any, fake_logits: Any) -> Arrays:
    real = logistic(real_logits)
    fake = logistic(fake_logits)
    dreal = -1 / real / len(real)
    dfake = 1 / (1 - fake) / len(fake)
    return {"dreal_logits": dreal * real * (1 - real), "dfake_logits": dfake * fake * (1 - fake)}


def generator_loss_minimax_forward(fake_logits: Any) -> Any:
    fake = logistic(fake_logits)
    return np.log(1 - fake).mean()


def generator_loss_minimax_backward(fake_logits: Any) -> Arrays:
    fake = logistic(fake_logits)
    dfake = -1 / (1 - fake) / len(fake)
    return {"dfake_logits": dfake * fake * (1 - fake)}


def generator_loss_non_saturating_forward(fake_logits: Any) -> Any:
    fake = logistic(fake_logits)
    return -np.log(fake).mean()


def generator_loss_non_saturating_backward(fake_logits: Any) -> Arrays:
    fake = logistic(fake_logits)
    dfake = -1 / fake / len(fake)
    return {"dfake_logits": dfake * fake * (1 - fake)}


def gradient_penalty_backward(slope: Any, strength: Any) -> Arrays:
    n = len(slope)
    length = np.sqrt((slope**2).sum(1, keepdims=True))
    dlength = 2 * strength * (length - 1) / n
    return {"dslope": dlength * slope / length}


def r1_penalty_forward(slope: Any, gamma: Any) -> Any:
    length = np.sqrt((slope**2).sum(1))
    return gamma / 2 * (length**2).mean()


def r1_penalty_backward(slope: Any, gamma: Any) -> Arrays:
    n = len(slope)
    length = np.sqrt((slope**2).sum(1, keepdims=True))
    dlength = gamma / 2 * 2 * length / n
    return {"dslope": dlength * slope / length}


def unrolled_step_forward(real: Any, fake: Any, weight: Any, lr: Any) -> Any:
    n = len(real)
    d_real = logistic(real @ weight)
    d_fake = logistic(fake @ weight)
    dweight = (fake.T @ d_fake - real.T @ (1 - d_real)) / n
    ahead = weight - lr * dweight
    next_real = logistic(real @ ahead)
    next_fake = logistic(fake @ ahead)
    return np.log(next_real).mean() + np.log(1 - next_fake).mean()


def unrolled_step_backward(real: Any, fake: Any, weight: Any, lr: Any) -> Arrays:
    n = len(real)
    d_real = logistic(real @ weight)
    d_fake = logistic(fake @ weight)
    dweight = (fake.T @ d_fake - real.T @ (1 - d_real)) / n
    ahead = weight - lr * dweight
    next_real = logistic(real @ ahead)
    next_fake = logistic(fake @ ahead)
    dahead = (real.T @ (1 - next_real) - fake.T @ next_fake) / n
    dstep = -lr * dahead / n
    dlogits = d_fake * (1 - d_fake) * (fake @ dstep)
    dfake = -next_fake[:, None] * ahead / n
    return {"dfake": dfake + d_fake[:, None] * dstep + dlogits[:, None] * weight}


LONGHAND: dict[str, Callable[..., Any]] = {
    name: function for name, function in list(globals().items()) if name.endswith(("_forward", "_backward"))
}
