"""Losses: what a network is told of its outputs, and the likelihoods of one datum that they are made of.

A loss of a batch is *summed* over pixels and classes and *averaged* over the batch, but for the mean squared error,
which is the mean over everything, as its name says.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .exercise import Arrays, Exercise, Mistake

__all__ = ["EPSILONS", "EXERCISES", "absolute", "bits", "huge", "log_sum_exp", "sigmoid", "softmax", "softplus", "wide"]


# ----------------------------------------------------------------------------------------- in forms that never overflow
def sigmoid(a: Any) -> Any:
    """1/(1 + e⁻ᵃ), of e to a negative number only."""
    small = np.exp(-absolute(a))
    return np.where(np.real(a) > 0, 1, small) / (1 + small)


def softplus(a: Any) -> Any:
    """ζ(a) = ln(1 + eᵃ) = max(a, 0) + ln(1 + e^−|a|)."""
    return a * (np.real(a) > 0) + np.log1p(np.exp(-absolute(a)))


def absolute(a: Any) -> Any:
    """|a|, by the real part's sign, so that it may be differentiated by complex steps."""
    return np.where(np.real(a) > 0, a, -a)


def softmax(a: Any, axis: int = -1) -> Any:
    """eᵃ / Σ eᵃ, the largest taken out first."""
    e = np.exp(a - np.real(a).max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def log_sum_exp(a: Any, axis: int = -1) -> Any:
    """ln Σ eᵃ, the largest taken out first."""
    largest = np.real(a).max(axis, keepdims=True)
    return np.squeeze(largest, axis) + np.log(np.exp(a - largest).sum(axis))


# -------------------------------------------------------------------------------------------------------- what is drawn
def bits(letters: str) -> Any:
    """Zeros and ones."""
    return lambda rng, sizes: (rng.random([sizes[letter] for letter in letters]) < 0.5).astype(np.float64)


def classes(letters: str) -> Any:
    """A number 0 … K − 1 for each."""
    return lambda rng, sizes: rng.integers(0, sizes["K"], [sizes[letter] for letter in letters])


EPSILONS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)  # that are added to p inside a logarithm, and large enough to be seen


def wide(letters: str) -> Any:
    """Logits of all degrees of certainty, p from 0.002 to 0.998: where p was clipped, some of them tell. Much further
    out the usual 1e-7 inside a logarithm would no longer be "nearly right"."""
    return lambda rng, sizes: rng.uniform(-6.4, 6.4, [sizes[letter] for letter in letters])


def huge(letters: str) -> Any:
    """Logits far out on both sides, of which e to the power overflows."""
    return lambda rng, sizes: (
        rng.choice([-1e3, 1e3], [sizes[letter] for letter in letters])
        * (0.5 + rng.random([sizes[letter] for letter in letters]))
    )


# --------------------------------------------------------------------------------------------------- mean squared error
def mse_forward(prediction: Any, target: Any) -> Any:
    return ((prediction - target) ** 2).mean()


def mse_backward(prediction: Any, target: Any) -> Arrays:
    return {"dprediction": 2 * (prediction - target) / prediction.size}


MSE = Exercise(
    name="mse",
    forward=mse_forward,
    backward=mse_backward,
    inputs={"prediction": "ND", "target": "ND"},
    contract="the mean of (prediction − target)² over all N·D numbers; prediction and target (N, D) → a number; "
    "the derivative for prediction alone",
    page="00-autograd.md",
    equations=("0.73", "0.41"),
    quantities=lambda prediction, target: {
        "the difference": prediction - target,
        "the sign of the difference": np.sign(prediction - target),
    },
    terms=lambda prediction, target: {
        "dprediction": {"the prediction": 2 * prediction / prediction.size, "the target": -2 * target / target.size},
    },
    mistakes=(
        Mistake("MSE_ABSOLUTE", lambda prediction, target: absolute(prediction - target).mean()),
        Mistake("MSE_ROOT", lambda prediction, target: ((prediction - target) ** 2).mean() ** 0.5),
        Mistake("MSE_NOT_SQUARED", lambda prediction, target: (prediction - target).mean()),
    ),
)


