"""Arithmetic, elementwise functions, reductions, shapes, products, losses and normalisation against PyTorch."""

import numpy as np
import pytest

import scratchgen.functional as F

from .compare import DTYPES, agree, normal, positive, torch

T = torch.nn.functional
both = pytest.mark.parametrize("dtype", DTYPES)


def table(cases):
    """One test for each named row (ours, theirs, the arrays they take)."""
    return pytest.mark.parametrize(("ours", "theirs", "arrays"), list(cases.values()), ids=list(cases))


# ------------------------------------------------------------------------------------------------- elementwise
# Every row runs on 0, 1, 2 and 3 axes, on nothing at all, and on the numbers listed: kinks, ties, saturation.
NEAR = (0.0, -1.0, 1.0, 2.5)
FAR = (*NEAR, 1e4, -1e4, 30.0, -30.0)
UNARY = {
    "negative": (F.negative, torch.neg, normal, FAR),
    "positive": (F.positive, torch.positive, normal, FAR),
    "exp": (F.exp, torch.exp, normal, (*NEAR, -1e4)),
    "expm1": (F.expm1, torch.expm1, normal, (*NEAR, -1e4, 1e-9)),
    "log": (F.log, torch.log, positive, (1.0, 1e-30, 1e30)),
    "log1p": (F.log1p, torch.log1p, positive, (0.0, 1e-9, 1e30)),
    "sqrt": (F.sqrt, torch.sqrt, positive, (1.0, 1e4)),
    "square": (F.square, torch.square, normal, FAR),
    "abs": (F.abs, torch.abs, normal, FAR),
    "sin": (F.sin, torch.sin, normal, NEAR),
    "cos": (F.cos, torch.cos, normal, NEAR),
    "erf": (F.erf, torch.erf, normal, FAR),
    "tanh": (F.tanh, torch.tanh, normal, FAR),
    "sigmoid": (F.sigmoid, torch.sigmoid, normal, FAR),
    # torch's softplus becomes the identity above 20, which costs float64 half its digits: compare with its log-add-exp
    "softplus": (F.softplus, lambda x: torch.logaddexp(x, torch.zeros_like(x)), normal, FAR),
    "logsigmoid": (F.logsigmoid, T.logsigmoid, normal, FAR),
    "relu": (F.relu, torch.relu, normal, FAR),
    "leaky_relu": (F.leaky_relu, T.leaky_relu, normal, FAR),
    "leaky_relu 0.2": (lambda x: F.leaky_relu(x, 0.2), lambda x: T.leaky_relu(x, 0.2), normal, FAR),
    "elu": (F.elu, T.elu, normal, FAR),
    "elu 0.7": (lambda x: F.elu(x, 0.7), lambda x: T.elu(x, 0.7), normal, FAR),
    "clip both": (lambda x: F.clip(x, -1.0, 0.5), lambda x: torch.clamp(x, -1.0, 0.5), normal, FAR),
    "clip below": (lambda x: F.clip(x, minimum=0.0), lambda x: torch.clamp(x, min=0.0), normal, FAR),
    "clip above": (lambda x: F.clip(x, maximum=0.0), lambda x: torch.clamp(x, max=0.0), normal, FAR),
    "cube": (lambda x: x**3, lambda x: x**3, normal, NEAR),
    "to the 0": (lambda x: x**0, lambda x: x**0, normal, NEAR),
    "reciprocal": (lambda x: 1 / x, lambda x: 1 / x, positive, (2.0, -3.0)),
    "2 to the x": (lambda x: 2.0**x, lambda x: 2.0**x, normal, NEAR),
    "3 - x": (lambda x: 3 - x, lambda x: 3 - x, normal, NEAR),
    "x used twice": (lambda x: x * x + x / 2, lambda x: x * x + x / 2, normal, NEAR),
}


@both
@pytest.mark.parametrize(("ours", "theirs", "draw", "special"), list(UNARY.values()), ids=list(UNARY))
def test_a_function_of_one_number(ours, theirs, draw, special, dtype):
    for shape in ((), (4,), (3, 5), (2, 3, 4), (0, 2)):
        agree(ours, theirs, draw(*shape), dtype=dtype)
    agree(ours, theirs, np.array(special), dtype=dtype)


BINARY = {
    "add": (F.add, torch.add, normal),
    "subtract": (F.subtract, torch.sub, normal),
    "multiply": (F.multiply, torch.mul, normal),
    "divide": (F.divide, torch.div, positive),
    "power": (F.power, torch.pow, positive),
    "maximum": (F.maximum, torch.maximum, lambda *s, seed=0: np.round(normal(*s, seed=seed))),  # rounded: ties
    "minimum": (F.minimum, torch.minimum, lambda *s, seed=0: np.round(normal(*s, seed=seed))),
    "where": (
        lambda x, y: F.where((x + 0 * y).data > 0.3, x, y),
        lambda x, y: torch.where((x + 0 * y) > 0.3, x, y),
        normal,
    ),
}
SHAPES = [((3, 4), (3, 4)), ((3, 4), (4,)), ((1, 4), (3, 1)), ((), (2, 3)), ((2, 1, 3), (5, 1)), ((0, 3), (1, 3))]


