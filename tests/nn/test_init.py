"""Initialisers: the variances they promise, and that signals keep their size through many layers."""

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import nn
from scratchgen.nn import init

# shape, variance: (out, in) = (300, 200) and a convolution with 30 → 40 channels, 3×5
CASES = [
    (init.glorot_uniform, (300, 200), 2 / 500),
    (init.glorot_normal, (300, 200), 2 / 500),
    (init.he_uniform, (300, 200), 2 / 200),
    (init.he_normal, (300, 200), 2 / 200),
    (init.glorot_uniform, (40, 30, 3, 5), 2 / (70 * 15)),
    (init.glorot_normal, (40, 30, 3, 5), 2 / (70 * 15)),
    (init.he_uniform, (40, 30, 3, 5), 2 / (30 * 15)),
    (init.he_normal, (40, 30, 3, 5), 2 / (30 * 15)),
]


@pytest.mark.parametrize(("function", "shape", "variance"), CASES)
def test_variances(function, shape, variance, rng):
    w = function(shape, rng)
    assert w.shape == shape
    assert w.dtype == np.float32
    assert function(shape, rng, np.float64).dtype == np.float64
    assert abs(w.mean()) < 4 * math.sqrt(variance / w.size)
    assert w.var() == pytest.approx(variance, rel=0.03)
    if "uniform" in function.__name__:
        assert np.abs(w).max() <= math.sqrt(3 * variance) * (1 + 1e-6)


@pytest.mark.parametrize("shape", [(20, 20), (5, 20), (20, 5), (6, 2, 3, 3), (1, 4)])
def test_orthogonal(shape, rng):
    w = init.orthogonal(shape, rng, np.float64)
    assert w.shape == shape
    flat = w.reshape(shape[0], -1)
    gram = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)
    assert init.orthogonal(shape, rng).dtype == np.float32


def test_orthogonal_prefers_no_sign(rng):
    """Without the correction of signs, QR gives the 1×1 matrix always the same one."""
    signs = {float(np.sign(init.orthogonal((1, 1), rng)[0, 0])) for _ in range(20)}
    assert signs == {-1.0, 1.0}


def test_shapes_without_fans_are_refused(rng):
    for shape in [(3,), (3, 0), ()]:
        with pytest.raises(ValueError, match="shape"):
            init.he_normal(shape, rng)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layers_begin_as_documented(dtype, rng):
    linear = nn.Linear(200, 300, rng=rng, dtype=dtype)
    assert linear.weight.numpy().var() == pytest.approx(2 / 500, rel=0.03)
    conv = nn.Conv2d(30, 40, (3, 5), rng=rng, dtype=dtype)
    assert conv.weight.numpy().var() == pytest.approx(2 / (30 * 15), rel=0.03)
    embedding = nn.Embedding(100, 100, rng=rng, dtype=dtype)
    assert embedding.weight.numpy().var() == pytest.approx(1, rel=0.05)
    for layer in (linear, conv, embedding, nn.BatchNorm1d(3, dtype=dtype), nn.LayerNorm(3, dtype=dtype)):
        assert {p.dtype for p in layer.parameters()} == {np.dtype(dtype)}
        if hasattr(layer, "bias"):
            assert not layer.bias.numpy().any()


def test_he_keeps_the_signal_through_many_relus(rng):
    """Twenty layers: with He's weights the mean square stays, with Glorot's it halves at each ReLU."""
    x = rng.standard_normal((100, 256)).astype(np.float32)

    def after(initializer):
        layers = [m for _ in range(20) for m in (nn.Linear(256, 256, init=initializer, rng=rng), nn.ReLU())]
        return float((nn.Sequential(*layers)(x).numpy() ** 2).mean())

    assert 0.1 < after(init.he_normal) < 10
    assert after(init.glorot_normal) < 1e-4


def test_manual_seed_repeats_layers_made_without_rng():
    def weights(seed):
        sg.manual_seed(seed)
        return [nn.Linear(3, 4).weight.numpy(), nn.Conv2d(1, 2, 3).weight.numpy(), nn.Embedding(2, 3).weight.numpy()]

    for a, b, c in zip(weights(1), weights(1), weights(2)):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_a_layer_with_its_own_rng_leaves_the_default_alone(rng):
    sg.manual_seed(5)
    expected = nn.Linear(3, 3).weight.numpy()
    sg.manual_seed(5)
    nn.Linear(3, 3, rng=rng)
    np.testing.assert_array_equal(nn.Linear(3, 3).weight.numpy(), expected)


@pytest.mark.parametrize("seed", [0, 3.5, "1"])
def test_a_seed_in_the_place_of_a_generator_is_named(seed):
    with pytest.raises(TypeError, match=r"rng: expected a random generator, np.random.default_rng"):
        nn.Linear(2, 3, rng=seed)