# -------------------------------------------------------------------------------------------------------------- softmax
def softmax_forward(logits: Any) -> Any:
    return softmax(logits)


def softmax_backward(dout: Any, logits: Any) -> Arrays:
    p = softmax(logits)
    return {"dlogits": p * (dout - (dout * p).sum(1, keepdims=True))}


def _softmax_cached_input(dout: Any, logits: Any) -> Arrays:
    return {"dlogits": logits * (dout - (dout * logits).sum(1, keepdims=True))}


def _softmax_terms(dout: Any, logits: Any) -> Any:
    p = softmax(logits)
    return {"dlogits": {"the direct part": p * dout, "the part of the sum": -p * (dout * p).sum(1, keepdims=True)}}


SOFTMAX = Exercise(
    name="softmax",
    forward=softmax_forward,
    backward=softmax_backward,
    inputs={"logits": "NK"},
    contract="p = eᵃ / Σ eᵃ, the sum over the K classes of each row; logits a (N, K) → p (N, K)",
    page="00-autograd.md",
    equations=("0.45", "3.1"),
    stress=lambda rng, sizes: {"logits": huge("NK")(rng, sizes)},
    quantities=lambda dout, logits: {
        "the probability": softmax(logits),
        "1 − the probability": 1 - softmax(logits),
        "the sum of exponentials": np.exp(logits).sum(1, keepdims=True),
    },
    terms=_softmax_terms,
    mistakes=(
        Mistake("SOFTMAX_AXIS", lambda logits: softmax(logits, 0)),
        Mistake("SOFTMAX_BY_MAX", lambda logits: np.exp(logits - np.real(logits).max(1, keepdims=True))),
        Mistake("SOFTMAX_OVER_ALL", lambda logits: np.exp(logits) / np.exp(logits).sum()),
        Mistake("SOFTMAX_IS_SIGMOID", lambda logits: sigmoid(logits)),
        Mistake("SOFTMAX_LOG", lambda logits: logits - log_sum_exp(logits)[:, None]),
        Mistake("SOFTMAX_TWICE", lambda logits: softmax(softmax(logits))),
        Mistake(
            "SOFTMAX_DIAGONAL",
            backward=lambda dout, logits: {"dlogits": dout * softmax(logits) * (1 - softmax(logits))},
        ),
        Mistake(
            "SOFTMAX_SUM_OVER_BATCH",
            backward=lambda dout, logits: {"dlogits": softmax(logits) * (dout - (dout * softmax(logits)).sum(0))},
        ),
        Mistake(
            "SOFTMAX_SUM_OVER_BATCH",
            backward=lambda dout, logits: {"dlogits": softmax(logits) * (dout - (dout * softmax(logits)).sum())},
        ),
        Mistake(
            "SOFTMAX_SUM_OF_DOUT",
            backward=lambda dout, logits: {"dlogits": softmax(logits) * (dout - dout.sum(1, keepdims=True))},
        ),
        Mistake("SOFTMAX_CACHED_INPUT", backward=_softmax_cached_input),
    ),
)


# -------------------------------------------------------------------------------------------------------- cross-entropy
def one_hot(labels: Any, classes: int) -> Any:
    return np.eye(classes)[labels]


def softmax_cross_entropy_forward(logits: Any, labels: Any) -> Any:
    return (log_sum_exp(logits) - logits[np.arange(len(labels)), labels]).mean()


def softmax_cross_entropy_backward(logits: Any, labels: Any) -> Arrays:
    return {"dlogits": (softmax(logits) - one_hot(labels, logits.shape[1])) / len(labels)}


def _label_columns(logits: Any, labels: Any) -> Arrays:
    d = softmax(logits)
    d[:, labels] -= 1
    return {"dlogits": d / len(labels)}


def _with_labels(formula: Any) -> Any:
    """A derivative from the probabilities, the labels as ones among zeros, and N."""
    return lambda logits, labels: {
        "dlogits": formula(softmax(logits), one_hot(labels, logits.shape[1]), len(labels)),
    }


