"""The proofs are proved: derivatives are broken one by one, and the table's gradient check must notice each time.

A mutant replaces the rule of one argument (`instead`), or spoils what the rule returns (`after`). The first five are
wrong in ways that a cotangent of ones, or a look at the shapes, does not show.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest

import scratchgen as sg
import scratchgen.functional as F
from scratchgen.functional import pooling

from .primitives import TABLE


class Mutant(NamedTuple):
    """A bug planted in the rule of `primitive` (room.name) for `argument`, of which the rows named `rows` must die."""

    bug: str
    primitive: str
    argument: str
    rows: str
    instead: Callable[..., Any] | None = None
    after: Callable[[Any], Any] | None = None

    def __str__(self) -> str:
        return f"{self.primitive.partition('.')[2]} {self.argument}: {self.bug}"


def instead(bug: str, primitive: str, argument: str, rule: Any, rows: str = "") -> Mutant:
    return Mutant(bug, primitive, argument, rows or primitive.partition(".")[2], instead=rule)


def after(bug: str, primitive: str, argument: str, change: Any, rows: str = "") -> Mutant:
    return Mutant(bug, primitive, argument, rows or primitive.partition(".")[2], after=change)


def found(primitive: str) -> Any:
    room, name = primitive.split(".")
    return getattr(importlib.import_module(f"scratchgen.functional.{room}"), name)


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The bug, for as long as the block lasts."""
    primitive = found(mutant.primitive)
    position = primitive.names.index(mutant.argument)
    right, offers_shapes = primitive.rules[position], primitive.offers_shapes
    try:
        if mutant.instead is not None:
            primitive.vjp(**{mutant.argument: mutant.instead})
        else:
            spoilt = type(right)(mutant.argument, right.function, primitive.scope)
            spoilt.function = lambda *args: mutant.after(right.function(*args))
            primitive.rules[position] = spoilt
        yield
    finally:
        primitive.rules[position], primitive.offers_shapes = right, offers_shapes


def swapped(g: Any) -> Any:
    """Height and width exchanged, for square planes."""
    return F.transpose(g, (0, 1, 3, 2))


def shifted(g: Any) -> Any:
    """Everything one place on."""
    return F.concatenate([g[1:], g[:1]])


ONES_MISS = [
    instead("returns 0", "reduction.softmax", "x", lambda g: 0.0 * g),
    instead("dx = 0", "normalization._standardize", "x", lambda g: 0.0 * g, "batch_norm"),
    instead("without Σg", "reduction.log_softmax", "x", lambda g, out: g - F.exp(out)),
    instead("reshape for transpose", "shape.transpose", "x", lambda g, x_shape: F.reshape(g, x_shape)),
    after("height and width exchanged", "convolution._convolve", "weight", swapped, "conv2d square"),
]

