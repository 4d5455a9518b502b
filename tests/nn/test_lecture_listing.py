"""The PyTorch GAN of the lecture (S0, lines 1301–1345) on scratchgen: the same calls in the same order.

The slide gives neither x nor z and loops for ever, so the data and the bound of the loop are this test's. What the
listing lacks is erratum E13: no `zero_grad` and no `detach`, so that a step of D leaves a gradient in G.
"""

import itertools

import numpy as np
import pytest

import scratchgen as torch
from scratchgen import nn


def discriminator(pixels, hidden):
    return nn.Sequential(
        nn.Linear(pixels, hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden, 1),
        nn.Sigmoid(),
    )


def generator(latents, hidden, pixels):
    return nn.Sequential(
        nn.Linear(latents, hidden),
        nn.ReLU(),
        nn.Linear(hidden, pixels),
        nn.Tanh(),
    )


@pytest.fixture
def batch():
    """Eight "images" in (−1, 1), as a generator that ends in a tanh needs them, and their noise."""
    rng = np.random.default_rng(0)
    x = np.tanh(rng.standard_normal((8, 784))).astype(np.float32)
    return torch.tensor(x), torch.tensor(rng.standard_normal((8, 64)).astype(np.float32))


@pytest.mark.ledger("E13", "B16")
def test_the_listing_runs(batch):
    x, z = batch
    torch.manual_seed(0)
    D = discriminator(784, 256)
    G = generator(64, 256, 784)
    criterion = nn.BCELoss()
    d_optimizer = torch.optim.Adam(D.parameters(), lr=0.0002)
    g_optimizer = torch.optim.Adam(G.parameters(), lr=0.0002)
    start = G.state_dict(), D.state_dict()

    losses = []
    for _ in range(5):
        loss = criterion(D(x), 1) + criterion(D(G(z)), 0)
        loss.backward()
        d_optimizer.step()
        losses.append(loss.item())

        loss = criterion(D(G(z)), 1)
        loss.backward()
        g_optimizer.step()
        losses.append(loss.item())

    assert np.isfinite(losses).all()
    for before, after in zip(start, (G.state_dict(), D.state_dict())):
        assert all(value.dtype == np.float32 for value in after.values())
        assert all(not np.array_equal(before[name], after[name]) for name in before)


def gradient(module):
    return np.concatenate([p.grad.numpy().ravel() for p in module.parameters()])


def one_round(x, z, clean):
    """D's step and then G's backward pass; returns G's gradient after each. `clean` is the corrected procedure."""
    rng = np.random.default_rng(1)
    D, G = discriminator(784, 16).astype(np.float64), generator(64, 16, 784).astype(np.float64)
    for p in itertools.chain(D.parameters(), G.parameters()):
        p.data[...] = rng.standard_normal(p.shape) * 0.1
    criterion = nn.BCELoss()
    d_optimizer = torch.optim.Adam(D.parameters(), lr=0.0002)

    d_optimizer.zero_grad()
    fake = G(z)
    loss = criterion(D(x), 1) + criterion(D(fake.detach() if clean else fake), 0)
    loss.backward()
    left_by_d = None if clean else gradient(G).copy()
    d_optimizer.step()

    criterion(D(G(z)), 1).backward()
    return left_by_d, gradient(G)


@pytest.mark.ledger("E13", "B16")
def test_without_zero_grad_and_detach_g_also_follows_d(batch):
    """E13: G's accumulated gradient is the clean one plus exactly ∂L_D/∂θ_G, which pulls G towards *helping* D."""
    x, z = (t.astype(np.float64) for t in batch)
    nothing, clean = one_round(x, z, clean=True)
    extra, accumulated = one_round(x, z, clean=False)
    assert nothing is None
    assert np.linalg.norm(extra) > 0.1 * np.linalg.norm(clean)
    np.testing.assert_allclose(accumulated - clean, extra, rtol=1e-9, atol=1e-14)
    assert extra @ clean < 0  # following L_D, G makes its images easier to tell from real ones


@pytest.mark.ledger("E13")
def test_detach_keeps_the_generator_out_of_the_step_of_d(batch):
    x, z = batch
    D, G = discriminator(784, 16), generator(64, 16, 784)
    criterion = nn.BCELoss()
    loss = criterion(D(x), 1) + criterion(D(G(z).detach()), 0)
    loss.backward()
    assert all(p.grad is None for p in G.parameters())
    assert all(p.grad is not None for p in D.parameters())
