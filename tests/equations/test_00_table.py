"""derivations/00-autograd.md, the table of derivatives: every rule as the page prints it, with its edges.

`rule(g, z, *xs)` is the page's formula in plain NumPy, g the random gradient of the output z. It says that the page
and the code agree; that both are right is what the differences of tests/test_primitives.py say.
"""

import numpy as np
import pytest
from scipy import special

import scratchgen as sg
from scratchgen import functional as F

rng = np.random.default_rng(20)
equation = pytest.mark.equation

X = np.concatenate([rng.normal(size=9), [0.0, 0.0, 1.0]]).reshape(3, 4)  # with the places where rules have edges
Y = np.concatenate([rng.normal(size=8), [2.0, 0.0, 0.0, 1.0]]).reshape(3, 4)
UNIT = rng.uniform(0.05, 0.95, size=(3, 4))
POSITIVE = rng.uniform(0.2, 3, size=(3, 4))
TARGET = (rng.uniform(size=(3, 4)) < 0.5).astype(float)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(x):
    return (x > 0).astype(float)


ELEMENTWISE = [
    pytest.param(lambda x, y: x + y, lambda g, z, x, y: (g, g), (X, Y), marks=equation("0.20"), id="add"),
    pytest.param(lambda x, y: x - y, lambda g, z, x, y: (g, -g), (X, Y), marks=equation("0.20"), id="subtract"),
    pytest.param(lambda x: -x, lambda g, z, x: (-g,), (X,), marks=equation("0.20"), id="negative"),
    pytest.param(lambda x: +x, lambda g, z, x: (g,), (X,), marks=equation("0.20"), id="positive"),
    pytest.param(lambda x: F.to(x, "cpu"), lambda g, z, x: (g,), (X,), marks=equation("0.20"), id="to"),
    pytest.param(lambda x, y: x * y, lambda g, z, x, y: (g * y, g * x), (X, Y), marks=equation("0.21"), id="multiply"),
    pytest.param(
        lambda x, y: x / y, lambda g, z, x, y: (g / y, -g * z / y), (X, POSITIVE), marks=equation("0.22"), id="divide"
    ),
    pytest.param(
        lambda x, y: x**y,
        lambda g, z, x, y: (g * y * x ** (y - 1), g * z * np.log(x)),
        (POSITIVE, Y),
        marks=equation("0.23"),
        id="power",
    ),
    pytest.param(
        lambda x, y: F.where(X > 0, x, y),
        lambda g, z, x, y: (g * (X > 0), g * (X <= 0)),
        (X, Y),
        marks=equation("0.24"),
        id="where",
    ),
    pytest.param(F.exp, lambda g, z, x: (g * z,), (X,), marks=equation("0.25"), id="exp"),
    pytest.param(F.expm1, lambda g, z, x: (g * (z + 1),), (X,), marks=equation("0.25"), id="expm1"),
    pytest.param(F.log, lambda g, z, x: (g / x,), (POSITIVE,), marks=equation("0.26"), id="log"),
    pytest.param(F.log1p, lambda g, z, x: (g / (1 + x),), (POSITIVE,), marks=equation("0.26"), id="log1p"),
    pytest.param(F.sqrt, lambda g, z, x: (g / (2 * z),), (POSITIVE,), marks=equation("0.27"), id="sqrt"),
    pytest.param(F.square, lambda g, z, x: (g * 2 * x,), (X,), marks=equation("0.27"), id="square"),
    pytest.param(F.abs, lambda g, z, x: (g * np.sign(x),), (X,), marks=equation("0.28"), id="abs"),
    pytest.param(F.sin, lambda g, z, x: (g * np.cos(x),), (X,), marks=equation("0.29"), id="sin"),
    pytest.param(F.cos, lambda g, z, x: (-g * np.sin(x),), (X,), marks=equation("0.29"), id="cos"),
    pytest.param(
        F.erf, lambda g, z, x: (g * 2 / np.sqrt(np.pi) * np.exp(-(x**2)),), (X,), marks=equation("0.30"), id="erf"
    ),
    pytest.param(F.tanh, lambda g, z, x: (g * (1 - z**2),), (X,), marks=equation("0.31"), id="tanh"),
    pytest.param(F.sigmoid, lambda g, z, x: (g * z * (1 - z),), (X,), marks=equation("0.32"), id="sigmoid"),
    pytest.param(F.softplus, lambda g, z, x: (g * sigmoid(x),), (X,), marks=equation("0.33"), id="softplus"),
    pytest.param(F.logsigmoid, lambda g, z, x: (g * sigmoid(-x),), (X,), marks=equation("0.33"), id="logsigmoid"),
    pytest.param(F.relu, lambda g, z, x: (g * step(x),), (X,), marks=equation("0.34"), id="relu"),
    pytest.param(
        lambda x: F.leaky_relu(x, 0.2),
        lambda g, z, x: (g * np.where(x > 0, 1, 0.2),),
        (X,),
        marks=equation("0.34"),
        id="leaky_relu",
    ),
    pytest.param(
        lambda x: F.elu(x, 0.7),
        lambda g, z, x: (g * np.where(x > 0, 1, 0.7 * np.exp(x)),),
        (X,),
        marks=equation("0.34"),
        id="elu",
    ),
    pytest.param(
        lambda x: F.clip(x, 0.0, 1.0),
        lambda g, z, x: (g * ((x >= 0) & (x <= 1)),),
        (X,),
        marks=equation("0.35"),
        id="clip",
    ),
    pytest.param(
        F.maximum,
        lambda g, z, x, y: (g * (step(x - y) + 0.5 * (x == y)), g * (step(y - x) + 0.5 * (x == y))),
        (X, Y),
        marks=equation("0.36"),
        id="maximum",
    ),
    pytest.param(
        F.minimum,
        lambda g, z, x, y: (g * (step(y - x) + 0.5 * (x == y)), g * (step(x - y) + 0.5 * (x == y))),
        (X, Y),
        marks=equation("0.36"),
        id="minimum",
    ),
]