@both
@pytest.mark.parametrize(("ours", "theirs", "draw"), list(BINARY.values()), ids=list(BINARY))
def test_a_function_of_two_numbers_broadcasts(ours, theirs, draw, dtype):
    for left, right in SHAPES:
        agree(ours, theirs, draw(*left, seed=1), draw(*right, seed=2), dtype=dtype)


@both
def test_powers_at_zero(dtype):
    bases, exponents = np.meshgrid([0.0, 0.5, 2.0], [0.0, 1.0, 2.0])
    agree(F.power, torch.pow, bases, exponents, dtype=dtype)


# --------------------------------------------------------------------------------------------------- reductions
def reduction(name, axis, keepdims):
    mine = getattr(F, name)
    theirs = {"max": torch.amax, "min": torch.amin, "norm": torch.linalg.vector_norm}.get(name) or getattr(torch, name)
    everything = (0, 1, 2)
    return (
        lambda x: mine(x, axis=axis, keepdims=keepdims),
        lambda x: theirs(x, dim=everything if axis is None else axis, keepdim=keepdims),
    )


@both
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)], ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "logsumexp", "norm"])
def test_reductions(name, axis, dtype):
    for keepdims in (False, True):
        ours, theirs = reduction(name, axis, keepdims)
        agree(ours, theirs, normal(3, 4, 5), dtype=dtype)
        agree(ours, theirs, np.round(normal(3, 4, 5)), dtype=dtype)  # rounded: ties, and zeros


@both
@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("axis", [None, 1, (0, 2)], ids=str)
def test_var(axis, ddof, dtype):
    agree(
        lambda x: F.var(x, axis, ddof), lambda x: torch.var(x, dim=axis, correction=ddof), normal(3, 4, 5), dtype=dtype
    )


@both
def test_prod_and_cumsum(dtype):
    zeros = normal(3, 4)
    zeros[0, 1] = zeros[2, 1] = zeros[1, 2] = 0
    for x in (normal(3, 4), zeros, normal(5, 3), normal(1, 4)):
        agree(F.prod, torch.prod, x, dtype=dtype)
        for axis in (0, 1):
            agree(lambda x, a=axis: F.prod(x, a), lambda x, a=axis: torch.prod(x, a), x, dtype=dtype)
            agree(lambda x, a=axis: F.cumsum(x, a), lambda x, a=axis: torch.cumsum(x, a), x, dtype=dtype)


@both
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, dtype):
    for scale in (1.0, 1e4):
        for axis in (0, 1, -1):
            agree(
                lambda x, a=axis: getattr(F, name)(x, axis=a),
                lambda x, a=axis: getattr(torch, name)(x, dim=a),
                scale * normal(3, 4, 2),
                dtype=dtype,
            )


