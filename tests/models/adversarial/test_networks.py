"""The networks that play: shapes, ranges, sizes, what they know of themselves, and what they refuse."""

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import nn
from scratchgen.models.adversarial import (
    DCDiscriminator,
    DCGenerator,
    MaxoutDiscriminator,
    MLPDiscriminator,
    MLPGenerator,
)

SMALL = (2, 3)  # channels


def size(network):
    return sum(p.size for p in network.parameters())


def normal(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


GENERATORS = {
    "tanh": lambda rng: MLPGenerator(4, (6,), 9, "tanh", rng=rng),
    "sigmoid": lambda rng: MLPGenerator(4, (6, 5), 9, "sigmoid", "leaky relu", rng=rng),
    "linear": lambda rng: MLPGenerator(4, (), 9, "linear", "tanh", rng=rng),
    "DCGAN": lambda rng: DCGenerator(4, SMALL, (1, 8, 12), rng=rng),
}
DISCRIMINATORS = {
    "MLP": lambda rng: MLPDiscriminator(9, (6,), rng=rng),
    "tanh": lambda rng: MLPDiscriminator(9, (6, 4), "tanh", rng=rng),
    "nothing hidden": lambda rng: MLPDiscriminator(9, (), rng=rng),
    "maxout": lambda rng: MaxoutDiscriminator(9, (6, 4), 3, rng=rng),
    "DCGAN": lambda rng: DCDiscriminator(SMALL, (1, 8, 12), rng=rng),
    "DCGAN without batch norm": lambda rng: DCDiscriminator(SMALL, (1, 8, 12), norm=False, rng=rng),
}


def data_for(kind, n=5, dtype=np.float32):
    return normal(n, 1, 8, 12, dtype=dtype) if "DCGAN" in kind else normal(n, 9, dtype=dtype)


def large(make, dtype):
    """With weights so large that it goes to the ends of its range."""
    network = make(np.random.default_rng(0)).astype(dtype)
    for k, p in enumerate(network.parameters()):
        p.data[...] = 3 * normal(*p.shape, seed=k)
    return network


# ---------------------------------------------------------------------------------------------------- shapes and sizes
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", GENERATORS)
def test_generators_make_what_they_say(kind, dtype, device):
    generator = large(GENERATORS[kind], dtype).to(device)
    assert generator.latent == 4
    low, high = generator.range
    z = sg.tensor(normal(5, 4, dtype=dtype), device=device)
    x = generator(z)
    assert x.shape == data_for(kind).shape
    assert x.dtype == dtype
    assert x.device.startswith(device)
    assert low <= x.numpy().min() <= x.numpy().max() <= high
    if math.isfinite(high):
        assert x.numpy().max() > low + 0.9 * (high - low)
        assert x.numpy().min() < low + 0.1 * (high - low)
    else:
        assert abs(x.numpy()).max() > 10


def test_ranges():
    assert [GENERATORS[kind](None).range for kind in GENERATORS] == [(-1, 1), (0, 1), (-math.inf, math.inf), (-1, 1)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", DISCRIMINATORS)
def test_discriminators_give_one_logit_each(kind, dtype, device):
    """Below and above 0: no sigmoid at their end."""
    discriminator = large(DISCRIMINATORS[kind], dtype).to(device)
    a = discriminator(sg.tensor(data_for(kind, 40, dtype), device=device))
    assert a.shape == (40,)
    assert a.dtype == dtype
    assert a.device.startswith(device)
    assert a.numpy().min() < 0
    assert a.numpy().max() > 1


@pytest.mark.parametrize("kind", [k for k in DISCRIMINATORS if k != "DCGAN"])
def test_without_batch_norm_images_do_not_see_each_other(kind):
    discriminator = DISCRIMINATORS[kind](np.random.default_rng(0))
    x = data_for(kind)
    together, alone = discriminator(x).numpy(), [discriminator(x[i : i + 1]).item() for i in range(len(x))]
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)


def test_with_batch_norm_they_do_unless_in_use():
    discriminator = DISCRIMINATORS["DCGAN"](np.random.default_rng(0))
    x = data_for("DCGAN")
    assert abs(discriminator(x).numpy()[0] - discriminator(x[:1]).item()) > 1e-3
    discriminator.eval()
    assert discriminator(x).numpy()[0] == pytest.approx(discriminator(x[:1]).item(), rel=1e-4)


def listings():
    """Each network, and its layers one after the other: S0's listing, lines 1309–1322, and the DCGAN paper's."""
    G, D = DCGenerator(4, SMALL, (1, 8, 12)), DCDiscriminator(SMALL, (1, 8, 12))
    layers = (nn.Linear(784, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1), nn.Reshape())
    yield MLPDiscriminator(), nn.Sequential(*layers), normal(5, 784)
    layers = (nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh())
    yield MLPGenerator(), nn.Sequential(*layers), normal(5, 64)
    layers = (G.spread, nn.Reshape(3, 2, 3), G.spread_norm, nn.ReLU(), G.enlarge, G.enlarge_norm, nn.ReLU(), G.draw)
    yield G, nn.Sequential(*layers, nn.Tanh()), 5 * normal(5, 4)
    layers = (D.first, nn.LeakyReLU(0.2), D.second, D.second_norm, nn.LeakyReLU(0.2), nn.Flatten(), D.output)
    yield D, nn.Sequential(*layers, nn.Reshape()), 5 * normal(5, 1, 8, 12)


@pytest.mark.equation("19.5")
def test_they_are_the_layers_of_the_listings():
    for ours, listed, x in listings():
        for k, (p, q) in enumerate(zip(ours.parameters(), listed.parameters(), strict=True)):
            q.data[...] = p.data[...] = 0.3 * normal(*p.shape, seed=k)
        np.testing.assert_allclose(ours(x).numpy(), listed(x).numpy(), rtol=1e-5, atol=1e-6)


def test_the_lectures_sizes():
    """S0, lines 1309–1322: linear layers with biases."""
    assert size(MLPGenerator()) == (64 * 256 + 256) + (256 * 784 + 784)
    assert size(MLPDiscriminator()) == (784 * 256 + 256) + (256 + 1)
    assert MLPGenerator().latent == 64
    assert MLPGenerator().range == (-1, 1)


def test_the_first_gans_sizes():
    """As published (I. Goodfellow et al. 2014, the MNIST configuration of their program)."""
    assert size(MLPGenerator(100, (1200, 1200), 784, "sigmoid")) == 2_503_984
    assert size(MaxoutDiscriminator(784, (240, 240), 5)) == 1_231_441


def test_dcgan_sizes():
    """Kernels of 4 × 4, with biases; batch norm has two numbers for each channel that it sees."""
    latent, (first, second) = 100, (64, 128)
    generator = (latent + 1) * second * 49 + second * first * 16 + first + first * 16 + 1
    discriminator = first * 16 + first + first * second * 16 + second + second * 49 + 1
    assert size(DCGenerator()) == generator + 2 * second + 2 * first
    assert size(DCDiscriminator()) == discriminator + 2 * second
    assert size(DCDiscriminator(norm=False)) == discriminator


def test_a_seed_is_a_network():
    for make in (*GENERATORS.values(), *DISCRIMINATORS.values()):
        one, same, other = (make(np.random.default_rng(seed)).state_dict() for seed in (1, 1, 2))
        assert all((one[name] == same[name]).all() for name in one)
        assert any((one[name] != other[name]).any() for name in one)


def test_dcgan_begins_small():
    """N(0, 0.02²) whatever the layer and its size; batch norm as it is by itself."""
    for network in (DCGenerator(rng=np.random.default_rng(0)), DCDiscriminator(rng=np.random.default_rng(0))):
        for name, p in network.named_parameters():
            if p.ndim > 1 and p.size > 1000:
                assert p.numpy().std() == pytest.approx(0.02, rel=0.05), name
                assert abs(p.numpy().mean()) < 0.002, name
            elif p.ndim == 1:
                assert set(np.unique(p.numpy())) <= {0.0, 1.0}, name


@pytest.mark.ledger("B8")
def test_the_ways_normalised():
    """Inside a DCGAN every channel has mean 0 and variance 1 after batch norm. With ε for momentum (B8) it has not: its
    first activations, of weights of 0.02, are so small that ε is all there is."""
    rng = np.random.default_rng(1)
    generator, z = DCGenerator(16, (8, 8), rng=rng), normal(64, 16)
    h = generator.spread(z).numpy().reshape(64, *generator.small)

    def check(norm):
        y = norm(h).numpy()
        np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-4)
        np.testing.assert_allclose(y.var((0, 2, 3)), 1, rtol=0.01)

    check(generator.spread_norm)
    planted = nn.BatchNorm2d(8, 0.8)
    assert planted(h).numpy().var() < 0.05
    with pytest.raises(AssertionError):
        check(planted)