def softmax(x):
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


def others(x):
    """The product of all other elements along the last axis."""
    return np.stack([np.prod(np.delete(x, i, 1), axis=1) for i in range(x.shape[1])], axis=1)


TIES = np.array([[1.0, 3.0, 3.0, 0.0], [2.0, 2.0, 2.0, -1.0], [0.0, 0.0, 5.0, 4.0]])
ZERO_ROW = np.vstack([rng.normal(size=(2, 4)), np.zeros(4)])
EVERY = np.ones((1, 4))  # repeats a gradient along what was reduced

REDUCTIONS = [
    pytest.param(lambda x: F.sum(x, 1), lambda g, z, x: (g[:, None] * EVERY,), (X,), marks=equation("0.40"), id="sum"),
    pytest.param(
        lambda x: F.mean(x, 1), lambda g, z, x: (g[:, None] * EVERY / 4,), (X,), marks=equation("0.41"), id="mean"
    ),
    pytest.param(
        lambda x: F.var(x, 1, 1),
        lambda g, z, x: (g[:, None] * 2 / 3 * (x - x.mean(1, keepdims=True)),),
        (X,),
        marks=equation("0.42"),
        id="var",
    ),
    pytest.param(
        lambda x: F.max(x, 1),
        lambda g, z, x: (g[:, None] * (x == z[:, None]) / (x == z[:, None]).sum(1, keepdims=True),),
        (TIES,),
        marks=equation("0.43"),
        id="max",
    ),
    pytest.param(
        lambda x: F.min(x, 1),
        lambda g, z, x: (g[:, None] * (x == z[:, None]) / (x == z[:, None]).sum(1, keepdims=True),),
        (TIES,),
        marks=equation("0.43"),
        id="min",
    ),
    pytest.param(
        lambda x: F.logsumexp(x, 1),
        lambda g, z, x: (g[:, None] * np.exp(x - z[:, None]),),
        (X,),
        marks=equation("0.44"),
        id="logsumexp",
    ),
    pytest.param(
        F.softmax,
        lambda g, z, x: (z * (g - (g * z).sum(1, keepdims=True)),),
        (X,),
        marks=equation("0.45"),
        id="softmax",
    ),
    pytest.param(
        F.log_softmax,
        lambda g, z, x: (g - softmax(x) * g.sum(1, keepdims=True),),
        (X,),
        marks=equation("0.46"),
        id="log_softmax",
    ),
    pytest.param(
        lambda x: F.cumsum(x, 1),
        lambda g, z, x: (np.cumsum(g[:, ::-1], 1)[:, ::-1],),
        (X,),
        marks=equation("0.47"),
        id="cumsum",
    ),
    pytest.param(
        lambda x: F.prod(x, 1), lambda g, z, x: (g[:, None] * others(x),), (X,), marks=equation("0.48"), id="prod"
    ),
    pytest.param(
        lambda x: F.norm(x, 1),
        lambda g, z, x: (g[:, None] * x / np.where(z == 0, 1, z)[:, None],),
        (ZERO_ROW,),
        marks=equation("0.49"),
        id="norm",
    ),
]