SOFTMAX_CROSS_ENTROPY = Exercise(
    name="softmax_cross_entropy",
    forward=softmax_cross_entropy_forward,
    backward=softmax_cross_entropy_backward,
    inputs={"logits": "NK", "labels": classes("N")},
    contract="−ln softmax(a)[label], the mean over the N rows; logits a (N, K), labels (N,) whole numbers 0 … K − "
    "1 → a number, in nats; the derivative for the logits",
    page="00-autograd.md",
    equations=("0.72", "3.2", "3.3"),
    stress=lambda rng, sizes: {"logits": huge("NK")(rng, sizes), "labels": classes("N")(rng, sizes)},
    quantities=lambda logits, labels: {
        "the probability": softmax(logits),
        "1 − the probability": 1 - softmax(logits),
        "the slope p(1 − p)": softmax(logits) * (1 - softmax(logits)),
        "the sum of exponentials": np.exp(logits).sum(1, keepdims=True),
    },
    terms=lambda logits, labels: {
        "out": {
            "the log-sum-exp": log_sum_exp(logits).mean(),
            "the logit of the label": -logits[np.arange(len(labels)), labels].mean(),
        },
        "dlogits": {
            "the probabilities": softmax(logits) / len(labels),
            "the labels": -one_hot(labels, logits.shape[1]) / len(labels),
        },
    },
    where=lambda logits, labels: {
        "dlogits": {
            "at the label": one_hot(labels, logits.shape[1]) > 0,
            "beside the label": one_hot(labels, logits.shape[1]) == 0,
        }
    },
    mistakes=(
        Mistake(
            "CROSS_ENTROPY_AXIS",
            lambda logits, labels: -np.log(softmax(logits, 0))[np.arange(len(labels)), labels].mean(),
        ),
        Mistake(
            "CROSS_ENTROPY_AXIS",
            backward=lambda logits, labels: {
                "dlogits": (softmax(logits, 0) - one_hot(labels, logits.shape[1])) / len(labels)
            },
        ),
        Mistake("CROSS_ENTROPY_NO_LOG", lambda logits, labels: -softmax(logits)[np.arange(len(labels)), labels].mean()),
        Mistake(
            "CROSS_ENTROPY_SOFTMAX_TWICE", lambda logits, labels: softmax_cross_entropy_forward(softmax(logits), labels)
        ),
        Mistake(
            "CROSS_ENTROPY_SQUARED",
            lambda logits, labels: ((softmax(logits) - one_hot(labels, logits.shape[1])) ** 2).sum(1).mean(),
        ),
        Mistake(
            "CROSS_ENTROPY_BINARY",
            lambda logits, labels: (softplus(logits) - logits * one_hot(labels, logits.shape[1])).sum(1).mean(),
        ),
        Mistake("CROSS_ENTROPY_OF_PROBABILITIES", backward=_with_labels(lambda p, y, n: -y / p / n)),
        Mistake("CROSS_ENTROPY_ALL_CLASSES", backward=_with_labels(lambda p, y, n: -1 / p / n)),
        Mistake("CROSS_ENTROPY_DIAGONAL", backward=_with_labels(lambda p, y, n: -y * (1 - p) / n)),
        Mistake("CROSS_ENTROPY_LABEL_COLUMNS", backward=_label_columns),
        Mistake(
            "LOG_SUM_EXP_MAX_LOST",
            lambda logits, labels: softmax_cross_entropy_forward(logits, labels) - np.real(logits).max(1).mean(),
            backward=lambda logits, labels: {},
        ),
        Mistake(
            "CROSS_ENTROPY_OF_ARGMAX",
            backward=lambda logits, labels: softmax_cross_entropy_backward(logits, logits.argmax(1)),
        ),
        Mistake(
            "CROSS_ENTROPY_NO_SOFTMAX",
            backward=lambda logits, labels: {"dlogits": (logits - one_hot(labels, logits.shape[1])) / len(labels)},
        ),
    ),
)


# ------------------------------------------------------------------------------------------- black and white: Bernoulli
def bce_with_logits_forward(logits: Any, target: Any) -> Any:
    return (softplus(logits) - target * logits).sum(1).mean()