# ------------------------------------------------------------------------------------------- derivatives of each, whole
SAME_MASKS = 7  # the seed of every dropout mask


@pytest.mark.equation("19.4", "19.5")
@pytest.mark.parametrize("kind", [*DISCRIMINATORS, "maxout with dropout"])
def test_first_and_second_derivatives_of_whole_discriminators(kind):
    """By image and by weights, as penalties and unrolling take them. (Layer by layer: tests/test_primitives.py.)"""
    rng = np.random.default_rng(2)
    smallest = {
        "maxout with dropout": lambda rng: MaxoutDiscriminator(9, (2,), 3, (0.2, 0.5), rng=rng),
        "maxout": lambda rng: MaxoutDiscriminator(9, (2, 2), 2, rng=rng),
        "DCGAN": lambda rng: DCDiscriminator((1, 2), (1, 4, 4), rng=rng),
        "DCGAN without batch norm": lambda rng: DCDiscriminator((1, 2), (1, 4, 4), norm=False, rng=rng),
    }
    discriminator = (DISCRIMINATORS | smallest)[kind](rng).astype(np.float64)
    for p in discriminator.parameters():
        p.data[...] = 0.5 * rng.standard_normal(p.shape)
    x = normal(2, 1, 4, 4, dtype=np.float64) if "DCGAN" in kind else normal(3, 9, dtype=np.float64)

    def logits(x, *weights):
        for dropout in getattr(discriminator, "dropouts", ()):
            dropout.rng = np.random.default_rng(SAME_MASKS)
        return discriminator(x)

    weights = [p for p in discriminator.parameters() if p.ndim > 1]
    assert sg.gradcheck(logits, x, *weights)
    assert sg.gradgradcheck(logits, x, *weights)


