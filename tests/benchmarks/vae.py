"""One training step of a VAE on MLPs, the same in every library: 784-400-20-400-784, tanh, batch 128, Adam, float32.

The loss is the negative ELBO in nats, a mean over images: binary cross-entropy of logits plus the closed-form KL. All
begin with the same weights and see the same images and the same noise, so that the first two losses must agree. A step
is: forward, backward, update, and reading the loss.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .harness import Contender, compare

GOALS = {"torch eager": 0.7, "jax.jit": 1.2, "by hand in NumPy": 1.15, "dezero": 0.25, "autograd": 0.25, "mygrad": 0.25}
CONTENDERS = {
    "scratchgen": "scratchgen_step",
    "HandVAE": "hand_vae_step",
    "by hand in NumPy": "numpy_step",
    "torch eager": "torch_step",
    "torch fused Adam": "torch_fused_step",
    "jax.jit": "jax_step",
    "dezero": "dezero_step",
    "autograd": "autograd_step",
    "mygrad": "mygrad_step",
}
RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def run(rounds: int = 5) -> list[dict]:
    """All contenders on one core; those that are not far behind on two as well, where scratchgen has two workers, or
    one and two threads in its BLAS, and the others' libraries use two threads in their own way."""
    fast = [name for name in CONTENDERS if name not in ("dezero", "autograd", "mygrad")]
    one = Contender("scratchgen, 1 worker", f"{__name__}:{CONTENDERS['scratchgen']}", {"workers": 1}, ours=True)
    return [
        compare("VAE step", contenders(list(CONTENDERS)), threads=1, rounds=rounds, goals=GOALS),
        compare("VAE step", [*contenders(fast, workers=2), one], threads=2, rounds=rounds, goals=GOALS),
    ]


def contenders(names: list[str], workers: int = 1, **options: Any) -> list[Contender]:
    return [
        Contender(
            name,
            f"{__name__}:{CONTENDERS[name]}",
            options | ({"workers": workers} if name == "scratchgen" else {}),
            ours=name in ("scratchgen", "HandVAE"),
        )
        for name in names
    ]


class Problem:
    """Weights, images and noise: the same for everyone. `parameters` are w1, b1 … w5, b5 with w (out, in)."""

    def __init__(self, batch: int = 128, hidden: int = 400, pixels: int = 784, latent: int = 20) -> None:
        rng = np.random.default_rng(0)
        self.batch, self.hidden, self.pixels, self.latent = batch, hidden, pixels, latent
        self.shapes = [(hidden, pixels), (latent, hidden), (latent, hidden), (hidden, latent), (pixels, hidden)]
        self.parameters = []
        for shape in self.shapes:
            bound = (6 / sum(shape)) ** 0.5
            self.parameters += [rng.uniform(-bound, bound, shape).astype(np.float32), np.zeros(shape[0], np.float32)]
        self.batches = [
            ((rng.random((batch, pixels)) < 0.2).astype(np.float32), rng.standard_normal((batch, latent), np.float32))
            for _ in range(8)
        ]

    def minibatches(self, convert: Any = lambda array: array) -> Any:
        """Images and noise, over and over, in the library's own arrays."""
        return itertools.cycle([(convert(x), convert(noise)) for x, noise in self.batches])


# --------------------------------------------------------------------------------------------------- scratchgen
def scratchgen_step(workers: int, **options: Any) -> Any:
    """The package's own model, optimizer and workers, used as `training.train` uses them."""
    from scratchgen import optim
    from scratchgen.models.latent import VAE
    from scratchgen.training import Workers

    p = Problem(**options)
    model = VAE(p.pixels, p.hidden, p.latent)
    for mine, value in zip(model.parameters(), p.parameters):
        mine.data[...] = value
    optimizer = optim.Adam(model.parameters(), lr=RATE)
    minibatches = p.minibatches()
    crew = Workers(workers, model).__enter__()  # as long as the process lives

    def loss(x: Any, noise: Any, rng: Any) -> Any:
        reconstruction, kl = model.elbo(x, noise)
        return (reconstruction + kl).mean(), {}

    def step() -> float:
        optimizer.zero_grad()
        value = crew.backward(loss, next(minibatches), None)["loss"]
        optimizer.step()
        return float(value)

    return step


def hand_vae_step(**options: Any) -> Any:
    from scratchgen import nn, optim
    from scratchgen.models.latent.hand_vae import HandVAE

    p = Problem(**options)
    model = HandVAE(p.pixels, p.hidden, p.latent)
    weights = [nn.Parameter(value.copy()) for value in p.parameters]
    optimizer = optim.Adam(weights, lr=RATE)
    values = iter(weights)
    for layer in model.layers:  # views of the optimizer's buffer: its updates are the model's
        layer.weights = {name: next(values).data for name in layer.weights}
    minibatches = p.minibatches()

    def step() -> float:
        kept = model.forward(*next(minibatches))
        for weight, gradient in zip(weights, model.backward(kept).values()):
            weight.grad = gradient
        optimizer.step()
        return kept.loss

    return step


