"""Normalisation layers."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import nn

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
KINDS = pytest.mark.parametrize(("kind", "shape"), [(nn.BatchNorm1d, (64, 3)), (nn.BatchNorm2d, (16, 3, 4, 5))])


def per_channel(values, ndim):
    return np.asarray(values).reshape(1, -1, *[1] * (ndim - 2))


@pytest.mark.equation("0.75")
@pytest.mark.ledger("B8")
@DTYPES
@KINDS
def test_batch_norm_output_has_mean_0_and_variance_1(kind, shape, dtype, device, rng):
    layer = kind(3, dtype=dtype).to(device)
    x = (rng.standard_normal(shape) * per_channel([1, 5, 30], len(shape)) + 7).astype(dtype)
    y = layer(sg.tensor(x, device=device))
    assert y.dtype == dtype
    axes = (0, *range(2, len(shape)))
    np.testing.assert_allclose(y.numpy().mean(axis=axes), 0, atol=1e-5)
    np.testing.assert_allclose(y.numpy().var(axis=axes), 1, rtol=1e-4)


@pytest.mark.ledger("B8")
def test_keras_momentum_in_the_place_of_eps_is_seen(rng):
    """`BatchNorm1d(n, 0.8)` sets eps, as in PyTorch: the variance of the output is σ²/(σ² + 0.8), and not 1."""
    y = nn.BatchNorm1d(3, 0.8)(sg.tensor(rng.standard_normal((4096, 3)), dtype=np.float32))
    np.testing.assert_allclose(y.numpy().var(axis=0), 1 / 1.8, rtol=0.1)


@DTYPES
@KINDS
def test_running_statistics(kind, shape, dtype, device, rng):
    layer = kind(3, dtype=dtype).to(device)
    mean, var, axes = np.zeros(3), np.ones(3), (0, *range(2, len(shape)))
    for _ in range(4):
        x = (rng.standard_normal(shape) * 2 + 1).astype(dtype)
        layer(sg.tensor(x, device=device))
        mean = 0.9 * mean + 0.1 * x.mean(axis=axes, dtype=np.float64)
        var = 0.9 * var + 0.1 * x.var(axis=axes, ddof=1, dtype=np.float64)
    state = layer.state_dict()
    assert state["running_mean"].dtype == state["running_var"].dtype == dtype
    np.testing.assert_allclose(state["running_mean"], mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(state["running_var"], var, rtol=1e-4)
    layer.weight.data *= 3.0
    layer.bias.data += 0.5
    x = rng.standard_normal(shape).astype(dtype)
    y = layer.eval()(sg.tensor(x, device=device))
    standard = (x - per_channel(mean, x.ndim)) / np.sqrt(per_channel(var, x.ndim) + 1e-5)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.numpy(), standard * 3 + 0.5, rtol=1e-3, atol=1e-4)
    for name in ("running_mean", "running_var"):  # evaluation does not move them
        np.testing.assert_array_equal(layer.state_dict()[name], state[name])


@KINDS
def test_batch_norm_gradients_in_both_modes(kind, shape, rng):
    layer, x = kind(3, dtype=np.float64), rng.standard_normal((4, *shape[1:]))
    assert sg.gradcheck(lambda x, *p: layer(x), x, *layer.parameters())
    layer.eval()
    assert sg.gradcheck(lambda x, *p: layer(x), x, *layer.parameters())


def test_batch_norm_takes_raw_arrays(rng):
    x = rng.standard_normal((8, 3)).astype(np.float32)
    np.testing.assert_array_equal(nn.BatchNorm1d(3)(x).numpy(), nn.BatchNorm1d(3)(sg.tensor(x)).numpy())


def test_a_batch_of_one_is_refused_in_training_and_changes_nothing():
    layer = nn.BatchNorm1d(3)
    x = np.ones((1, 3), np.float32)
    before = layer.state_dict()
    with pytest.raises(ValueError, match="fewer than two numbers per channel"):
        layer(x)
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    np.testing.assert_allclose(layer.eval()(x).numpy(), x, rtol=1e-5)


def test_wrong_layouts_are_refused():
    with pytest.raises(ValueError, match=r"BatchNorm1d: expected x \(N, C\), got shape \(2, 3, 4, 4\)"):
        nn.BatchNorm1d(3)(np.ones((2, 3, 4, 4), np.float32))
    with pytest.raises(ValueError, match=r"BatchNorm2d: expected x \(N, C, H, W\), got shape \(2, 3\)"):
        nn.BatchNorm2d(3)(np.ones((2, 3), np.float32))


@pytest.mark.equation("0.76")
@pytest.mark.parametrize("shape", [5, (4, 5)])
@DTYPES
def test_layer_norm(shape, dtype, device, rng):
    layer = nn.LayerNorm(shape, dtype=dtype).to(device)
    axes = (-1,) if shape == 5 else (-2, -1)
    x = (rng.standard_normal((3, 4, 5)) * 10 + 3).astype(dtype)
    y = layer(sg.tensor(x, device=device))
    assert y.dtype == dtype
    np.testing.assert_allclose(y.numpy().mean(axis=axes), 0, atol=1e-5)
    np.testing.assert_allclose(y.numpy().var(axis=axes), 1, rtol=1e-4)


def test_layer_norm_gradients(rng):
    layer = nn.LayerNorm((2, 4), dtype=np.float64)
    for p in layer.parameters():
        p.data += rng.standard_normal(p.shape)
    assert sg.gradcheck(lambda x, *p: layer(x), rng.standard_normal((3, 2, 4)), *layer.parameters())


def test_layer_norm_does_the_same_in_both_modes(rng):
    layer, x = nn.LayerNorm(4), rng.standard_normal((3, 4)).astype(np.float32)
    np.testing.assert_array_equal(layer(x).numpy(), layer.eval()(x).numpy())
    assert F.layer_norm(x).dtype == np.float32