def bce_with_logits_backward(logits: Any, target: Any) -> Arrays:
    return {"dlogits": (sigmoid(logits) - target) / len(logits)}


def _with_epsilon(epsilon: float) -> Any:
    def forward(logits: Any, target: Any) -> Any:
        p, q = sigmoid(logits) + epsilon, sigmoid(-logits) + epsilon
        return -(target * np.log(p) + (1 - target) * np.log(q)).sum(1).mean()

    return forward


def _abs_missing(logits: Any, target: Any) -> Any:
    """The stable form, but for the absolute value in its exponential."""
    positive = logits * (np.real(logits) > 0)
    return (positive - target * logits + np.log(1 + np.exp(-logits))).sum(1).mean()


BCE_WITH_LOGITS = Exercise(
    name="bce_with_logits",
    forward=bce_with_logits_forward,
    backward=bce_with_logits_backward,
    inputs={"logits": wide("ND"), "target": bits("ND")},
    letters="ND",
    contract="−t ln p − (1 − t) ln(1 − p) with p = σ(logit), summed over the D pixels, the mean over the N images;"
    " logits (N, D), target (N, D) of zeros and ones → a number, in nats per image; the derivative for "
    "the logits",
    page="15-decoders.md",
    equations=("15.1", "15.2", "0.71"),
    stress=lambda rng, sizes: {"logits": huge("ND")(rng, sizes), "target": bits("ND")(rng, sizes)},
    quantities=lambda logits, target: {
        "the slope p(1 − p)": sigmoid(logits) * (1 - sigmoid(logits)),
        "the probability": sigmoid(logits),
        "1 − the probability": sigmoid(-logits),
    },
    terms=lambda logits, target: {
        "out": {
            "the pixels that are 1": (target * softplus(-logits)).sum(1).mean(),
            "the pixels that are 0": ((1 - target) * softplus(logits)).sum(1).mean(),
        },
        "dlogits": {
            "the probabilities": sigmoid(logits) / len(logits),
            "the target": -target / len(logits),
        },
    },
    where=lambda logits, target: {
        "dlogits": {"where the target is 0": target == 0, "where the target is 1": target == 1}
    },
    mistakes=(
        Mistake("BCE_ONES_ONLY", lambda logits, target: (target * softplus(-logits)).sum(1).mean()),
        Mistake("BCE_ZEROS_ONLY", lambda logits, target: ((1 - target) * softplus(logits)).sum(1).mean()),
        Mistake("BCE_PLUS_MINUS", lambda logits, target: softplus(-target * logits).sum(1).mean()),
        Mistake("BCE_ABS_MISSING", lambda logits, target: _abs_missing(logits, target)),
        Mistake(
            "BCE_SLOPE_OF_ABS",
            backward=lambda logits, target: {
                "dlogits": ((logits > 0) - target - sigmoid(-absolute(logits))) / len(logits)
            },
        ),
        Mistake("BCE_SIGMOID_TWICE", lambda logits, target: bce_with_logits_forward(sigmoid(logits), target)),
        Mistake("BCE_SIGMOID_TWICE", backward=lambda logits, target: bce_with_logits_backward(sigmoid(logits), target)),
        *(Mistake("EPSILON_IN_LOG", _with_epsilon(epsilon)) for epsilon in EPSILONS),
        Mistake("BCE_SQUARED", lambda logits, target: ((sigmoid(logits) - target) ** 2).sum(1).mean()),
        Mistake("BCE_NO_SIGMOID", backward=lambda logits, target: {"dlogits": (logits - target) / len(logits)}),
        Mistake(
            "BCE_OF_PROBABILITIES", backward=lambda logits, target: {"dlogits": -target / sigmoid(logits) / len(logits)}
        ),
        Mistake(
            "BCE_PROBABILITY_SIGN",
            backward=lambda logits, target: {
                "dlogits": (-target / sigmoid(logits) - (1 - target) / sigmoid(-logits)) / len(logits)
            },
        ),
        Mistake("BCE_SOFTMAX", backward=lambda logits, target: {"dlogits": (softmax(logits) - target) / len(logits)}),
    ),
)