# ------------------------------------------------------------------------------------------------ by hand, alone
def numpy_step(**options: Any) -> Any:
    """The same step written for nothing else, as fast as plain NumPy lines are: what any engine costs is on top."""
    p = Problem(**options)
    flat, (w1, b1, w2, b2, w3, b3, w4, b4, w5, b5) = _flattened(p.parameters)
    flat_grad, gradients = _flattened(p.parameters)
    m, v = np.zeros_like(flat), np.zeros_like(flat)
    minibatches, n, t = p.minibatches(), p.batch, 0

    def step() -> float:
        nonlocal t
        t += 1
        x, noise = next(minibatches)
        h1 = np.tanh(x @ w1.T + b1)
        mean, log_variance = h1 @ w2.T + b2, h1 @ w3.T + b3
        sigma = np.exp(0.5 * log_variance)
        z = mean + sigma * noise
        h2 = np.tanh(z @ w4.T + b4)
        a = h2 @ w5.T + b5
        e = np.exp(-np.abs(a))
        reconstruction = (np.maximum(a, 0) - a * x + np.log1p(e)).sum()
        kl = 0.5 * (mean * mean + sigma * sigma - 1 - log_variance).sum()

        da = (1 / (1 + np.exp(-a)) - x) * np.float32(1 / n)
        dh2 = (da @ w5) * (1 - h2 * h2)
        dz = dh2 @ w4
        dmean = dz + mean * np.float32(1 / n)
        dlog_variance = 0.5 * (dz * noise * sigma + (sigma * sigma - 1) * np.float32(1 / n))
        dh1 = (dmean @ w2 + dlog_variance @ w3) * (1 - h1 * h1)
        outer = ((dh1, x), (dmean, h1), (dlog_variance, h1), (dh2, z), (da, h2))
        for (dy, inputs), dw, db in zip(outer, gradients[::2], gradients[1::2]):
            np.matmul(dy.T, inputs, out=dw)
            dy.sum(0, out=db)
        _adam(flat, flat_grad, m, v, t)
        return float((reconstruction + kl) / n)

    return step


def _flattened(arrays: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """One long vector with all the numbers, and views of it in the old shapes."""
    flat = np.concatenate([a.ravel() for a in arrays])
    ends = np.cumsum([a.size for a in arrays])[:-1]
    return flat, [part.reshape(a.shape) for part, a in zip(np.split(flat, ends), arrays)]


def _adam(p: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int, chunk: int = 1 << 14) -> None:
    """Adam in place, in chunks that stay in the cache."""
    rate = RATE * (1 - BETA2**t) ** 0.5 / (1 - BETA1**t)
    epsilon = EPSILON * (1 - BETA2**t) ** 0.5
    for i in range(0, len(p), chunk):
        part = slice(i, i + chunk)
        gc, mc, vc = g[part], m[part], v[part]
        mc += (1 - BETA1) * (gc - mc)
        vc += (1 - BETA2) * (gc * gc - vc)
        p[part] -= rate * mc / (np.sqrt(vc) + epsilon)


# -------------------------------------------------------------------------------------------------------- torch
def torch_fused_step(**options: Any) -> Any:
    return torch_step(fused=True, **options)


def torch_step(fused: bool | None = None, **options: Any) -> Any:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, linear

    p = Problem(**options)
    parameters = [torch.tensor(value, requires_grad=True) for value in p.parameters]
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = parameters
    optimizer = torch.optim.Adam(parameters, lr=RATE, fused=fused)
    minibatches = p.minibatches(torch.tensor)

    def step() -> float:
        x, noise = next(minibatches)
        h = torch.tanh(linear(x, w1, b1))
        mean, log_variance = linear(h, w2, b2), linear(h, w3, b3)
        z = mean + torch.exp(0.5 * log_variance) * noise
        logits = linear(torch.tanh(linear(z, w4, b4)), w5, b5)
        reconstruction = binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * (mean * mean + torch.exp(log_variance) - 1 - log_variance).sum()
        loss = (reconstruction + kl) / p.batch
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


# ---------------------------------------------------------------------------------------------------------- jax
def jax_step(**options: Any) -> Any:
    import jax
    import jax.numpy as jnp

    p = Problem(**options)

    def loss_of(parameters: Any, x: Any, noise: Any) -> Any:
        w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = parameters
        h = jnp.tanh(x @ w1.T + b1)
        mean, log_variance = h @ w2.T + b2, h @ w3.T + b3
        z = mean + jnp.exp(0.5 * log_variance) * noise
        a = jnp.tanh(z @ w4.T + b4) @ w5.T + b5
        reconstruction = (jax.nn.softplus(a) - a * x).sum()
        return (reconstruction + 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).sum()) / p.batch

    def update(state: Any, x: Any, noise: Any) -> Any:
        parameters, m, v, t = state
        loss, g = jax.value_and_grad(loss_of)(parameters, x, noise)
        t += 1
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, g)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, g)
        a, c = RATE / (1 - BETA1**t), 1 / (1 - BETA2**t)
        parameters = jax.tree.map(lambda p, m, v: p - a * m / (jnp.sqrt(c * v) + EPSILON), parameters, m, v)
        return (parameters, m, v, t), loss

    compiled = jax.jit(update, donate_argnums=0)
    zeros = [np.zeros_like(value) for value in p.parameters]
    state = jax.device_put((p.parameters, zeros, [z.copy() for z in zeros], np.float32(0)))
    minibatches = p.minibatches(jnp.asarray)

    def step() -> float:
        nonlocal state
        state, loss = compiled(state, *next(minibatches))
        jax.block_until_ready(state)
        return float(loss)

    return step