# ------------------------------------------------------------------------------------------------------- shapes
IDS = np.array([[2, 0, 1], [1, 1, 0]])
SHAPE = {
    "reshape": (lambda x: F.reshape(x, (4, -1)), lambda x: x.reshape(4, -1), [normal(2, 4, 3)]),
    "transpose": (lambda x: F.transpose(x, (2, 0, 1)), lambda x: x.permute(2, 0, 1), [normal(2, 4, 3)]),
    "T": (lambda x: x.T, lambda x: x.T, [normal(4, 3)]),
    "broadcast_to": (lambda x: F.broadcast_to(x, (5, 2, 3)), lambda x: x.broadcast_to(5, 2, 3), [normal(2, 1)]),
    "concatenate": (
        lambda x, y: F.concatenate((x, y, x), axis=1),
        lambda x, y: torch.cat((x, y, x), dim=1),
        [normal(2, 3), normal(2, 1)],
    ),
    "stack": (
        lambda x, y: F.stack((x, y), axis=-1),
        lambda x, y: torch.stack((x, y), dim=-1),
        [normal(2, 3), normal(2, 3, seed=1)],
    ),
    "split": (lambda x: F.split(x, 3, 1)[1], lambda x: torch.split(x, 2, 1)[1], [normal(2, 6)]),
    "split at": (lambda x: F.split(x, [1, 4], 1)[1], lambda x: torch.tensor_split(x, [1, 4], 1)[1], [normal(2, 6)]),
    "slices": (lambda x: x[1:, ::2, None, -1], lambda x: x[1:, ::2, None, -1], [normal(3, 5, 2)]),
    "integers that repeat": (
        lambda x: x[np.array([0, 2, 2, 0])],
        lambda x: x[torch.tensor([0, 2, 2, 0])],
        [normal(3, 2)],
    ),
    "two integer arrays": (
        lambda x: x[IDS, 1 - IDS],
        lambda x: x[torch.tensor(IDS), 1 - torch.tensor(IDS)],
        [normal(3, 3)],
    ),
    "a mask": (lambda x: x[x > 0], lambda x: x[x > 0], [normal(4, 3)]),
    "take": (lambda x: F.take(x, IDS), lambda x: torch.take(x, torch.tensor(IDS)), [normal(2, 3)]),
    "take along": (
        lambda x: F.take(x, np.array([2, 0, 2]), axis=1),
        lambda x: torch.index_select(x, 1, torch.tensor([2, 0, 2])),
        [normal(2, 3)],
    ),
    "gather": (
        lambda x, i: F.gather(x, 1, i.data),
        lambda x, i: torch.gather(x, 1, i),
        [normal(2, 4), IDS],
    ),
    "pad": (
        lambda x: F.pad(x, ((1, 0), (2, 3)), 0.5),
        lambda x: T.pad(x, (2, 3, 1, 0), value=0.5),
        [normal(2, 3)],
    ),
    "flip": (lambda x: F.flip(x, 1), lambda x: torch.flip(x, (1,)), [normal(2, 3, 2)]),
    "flip all": (F.flip, lambda x: torch.flip(x, (0, 1)), [normal(2, 3)]),
    "embedding": (F.embedding, T.embedding, [IDS, normal(4, 3)]),
    "abs of a column": (lambda x: abs(x[:, :1]), lambda x: abs(x[:, :1]), [normal(3, 2)]),
}


@both
@table(SHAPE)
def test_shapes(ours, theirs, arrays, dtype):
    agree(ours, theirs, *arrays, dtype=dtype)


def test_one_hot():
    np.testing.assert_array_equal(F.one_hot(IDS, 4), T.one_hot(torch.tensor(IDS), 4).numpy())


# ----------------------------------------------------------------------------------------------------- products
PRODUCTS = {
    "matrices": (F.matmul, torch.matmul, [normal(3, 4), normal(4, 2)]),
    "stacks": (F.matmul, torch.matmul, [normal(2, 3, 4), normal(2, 4, 5)]),
    "broadcast stacks": (F.matmul, torch.matmul, [normal(2, 1, 3, 4), normal(5, 4, 2)]),
    "matrix and vector": (F.matmul, torch.matmul, [normal(3, 4), normal(4)]),
    "vector and matrix": (F.matmul, torch.matmul, [normal(4), normal(4, 3)]),
    "vector and stack": (F.matmul, torch.matmul, [normal(4), normal(2, 4, 3)]),
    "vectors": (F.matmul, torch.matmul, [normal(4), normal(4, seed=1)]),
    "linear": (F.linear, T.linear, [normal(7, 5), normal(3, 5), normal(3)]),
    "linear without bias": (F.linear, T.linear, [normal(7, 5), normal(3, 5)]),
    "linear of one vector": (F.linear, T.linear, [normal(5), normal(3, 5), normal(3)]),
    "linear of a stack": (F.linear, T.linear, [normal(2, 4, 5), normal(3, 5), normal(3)]),
    "linear of nothing": (F.linear, T.linear, [normal(0, 5), normal(3, 5), normal(3)]),
    "diagonals": (F.diagonal, lambda x: torch.diagonal(x, dim1=-2, dim2=-1), [normal(2, 3, 3)]),
    "diagonal matrices": (F.diagonal_matrix, torch.diag_embed, [normal(2, 3)]),
    "lower triangles": (F.lower, torch.tril, [normal(2, 3, 3)]),
    "forward substitution": (
        F.solve_lower,
        lambda factor, b: torch.linalg.solve_triangular(factor.tril(), b[..., None], upper=False)[..., 0],
        [normal(2, 3, 3) + 4 * np.eye(3), normal(2, 3)],
    ),
}
EINSUMS = {
    "ij,jk->ik": [(3, 4), (4, 2)],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 5)],
    "ij->j": [(3, 4)],
    "ij->": [(3, 4)],
    "ij->ji": [(3, 4)],
    "i,j->ij": [(3,), (4,)],
    "ij,ij->": [(3, 4), (3, 4)],
    "ij,k->i": [(3, 4), (2,)],
    "ij,jk,kl->il": [(3, 4), (4, 2), (2, 5)],
}


@both
@table(PRODUCTS)
def test_products(ours, theirs, arrays, dtype):
    agree(ours, theirs, *arrays, dtype=dtype)