# ---------------------------------------------------------------------------------------- grey: one softmax for a pixel
def _of_levels(logits: Any, levels: Any) -> Any:
    """1 at (n, k, y, x) where the pixel has level k."""
    return np.moveaxis(np.eye(logits.shape[1])[levels], -1, 1)


def softmax256_nll_forward(logits: Any, levels: Any) -> Any:
    own = np.take_along_axis(logits, levels[:, None], 1)[:, 0]
    return (log_sum_exp(logits, 1) - own).sum((1, 2)).mean()


def softmax256_nll_backward(logits: Any, levels: Any) -> Arrays:
    return {"dlogits": (softmax(logits, 1) - _of_levels(logits, levels)) / len(logits)}


def _reshaped(logits: Any, levels: Any) -> Any:
    """The logits of a pixel, if (N, K, P, Q) is cut into rows of K as it lies in memory."""
    return logits.reshape(-1, logits.shape[1])


def _one_pixel(at: int) -> Mistake:
    """Only the first, or the last pixel: a loop that forgets the others."""
    return Mistake(
        "PIXEL_ONE_ONLY",
        lambda logits, levels: softmax256_nll_forward(
            logits[..., at:, at:][..., :1, :1], levels[:, at:, at:][:, :1, :1]
        ),
        backward=lambda logits, levels: {},
    )


SOFTMAX256_NLL = Exercise(
    name="softmax256_nll",
    forward=softmax256_nll_forward,
    backward=softmax256_nll_backward,
    inputs={"logits": "NKPQ", "levels": classes("NPQ")},
    contract="−ln softmax(a)[level] with the softmax over the K grey levels of each pixel (256 in PixelCNN, fewer "
    "here), summed over the P·Q pixels, the mean over the N images; logits a (N, K, P, Q), levels (N, P, "
    "Q) whole numbers 0 … K − 1 → a number, in nats per image; the derivative for the logits",
    page="03-conditionals.md",
    equations=("3.1", "3.2", "3.3", "15.17", "15.18"),
    stress=lambda rng, sizes: {"logits": huge("NKPQ")(rng, sizes), "levels": classes("NPQ")(rng, sizes)},
    quantities=lambda logits, levels: {
        "the probability": softmax(logits, 1),
        "1 − the probability": 1 - softmax(logits, 1),
        "the slope p(1 − p)": softmax(logits, 1) * (1 - softmax(logits, 1)),
    },
    terms=lambda logits, levels: {
        "out": {
            "the log-sum-exp": log_sum_exp(logits, 1).sum((1, 2)).mean(),
            "the logit of the level": -np.take_along_axis(logits, levels[:, None], 1).sum((1, 2, 3)).mean(),
        },
        "dlogits": {
            "the probabilities": softmax(logits, 1) / len(logits),
            "the levels": -_of_levels(logits, levels) / len(logits),
        },
    },
    where=lambda logits, levels: {"dlogits": {"at the level": _of_levels(logits, levels) > 0}},
    mistakes=(
        *(
            Mistake(
                "PIXEL_SOFTMAX_AXIS",
                backward=lambda logits, levels, axis=axis: {
                    "dlogits": (softmax(logits, axis) - _of_levels(logits, levels)) / len(logits)
                },
            )
            for axis in (0, 2, 3)
        ),
        *(
            Mistake(
                "PIXEL_SOFTMAX_AXIS",
                forward=lambda logits, levels, axis=axis: (
                    -(np.log(softmax(logits, axis)) * _of_levels(logits, levels)).sum() / len(logits)
                ),
                backward=lambda logits, levels: {},
            )
            for axis in (0, 2, 3)
        ),
        _one_pixel(0),
        _one_pixel(-1),
        Mistake(
            "BITS_PER_PIXEL",
            forward=lambda logits, levels: softmax256_nll_forward(logits, levels) / (levels[0].size * math.log(2)),
            backward=lambda logits, levels: {
                "dlogits": softmax256_nll_backward(logits, levels)["dlogits"] / (levels[0].size * math.log(2))
            },
        ),
        Mistake(
            "PIXEL_RESHAPED",
            forward=lambda logits, levels: (
                (
                    log_sum_exp(_reshaped(logits, levels))
                    - _reshaped(logits, levels)[np.arange(levels.size), levels.ravel()]
                ).sum()
                / len(logits)
            ),
            backward=lambda logits, levels: {
                "dlogits": (softmax(_reshaped(logits, levels)) - one_hot(levels.ravel(), logits.shape[1])).reshape(
                    logits.shape
                )
                / len(logits)
            },
        ),
        Mistake(
            "PIXEL_NO_LOG",
            forward=lambda logits, levels: -(softmax(logits, 1) * _of_levels(logits, levels)).sum() / len(logits),
            backward=lambda logits, levels: {},
        ),
        Mistake(
            "CROSS_ENTROPY_OF_PROBABILITIES",
            backward=lambda logits, levels: {"dlogits": -_of_levels(logits, levels) / softmax(logits, 1) / len(logits)},
        ),
        Mistake(
            "CROSS_ENTROPY_DIAGONAL",
            backward=lambda logits, levels: {
                "dlogits": -_of_levels(logits, levels) * (1 - softmax(logits, 1)) / len(logits)
            },
        ),
    ),
)