TWICE = np.array([2, 0, 2])  # row 2 is read twice, row 1 not at all
CUBE = rng.normal(size=(2, 3, 4))


def scattered(g):
    """Zeros of shape (3, 4), with the rows of g added where TWICE read them."""
    out = np.zeros((3, 4))
    for row, n in zip(g, TWICE):
        out[n] += row
    return out


MOVES = [
    pytest.param(
        lambda x: F.reshape(x, (2, 6)), lambda g, z, x: (g.reshape(3, 4),), (X,), marks=equation("0.50"), id="reshape"
    ),
    pytest.param(
        lambda x: F.transpose(x, (1, 2, 0)),
        lambda g, z, x: (g.transpose(2, 0, 1),),
        (CUBE,),
        marks=equation("0.51"),
        id="transpose",
    ),
    pytest.param(
        lambda x: F.broadcast_to(x, (5, 3, 4)),
        lambda g, z, x: (g.sum(0),),
        (X,),
        marks=equation("0.52"),
        id="broadcast_to",
    ),
    pytest.param(
        lambda x, y: F.concatenate([x, y], 1),
        lambda g, z, x, y: (g[:, :4], g[:, 4:]),
        (X, Y),
        marks=equation("0.53"),
        id="concatenate",
    ),
    pytest.param(
        lambda x, y: F.stack([x, y], 1),
        lambda g, z, x, y: (g[:, 0], g[:, 1]),
        (X, Y),
        marks=equation("0.53"),
        id="stack",
    ),
    pytest.param(
        lambda x: F.split(x, 2, 1)[1],
        lambda g, z, x: (np.hstack([np.zeros((3, 2)), g]),),
        (X,),
        marks=equation("0.54"),
        id="split",
    ),
    pytest.param(lambda x: x[TWICE], lambda g, z, x: (scattered(g),), (X,), marks=equation("0.54"), id="getitem"),
    pytest.param(
        lambda x: F.take(x, TWICE, 0), lambda g, z, x: (scattered(g),), (X,), marks=equation("0.54"), id="take"
    ),
    pytest.param(
        lambda x: F.gather(x, 1, np.array([[3], [0], [0]])),
        lambda g, z, x: (g * np.array([[0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0]]),),
        (X,),
        marks=equation("0.54"),
        id="gather",
    ),
    pytest.param(
        lambda x: F.pad(x, ((1, 0), (2, 1))), lambda g, z, x: (g[1:, 2:-1],), (X,), marks=equation("0.55"), id="pad"
    ),
    pytest.param(lambda x: F.flip(x, 1), lambda g, z, x: (g[:, ::-1],), (X,), marks=equation("0.56"), id="flip"),
    pytest.param(
        lambda w: F.embedding(TWICE, w), lambda g, z, w: (scattered(g),), (X,), marks=equation("0.57"), id="embedding"
    ),
]

