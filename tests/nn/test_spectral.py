"""Spectral normalisation."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import nn, optim, training
from scratchgen.models.adversarial import (
    GAN,
    R1,
    DCDiscriminator,
    MaxoutDiscriminator,
    MLPDiscriminator,
    MLPGenerator,
    UnrolledGAN,
)

LAYERS = {
    "Linear": (lambda rng: nn.Linear(6, 4, rng=rng, dtype=np.float64), (5, 6)),
    "Conv2d": (lambda rng: nn.Conv2d(2, 3, 3, padding=1, rng=rng, dtype=np.float64), (2, 2, 5, 4)),
    "Conv2d, groups": (lambda rng: nn.Conv2d(4, 6, 3, groups=2, rng=rng, dtype=np.float64), (2, 4, 5, 4)),
    "Linear, one output": (lambda rng: nn.Linear(6, 1, rng=rng, dtype=np.float64), (5, 6)),
}
kinds = pytest.mark.parametrize("kind", LAYERS)


def made(kind, rng, passes=0):
    """A layer in its norm, and something to put in. After enough passes the iteration has arrived."""
    make, shape = LAYERS[kind]
    layer = nn.SpectralNorm(make(rng), rng=rng)
    layer.layer.bias.data[...] = rng.standard_normal(layer.layer.bias.shape)
    x = rng.standard_normal(shape)
    for _ in range(passes):
        layer(x)
    return layer, x


def matrix(weight):
    return np.asarray(weight).reshape(len(weight), -1)


@kinds
@pytest.mark.equation("18.21")
def test_what_is_divided_by_is_the_largest_singular_value(kind, rng):
    layer, x = made(kind, rng, 300)
    w = layer.layer.weight.numpy()
    bias = layer.layer.bias.numpy().copy()
    sigma = np.linalg.svd(matrix(w), compute_uv=False)[0]
    y = layer(x).numpy()
    layer.layer.weight.data /= sigma
    np.testing.assert_allclose(layer.layer(x).numpy(), y, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(layer.layer.bias.numpy(), bias)  # only weights can stretch


@kinds
@pytest.mark.equation("18.22")
def test_gradient_by_hand_and_of_the_true_singular_value(kind, rng):
    """The vectors are constants for autograd; where they have arrived, that is the slope of W / σ(W) all the same."""
    layer, x = made(kind, rng, 2000)
    layer.eval()
    weight = layer.layer.weight
    out = layer(x)
    c = rng.standard_normal(out.shape)
    (found,) = sg.grad(F.sum(out * c), [weight])
    w, u, v = matrix(weight.numpy()), layer.left, layer.right
    sigma = u @ w @ v

    plain, _ = LAYERS[kind]
    inner = plain(rng)
    inner.weight.data[...] = weight.numpy() / sigma
    (g,) = sg.grad(F.sum(inner(x) * c), [inner.weight])  # by W̄
    g = matrix(g.numpy())
    by_hand = (g - (g * w / sigma).sum() * np.outer(u, v)) / sigma
    np.testing.assert_allclose(matrix(found.numpy()), by_hand, rtol=1e-9, atol=1e-12)

    def loss(w_flat):
        inner.weight.data[...] = w_flat / np.linalg.svd(matrix(w_flat), compute_uv=False)[0]
        inner.bias.data[...] = layer.layer.bias.numpy()
        return float((inner(x).numpy() * c).sum())

    way, h = rng.standard_normal(weight.shape), 1e-5
    difference = (loss(weight.numpy() + h * way) - loss(weight.numpy() - h * way)) / (2 * h)
    np.testing.assert_allclose((found.numpy() * way).sum(), difference, rtol=1e-7)


@kinds
def test_gradients_of_second_order(kind, rng):
    layer, x = made(kind, rng, 3)
    layer.eval()
    inputs = [layer.layer.weight, layer.layer.bias, sg.tensor(x, requires_grad=True)]

    def f(weight, bias, x):
        return layer.with_parameters([weight, bias])(x)

    assert sg.gradcheck(f, *inputs)
    assert sg.gradgradcheck(f, *inputs)


@pytest.mark.equation("18.23")
@given(seed=st.integers(0, 10_000), size=st.floats(1e-3, 1e3), apart=st.floats(1e-3, 1e2))
def test_a_discriminator_has_slope_1_at_most(seed, size, apart):
    rng = np.random.default_rng(seed)
    D = MLPDiscriminator(5, (7, 6), init=nn.init.he_normal, rng=rng).astype(np.float64)
    for p in D.parameters():
        p.data *= size
    nn.spectral_norm(D, rng)
    for _ in range(200):
        D(np.zeros((1, 5)))
    x = rng.standard_normal((20, 5))
    y = x + apart * rng.standard_normal((20, 5))
    gap = np.abs(D(x).numpy() - D(y).numpy())
    assert (gap <= 1.001 * np.linalg.norm(x - y, axis=1)).all()


@pytest.mark.equation("18.23")
@pytest.mark.parametrize(("kernel", "stride", "factor"), [(4, 2, 2), (3, 1, 3), (3, 2, 2), (2, 2, 1), (1, 1, 1)])
def test_a_convolution_stretches_an_image_by_more_than_a_patch(kernel, stride, factor, rng):
    """Its true norm, from its Jacobian: never above ⌈k / stride⌉, the most patches along a side that share a pixel;
    with all weights alike nearly k / stride, the mean of it."""
    layer = nn.Conv2d(1, 2, kernel, stride, padding=kernel - 1, bias=False, dtype=np.float64, rng=rng)

    def norm():
        normed = nn.SpectralNorm(layer, rng=rng)
        for _ in range(100):
            normed(np.zeros((1, 1, 8, 8)))
        images = np.eye(64).reshape(64, 1, 8, 8)
        return np.linalg.norm(normed(images).numpy().reshape(64, -1), 2)

    for _ in range(5):
        layer.weight.data[...] = rng.standard_normal(layer.weight.shape)
        assert norm() <= factor * (1 + 1e-6)
    layer.weight.data[...] = 1
    assert norm() <= factor * (1 + 1e-6)
    assert norm() > 0.8 * kernel / stride


def test_the_iteration_moves_in_training_only(rng, device):
    layer = nn.SpectralNorm(nn.Linear(6, 4, rng=rng), rng=rng).to(device)
    x = sg.tensor(rng.standard_normal((3, 6)).astype(np.float32), device=device)
    layer.layer.weight.data += 1
    before = layer.state_dict()
    layer.eval()
    layer(x)
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    layer.train()
    y = layer(x)
    assert y.dtype == np.float32
    after = layer.state_dict()
    assert {name for name in after if not np.array_equal(after[name], before[name])} == {"left", "right"}
    assert {str(value.dtype) for value in after.values()} == {"float32"}
    np.testing.assert_allclose([np.linalg.norm(after["left"]), np.linalg.norm(after["right"])], 1, rtol=1e-6)


def test_a_layer_that_is_elsewhere_already(rng, device):
    """Wrapped before or after it was moved; and a layer by itself."""
    layer = nn.Linear(6, 4, rng=rng)
    here, there = nn.SpectralNorm(copy.deepcopy(layer), rng=np.random.default_rng(1)), layer.to(device)
    there = nn.spectral_norm(there, np.random.default_rng(1))
    assert isinstance(there, nn.SpectralNorm)
    x = rng.standard_normal((3, 6)).astype(np.float32)
    np.testing.assert_allclose(there(sg.tensor(x, device=device)).numpy(), here(x).numpy(), rtol=1e-5, atol=1e-6)


def test_an_earlier_pass_keeps_its_own_vectors(rng):
    """Two passes, then the gradient of the first: as if there had been no second one."""
    layer, x = made("Linear", rng)
    twin = nn.SpectralNorm(nn.Linear(6, 4, dtype=np.float64), rng=rng)
    twin.load_state_dict(layer.state_dict())
    first = F.sum(F.square(layer(x)))
    layer(3 * x)
    (late,) = sg.grad(first, [layer.layer.weight])
    (alone,) = sg.grad(F.sum(F.square(twin(x))), [twin.layer.weight])
    np.testing.assert_array_equal(late.numpy(), alone.numpy())


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: MLPDiscriminator(6, (5, 4), rng=rng),
        lambda rng: MaxoutDiscriminator(6, (5,), 2, rng=rng),
        lambda rng: DCDiscriminator((2, 3), (1, 8, 8), norm=False, rng=rng),
    ],
)
def test_every_layer_of_a_network_is_wrapped_once(make, rng):
    D = make(rng)
    parameters, layers = list(D.parameters()), sum(isinstance(m, (nn.Linear, nn.Conv2d)) for m in D.modules())
    assert nn.spectral_norm(D, rng) is D
    nn.spectral_norm(D, rng)
    assert sum(isinstance(m, nn.SpectralNorm) for m in D.modules()) == layers
    assert [*map(id, D.parameters())] == [*map(id, parameters)]
    x = rng.standard_normal((4, 1, 8, 8) if isinstance(D, DCDiscriminator) else (4, 6)).astype(np.float32)
    assert D(x).shape == (4,)


def test_a_gan_with_it_and_other_cures(rng):
    """R1, whose images must not see each other; an unrolled one, whose weights are other tensors; a resumed state."""
    for make in (
        lambda g, d: GAN(g, d, penalty=R1(1.0)),
        lambda g, d: UnrolledGAN(g, d, optim.Adam(d.parameters()), 2, objective="minimax"),
    ):
        G, D = MLPGenerator(3, (8,), 2, "linear", rng=rng), nn.spectral_norm(MLPDiscriminator(2, (8,), rng=rng), rng)
        gan = make(G, D)
        x = rng.standard_normal((6, 2)).astype(np.float32)
        for loss, player in ((gan.discriminator_loss, D), (gan.generator_loss, G)):
            gradients = sg.grad(loss(x, rng)[0], list(player.parameters()))
            weights = [g.numpy() for g, p in zip(gradients, player.parameters()) if p.ndim > 1]
            assert all(np.isfinite(g).all() and np.abs(g).max() > 0 for g in weights)
        with pytest.raises(ValueError, match="SpectralNorm, which takes a step of its power iteration for each pass"):
            training.workers.Workers(2, D)


def test_bad_input(rng):
    for layer in (nn.ConvTranspose2d(2, 3, 3), nn.BatchNorm1d(3), nn.SpectralNorm(nn.Linear(2, 2)), "linear"):
        with pytest.raises(TypeError, match="SpectralNorm: expected a Linear or a Conv2d, got"):
            nn.SpectralNorm(layer)
    with pytest.raises(TypeError, match="expected a random generator"):
        nn.SpectralNorm(nn.Linear(2, 2), rng=0)
    zero = nn.Linear(3, 2, rng=rng)
    zero.weight.data[...] = 0
    with pytest.raises(ValueError, match="SpectralNorm: all weights are 0"):
        nn.SpectralNorm(zero)