# ---------------------------------------------------------------------------------------------------------- log-sum-exp
def log_sum_exp_forward(x: Any) -> Any:
    return log_sum_exp(x)


def log_sum_exp_backward(dout: Any, x: Any) -> Arrays:
    return {"dx": dout[:, None] * softmax(x)}


def _largest(x: Any) -> Any:
    """A one where the largest number of a row stands, else zeros."""
    return (x == x.max(1, keepdims=True)).astype(np.float64)


LOG_SUM_EXP = Exercise(
    name="log_sum_exp",
    forward=log_sum_exp_forward,
    backward=log_sum_exp_backward,
    inputs={"x": "NK"},
    contract="ln Σ eˣ, the sum over the K numbers of each row; x (N, K) → (N,)",
    page="00-autograd.md",
    equations=("0.44",),
    stress=lambda rng, sizes: {"x": huge("NK")(rng, sizes)},
    quantities=lambda dout, x: {
        "the sum of exponentials": np.exp(x).sum(1, keepdims=True),
        "the softmax": softmax(x),
        "the exponential": np.exp(x),
        "1 − the softmax": 1 - softmax(x),
    },
    mistakes=(
        Mistake("LOG_SUM_EXP_AXIS", lambda x: log_sum_exp(x, 0)),
        Mistake("LOG_SUM_EXP_MAX_LOST", lambda x: log_sum_exp(x) - np.real(x).max(1)),
        Mistake("LOG_SUM_EXP_MAX_LOST", lambda x: log_sum_exp(x) - np.real(x).max()),
        Mistake("LOG_SUM_EXP_OF_ALL", lambda x: np.log(np.exp(x).sum())),
        Mistake("LOG_SUM_EXP_OF_ALL", backward=lambda dout, x: {"dx": dout[:, None] * np.exp(x) / np.exp(x).sum()}),
        Mistake("LOG_SUM_EXP_MEAN", lambda x: log_sum_exp(x) - math.log(x.shape[1])),
        Mistake("LOG_SUM_EXP_NO_LOG", lambda x: np.exp(x).sum(1)),
        Mistake("LOG_SUM_EXP_LOG_INSIDE", lambda x: x.sum(1)),
        Mistake("LOG_SUM_EXP_MAX", lambda x: np.real(x).max(1)),
        Mistake("LOG_SUM_EXP_MAX", backward=lambda dout, x: {"dx": dout[:, None] * _largest(x)}),
        Mistake("LOG_SUM_EXP_SHIFT", backward=lambda dout, x: {"dx": dout[:, None] * (softmax(x) + _largest(x))}),
        Mistake("LOG_SUM_EXP_SHIFT", backward=lambda dout, x: {"dx": dout[:, None] * (softmax(x) - _largest(x))}),
        Mistake("LOG_SUM_EXP_AXIS", backward=lambda dout, x: {"dx": dout[:, None] * softmax(x, 0)}),
    ),
)


