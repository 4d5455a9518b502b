"""derivations/15-decoders.md, equation by equation: every gradient of the page against autograd, layer by layer."""

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F

rng = np.random.default_rng(15)


@pytest.mark.equation("15.1", "15.2")
def test_bernoulli_in_logits():
    """Eqs. 15.1 and 15.2: the definition, the slope x̂ − x, and a finite answer where the definition has ln 0."""
    a, x = rng.normal(size=(4, 6)) * 3, (rng.uniform(size=(4, 6)) < 0.5).astype(float)
    p = 1 / (1 + np.exp(-a))
    direct = np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)
    logits = sg.tensor(a, requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(logits, x, "none")
    np.testing.assert_allclose(-loss.numpy().sum(1), direct, rtol=1e-12)
    np.testing.assert_allclose(F.sum(x * a - F.softplus(a), 1), direct, rtol=1e-12)
    v = rng.normal(size=(4, 6))
    loss.backward(v)
    np.testing.assert_allclose(logits.grad.numpy(), v * (p - x), rtol=1e-11)
    extreme = sg.tensor(np.array([800.0, -800.0]), requires_grad=True)
    F.sum(F.binary_cross_entropy_with_logits(extreme, np.array([0.0, 1.0]), "none")).backward()
    assert extreme.grad.numpy().tolist() == [1.0, -1.0]  # confident and wrong: the full slope, not none


def log_normal(x, mean, log_variance):
    """Eq. 15.3, on arrays or Tensors."""
    return -0.5 * (math.log(2 * math.pi) + log_variance + F.square(x - mean) * F.exp(-log_variance))


@pytest.mark.equation("15.3", "15.4", "15.5")
def test_normal_and_its_two_slopes():
    """Eqs. 15.3, 15.4 and 15.5, against SciPy's density and autograd."""
    from scipy.stats import norm

    x, m, lam = rng.normal(size=(3, 4, 6))
    mean, log_variance = sg.tensor(m, requires_grad=True), sg.tensor(lam, requires_grad=True)
    log_p = log_normal(x, mean, log_variance)
    np.testing.assert_allclose(log_p.numpy(), norm.logpdf(x, m, np.exp(lam / 2)), rtol=1e-12)
    v = rng.normal(size=(4, 6))
    F.sum(-log_p * v).backward()
    np.testing.assert_allclose(mean.grad.numpy(), v * (m - x) / np.exp(lam), rtol=1e-12)
    np.testing.assert_allclose(log_variance.grad.numpy(), v * 0.5 * (1 - (x - m) ** 2 / np.exp(lam)), rtol=1e-11)


N, PIXELS, HIDDEN, LATENT = 7, 6, 5, 3
ENCODER = {1: (HIDDEN, PIXELS), 2: (LATENT, HIDDEN), 3: (LATENT, HIDDEN)}
DECODER = {4: (HIDDEN, LATENT), 5: (PIXELS, HIDDEN), 6: (PIXELS, HIDDEN)}
SHAPES = {**ENCODER, **DECODER}


@pytest.mark.parametrize("decoder", ["bernoulli", "normal, fixed variance", "normal, learned variance"])
@pytest.mark.equation("15.6", "15.7", "15.8", "15.9", "15.10", "15.11", "15.12")
def test_backwards_through_the_whole_vae(decoder):
    """Eqs. 15.6–15.12 as the page has them, one image per row, against the walk over the same network."""
    W = {i: sg.tensor(rng.normal(size=shape), requires_grad=True) for i, shape in SHAPES.items()}
    b = {i: sg.tensor(rng.normal(size=shape[0]), requires_grad=True) for i, shape in SHAPES.items()}
    x, noise = (rng.uniform(size=(N, PIXELS)) < 0.5).astype(float), rng.normal(size=(N, LATENT))

    h1 = F.tanh(F.linear(x, W[1], b[1]))
    mu, lam = F.linear(h1, W[2], b[2]), F.linear(h1, W[3], b[3])
    z = mu + F.exp(0.5 * lam) * noise
    h2 = F.tanh(F.linear(z, W[4], b[4]))
    a = F.linear(h2, W[5], b[5])
    lam_x = F.linear(h2, W[6], b[6]) if "learned" in decoder else sg.tensor(np.log(0.3))
    log_p = -F.binary_cross_entropy_with_logits(a, x, "none") if decoder == "bernoulli" else log_normal(x, a, lam_x)
    kl = 0.5 * (F.square(mu) + F.exp(lam) - 1 - lam)
    loss = (F.sum(-log_p) + F.sum(kl)) * (1 / N)

    used = [i for i in SHAPES if i != 6 or "learned" in decoder]
    inner = {"a": a, "h2": h2, "z": z, "mu": mu, "lam": lam, "h1": h1, **({"lam_x": lam_x} if 6 in used else {})}
    wanted = {**inner, **{f"W{i}": W[i] for i in used}, **{f"b{i}": b[i] for i in used}}
    bar = dict(zip(wanted, (g.numpy() for g in sg.grad(loss, list(wanted.values()), create_graph=True))))

    def agree(name, value):
        np.testing.assert_allclose(bar[name], value, rtol=1e-10, atol=1e-13, err_msg=name)

    variance, variance_x = np.exp(lam.data), np.exp(lam_x.data)
    agree("a", (1 / (1 + np.exp(-a.data)) - x if decoder == "bernoulli" else (a.data - x) / variance_x) / N)  # 15.6
    h2_bar = bar["a"] @ W[5].data
    agree("W5", bar["a"].T @ h2.data)  # 15.7, from here
    agree("b5", bar["a"].sum(0))
    if 6 in used:
        agree("lam_x", (1 - (x - a.data) ** 2 / variance_x) / (2 * N))  # 15.6
        agree("W6", bar["lam_x"].T @ h2.data)
        agree("b6", bar["lam_x"].sum(0))
        h2_bar += bar["lam_x"] @ W[6].data
    agree("h2", h2_bar)
    u2_bar = h2_bar * (1 - h2.data**2)
    agree("W4", u2_bar.T @ z.data)
    agree("b4", u2_bar.sum(0))
    agree("z", u2_bar @ W[4].data)  # 15.8
    agree("mu", bar["z"] + mu.data / N)  # 15.9
    agree("lam", 0.5 * np.sqrt(variance) * noise * bar["z"] + (variance - 1) / (2 * N))  # 15.10
    agree("W2", bar["mu"].T @ h1.data)  # 15.11, from here
    agree("b2", bar["mu"].sum(0))
    agree("W3", bar["lam"].T @ h1.data)
    agree("b3", bar["lam"].sum(0))
    agree("h1", bar["mu"] @ W[2].data + bar["lam"] @ W[3].data)
    u1_bar = bar["h1"] * (1 - h1.data**2)  # 15.12
    agree("W1", u1_bar.T @ x)
    agree("b1", u1_bar.sum(0))
