"""derivations/19-algorithm-1.md: rounds of the game by hand, the listing's faults measured, the networks' layers."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import nn, optim, training
from scratchgen.models.adversarial import GAN, DCDiscriminator, DCGenerator, MLPDiscriminator, MLPGenerator
from scratchgen.training import Players, Workers, play, play_at_once

LATENT, PIXELS, IMAGES = 3, 5, 6


class Recorded:
    """Noise that a test can look at afterwards."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.bit_generator = self.rng.bit_generator
        self.drawn = []

    def standard_normal(self, size, dtype=np.float64):
        self.drawn.append(self.rng.standard_normal(size, dtype=dtype))
        return self.drawn[-1]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def linear_game(objective, steps):
    """x = z Wᵀ, a = x·w: no bias, so that the slopes fit on a line each."""
    rng = np.random.default_rng(1)
    generator = MLPGenerator(LATENT, (), PIXELS, output="linear", rng=rng)
    discriminator = MLPDiscriminator(PIXELS, (), rng=rng)
    gan = GAN(generator, discriminator, objective, steps=steps).astype(np.float64)
    for p in gan.parameters():
        if p.ndim == 1:
            p.requires_grad = False  # the biases stay at 0
    return gan


@pytest.mark.equation("19.1", "19.2")
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("objective", ["minimax", "non-saturating"])
def test_rounds_by_hand(objective, steps):
    """D descends ζ(−a(x)) + ζ(a(G(z))), k times; then G descends −ζ(a) or ζ(−a), once, on new noise."""
    gan, rate_d, rate_g = linear_game(objective, steps), 0.3, 0.2
    W = gan.generator.network.layers[0].weight.numpy().copy()
    w = gan.discriminator.network.layers[0].weight.numpy()[0].copy()
    rng = Recorded(2)
    players = Players(
        optim.SGD(gan.discriminator.parameters(), lr=rate_d), optim.SGD(gan.generator.parameters(), lr=rate_g)
    )
    run = training.Run(gan, players, rng)
    x = np.random.default_rng(3).standard_normal((2 * steps, IMAGES, PIXELS))
    with Workers(1, gan) as crew:
        for batch in x:
            play(run, gan, [batch], crew)
            run.step += 1

    noise = iter(rng.drawn)
    for t, batch in enumerate(x, start=1):
        fake = next(noise) @ W.T
        real_a, fake_a = batch @ w, fake @ w
        w -= rate_d * (-(1 - sigmoid(real_a)) @ batch + sigmoid(fake_a) @ fake) / IMAGES
        if t % steps == 0:
            z = next(noise)
            a = z @ W.T @ w
            slope = -sigmoid(a) if objective == "minimax" else -(1 - sigmoid(a))
            W -= rate_g * np.outer(w, slope @ z) / IMAGES
    assert next(noise, None) is None
    np.testing.assert_allclose(gan.discriminator.network.layers[0].weight.numpy()[0], w, rtol=1e-12)
    np.testing.assert_allclose(gan.generator.network.layers[0].weight.numpy(), W, rtol=1e-12)


@pytest.mark.equation("19.6")
@pytest.mark.parametrize("objective", ["minimax", "non-saturating"])
def test_both_at_once_by_hand(objective):
    """Both slopes are taken where both stand, on the same images and the same noise; then both go."""
    gan, rate_d, rate_g = linear_game(objective, 1), 0.3, 0.2
    W = gan.generator.network.layers[0].weight.numpy().copy()
    w = gan.discriminator.network.layers[0].weight.numpy()[0].copy()
    players = Players(
        optim.SGD(gan.discriminator.parameters(), lr=rate_d), optim.SGD(gan.generator.parameters(), lr=rate_g)
    )
    run = training.Run(gan, players, np.random.default_rng(2))
    x = np.random.default_rng(3).standard_normal((4, IMAGES, PIXELS))
    with Workers(1, gan) as crew:
        for batch in x:
            play_at_once(run, gan, [batch], crew)
            run.step += 1

    seeds = np.random.default_rng(2)  # one for each step
    for batch in x:
        z = np.random.default_rng(seeds.integers(2**63)).standard_normal((IMAGES, LATENT))
        fake = z @ W.T
        real_a, fake_a = batch @ w, fake @ w
        slope = -sigmoid(fake_a) if objective == "minimax" else -(1 - sigmoid(fake_a))
        toward_d = (-(1 - sigmoid(real_a)) @ batch + sigmoid(fake_a) @ fake) / IMAGES
        W -= rate_g * np.outer(w, slope @ z) / IMAGES
        w -= rate_d * toward_d
    np.testing.assert_allclose(gan.discriminator.network.layers[0].weight.numpy()[0], w, rtol=1e-12)
    np.testing.assert_allclose(gan.generator.network.layers[0].weight.numpy(), W, rtol=1e-12)