@pytest.mark.parametrize("kind", GENERATORS)
def test_derivatives_of_whole_generators(kind):
    rng = np.random.default_rng(3)
    make = (lambda rng: DCGenerator(4, (2, 1), (1, 4, 4), rng=rng)) if kind == "DCGAN" else GENERATORS[kind]
    generator = make(rng).astype(np.float64)
    assert sg.gradcheck(lambda z, *weights: generator(z), normal(3, 4, dtype=np.float64), *generator.parameters())


def test_dropout_of_inputs_and_of_hidden_units():
    """Two probabilities, as in the first GAN; none of them in use mode."""
    inputs, hidden = (
        MaxoutDiscriminator(9, (6,), 3, dropout, rng=np.random.default_rng(0)) for dropout in ((0.99, 0.0), (0.0, 0.99))
    )
    none = MaxoutDiscriminator(9, (6,), 3, rng=np.random.default_rng(0))
    assert len(none.dropouts) == 0
    assert [d.p for d in inputs.dropouts] == [0.99, 0.0]
    assert [d.p for d in hidden.dropouts] == [0.0, 0.99]
    x = np.ones((200, 9), np.float32)
    bias = none.output.bias.item()
    kept = hidden(x).numpy() != np.float32(bias)  # an image whose hidden units are all dropped has the bias alone
    assert kept.mean() == pytest.approx(1 - 0.99**6, abs=0.06)
    for network in (inputs, hidden):
        assert network(x).numpy().std() > 0
        np.testing.assert_array_equal(network.eval()(x).numpy(), none(x).numpy())


# ----------------------------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize("shape", [(1, 30, 28), (1, 28, 26), (28, 28), (1, 2, 28, 28)])
@pytest.mark.parametrize("network", [DCGenerator, DCDiscriminator])
def test_dcgans_halve_the_sides_twice(network, shape):
    with pytest.raises(ValueError, match=rf"{network.__name__}: expected images \(C, H, W\) .* got \({shape[0]}, "):
        network(shape=shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLPGenerator(output="softmax"), "output: expected one of 'tanh', 'sigmoid', 'linear', got 'softmax'"),
        (lambda: MLPGenerator(activation="swish"), "activation: expected one of 'relu', .* got 'swish'"),
        (lambda: MLPDiscriminator(activation="swish"), "activation: expected one of 'relu', .* got 'swish'"),
        (lambda: MaxoutDiscriminator(dropout=(1.0, 0.5)), "1.0"),
    ],
)
def test_unknown_options(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_batch_of_one_with_batch_norm():
    """Where it leaves one number for each channel there is no variance. An image of 7 × 7 has enough by itself."""
    one = normal(1, 4)
    assert DCGenerator(4, SMALL, (1, 28, 28))(one).shape == (1, 1, 28, 28)
    smallest = DCGenerator(4, SMALL, (1, 4, 4)), DCDiscriminator(SMALL, (1, 4, 4))
    for network, x in zip(smallest, (one, normal(1, 1, 4, 4))):
        with pytest.raises(
            ValueError, match=r"fewer than two numbers per channel; use running statistics \(eval mode\)"
        ):
            network(x)
        network.eval()
        assert len(network(x)) == 1
    assert DCDiscriminator(SMALL, (1, 4, 4), norm=False)(normal(1, 1, 4, 4)).shape == (1,)


@pytest.mark.parametrize(
    ("network", "x", "message"),
    [
        (MLPGenerator(4, (6,), 9), normal(5, 3), r"linear: .*3"),
        (MLPDiscriminator(9, (6,)), normal(5, 8), r"linear: .*8"),
        (DCDiscriminator(SMALL, (1, 8, 8)), normal(5, 3, 8, 8), r"conv2d: x has 3 channels, weight expects 1"),
    ],
)
def test_input_of_another_shape(network, x, message):
    with pytest.raises(ValueError, match=message):
        network(x)