MUTANTS = [
    *ONES_MISS,
    # arithmetic
    instead("the wrong sign", "arithmetic.subtract", "y", lambda g: g),
    instead("the wrong sign", "arithmetic.negative", "x", lambda g: g),
    instead("its own value", "arithmetic.multiply", "x", lambda g, x: g * x),
    instead("g alone", "arithmetic.multiply", "y", lambda g: g),
    instead("times instead of over", "arithmetic.divide", "x", lambda g, y: g * y),
    instead("the wrong sign", "arithmetic.divide", "y", lambda g, y, out: g * out / y),
    instead("y² forgotten", "arithmetic.divide", "y", lambda g, x, y: -g * x / y),
    instead("exponent not lowered", "arithmetic.power", "x", lambda g, x, y: g * (y * x**y)),
    instead("y forgotten", "arithmetic.power", "x", lambda g, x, y: g * x ** (y - 1)),
    instead("ln of y for ln of x", "arithmetic.power", "y", lambda g, y, out: g * out * F.log(F.abs(y))),
    instead("half the gradient", "arithmetic.add", "y", lambda g: 0.5 * g),
    # elementwise
    instead("branches exchanged", "elementwise.where", "x", lambda g, condition: F.where(condition, 0.0, g)),
    instead("mask forgotten", "elementwise.where", "y", lambda g: g),
    instead("x for eˣ", "elementwise.exp", "x", lambda g, x: g * x),
    instead("+ 1 forgotten", "elementwise.expm1", "x", lambda g, out: g * out),
    instead("1 / out", "elementwise.log", "x", lambda g, out: g / out),
    instead("1 + x forgotten", "elementwise.log1p", "x", lambda g, x: g / x),
    instead("2 forgotten", "elementwise.sqrt", "x", lambda g, out: g / out),
    instead("2 forgotten", "elementwise.square", "x", lambda g, x: g * x),
    instead("sign forgotten", "elementwise.abs", "x", lambda g: g),
    instead("sin for cos", "elementwise.sin", "x", lambda g, x: g * F.sin(x)),
    instead("the wrong sign", "elementwise.cos", "x", lambda g, x: g * F.sin(x)),
    instead("2/√π forgotten", "elementwise.erf", "x", lambda g, x: g * F.exp(-F.square(x))),
    instead("1 − y for 1 − y²", "elementwise.tanh", "x", lambda g, out: g * (1 - out)),
    instead("σ for σ(1 − σ)", "elementwise.sigmoid", "x", lambda g, out: g * out),
    instead("tanh for σ", "elementwise.softplus", "x", lambda g, x: g * F.tanh(x)),
    instead("mask of the gradient", "elementwise.relu", "x", lambda g: g * (g > 0)),
    instead("leak forgotten", "elementwise.leaky_relu", "x", lambda g, x: g * (x > 0)),
    instead("α forgotten", "elementwise.elu", "x", lambda g, x, out: F.where(x > 0, g, g * out)),
    instead("one bound forgotten", "elementwise.clip", "x", lambda g, x, minimum: g * (x >= (minimum or -9e9))),
    instead("the loser's share", "elementwise.maximum", "x", lambda g, x, y: g * (x < y)),
    instead("both get all", "elementwise.minimum", "y", lambda g: g),
    # reductions
    after("spread over the wrong axes", "reduction.sum", "x", lambda g: F.reshape(F.flip(g), g.shape)),
    after("an average", "reduction.sum", "x", lambda g: g * 0.5),
    instead("winner takes nothing off the losers", "reduction.max", "x", lambda g, x: 0.0 * x + F.sum(g)),
    after("the wrong sign", "reduction.min", "x", lambda g: -g),
    after("not a softmax", "reduction.logsumexp", "x", lambda g: F.sqrt(F.abs(g))),
    instead("diagonal only", "reduction.softmax", "x", lambda g, out: g * out * (1 - out)),
    instead("sum over the wrong axis", "reduction.softmax", "x", lambda g, out: out * (g - F.sum(g * out, 0, True))),
    instead("p and ln p mixed up", "reduction.log_softmax", "x", lambda g, out, axis: g - out * F.sum(g, axis, True)),
    instead("not turned round", "reduction.cumsum", "x", lambda g, axis: F.cumsum(g, axis)),
    instead("identity", "reduction.cumsum", "x", lambda g: g),
    instead("length forgotten", "reduction.norm", "x", lambda g, x: g * x),
    # shapes
    instead("another order", "shape.reshape", "x", lambda g, x_shape: F.reshape(F.transpose(g), x_shape)),
    instead(
        "permuted again", "shape.transpose", "x", lambda g, axes, x_shape: F.reshape(F.transpose(g, axes), x_shape)
    ),
    after("the first block for all", "shape._concatenate", "xs", F.flip, "concatenate"),
    after("the wrong piece", "shape._concatenate", "xs", lambda g: -g, "stack"),
    after("one row on", "shape.getitem", "x", shifted, "getitem"),
    after("another row's gradient", "shape.getitem", "x", shifted, "embedding"),
    after("turned round", "shape.pad", "x", F.flip),
    instead("identity", "shape.flip", "x", lambda g: g),
    instead("the other axis", "shape.flip", "x", lambda g: F.flip(g, 0)),
    # products
    after("rows turned round", "linear._matmul", "x", F.flip, "matmul"),
    after("doubled", "linear._matmul", "y", lambda g: 2.0 * g, "matmul"),
    after("columns turned round", "linear.linear", "x", lambda g: F.flip(g, -1), "linear"),
    after("the batch's mean", "linear.linear", "weight", lambda g: g / 3.0, "linear"),
    instead("0", "linear.linear", "bias", lambda g: 0.0 * g),
    after("one factor's transpose", "linear._einsum", "xs", F.flip, "einsum"),
    # images
    after("height and width exchanged", "convolution._convolve", "x", swapped, "conv2d square"),
    after("kernel turned round", "convolution._convolve", "weight", lambda g: F.flip(g, (2, 3)), "conv2d"),
    after("channels turned round", "convolution._convolve", "x", lambda g: F.flip(g, 1), "conv2d"),
    instead("only the last image", "convolution._convolve", "bias", lambda g: F.sum(g[-1], (1, 2)), "conv2d"),
    after("averaged over images", "convolution._convolve", "weight", lambda g: g / 2.0, "conv2d"),
    after(
        "one pixel on",
        "convolution._transpose",
        "y",
        lambda g: F.concatenate([g[:, :, 1:], g[:, :, :1]], 2),
        "conv_transpose2d",
    ),
    after("height and width exchanged", "convolution._transpose", "weight", swapped, "conv_transpose2d strided"),
    instead(
        "everybody wins",
        "pooling._collect",
        "x",
        lambda g, windows: pooling._distribute(g, None, windows),
        "max_pool2d",
    ),
    after("turned round", "pooling._collect", "x", F.flip, "avg_pool2d"),
    after("averaged instead of summed", "pooling._distribute", "y", lambda g: g / 4.0, "upsample"),
    # losses, normalisation
    instead("without 1/(p(1 − p))", "losses._bce", "p", lambda g, p, t: g * (p - t), "binary_cross_entropy"),
    instead("the wrong sign", "losses._bce", "t", lambda g, p: g * (F.log(p) - F.log(1 - p)), "binary_cross_entropy"),
    instead(
        "target not taken off",
        "losses._bce_with_logits",
        "x",
        lambda g, x: g * F.sigmoid(x),
        "binary_cross_entropy_with_logits",
    ),
    instead(
        "logit for probability",
        "losses._bce_with_logits",
        "x",
        lambda g, x, t: g * (x - t),
        "binary_cross_entropy_with_logits",
    ),
    after(
        "path through the deviation doubled",
        "normalization._standardize",
        "x",
        lambda g: g + 1e-3 * F.flip(g),
        "layer_norm",
    ),
    instead(
        "mean and variance taken as constants",
        "normalization._standardize",
        "x",
        lambda g, x, axes, eps: g / F.sqrt(F.var(x, axes, 0, True) + eps),
        "batch_norm",
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_table_kills(mutant):
    rows = [row for row in TABLE if mutant.rows in (row.name, str(row))]
    with planted(mutant), pytest.raises(sg.autograd.GradcheckError):
        for row in rows:
            sg.gradcheck(row.f, *row.args)


@pytest.mark.equation("0.9")
@pytest.mark.parametrize(
    ("mutant", "f"),
    [(ONES_MISS[0], F.softmax), (ONES_MISS[1], F.batch_norm), (ONES_MISS[3], F.transpose)],
    ids=lambda case: getattr(case, "__name__", str(case)),
)
def test_ones_would_let_it_live(mutant, f):
    """Why the cotangent is random: contracted with ones, these bugs give the right gradient."""
    x = sg.tensor(np.random.default_rng(0).standard_normal((3, 4)), requires_grad=True)

    def gradient():
        y = f(x)
        return sg.grad(y, x, np.ones(y.shape)).numpy()

    right = gradient()
    with planted(mutant):
        np.testing.assert_allclose(gradient(), right, atol=1e-12)


def test_there_are_enough():
    assert len(MUTANTS) >= 40
    assert len({str(m) for m in MUTANTS}) == len(MUTANTS)
