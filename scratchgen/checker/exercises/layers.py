"""Layers: a linear map, what stands between two of them, and what keeps their numbers in bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .exercise import Arrays, Exercise, Mistake

__all__ = ["EXERCISES"]


# --------------------------------------------------------------------------------------------------------------- linear
def linear_forward(x: Any, weight: Any, bias: Any) -> Any:
    return x @ weight.T + bias


def linear_backward(dout: Any, x: Any, weight: Any, bias: Any) -> Arrays:
    return {"dx": dout @ weight, "dweight": dout.T @ x, "dbias": dout.sum(0)}


LINEAR = Exercise(
    name="linear",
    forward=linear_forward,
    backward=linear_backward,
    inputs={"x": "ND", "weight": "HD", "bias": "H"},
    contract="y = x Wᵀ + b for each row of x (N, D); weight W (H, D), bias b (H,) → y (N, H)",
    page="00-autograd.md",
    equations=("0.61",),
    terms=lambda dout, x, weight, bias: {"out": {"x Wᵀ": x @ weight.T, "b": 0 * (x @ weight.T) + bias}},
)


# --------------------------------------------------------------------------------------------- functions of one number
def relu_forward(x: Any) -> Any:
    return x * (np.real(x) > 0)


def relu_backward(dout: Any, x: Any) -> Arrays:
    return {"dx": dout * (x > 0)}


RELU = Exercise(
    name="relu",
    forward=relu_forward,
    backward=relu_backward,
    inputs={"x": "ND"},
    contract="y = max(x, 0), elementwise; x (N, D) → y (N, D). The slope at 0 is 0",
    page="00-autograd.md",
    equations=("0.34",),
    kinks=lambda rng, sizes: {"x": np.zeros((3, 4))},
    quantities=lambda dout, x: {"relu(x)": x * (x > 0)},
    where=lambda dout, x: {out: {"where x ≤ 0": x <= 0, "where x > 0": x > 0} for out in ("out", "dx")},
    mistakes=(
        Mistake("RELU_MASK_MISSING", forward=lambda x: x),
        Mistake("RELU_MASK_INVERTED", forward=lambda x: x * (np.real(x) <= 0)),
        Mistake("RELU_MASK_OF_DOUT", backward=lambda dout, x: {"dx": dout * (dout > 0)}),
        Mistake("RELU_ABSOLUTE", forward=lambda x: x * np.sign(np.real(x))),
        Mistake("RELU_LEAKY", forward=lambda x: np.where(np.real(x) > 0, x, 0.01 * x)),
        Mistake("RELU_LEAKY", forward=lambda x: np.where(np.real(x) > 0, x, 0.1 * x)),
    ),
)


def sigmoid_forward(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(dout: Any, x: Any) -> Arrays:
    y = sigmoid_forward(x)
    return {"dx": dout * y * (1 - y)}


def _sigmoid_quantities(dout: Any, x: Any) -> Arrays:
    y = sigmoid_forward(x)
    return {"y": y, "(1 − y)": 1 - y, "y (1 − y)": y * (1 - y)}


def _sigmoid_terms(dout: Any, x: Any) -> Mapping[str, Arrays]:
    y = sigmoid_forward(x)
    return {"dx": {"y": dout * y, "−y²": -dout * y * y}}


SIGMOID = Exercise(
    name="sigmoid",
    forward=sigmoid_forward,
    backward=sigmoid_backward,
    inputs={"x": "ND"},
    contract="y = 1 / (1 + e^(−x)), elementwise; x (N, D) → y (N, D)",
    page="00-autograd.md",
    equations=("0.32",),
    quantities=_sigmoid_quantities,
    terms=_sigmoid_terms,
    mistakes=(
        Mistake("SLOPE_OF_INPUT", backward=lambda dout, x: {"dx": dout * x * (1 - x)}),
        Mistake("SLOPE_OF_TANH", backward=lambda dout, x: {"dx": dout * (1 - sigmoid_forward(x) ** 2)}),
        Mistake("SLOPE_OF_DOUT", backward=lambda dout, x: {"dx": dout * (1 - dout)}),
        Mistake("SIGMOID_IS_TANH", forward=lambda x: np.tanh(x)),
    ),
)


def tanh_forward(x: Any) -> Any:
    return np.tanh(x)


def tanh_backward(dout: Any, x: Any) -> Arrays:
    return {"dx": dout * (1 - np.tanh(x) ** 2)}


def _tanh_quantities(dout: Any, x: Any) -> Arrays:
    y = np.tanh(x)
    return {"y": y, "(1 − y)": 1 - y, "(1 + y)": 1 + y, "(1 − y²)": 1 - y * y, "cosh x": np.cosh(x), "e^x": np.exp(x)}


TANH = Exercise(
    name="tanh",
    forward=tanh_forward,
    backward=tanh_backward,
    inputs={"x": "ND"},
    contract="y = tanh x, elementwise; x (N, D) → y (N, D)",
    page="00-autograd.md",
    equations=("0.31",),
    quantities=_tanh_quantities,
    terms=lambda dout, x: {"dx": {"1": dout, "−y²": -dout * np.tanh(x) ** 2}},
    mistakes=(
        Mistake("SLOPE_OF_INPUT", backward=lambda dout, x: {"dx": dout * (1 - x * x)}),
        Mistake("SLOPE_SQUARED_WRONG", backward=lambda dout, x: {"dx": dout * (1 - np.tanh(x)) ** 2}),
        Mistake("SLOPE_OF_SIGMOID", backward=lambda dout, x: {"dx": dout * np.tanh(x) * (1 - np.tanh(x))}),
        Mistake("TANH_IS_SIGMOID", forward=sigmoid_forward),
    ),
)


# -------------------------------------------------------------------------------------------------- dropout, embedding
def dropout_forward(x: Any, mask: Any, p: Any) -> Any:
    return x * mask / (1 - p)


def dropout_backward(dout: Any, x: Any, mask: Any, p: Any) -> Arrays:
    return {"dx": dout * mask / (1 - p)}


DROPOUT = Exercise(
    name="dropout",
    forward=dropout_forward,
    backward=dropout_backward,
    inputs={
        "x": "ND",
        "mask": lambda rng, sizes: (rng.random((sizes["N"], sizes["D"])) < 0.6).astype(float),
        "p": lambda rng, sizes: float(rng.uniform(0.2, 0.45)),
    },
    letters="ND",
    contract="y = x ∘ mask / (1 − p): the mask (N, D) is given, 1 where a number is kept; p is the probability that "
    "one is dropped; x (N, D) → y (N, D). Draw nothing",
    page="00-autograd.md",
    equations=("0.77",),
    where=lambda dout, x, mask, p: {
        out: {"where the mask is 0": mask == 0, "where the mask is 1": mask == 1} for out in ("out", "dx")
    },
    mistakes=(
        Mistake("DROPOUT_TEST", forward=lambda x, mask, p: x),
        Mistake("DROPOUT_INVERTED", forward=lambda x, mask, p: x * (1 - mask) / (1 - p)),
        Mistake("DROPOUT_INVERTED", forward=lambda x, mask, p: x * (1 - mask) / p),
        Mistake("DROPOUT_COUNTED", forward=lambda x, mask, p: x * mask / mask.mean()),
        Mistake("DROPOUT_ONE_FACTOR", forward=lambda x, mask, p: x / (1 - p)),
    ),
)


def embedding_forward(weight: Any, ids: Any) -> Any:
    return weight[ids]


def embedding_backward(dout: Any, weight: Any, ids: Any) -> Arrays:
    dweight = np.zeros(weight.shape)
    np.add.at(dweight, ids, dout)
    return {"dweight": dweight}


def _often(ids: Any, weight: Any) -> Any:
    """How often each row was read."""
    return np.bincount(ids, minlength=len(weight))[:, None]


def _mean_of_repeats(dout: Any, weight: Any, ids: Any) -> Arrays:
    return {"dweight": embedding_backward(dout, weight, ids)["dweight"] / np.maximum(_often(ids, weight), 1)}


EMBEDDING = Exercise(
    name="embedding",
    forward=embedding_forward,
    backward=embedding_backward,
    inputs={"weight": "KD", "ids": lambda rng, sizes: rng.integers(0, 2 * sizes["K"] // 3, sizes["N"])},
    letters="N",
    contract="y[n] = weight[ids[n]]: weight (K, D) has a row for each of K words, ids (N,) are integers, some more "
    "than once → y (N, D). ids have no gradient: return dweight alone",
    page="00-autograd.md",
    equations=("0.57",),
    mistakes=(
        Mistake("EMBEDDING_MEAN", backward=_mean_of_repeats),
        Mistake(
            "EMBEDDING_OFTEN",
            backward=lambda dout, weight, ids: {
                "dweight": embedding_backward(dout, weight, ids)["dweight"] * _often(ids, weight)
            },
        ),
        Mistake(
            "EMBEDDING_TIMES_WEIGHT",
            backward=lambda dout, weight, ids: embedding_backward(dout * weight[ids], weight, ids),
        ),
    ),
)


# -------------------------------------------------------------------------------------------------------- normalisation
EPS = 1e-5


def batch_norm_forward(x: Any, gamma: Any, beta: Any) -> Any:
    mean = x.mean(0)
    variance = ((x - mean) ** 2).mean(0)
    return gamma * (x - mean) / np.sqrt(variance + EPS) + beta


def batch_norm_backward(dout: Any, x: Any, gamma: Any, beta: Any) -> Arrays:
    mean, deviation = x.mean(0), np.sqrt(x.var(0) + EPS)
    xhat = (x - mean) / deviation
    g = dout * gamma
    return {
        "dx": (g - g.mean(0) - xhat * (g * xhat).mean(0)) / deviation,
        "dgamma": (dout * xhat).sum(0),
        "dbeta": dout.sum(0),
    }


def layer_norm_forward(x: Any, gamma: Any, beta: Any) -> Any:
    mean = x.mean(1, keepdims=True)
    variance = ((x - mean) ** 2).mean(1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + EPS) + beta


def layer_norm_backward(dout: Any, x: Any, gamma: Any, beta: Any) -> Arrays:
    mean, deviation = x.mean(1, keepdims=True), np.sqrt(x.var(1, keepdims=True) + EPS)
    xhat = (x - mean) / deviation
    g = dout * gamma
    return {
        "dx": (g - g.mean(1, keepdims=True) - xhat * (g * xhat).mean(1, keepdims=True)) / deviation,
        "dgamma": (dout * xhat).sum(0),
        "dbeta": dout.sum(0),
    }


class _Norm:
    """What is known of both: they differ in the axis of mean and variance."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def statistics(self, x: Any) -> tuple[Any, Any]:
        """The mean and √(variance + ε)."""
        return x.mean(self.axis, keepdims=True), np.sqrt(x.var(self.axis, keepdims=True) + EPS)

    def quantities(self, dout: Any, x: Any, gamma: Any, beta: Any) -> Arrays:
        mean, deviation = self.statistics(x)
        row = (lambda a: a[0]) if self.axis == 0 else (lambda a: a)
        return {"1/√(v+ε)": row(1 / deviation), "the mean": row(mean), "x̂": (x - mean) / deviation}

    def terms(self, dout: Any, x: Any, gamma: Any, beta: Any) -> Mapping[str, Arrays]:
        mean, deviation = self.statistics(x)
        xhat, g = (x - mean) / deviation, dout * gamma
        return {
            "dx": {
                "the direct path": g / deviation,
                "the path through the mean": 0 * g - g.mean(self.axis, keepdims=True) / deviation,
                "the path through the variance": -xhat * (g * xhat).mean(self.axis, keepdims=True) / deviation,
            },
            "dgamma": {"Σ dout x": (dout * x / deviation).sum(0), "−Σ dout μ": -(dout * mean / deviation).sum(0)},
            "out": {"γ x̂": gamma * xhat, "β": 0 * x + beta},
        }

    def normalized(self, x: Any, axes: Any, ddof: int = 0) -> Any:
        """x̂ with other statistics; analytic."""
        n = np.prod([x.shape[a] for a in axes])
        centred = x - x.mean(axes, keepdims=True)
        return centred / np.sqrt((centred**2).sum(axes, keepdims=True) / (n - ddof) + EPS)

    def mistakes(self) -> tuple[Mistake, ...]:
        return (
            Mistake("NORM_UNBIASED", forward=lambda x, gamma, beta: gamma * self.normalized(x, (self.axis,), 1) + beta),
            Mistake("NORM_AXIS", forward=lambda x, gamma, beta: gamma * self.normalized(x, (1 - self.axis,)) + beta),
            Mistake("NORM_OF_ALL", forward=lambda x, gamma, beta: gamma * self.normalized(x, (0, 1)) + beta),
            Mistake("NORM_NOT_CENTRED", forward=lambda x, gamma, beta: self._not_centred(x) * gamma + beta),
            Mistake("NORM_ROOT_MEAN_SQUARE", forward=lambda x, gamma, beta: self._by_mean_square(x) * gamma + beta),
            Mistake("NORM_NOT_SCALED", forward=lambda x, gamma, beta: self._not_scaled(x) * gamma + beta),
            Mistake("NORM_DGAMMA_OF_X", backward=lambda dout, x, gamma, beta: {"dgamma": (dout * x).sum(0)}),
            Mistake("NORM_DGAMMA_TIMES_GAMMA", backward=self._times_gamma),
            Mistake("NORM_GAMMA_LAST", backward=self._gamma_last),
        )

    def _not_scaled(self, x: Any) -> Any:
        return x - x.mean(self.axis, keepdims=True)

    def _not_centred(self, x: Any) -> Any:
        centred = x - x.mean(self.axis, keepdims=True)
        return x / np.sqrt((centred**2).mean(self.axis, keepdims=True) + EPS)

    def _by_mean_square(self, x: Any) -> Any:
        return x / np.sqrt((x**2).mean(self.axis, keepdims=True) + EPS)

    def _gamma_last(self, dout: Any, x: Any, gamma: Any, beta: Any) -> Arrays:
        deviation = self.statistics(x)[1]
        xhat = self.normalized(x, (self.axis,))
        paths = dout - dout.mean(self.axis, keepdims=True) - xhat * (dout * xhat).mean(self.axis, keepdims=True)
        return {"dx": gamma * paths / deviation}

    def _times_gamma(self, dout: Any, x: Any, gamma: Any, beta: Any) -> Arrays:
        mean, deviation = self.statistics(x)
        return {"dgamma": (dout * gamma * (x - mean) / deviation).sum(0), "dbeta": (dout * gamma).sum(0)}


def _norm(name: str, axis: int, forward: Any, backward: Any, words: str, equation: str) -> Exercise:
    known = _Norm(axis)
    return Exercise(
        name=name,
        forward=forward,
        backward=backward,
        inputs={"x": "ND", "gamma": "D", "beta": "D"},
        contract=f"x̂ = (x − μ)/√(v + 1e-5), y = γ x̂ + β, where μ and v are the mean and the variance (divided by the "
        f"number, not by one less) {words}; x (N, D), gamma and beta (D,) → y (N, D)",
        page="00-autograd.md",
        equations=(equation,),
        quantities=known.quantities,
        terms=known.terms,
        mistakes=known.mistakes(),
    )


BATCH_NORM = _norm(
    "batch_norm", 0, batch_norm_forward, batch_norm_backward, "of each column of x, over the batch", "0.75"
)
LAYER_NORM = _norm(
    "layer_norm", 1, layer_norm_forward, layer_norm_backward, "of each row of x, over its features", "0.76"
)

EXERCISES = (LINEAR, RELU, SIGMOID, TANH, DROPOUT, EMBEDDING, BATCH_NORM, LAYER_NORM)