LABELS = np.array([1, 3, 0])
ONE_HOT = np.eye(4)[LABELS]
A, B, C = rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), rng.normal(size=(5, 4))


def batch_norm_rule(g, z, x, w, b, axis=0):
    s = np.sqrt(x.var(axis, keepdims=True) + 1e-5)
    x_hat = (x - x.mean(axis, keepdims=True)) / s
    h = w * g
    x_bar = (h - h.mean(axis, keepdims=True) - x_hat * (h * x_hat).mean(axis, keepdims=True)) / s
    return x_bar, (g * x_hat).sum(0), g.sum(0)


PRODUCTS_AND_LOSSES = [
    pytest.param(F.matmul, lambda g, z, x, y: (g @ y.T, x.T @ g), (A, B), marks=equation("0.60"), id="matmul"),
    pytest.param(
        F.linear,
        lambda g, z, x, w, b: (g @ w, g.T @ x, g.sum(0)),
        (A, C, rng.normal(size=5)),
        marks=equation("0.61"),
        id="linear",
    ),
    pytest.param(
        lambda x, y: F.einsum("ik,kj->ji", x, y),
        lambda g, z, x, y: (np.einsum("ji,kj->ik", g, y), np.einsum("ji,ik->kj", g, x)),
        (A, B),
        marks=equation("0.62"),
        id="einsum",
    ),
    pytest.param(
        lambda p, t: F.binary_cross_entropy(p, t, "none"),
        lambda g, z, p, t: (g * (p - t) / (p * (1 - p)), g * (np.log(1 - p) - np.log(p))),
        (UNIT, TARGET),
        marks=equation("0.70"),
        id="binary_cross_entropy",
    ),
    pytest.param(
        lambda a, t: F.binary_cross_entropy_with_logits(a, t, "none"),
        lambda g, z, a, t: (g * (sigmoid(a) - t), -g * a),
        (X, TARGET),
        marks=equation("0.71"),
        id="binary_cross_entropy_with_logits",
    ),
    pytest.param(
        lambda a: F.nll_loss(a, LABELS, "none"),
        lambda g, z, a: (-g[:, None] * ONE_HOT,),
        (X,),
        marks=equation("0.72"),
        id="nll_loss",
    ),
    pytest.param(
        lambda a: F.cross_entropy(a, LABELS, "none"),
        lambda g, z, a: (g[:, None] * (softmax(a) - ONE_HOT),),
        (X,),
        marks=equation("0.72"),
        id="cross_entropy",
    ),
    pytest.param(
        lambda x, t: F.mse_loss(x, t, "none"),
        lambda g, z, x, t: (2 * g * (x - t), -2 * g * (x - t)),
        (X, Y),
        marks=equation("0.73"),
        id="mse_loss",
    ),
    pytest.param(
        lambda x, t: F.l1_loss(x, t, "none"),
        lambda g, z, x, t: (g * np.sign(x - t), -g * np.sign(x - t)),
        (X, Y),
        marks=equation("0.74"),
        id="l1_loss",
    ),
    pytest.param(F.batch_norm, batch_norm_rule, (A, rng.normal(size=4), Y[0]), marks=equation("0.75"), id="batch_norm"),
    pytest.param(
        F.layer_norm,
        lambda g, z, x, w, b: batch_norm_rule(g, z, x, w, b, axis=1),
        (A, rng.normal(size=4), Y[0]),
        marks=equation("0.76"),
        id="layer_norm",
    ),
]


IMAGE = rng.permutation(48).reshape(1, 2, 4, 6).astype(float)  # no ties


def enlarged(x):
    """Every pixel as a block of 2 × 2."""
    return x.repeat(2, axis=2).repeat(2, axis=3)