@pytest.mark.equation("19.3")
@pytest.mark.ledger("E13", "B16")
def test_the_listing_wants_a_probability_of_one_half():
    """One backward of each player into the same `.grad`: the sum is (2σ(a) − 1)·∂a/∂θ, which changes sign with a."""
    rng = np.random.default_rng(4)
    theta = sg.tensor(rng.standard_normal(7), requires_grad=True)
    directions = rng.standard_normal((7, 4))

    def logits():
        return F.linear(F.reshape(theta, (1, 7)), directions.T)

    F.sum(F.softplus(logits())).backward()  # what D's step leaves, nothing being detached
    F.sum(F.softplus(-logits())).backward()  # what G adds
    a = theta.numpy() @ directions
    np.testing.assert_allclose(theta.grad.numpy(), directions @ (2 * sigmoid(a) - 1), rtol=1e-12)
    signs = np.sign(2 * sigmoid(np.array([-3.0, 0.0, 3.0])) - 1)
    assert signs.tolist() == [-1, 0, 1]  # below one half a is pushed up, at one half not at all, above it down


@pytest.mark.ledger("E13", "B16")
def test_no_player_moves_the_other():
    """With `play` there is nothing to detach and nothing to clear: what the other player was left with is not used."""
    gan = linear_game("non-saturating", 1)
    players = Players(*(optim.SGD(part.parameters(), lr=0.1) for part in (gan.discriminator, gan.generator)))
    run = training.Run(gan, players, np.random.default_rng(0))
    for p in gan.parameters():
        if p.requires_grad:
            p.grad = np.full(p.shape, 1e6)  # a gradient of long ago
    x = np.random.default_rng(5).standard_normal((IMAGES, PIXELS))
    before = gan.generator.state_dict()
    with Workers(1, gan) as crew:
        training.descend(run, gan.discriminator_loss, [x], crew, players.discriminator)
        assert all((gan.generator.state_dict()[name] == value).all() for name, value in before.items())
        play(run, gan, [x], crew)
    assert max(abs(p.numpy()).max() for p in gan.parameters()) < 10


@pytest.mark.ledger("B8")
def test_epsilon_is_not_momentum():
    """BatchNorm1d(n, 0.8) sets ε: the output's variance is v / (v + 0.8)."""
    x = np.random.default_rng(6).standard_normal((4000, 3))
    x = (x - x.mean(0)) / x.std(0) * np.sqrt([1.0, 0.2, 5.0])
    right, wrong = (nn.BatchNorm1d(3, *e, dtype=np.float64)(x).numpy().var(0) for e in ((), (0.8,)))
    np.testing.assert_allclose(right, 1, atol=1e-4)
    np.testing.assert_allclose(wrong, [1 / 1.8, 0.2, 5 / 5.8], rtol=1e-9)


@pytest.mark.equation("19.4")
def test_maxout_is_the_upper_edge_of_lines():
    rng = np.random.default_rng(7)
    layer = nn.Maxout(4, 3, 5, rng=rng, dtype=np.float64)
    layer.linear.bias.data[...] = rng.standard_normal(15)
    x = sg.tensor(rng.standard_normal((6, 4)), requires_grad=True)
    w, b = layer.linear.weight.numpy().reshape(5, 3, 4), layer.linear.bias.numpy().reshape(5, 3)
    lines = np.einsum("jic,nc->nji", w, x.numpy()) + b
    y = layer(x)
    np.testing.assert_allclose(y.numpy(), lines.max(1), rtol=1e-12)
    g = rng.standard_normal((6, 3))
    y.backward(g)
    slopes = w[lines.argmax(1), np.arange(3)]  # (n, i, c)
    np.testing.assert_allclose(x.grad.numpy(), np.einsum("ni,nic->nc", g, slopes), rtol=1e-12)

    absolute = nn.Maxout(1, 1, 2, dtype=np.float64)
    absolute.linear.weight.data[...] = [[1.0], [-1.0]]
    points = np.linspace(-2, 2, 9)[:, None]
    np.testing.assert_array_equal(absolute(points).numpy(), abs(points))


@pytest.mark.equation("19.5")
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 8, 12)])
def test_each_layer_doubles_the_side(shape):
    rng = np.random.default_rng(8)
    G, D = DCGenerator(10, (4, 6), shape, rng=rng), DCDiscriminator((4, 6), shape, rng=rng)
    z = rng.standard_normal((5, 10)).astype(np.float32)
    _, h, w = shape
    assert G.spread(z).shape == (5, 6 * h * w // 16)
    images = G(z)
    assert images.shape == (5, *shape)
    assert images.dtype == np.float32
    assert abs(images.numpy()).max() <= 1
    assert D.first(images).shape == (5, 4, h // 2, w // 2)
    assert D.features(images).shape == (5, 6 * h * w // 16)
    assert D(images).shape == (5,)
    with pytest.raises(ValueError, match="divide by 4"):
        DCGenerator(shape=(1, 30, 28))