# ------------------------------------------------------------------------------------------------------- Normal density
def gaussian_log_density_forward(z: Any, mean: Any, log_variance: Any) -> Any:
    square = (z - mean) ** 2 / np.exp(log_variance)
    return -0.5 * (math.log(2 * math.pi) + log_variance + square).sum(1)


def gaussian_log_density_backward(dout: Any, z: Any, mean: Any, log_variance: Any) -> Arrays:
    variance = np.exp(log_variance)
    dmean = dout[:, None] * (z - mean) / variance
    return {
        "dz": -dmean,
        "dmean": dmean,
        "dlog_variance": dout[:, None] * 0.5 * ((z - mean) ** 2 / variance - 1),
    }


def _density(z: Any, mean: Any, variance: Any) -> Any:
    return -0.5 * (np.log(2 * np.pi * variance) + (z - mean) ** 2 / variance).sum(1)


def _density_terms(dout: Any, z: Any, mean: Any, log_variance: Any) -> Any:
    square = (z - mean) ** 2 / np.exp(log_variance)
    half = -0.5 * np.ones_like(z)
    return {
        "out": {
            "the constant ln 2π": (math.log(2 * math.pi) * half).sum(1),
            "the log-variance": (half * log_variance).sum(1),
            "the square": (half * square).sum(1),
        },
        "dlog_variance": {
            "the log-variance": dout[:, None] * half,
            "the square": -dout[:, None] * half * square,
        },
    }


GAUSSIAN_LOG_DENSITY = Exercise(
    name="gaussian_log_density",
    forward=gaussian_log_density_forward,
    backward=gaussian_log_density_backward,
    inputs={"z": "NJ", "mean": "NJ", "log_variance": "NJ"},
    contract="ln N(z | mean, σ²) of a diagonal normal distribution, σ² = exp(log_variance), summed over its J "
    "variables; z, mean, log_variance (N, J) → (N,)",
    page="13-gaussian-kl.md",
    equations=("13.1", "14.9"),
    quantities=lambda dout, z, mean, log_variance: {
        "σ": np.exp(log_variance / 2),
        "σ²": np.exp(log_variance),
        "z − mean": z - mean,
    },
    terms=_density_terms,
    mistakes=(
        Mistake("LOG_VARIANCE_AS_LOG_STD", lambda z, mean, log_variance: _density(z, mean, np.exp(2 * log_variance))),
        Mistake("LOG_VARIANCE_AS_STD", lambda z, mean, log_variance: _density(z, mean, log_variance**2)),
        Mistake(
            "STD_FOR_VARIANCE",
            lambda z, mean, log_variance: (
                -0.5 * (math.log(2 * math.pi) + log_variance + (z - mean) ** 2 / np.exp(log_variance / 2)).sum(1)
            ),
        ),
        Mistake("STD_FOR_VARIANCE", lambda z, mean, log_variance: _density(z, mean, np.exp(log_variance / 2))),
        Mistake(
            "DENSITY_NOT_SQUARED",
            lambda z, mean, log_variance: (
                -0.5 * (math.log(2 * math.pi) + log_variance + (z - mean) / np.exp(log_variance)).sum(1)
            ),
        ),
        Mistake(
            "DENSITY_TIMES_VARIANCE",
            lambda z, mean, log_variance: (
                -0.5 * (math.log(2 * math.pi) + log_variance + (z - mean) ** 2 * np.exp(log_variance)).sum(1)
            ),
        ),
        Mistake(
            "DENSITY_NO_LOG", lambda z, mean, log_variance: np.exp(gaussian_log_density_forward(z, mean, log_variance))
        ),
    ),
)


# -------------------------------------------------------------------------------------------------------- the bent coin
def coins(rng: np.random.Generator, sizes: dict[str, int]) -> Any:
    """N coins, each thrown D times, with a head and a tail at least, and these anywhere."""
    throws = (rng.random((sizes["N"], sizes["D"])) < 0.4).astype(np.float64)
    throws[:, 0], throws[:, 1] = 1, 0
    return rng.permuted(throws, axis=1)


