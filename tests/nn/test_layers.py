"""Layers and losses: each against its formula in NumPy; gradients through the layer's own parameters."""

import numpy as np
import pytest
import scipy.special

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import nn

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.mark.equation("0.61")
@DTYPES
def test_linear(dtype, device, rng):
    layer = nn.Linear(4, 3, rng=rng, dtype=dtype).to(device)
    layer.bias.data += 0.5
    for shape in [(5, 4), (2, 5, 4), (4,), (0, 4)]:
        x = rng.standard_normal(shape).astype(dtype)
        y = layer(sg.tensor(x, device=device))
        assert y.dtype == dtype
        expected = np.einsum("...i,oi->...o", x, layer.weight.numpy()) + 0.5
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_linear_without_bias(rng):
    layer = nn.Linear(4, 3, bias=False, rng=rng, dtype=np.float64)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert sg.gradcheck(lambda x, *p: layer(x), rng.standard_normal((4, 5)).T, *layer.parameters())


def test_linear_takes_raw_arrays(rng):
    layer = nn.Linear(4, 3, rng=rng)
    x = rng.standard_normal((2, 4)).astype(np.float32)
    np.testing.assert_array_equal(layer(x).numpy(), layer(sg.tensor(x)).numpy())


@pytest.mark.equation("0.57")
@DTYPES
def test_embedding(dtype, device, rng):
    layer = nn.Embedding(5, 3, rng=rng, dtype=dtype).to(device)
    ids = np.array([[1, 4], [1, 0]])
    y = layer(sg.tensor(ids, device=device))
    np.testing.assert_array_equal(y.numpy(), layer.weight.numpy()[ids])
    g = rng.standard_normal((2, 2, 3)).astype(dtype)
    y.backward(sg.tensor(g, device=device))
    expected = np.zeros((5, 3), dtype)
    np.add.at(expected, ids, g)
    assert layer.weight.grad.dtype == dtype
    np.testing.assert_allclose(layer.weight.grad.numpy(), expected, rtol=1e-6)


@pytest.mark.equation("0.77")
def test_dropout(device, rng):
    layer = nn.Dropout(0.3, rng)
    x = sg.tensor(np.ones((100, 200), np.float32), device=device)
    y = layer(x).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs((y == 0).mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / y.size)
    assert not np.array_equal(layer(x).numpy(), y)
    assert layer.eval()(x) is x
    for p in (-0.1, 1.0):
        with pytest.raises(ValueError, match=r"Dropout: p must lie in \[0, 1\)"):
            nn.Dropout(p, rng)