# -------------------------------------------------------------------------------------------- the NumPy libraries
def dezero_step(**options: Any) -> Any:
    """With the library's own layers' functions, loss and Adam; its `linear` takes weights as (in, out)."""
    from .engine import published_dezero

    dezero = published_dezero()
    from dezero import functions as D

    p = Problem(**options)
    parameters = [dezero.Parameter(value.T.copy()) for value in p.parameters]
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = parameters
    optimizer = dezero.optimizers.Adam(alpha=RATE)
    optimizer.target = _Holder(parameters)
    minibatches = p.minibatches()

    def step() -> float:
        x, noise = next(minibatches)
        h = D.tanh(D.linear(x, w1, b1))
        mean, log_variance = D.linear(h, w2, b2), D.linear(h, w3, b3)
        z = mean + D.exp(0.5 * log_variance) * noise
        a = D.linear(D.tanh(D.linear(z, w4, b4)), w5, b5)
        reconstruction = D.sigmoid_cross_entropy(a, x)
        loss = reconstruction + 0.5 * D.sum(mean * mean + D.exp(log_variance) - 1 - log_variance) / p.batch
        for parameter in parameters:
            parameter.cleargrad()
        loss.backward()
        optimizer.update()
        return float(loss.data)

    return step


class _Holder:
    """What DeZero's optimizers ask of a model."""

    def __init__(self, parameters: list[Any]) -> None:
        self.parameters = parameters

    def params(self) -> list[Any]:
        return self.parameters


def autograd_step(**options: Any) -> Any:
    import autograd
    import autograd.numpy as anp

    p = Problem(**options)

    def loss_of(parameters: Any, x: Any, noise: Any) -> Any:
        w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = parameters
        h = anp.tanh(anp.dot(x, w1.T) + b1)
        mean, log_variance = anp.dot(h, w2.T) + b2, anp.dot(h, w3.T) + b3
        z = mean + anp.exp(0.5 * log_variance) * noise
        a = anp.dot(anp.tanh(anp.dot(z, w4.T) + b4), w5.T) + b5
        reconstruction = anp.sum(anp.logaddexp(0.0, a) - a * x)
        kl = 0.5 * anp.sum(mean * mean + anp.exp(log_variance) - 1 - log_variance)
        return (reconstruction + kl) / p.batch

    differentiated = autograd.value_and_grad(loss_of)
    descend = _separate_adam(p.parameters)
    minibatches = p.minibatches()

    def step() -> float:
        loss, gradients = differentiated(p.parameters, *next(minibatches))
        descend(gradients)
        return float(loss)

    return step


def mygrad_step(**options: Any) -> Any:
    import mygrad as mg

    half, one, zero = np.float32([0.5, 1, 0])  # plain numbers become float64 arrays, and all that they meet with them
    p = Problem(**options)
    descend = _separate_adam(p.parameters)
    minibatches = p.minibatches()

    def step() -> float:
        x, noise = next(minibatches)
        parameters = [mg.tensor(value, copy=False) for value in p.parameters]
        w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = parameters
        h = mg.tanh(x @ w1.T + b1)
        mean, log_variance = h @ w2.T + b2, h @ w3.T + b3
        z = mean + mg.exp(log_variance * half) * noise
        a = mg.tanh(z @ w4.T + b4) @ w5.T + b5
        reconstruction = (mg.logaddexp(a, zero) - a * x).sum()
        kl = (mean * mean + mg.exp(log_variance) - one - log_variance).sum() * half
        loss = (reconstruction + kl) * np.float32(1 / p.batch)
        loss.backward()
        descend([parameter.grad for parameter in parameters])
        return float(loss.item())

    return step


def _separate_adam(parameters: list[np.ndarray]) -> Any:
    """Adam for libraries that have none: in place, array by array."""
    moments = [(np.zeros_like(value), np.zeros_like(value)) for value in parameters]
    t = 0

    def descend(gradients: list[np.ndarray]) -> None:
        nonlocal t
        t += 1
        for value, g, (m, v) in zip(parameters, gradients, moments):
            _adam(value.reshape(-1), np.ascontiguousarray(g).reshape(-1), m.reshape(-1), v.reshape(-1), t)

    return descend
