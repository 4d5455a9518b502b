"""The table of all differentiable functions, with inputs to check them at.

`test_primitives.py` proves every row, `test_mutations.py` breaks the rules one by one and expects the rows to notice.
A row's float64 arrays are differentiated; integers, booleans and numbers are constants.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import scratchgen.functional as F

rng = np.random.default_rng(20)


class Row(NamedTuple):
    """A function of `scratchgen.functional` (`name`) called as `f(*args)`."""

    name: str
    case: str
    equation: str  # one id, or several with spaces between
    f: Callable[..., Any]
    args: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.case}".strip()


def row(equation: str, f: Any, *args: Any, name: str = "", case: str = "") -> Row:
    return Row(name or f.__name__, case, equation, f, args)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def positive(*shape: int) -> np.ndarray:
    return rng.uniform(0.3, 2.0, shape)


def between(*shape: int) -> np.ndarray:
    """Probabilities, away from 0 and 1."""
    return rng.uniform(0.1, 0.9, shape)


def apart(*shape: int) -> np.ndarray:
    """Of both signs, at least 0.1 from 0 and from each other: off every kink and tie at 0."""
    size = int(np.prod(shape))
    return rng.permutation(0.1 + 0.13 * np.arange(size)).reshape(shape) * rng.choice([-1.0, 1.0], shape)


chances = rng.random((4, 3))
SAME_MASK = SimpleNamespace(random=lambda shape, dtype: chances.astype(dtype))  # a generator that repeats itself
condition = rng.random((3, 4)) > 0.5
labels = np.array([2, 0, 2, 1])

ELEMENTWISE = [
    row("0.20", F.add, normal(3, 4), normal(4)),
    row("0.20", F.add, normal(3, 1), 2.0, case="a number"),
    row("0.20", F.subtract, normal(3, 1), normal(1, 4)),
    row("0.20", F.subtract, 1.0, normal(3), case="from a number"),
    row("0.20", F.negative, normal(2, 3)),
    row("0.20", F.positive, normal(2, 3)),
    row("0.20", lambda x: F.astype(x, x.dtype), normal(2, 3), name="astype"),
    row("0.20", lambda x: F.to(x, "cpu"), normal(2, 3), name="to"),
    row("0.21", F.multiply, normal(3, 4), normal(3, 1)),
    row("0.21", lambda x: F.multiply(x, x), normal(3), name="multiply", case="by itself"),
    row("0.22", F.divide, normal(2, 3), apart(3)),
    row("0.22", F.divide, 2.0, apart(3), case="a number"),
    row("0.23", F.power, positive(2, 3), normal(3)),
    row("0.23", F.power, apart(4), 3, case="cube"),
    row("0.23", F.power, apart(4), 2.0, case="of two signs"),
    row("0.23", F.power, 1.7, normal(4), case="of a number"),
    row("0.24", F.where, condition, normal(3, 4), normal(4)),
    row("0.25", F.exp, normal(2, 3)),
    row("0.25", F.expm1, normal(2, 3)),
    row("0.26", F.log, positive(2, 3)),
    row("0.26", F.log1p, positive(2, 3)),
    row("0.27", F.sqrt, positive(2, 3)),
    row("0.27", F.square, normal(2, 3)),
    row("0.28", F.abs, apart(2, 3)),
    row("0.29", F.sin, normal(2, 3)),
    row("0.29", F.cos, normal(2, 3)),
    row("0.30", F.erf, normal(2, 3)),
    row("0.31", F.tanh, normal(2, 3)),
    row("0.32", F.sigmoid, normal(2, 3)),
    row("0.33", F.softplus, normal(2, 3)),
    row("0.33", F.logsigmoid, normal(2, 3)),
    row("0.34", F.relu, apart(2, 3)),
    row("0.34", F.leaky_relu, apart(2, 3)),
    row("0.34", F.leaky_relu, apart(2, 3), 0.3, case="0.3"),
    row("0.34", F.elu, apart(2, 3)),
    row("0.34", F.elu, apart(2, 3), 1.7, case="1.7"),
    row("0.35", F.clip, apart(3, 4), -0.45, 0.8),
    row("0.35", F.clip, apart(3, 4), None, 0.8, case="above"),
    row("0.35", F.clip, apart(3, 4), -0.45, None, case="below"),
    row("0.36", F.maximum, apart(3, 4), normal(4)),
    row("0.36", F.minimum, apart(3, 4), normal(3, 1)),
    row("0.36", F.maximum, apart(3, 4), 0.0, case="a number"),
]

REDUCTIONS = [
    row("0.40", F.sum, normal(2, 3, 2)),
    row("0.40", F.sum, normal(2, 3, 2), (0, -1), case="of two axes"),
    row("0.41", F.mean, normal(2, 3, 2), 1, True),
    row("0.42", F.var, normal(3, 4), 1),
    row("0.42", F.var, normal(3, 4), (0, 1), 1, case="unbiased"),
    row("0.43", F.max, apart(3, 4), 1),
    row("0.43", F.max, apart(3, 4), case="of all"),
    row("0.43", F.min, apart(2, 3, 2), (0, 2), True),
    row("0.44", F.logsumexp, normal(3, 4), -1),
    row("0.44", F.logsumexp, normal(3, 4), case="of all"),
    row("0.45", F.softmax, normal(3, 4)),
    row("0.45", F.softmax, normal(3, 4), 0, case="of columns"),
    row("0.46", F.log_softmax, normal(3, 4)),
    row("0.46", F.log_softmax, normal(2, 3, 2), 1, case="of the middle axis"),
    row("0.47", F.cumsum, normal(3, 4)),
    row("0.47", F.cumsum, normal(3, 4), 1, case="along rows"),
    row("0.48", F.prod, normal(3, 5), 1),
    row("0.48", F.prod, np.array([[2.0, 0.0, -1.5], [0.0, 3.0, 0.0]]), -1, case="with zeros"),
    row("0.48", F.prod, normal(2, 3), case="of all"),
    row("0.49", F.norm, normal(3, 4), 1, True),
    row("0.49", F.norm, normal(3, 4), case="of all"),
]

SHAPES = [
    row("0.50", F.reshape, normal(2, 6), (3, -1)),
    row("0.51", F.transpose, normal(3, 4)),
    row("0.51", F.transpose, normal(2, 3, 4), (1, -1, 0), case="in a cycle"),
    row("0.52", F.broadcast_to, normal(3, 1), (2, 3, 4)),
    row("0.53", lambda x, y: F.concatenate([x, y], 1), normal(2, 3), normal(2, 1), name="concatenate"),
    row("0.53", lambda x, y: F.stack([x, y, x], -1), normal(2, 3), normal(2, 3), name="stack"),
    row("0.54", lambda x: F.split(x, 2, 1), normal(2, 4), name="split"),
    row("0.54", lambda x: F.split(x, [1, 4]), normal(5, 2), name="split", case="at indices"),
    row("0.54", lambda x: x[1:, ::-2], normal(3, 5), name="getitem", case="slices"),
    row("0.54", lambda x, i: x[i, None, 1], normal(4, 3), labels, name="getitem", case="repeated integers"),
    row("0.54", lambda x, mask: x[mask], normal(3, 4), condition, name="getitem", case="a mask"),
    row("0.54", lambda x: x[..., 2], normal(2, 3, 4), name="getitem", case="an ellipsis"),
    row("0.54", F.take, normal(3, 4), labels, 1),
    row("0.54", F.take, normal(3, 4), labels, case="flat"),
    row("0.54", F.gather, normal(3, 4), 1, np.array([[3, 0], [1, 1], [2, 3]])),
    row("0.55", F.pad, normal(2, 3), ((1, 0), (2, 1)), 0.5),
    row("0.56", F.flip, normal(2, 3), 1),
    row("0.56", F.flip, normal(2, 3), case="all axes"),
    row("0.57", F.embedding, np.array([[0, 2], [2, 1]]), normal(3, 2)),
]

PRODUCTS = [
    row("0.60", F.matmul, normal(3, 4), normal(4, 2)),
    row("0.60", F.matmul, normal(2, 1, 3, 4), normal(5, 4, 2), case="batched"),
    row("0.60", F.matmul, normal(4), normal(2, 4, 3), case="vector times matrices"),
    row("0.60", F.matmul, normal(2, 3, 4), normal(4), case="matrices times vector"),
    row("0.60", F.matmul, normal(4), normal(4), case="two vectors"),
    row("13.8", F.diagonal, normal(2, 3, 3)),
    row("13.8", F.diagonal_matrix, normal(2, 3)),
    row("13.8", F.lower, normal(2, 3, 3)),
    row("13.13 13.14", F.solve_lower, normal(2, 3, 3) + 4 * np.eye(3), normal(2, 3)),
    row("13.13 13.14", F.solve_lower, normal(3, 3) + 4 * np.eye(3), normal(2, 3), case="one factor for all"),
    row("0.61", F.linear, normal(3, 4), normal(2, 4), normal(2)),
    row("0.61", F.linear, normal(2, 3, 4), normal(2, 4), case="without bias, two leading axes"),
    row("0.61", F.linear, normal(4), normal(3, 4), normal(3), case="of a vector"),
    row("0.62", lambda *xs: F.einsum("bij,bjk->bik", *xs), normal(2, 3, 2), normal(2, 2, 4), name="einsum"),
    row(
        "0.62",
        lambda *xs: F.einsum("i,ij,jk->k", *xs),
        normal(2),
        normal(2, 3),
        normal(3, 2),
        name="einsum",
        case="three",
    ),
    row("0.62", lambda x: F.einsum("ijk->ki", x), normal(2, 3, 2), name="einsum", case="sum and transpose"),
]

LOSSES = [
    *[
        row("0.70", F.binary_cross_entropy, between(3, 2), between(3, 2), how, case=how)
        for how in ("mean", "sum", "none")
    ],
    row("0.71", F.binary_cross_entropy_with_logits, normal(3, 2), between(3, 2), "none"),
    row("0.71", F.binary_cross_entropy_with_logits, normal(3, 2), 1.0, case="target a number"),
    row("0.72", F.nll_loss, normal(4, 3), labels),
    row("0.72", F.nll_loss, normal(2, 3, 2), np.array([[0, 2], [1, 1]]), "none", case="per pixel"),
    row("0.72", F.cross_entropy, normal(4, 3), labels, "none"),
    row("0.73", F.mse_loss, normal(3, 2), normal(3, 2), "none"),
    row("0.73", F.mse_loss, normal(3, 2), normal(3, 2), case="mean"),
    row("0.74", F.l1_loss, apart(3, 2), np.zeros((3, 2)), "none"),
]

LAYERS = [
    row("0.75", F.batch_norm, normal(4, 3), normal(3), normal(3)),
    row("0.75", F.batch_norm, normal(2, 3, 2, 2), case="of images, bare"),
    row("0.75", F.batch_norm, normal(4, 3), normal(3), normal(3), normal(3), positive(3), case="evaluation"),
    row("0.76", F.layer_norm, normal(3, 4), normal(4), normal(4)),
    row("0.76", F.layer_norm, normal(2, 2, 3), normal(2, 3), None, 2, case="of two axes"),
    row("0.77", lambda x: F.dropout(x, 0.4, SAME_MASK), normal(4, 3), name="dropout"),
]

IMAGES = [
    row("4.4 4.5 4.6", F.conv2d, normal(2, 2, 5, 4), normal(3, 2, 3, 2), normal(3)),
    row("4.4 4.5", F.conv2d, normal(2, 2, 4, 4), normal(2, 2, 3, 3), None, 1, 1, case="square"),
    row(
        "4.4 4.5",
        F.conv2d,
        normal(1, 4, 6, 5),
        normal(2, 2, 2, 3),
        normal(2),
        2,
        1,
        1,
        2,
        case="strided, in two groups",
    ),
    row("4.4 4.5", F.conv2d, normal(1, 1, 7, 7), normal(2, 1, 3, 3), None, 1, 2, 2, case="dilated"),
    row(
        "4.8",
        lambda x, w: F.conv2d(x, w, taps=((0, 0), (0, 1), (1, 0))),
        normal(1, 2, 4, 4),
        normal(2, 2, 3, 3),
        name="conv2d",
        case="masked",
    ),
    row("4.7", F.conv_transpose2d, normal(2, 3, 3, 2), normal(3, 2, 2, 3), normal(2)),
    row("4.7", F.conv_transpose2d, normal(1, 2, 3, 3), normal(2, 3, 3, 3), None, 2, 1, 1, case="strided"),
    row(
        "4.7",
        F.conv_transpose2d,
        normal(1, 4, 3, 3),
        normal(4, 1, 2, 2),
        None,
        1,
        0,
        0,
        2,
        2,
        case="dilated, in two groups",
    ),
    row("0.78", F.max_pool2d, apart(1, 2, 4, 6), 2),
    row("0.78", F.max_pool2d, apart(1, 1, 5, 5), 3, 2, 1, case="overlapping, padded"),
    row("0.79", F.avg_pool2d, normal(1, 2, 4, 6), 2),
    row("0.79", F.avg_pool2d, normal(1, 1, 5, 5), 3, 2, 1, case="overlapping, padded"),
    row("0.80", F.upsample, normal(1, 2, 2, 3), 2),
]

TABLE = [*ELEMENTWISE, *REDUCTIONS, *SHAPES, *PRODUCTS, *LOSSES, *LAYERS, *IMAGES]
CONSTANTS = {"one_hot"}  # public, without a derivative


def every_row() -> Any:
    """Parametrises a test with the table; each row carries the marker of its equations."""
    rows = [pytest.param(r, id=str(r), marks=pytest.mark.equation(*r.equation.split())) for r in TABLE]
    return pytest.mark.parametrize("row", rows)