def test_dropout_repeats_with_its_generator(rng):
    x = np.ones((5, 5), np.float32)
    one, two = (nn.Dropout(0.5, np.random.default_rng(3))(x) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_flatten_and_reshape(device, rng):
    x = sg.tensor(rng.standard_normal((4, 2, 3, 5)), device=device)
    flat = nn.Flatten()(x)
    assert flat.shape == (4, 30)
    np.testing.assert_array_equal(nn.Reshape(2, 3, 5)(flat).numpy(), x.numpy())
    assert nn.Flatten()(x[:0]).shape == (0, 30)
    assert nn.Reshape(5, 6)(flat[:0]).shape == (0, 5, 6)
    assert nn.Flatten()(x[:, 0, 0, 0]).shape == (4, 1)


ACTIVATIONS = {
    "relu": (nn.ReLU(), lambda x: np.maximum(x, 0)),
    "leaky_relu": (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    "elu": (nn.ELU(1.5), lambda x: np.where(x > 0, x, 1.5 * np.expm1(x))),
    "sigmoid": (nn.Sigmoid(), scipy.special.expit),
    "tanh": (nn.Tanh(), np.tanh),
    "softplus": (nn.Softplus(), lambda x: np.logaddexp(0, x)),
    "softmax": (nn.Softmax(), lambda x: scipy.special.softmax(x, axis=-1)),
    "softmax-axis-0": (nn.Softmax(0), lambda x: scipy.special.softmax(x, axis=0)),
}


@DTYPES
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, dtype, device, rng):
    layer, formula = ACTIVATIONS[name]
    x = rng.standard_normal((3, 4)).astype(dtype) * 3
    y = layer(sg.tensor(x, device=device))
    assert y.dtype == dtype
    np.testing.assert_allclose(y.numpy(), formula(x), rtol=1e-5, atol=1e-6)


def test_default_slopes():
    assert nn.LeakyReLU()(np.array([-1.0])) == [-0.01]
    assert nn.ELU()(np.array([-1.0])) == pytest.approx(np.expm1(-1))


# -------------------------------------------------------------------------------------------------- losses
def nats(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


LOSSES = {
    nn.BCELoss: (lambda rng: rng.uniform(0.1, 0.9, (4, 3)), nats),
    nn.BCEWithLogitsLoss: (lambda rng: rng.standard_normal((4, 3)), lambda a, t: nats(scipy.special.expit(a), t)),
    nn.MSELoss: (lambda rng: rng.standard_normal((4, 3)), lambda x, t: (x - t) ** 2),
    nn.L1Loss: (lambda rng: rng.standard_normal((4, 3)), lambda x, t: np.abs(x - t)),
}
REDUCTIONS = pytest.mark.parametrize(
    ("reduction", "reduced"), [("mean", np.mean), ("sum", np.sum), ("none", lambda x: x)], ids=["mean", "sum", "none"]
)


@pytest.mark.equation("0.70", "0.71", "0.73", "0.74")
@REDUCTIONS
@pytest.mark.parametrize("kind", LOSSES)
def test_losses(kind, reduction, reduced, device, rng):
    draw, formula = LOSSES[kind]
    x, t = draw(rng), rng.uniform(0, 1, (4, 3))
    criterion = kind(reduction)
    loss = criterion(sg.tensor(x, device=device), sg.tensor(t, device=device))
    np.testing.assert_allclose(loss.numpy(), reduced(formula(x, t)), rtol=1e-12)
    assert sg.gradcheck(lambda x: criterion(x, sg.tensor(t)), x)


@DTYPES
@pytest.mark.parametrize("number", [1, 0, True, 0.25])
@pytest.mark.parametrize("kind", LOSSES)
def test_a_plain_number_is_a_target(kind, number, dtype, device, rng):
    draw, _ = LOSSES[kind]
    x = draw(rng).astype(dtype)
    leaf, twin = (sg.tensor(x, requires_grad=True, device=device) for _ in range(2))
    loss, full = kind()(leaf, number), kind()(twin, sg.tensor(np.full((4, 3), number, dtype), device=device))
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(full.item(), rel=1e-6)
    loss.backward()
    full.backward()
    assert leaf.grad.dtype == dtype
    np.testing.assert_allclose(leaf.grad.numpy(), twin.grad.numpy(), rtol=1e-6)


@pytest.mark.equation("0.72")
@REDUCTIONS
def test_cross_entropy(reduction, reduced, device, rng):
    logits, labels = rng.standard_normal((5, 4)), rng.integers(0, 4, 5)
    expected = reduced(-scipy.special.log_softmax(logits, axis=1)[np.arange(5), labels])
    criterion = nn.CrossEntropyLoss(reduction)
    loss = criterion(sg.tensor(logits, device=device), sg.tensor(labels, device=device))
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-12)
    assert sg.gradcheck(lambda a: criterion(a, labels), logits)


def test_unknown_reductions_are_refused():
    for kind in (*LOSSES, nn.CrossEntropyLoss):
        with pytest.raises(ValueError, match=f"{kind.__name__}: reduction must be"):
            kind("average")


def test_a_classifier_learns_xor(rng):
    """The layers together: no linear model can do this."""
    x = sg.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    labels = np.array([0, 1, 1, 0])
    model = nn.Sequential(nn.Linear(2, 16, rng=rng), nn.Tanh(), nn.Linear(16, 2, rng=rng))
    optimizer = sg.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01
    np.testing.assert_array_equal(model(x).argmax(axis=1), labels)