def coin_mle(throws: Any) -> Any:
    return throws.sum(1) / throws.shape[1]


def coin_map(throws: Any, alpha: Any, beta: Any) -> Any:
    return (throws.sum(1) + alpha - 1) / (throws.shape[1] + alpha + beta - 2)


COIN_MLE = Exercise(
    name="coin_mle",
    forward=coin_mle,
    backward=None,
    inputs={"throws": coins},
    letters="ND",
    contract="for each of N coins the probability of heads that makes its D throws likeliest; throws (N, D), 1 for"
    " heads and 0 for tails → (N,)",
    page="01-likelihood.md",
    equations=("1.3",),
    mistakes=(
        Mistake("COIN_SMOOTHED", lambda throws: (throws.sum(1) + 1) / (throws.shape[1] + 2)),
        Mistake("COIN_ALL_TOGETHER", lambda throws: throws.mean()),
        Mistake("COIN_ALL_TOGETHER", lambda throws: np.full(len(throws), throws.mean())),
        Mistake("COIN_WRONG_AXIS", lambda throws: throws.mean(0)),
        Mistake("COIN_ODDS", lambda throws: throws.sum(1) / (1 - throws).sum(1)),
        Mistake("COIN_LOG", lambda throws: np.log(throws.mean(1))),
    ),
)

COIN_MAP = Exercise(
    name="coin_map",
    forward=coin_map,
    backward=None,
    inputs={
        "throws": coins,
        "alpha": lambda rng, sizes: float(rng.uniform(2, 6)),
        "beta": lambda rng, sizes: float(rng.uniform(2, 6)),
    },
    letters="ND",
    contract="for each of N coins the probability of heads at which its posterior is largest, with the prior "
    "Beta(alpha, beta); throws (N, D), 1 for heads and 0 for tails; alpha, beta numbers above 1 → (N,)",
    page="01-likelihood.md",
    equations=("1.4",),
    mistakes=(
        Mistake(
            "COIN_POSTERIOR_MEAN",
            lambda throws, alpha, beta: (throws.sum(1) + alpha) / (throws.shape[1] + alpha + beta),
        ),
        Mistake(
            "COIN_ODDS",
            lambda throws, alpha, beta: (throws.sum(1) + alpha - 1) / ((1 - throws).sum(1) + beta - 1),
        ),
        Mistake("COIN_PRIOR_IGNORED", lambda throws, alpha, beta: throws.mean(1)),
        Mistake("COIN_PRIOR_EXCHANGED", lambda throws, alpha, beta: coin_map(throws, beta, alpha)),
        Mistake("COIN_DENOMINATOR", lambda throws, alpha, beta: (throws.sum(1) + alpha - 1) / throws.shape[1]),
        Mistake(
            "COIN_DENOMINATOR",
            lambda throws, alpha, beta: (throws.sum(1) + alpha - 1) / (throws.shape[1] + alpha + beta),
        ),
        Mistake(
            "COIN_DENOMINATOR",
            lambda throws, alpha, beta: (throws.sum(1) + alpha - 1) / (throws.shape[1] + alpha + beta - 1),
        ),
        Mistake(
            "COIN_DENOMINATOR",
            lambda throws, alpha, beta: (throws.sum(1) + alpha) / (throws.shape[1] + alpha + beta - 2),
        ),
        Mistake(
            "COIN_THROWS_FOR_TAILS",
            lambda throws, alpha, beta: (
                (throws.sum(1) + alpha - 1) / (throws.sum(1) + throws.shape[1] + alpha + beta - 2)
            ),
        ),
    ),
)


EXERCISES = (
    MSE,
    SOFTMAX,
    SOFTMAX_CROSS_ENTROPY,
    BCE_WITH_LOGITS,
    SOFTMAX256_NLL,
    LOG_SUM_EXP,
    GAUSSIAN_LOG_DENSITY,
    COIN_MLE,
    COIN_MAP,
)