def blocks(x):
    """The sum over each block of 2 × 2."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).sum((3, 5))


POOLING = [
    pytest.param(
        lambda x: F.max_pool2d(x, 2),
        lambda g, z, x: (enlarged(g) * (x == enlarged(z)),),
        (IMAGE,),
        marks=equation("0.78"),
        id="max_pool2d",
    ),
    pytest.param(
        lambda x: F.avg_pool2d(x, 2),
        lambda g, z, x: (enlarged(g) / 4,),
        (IMAGE,),
        marks=equation("0.79"),
        id="avg_pool2d",
    ),
    pytest.param(
        lambda x: F.upsample(x, 2), lambda g, z, x: (blocks(g),), (IMAGE,), marks=equation("0.80"), id="upsample"
    ),
]


@pytest.mark.parametrize(("f", "rule", "inputs"), [*ELEMENTWISE, *REDUCTIONS, *MOVES, *PRODUCTS_AND_LOSSES, *POOLING])
def test_the_rule_is_the_one_on_the_page(f, rule, inputs):
    """The gradient of every argument, for a random cotangent, is the page's formula."""
    arguments = [sg.tensor(x, requires_grad=True) for x in inputs]
    z = f(*arguments)
    g = rng.normal(size=z.shape)
    z.backward(g)
    for argument, expected in zip(arguments, rule(g, z.numpy(), *inputs), strict=True):
        np.testing.assert_allclose(argument.grad.numpy(), expected, rtol=1e-11, atol=1e-13)


@equation("0.20")
def test_a_change_of_precision_is_undone_on_the_way_back():
    x = sg.tensor(X, requires_grad=True)
    y = F.astype(x, np.float32)
    g = rng.normal(size=X.shape).astype(np.float32)
    y.backward(g)
    assert (y.dtype, x.grad.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(x.grad.numpy(), g)


@equation("0.23")
def test_the_edges_of_the_power():
    """0⁰ = 1; no slope in x where y = 0, none in y where x = 0; no derivative in y of a negative base."""
    x, y = (sg.tensor(np.array(v), requires_grad=True) for v in ([0.0, 0.0, 3.0], [0.0, 2.0, 0.0]))
    z = x**y
    z.backward(np.array([0.3, -0.7, 1.1]))
    np.testing.assert_array_equal(z.numpy(), [1, 0, 1])
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0, 0])
    np.testing.assert_allclose(y.grad.numpy(), [0, 0, 1.1 * np.log(3)], rtol=1e-14)


@equation("0.27")
def test_the_root_has_an_infinite_slope_at_zero():
    x = sg.tensor(np.zeros(1), requires_grad=True)
    with np.errstate(divide="ignore"):
        F.sqrt(x).backward(np.array([0.5]))
    assert x.grad.numpy().tolist() == [np.inf]


@equation("0.70")
def test_a_certain_and_wrong_probability_costs_a_hundred_nats_and_still_has_a_slope():
    p = sg.tensor(np.array([0.0, 1.0]), requires_grad=True)
    loss = F.binary_cross_entropy(p, np.array([1.0, 0.0]), "none")
    loss.backward(np.array([1.5, -0.5]))
    assert loss.numpy().tolist() == [100, 100]
    np.testing.assert_allclose(p.grad.numpy(), [-1.5e12, -0.5e12], rtol=1e-12)


@equation("0.77")
def test_dropout_is_a_product_with_a_random_constant():
    """y = x ∘ m / (1 − p): the mask is read off the values, the gradient goes through the same mask, E[y] = x."""
    x = sg.tensor(rng.normal(size=(200, 300)), requires_grad=True)
    y = F.dropout(x, 0.3, np.random.default_rng(0))
    mask = y.numpy() != 0
    g = rng.normal(size=x.shape)
    y.backward(g)
    np.testing.assert_allclose(y.numpy(), x.data * mask / 0.7, rtol=1e-14)
    np.testing.assert_allclose(x.grad.numpy(), g * mask / 0.7, rtol=1e-14)
    assert abs(mask.mean() - 0.7) < 4 * np.sqrt(0.3 * 0.7 / mask.size)


def test_the_formulas_of_this_file_are_those_of_special_functions():
    np.testing.assert_allclose(sigmoid(X), special.expit(X), rtol=1e-14)
    np.testing.assert_allclose(softmax(X), special.softmax(X, axis=1), rtol=1e-14)