@both
@pytest.mark.parametrize("subscripts", list(EINSUMS))
def test_einsum(subscripts, dtype):
    arrays = [normal(*shape, seed=i) for i, shape in enumerate(EINSUMS[subscripts])]
    agree(lambda *xs: F.einsum(subscripts, *xs), lambda *xs: torch.einsum(subscripts, *xs), *arrays, dtype=dtype)


# ------------------------------------------------------------------------------------------------------- losses
LABELS, PIXEL_LABELS = np.array([0, 3, 3, 1, 2]), np.arange(2 * 3 * 2).reshape(2, 3, 2) % 4
LOSSES = {
    "binary_cross_entropy": (
        F.binary_cross_entropy,
        T.binary_cross_entropy,
        [positive(3, 4) / 1.2, positive(3, 4, seed=1) / 1.2],
    ),
    "binary_cross_entropy_with_logits": (
        F.binary_cross_entropy_with_logits,
        T.binary_cross_entropy_with_logits,
        [3 * normal(3, 4), positive(3, 4)],
    ),
    "binary_cross_entropy_with_logits far out": (
        F.binary_cross_entropy_with_logits,
        T.binary_cross_entropy_with_logits,
        [np.array([1e4, -1e4, 1e4, -1e4, 0.0]), np.array([1.0, 1.0, 0.0, 0.0, 0.5])],
    ),
    "mse_loss": (F.mse_loss, T.mse_loss, [normal(3, 4), normal(3, 4, seed=1)]),
    "l1_loss": (F.l1_loss, T.l1_loss, [np.round(normal(3, 4)), np.round(normal(3, 4, seed=1))]),
    "nll_loss": (F.nll_loss, T.nll_loss, [normal(5, 4), LABELS]),
    "nll_loss per pixel": (F.nll_loss, T.nll_loss, [normal(2, 4, 3, 2), PIXEL_LABELS]),
    "cross_entropy": (F.cross_entropy, T.cross_entropy, [normal(5, 4), LABELS]),
    "cross_entropy far out": (F.cross_entropy, T.cross_entropy, [1e4 * normal(5, 4), LABELS]),
    "cross_entropy per pixel": (F.cross_entropy, T.cross_entropy, [normal(2, 4, 3, 2), PIXEL_LABELS]),
}


@both
@table(LOSSES)
def test_losses(ours, theirs, arrays, dtype):
    for how in ("mean", "sum", "none"):
        agree(
            lambda *xs, how=how: ours(*xs, reduction=how),
            lambda *xs, how=how: theirs(*xs, reduction=how),
            *arrays,
            dtype=dtype,
        )


def test_binary_cross_entropy_at_0_and_1():
    """In float32 only: the bound of PyTorch's denominator, 1e−12, is a float32 number at every precision."""
    t = np.array([1.0, 0.0, 0.0, 1.0])
    agree(
        lambda p: F.binary_cross_entropy(p, t.astype("float32")),
        lambda p: T.binary_cross_entropy(p, torch.tensor(t, dtype=p.dtype)),
        1 - t[[0, 1, 3, 2]],
        dtype="float32",
    )


# ------------------------------------------------------------------------------------------------ normalisation
@both
@pytest.mark.parametrize("shape", [(7, 3), (2, 3), (4, 3, 5, 2)], ids=str)
def test_batch_norm(shape, dtype):
    agree(
        lambda x, w, b: F.batch_norm(x, w, b, eps=1e-3),
        lambda x, w, b: T.batch_norm(x, None, None, w, b, training=True, eps=1e-3),
        2 + 3 * normal(*shape), normal(3), normal(3, seed=1), dtype=dtype,
    )  # fmt: skip
    mean, var = normal(3, seed=2).astype(dtype), positive(3).astype(dtype)
    agree(
        lambda x, w, b: F.batch_norm(x, w, b, mean, var),
        lambda x, w, b: T.batch_norm(x, torch.tensor(mean), torch.tensor(var), w, b),
        2 + 3 * normal(*shape), normal(3), normal(3, seed=1), dtype=dtype,
    )  # fmt: skip


@both
@pytest.mark.parametrize("axes", [1, 2])
def test_layer_norm(axes, dtype):
    shape = (5, 3, 4)
    inner = shape[-axes:]
    agree(
        lambda x, w, b: F.layer_norm(x, w, b, axes),
        lambda x, w, b: T.layer_norm(x, inner, w, b),
        2 + 3 * normal(*shape), normal(*inner), normal(*inner, seed=1), dtype=dtype,
    )  # fmt: skip
    agree(lambda x: F.layer_norm(x, axes=axes), lambda x: T.layer_norm(x, inner), normal(*shape), dtype=dtype)
