"""A game of two: the best discriminator, what both players make small, and a generator that looks one step ahead.

The logit a of an image says how sure D is that it is real: D = σ(a). All losses are means over the minibatch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .exercise import Arrays, Exercise, Mistake
from .losses import EPSILONS, absolute, huge, sigmoid, softplus, wide

__all__ = ["EXERCISES"]


# ----------------------------------------------------------------------------------------------- the best discriminator
def optimal_discriminator_forward(p_data: Any, p_generator: Any) -> Any:
    return p_data / (p_data + p_generator)


def optimal_discriminator_backward(dout: Any, p_data: Any, p_generator: Any) -> Arrays:
    total = p_data + p_generator
    return {"dp_data": dout * p_generator / total**2, "dp_generator": -dout * p_data / total**2}


def density(rng: np.random.Generator, sizes: dict[str, int]) -> Any:
    """Of a law at N points: positive, it need not stay below one, and some are many times another one's: a D that was
    clipped is then off."""
    return np.exp(1.5 * rng.standard_normal(sizes["N"]))


def _clipped(least: float) -> Any:
    """D*, held between `least` and 1 − `least`."""

    def forward(p_data: Any, p_generator: Any) -> Any:
        d = p_data / (p_data + p_generator)
        return np.where(np.real(d) < least, least, np.where(np.real(d) > 1 - least, 1 - least, d))

    return forward


OPTIMAL_DISCRIMINATOR = Exercise(
    name="optimal_discriminator",
    forward=optimal_discriminator_forward,
    backward=optimal_discriminator_backward,
    inputs={"p_data": density, "p_generator": density},
    letters="N",
    contract="D*(x), the probability that x is real that no discriminator improves on, at N points x of which the "
    "densities of the data and of the generator are known; p_data, p_generator (N,), all positive → (N,)",
    page="17-gan-value.md",
    equations=("17.3", "17.4"),
    quantities=lambda p_data, p_generator, **above: {
        "the sum of both densities": p_data + p_generator,
        "D": p_data / (p_data + p_generator),
        "1 − D": p_generator / (p_data + p_generator),
    },
    terms=lambda p_data, p_generator, dout=1.0: {
        "dp_data": {
            "the numerator": dout / (p_data + p_generator),
            "the denominator": -dout * p_data / (p_data + p_generator) ** 2,
        },
    },
    mistakes=(
        Mistake("OPTIMAL_RATIO", lambda p_data, p_generator: p_data / p_generator),
        Mistake("OPTIMAL_RATIO", lambda p_data, p_generator: p_generator / p_data),
        Mistake("OPTIMAL_OF_FAKE", lambda p_data, p_generator: p_generator / (p_data + p_generator)),
        Mistake("OPTIMAL_LOGIT", lambda p_data, p_generator: np.log(p_data) - np.log(p_generator)),
        Mistake("OPTIMAL_SIGMOID_OF_DENSITIES", lambda p_data, p_generator: sigmoid(p_data - p_generator)),
        Mistake("OPTIMAL_SIGMOID_OF_DENSITIES", lambda p_data, p_generator: sigmoid(p_data / p_generator)),
        Mistake("OPTIMAL_SIGMOID_OF_DENSITIES", lambda p_data, p_generator: sigmoid(p_data)),
        Mistake("OPTIMAL_OVER_POINTS", lambda p_data, p_generator: p_data / (p_data + p_generator).sum()),
        Mistake("OPTIMAL_OVER_POINTS", lambda p_data, p_generator: p_data / p_data.sum()),
        Mistake(
            "OPTIMAL_NORMALISED",
            lambda p_data, p_generator: p_data / (p_data + p_generator) / (p_data / (p_data + p_generator)).sum(),
        ),
        Mistake(
            "OPTIMAL_NORMALISED",
            lambda p_data, p_generator: (
                p_data / p_data.sum() / (p_data / p_data.sum() + p_generator / p_generator.sum())
            ),
        ),
        *(Mistake("OPTIMAL_CLIPPED", _clipped(least)) for least in (0.1, 0.05, 0.02, 0.01)),
        Mistake("OPTIMAL_LOG", lambda p_data, p_generator: np.log(p_data / (p_data + p_generator))),
        Mistake("OPTIMAL_DIFFERENCE", lambda p_data, p_generator: (p_data - p_generator) / (p_data + p_generator)),
        Mistake("OPTIMAL_SQUARES", lambda p_data, p_generator: p_data**2 / (p_data**2 + p_generator**2)),
        Mistake(
            "OPTIMAL_SUM_FIXED", backward=lambda dout, p_data, p_generator: {"dp_data": dout / (p_data + p_generator)}
        ),
    ),
)


# ---------------------------------------------------------------------------------------------------- the discriminator
def discriminator_loss_forward(real_logits: Any, fake_logits: Any) -> Any:
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def discriminator_loss_backward(real_logits: Any, fake_logits: Any) -> Arrays:
    return {
        "dreal_logits": -sigmoid(-real_logits) / len(real_logits),
        "dfake_logits": sigmoid(fake_logits) / len(fake_logits),
    }


def _surprise(logits: Any, epsilon: float) -> Any:
    """−E ln D, with a number added to D: inside the logarithm."""
    return -np.log(sigmoid(logits) + epsilon).mean()


def _of_labels(real: float, fake: float) -> Any:
    """The cross-entropies with other labels than 1 and 0."""

    def forward(real_logits: Any, fake_logits: Any) -> Any:
        return (softplus(real_logits) - real * real_logits).mean() + (softplus(fake_logits) - fake * fake_logits).mean()

    return forward


DISCRIMINATOR_LOSS = Exercise(
    name="discriminator_loss",
    forward=discriminator_loss_forward,
    backward=discriminator_loss_backward,
    inputs={"real_logits": wide("N"), "fake_logits": wide("N")},
    letters="N",
    contract="−E ln D(x) − E ln(1 − D(G(z))) with D = σ(logit): the mean over the N real images plus the mean over"
    " the N generated ones; real_logits, fake_logits (N,) → a number",
    page="18-gan-gradients.md",
    equations=("18.1", "18.2"),
    stress=lambda rng, sizes: {"real_logits": huge("N")(rng, sizes), "fake_logits": huge("N")(rng, sizes)},
    quantities=lambda real_logits, fake_logits: {
        "the slope σ(1 − σ) of the real": sigmoid(real_logits) * sigmoid(-real_logits),
        "the slope σ(1 − σ) of the fake": sigmoid(fake_logits) * sigmoid(-fake_logits),
        "D of the real": sigmoid(real_logits),
        "D of the fake": sigmoid(fake_logits),
    },
    terms=lambda real_logits, fake_logits: {
        "out": {"the real images": softplus(-real_logits).mean(), "the fake images": softplus(fake_logits).mean()},
        "dreal_logits": {
            "σ(logit)": sigmoid(real_logits) / len(real_logits),
            "the label 1": np.full(real_logits.shape, -1 / len(real_logits)),
        },
    },
    mistakes=(
        Mistake(
            "GAN_LOG_OF_MEAN",
            lambda real_logits, fake_logits: (
                -np.log(sigmoid(real_logits).mean()) - np.log(sigmoid(-fake_logits).mean())
            ),
        ),
        Mistake("GAN_SMOOTHED", _of_labels(0.9, 0)),
        Mistake("GAN_SMOOTHED_BOTH", _of_labels(0.9, 0.1)),
        Mistake("GAN_SMOOTHED_FAKE", _of_labels(1, 0.1)),
        *(
            Mistake(
                "EPSILON_IN_LOG",
                lambda real_logits, fake_logits, e=e: _surprise(real_logits, e) + _surprise(-fake_logits, e),
            )
            for e in EPSILONS
        ),
        Mistake(
            "GAN_HINGE",
            lambda real_logits, fake_logits: (
                ((1 - real_logits) * (np.real(real_logits) < 1)).mean()
                + ((1 + fake_logits) * (np.real(fake_logits) > -1)).mean()
            ),
        ),
        Mistake(
            "GAN_LABELS_SWAPPED",
            lambda real_logits, fake_logits: softplus(real_logits).mean() + softplus(-fake_logits).mean(),
        ),
        Mistake(
            "GAN_FAKE_LABEL_ONE",
            lambda real_logits, fake_logits: softplus(-real_logits).mean() + softplus(-fake_logits).mean(),
        ),
        Mistake(
            "GAN_UNBOUNDED",
            lambda real_logits, fake_logits: softplus(-real_logits).mean() - softplus(-fake_logits).mean(),
        ),
        Mistake(
            "GAN_LEAST_SQUARES",
            lambda real_logits, fake_logits: ((real_logits - 1) ** 2).mean() / 2 + (fake_logits**2).mean() / 2,
        ),
        Mistake(
            "GAN_LEAST_SQUARES",
            lambda real_logits, fake_logits: (
                ((sigmoid(real_logits) - 1) ** 2).mean() + (sigmoid(fake_logits) ** 2).mean()
            ),
        ),
        Mistake("GAN_WASSERSTEIN", lambda real_logits, fake_logits: fake_logits.mean() - real_logits.mean()),
        Mistake(
            "GAN_SIGMOID_TWICE",
            lambda real_logits, fake_logits: discriminator_loss_forward(sigmoid(real_logits), sigmoid(fake_logits)),
        ),
        Mistake(
            "GAN_NO_LOG", lambda real_logits, fake_logits: sigmoid(fake_logits).mean() - sigmoid(real_logits).mean()
        ),
        Mistake(
            "GAN_NO_SIGMOID",
            backward=lambda real_logits, fake_logits: {
                "dreal_logits": (real_logits - 1) / len(real_logits),
                "dfake_logits": fake_logits / len(fake_logits),
            },
        ),
        Mistake(
            "GAN_OF_PROBABILITIES",
            backward=lambda real_logits, fake_logits: {
                "dreal_logits": -1 / sigmoid(real_logits) / len(real_logits),
                "dfake_logits": 1 / sigmoid(-fake_logits) / len(fake_logits),
            },
        ),
    ),
)


# -------------------------------------------------------------------------------------------------------- the generator
def generator_loss_minimax_forward(fake_logits: Any) -> Any:
    return -softplus(fake_logits).mean()


def generator_loss_minimax_backward(fake_logits: Any) -> Arrays:
    return {"dfake_logits": -sigmoid(fake_logits) / len(fake_logits)}


def generator_loss_non_saturating_forward(fake_logits: Any) -> Any:
    return softplus(-fake_logits).mean()


def generator_loss_non_saturating_backward(fake_logits: Any) -> Arrays:
    return {"dfake_logits": -sigmoid(-fake_logits) / len(fake_logits)}


def _generator_quantities(fake_logits: Any) -> Any:
    return {
        "D": sigmoid(fake_logits),
        "1 − D": sigmoid(-fake_logits),
        "the slope σ(1 − σ)": sigmoid(fake_logits) * sigmoid(-fake_logits),
    }


OTHER_GAMES = (
    Mistake("GAN_BOTH_LABELS", lambda fake_logits: (softplus(-fake_logits) + softplus(fake_logits)).mean()),
    Mistake("GAN_LEAST_SQUARES", lambda fake_logits: ((fake_logits - 1) ** 2).mean() / 2),
    Mistake("GAN_LEAST_SQUARES", lambda fake_logits: ((sigmoid(fake_logits) - 1) ** 2).mean()),
    Mistake("GAN_WASSERSTEIN", lambda fake_logits: -fake_logits.mean()),
    Mistake("GAN_NO_LOG", lambda fake_logits: -sigmoid(fake_logits).mean()),
)

GENERATOR_LOSS_MINIMAX = Exercise(
    name="generator_loss_minimax",
    forward=generator_loss_minimax_forward,
    backward=generator_loss_minimax_backward,
    inputs={"fake_logits": wide("N")},
    letters="N",
    contract="what the generator makes small in the minimax game, E ln(1 − D(G(z))) with D = σ(logit), the mean "
    "over the N images; fake_logits (N,) → a number",
    page="18-gan-gradients.md",
    equations=("18.3", "18.4"),
    stress=lambda rng, sizes: {"fake_logits": huge("N")(rng, sizes)},
    quantities=_generator_quantities,
    mistakes=(
        Mistake("GAN_LOG_OF_MEAN", lambda fake_logits: np.log(sigmoid(-fake_logits).mean())),
        Mistake("GENERATOR_NON_SATURATING", generator_loss_non_saturating_forward),
        *(Mistake("EPSILON_IN_LOG", lambda fake_logits, e=e: -_surprise(-fake_logits, e)) for e in EPSILONS),
        Mistake("GAN_SIGMOID_TWICE", lambda fake_logits: generator_loss_minimax_forward(sigmoid(fake_logits))),
        *OTHER_GAMES,
    ),
)

GENERATOR_LOSS_NON_SATURATING = Exercise(
    name="generator_loss_non_saturating",
    forward=generator_loss_non_saturating_forward,
    backward=generator_loss_non_saturating_backward,
    inputs={"fake_logits": wide("N")},
    letters="N",
    contract="what the generator makes small in practice, −E ln D(G(z)) with D = σ(logit), the mean over the N "
    "images; fake_logits (N,) → a number",
    page="18-gan-gradients.md",
    equations=("18.5", "18.6"),
    stress=lambda rng, sizes: {"fake_logits": huge("N")(rng, sizes)},
    quantities=_generator_quantities,
    terms=lambda fake_logits: {
        "dfake_logits": {
            "σ(logit)": sigmoid(fake_logits) / len(fake_logits),
            "the label 1": np.full(fake_logits.shape, -1 / len(fake_logits)),
        },
    },
    mistakes=(
        Mistake("GAN_LOG_OF_MEAN", lambda fake_logits: -np.log(sigmoid(fake_logits).mean())),
        Mistake("GENERATOR_SATURATING", generator_loss_minimax_forward),
        Mistake("GAN_NO_SIGMOID", backward=lambda fake_logits: {"dfake_logits": (fake_logits - 1) / len(fake_logits)}),
        Mistake("GENERATOR_LABEL_ZERO", lambda fake_logits: softplus(fake_logits).mean()),
        Mistake("GENERATOR_SMOOTHED", lambda fake_logits: (softplus(fake_logits) - 0.9 * fake_logits).mean()),
        *(Mistake("EPSILON_IN_LOG", lambda fake_logits, e=e: _surprise(fake_logits, e)) for e in EPSILONS),
        Mistake("GAN_SIGMOID_TWICE", lambda fake_logits: generator_loss_non_saturating_forward(sigmoid(fake_logits))),
        *OTHER_GAMES,
    ),
)


# --------------------------------------------------------------------------------------------------- a gradient penalty
def gradient_penalty_forward(slope: Any, strength: Any) -> Any:
    return strength * ((_length(slope) - 1) ** 2).mean()


def gradient_penalty_backward(slope: Any, strength: Any) -> Arrays:
    length = _length(slope)[:, None]
    return {"dslope": 2 * strength * (length - 1) * slope / length / len(slope)}


def _length(slope: Any) -> Any:
    return (slope**2).sum(1) ** 0.5


def slopes(rng: np.random.Generator, sizes: dict[str, int]) -> Any:
    """Vectors some of which are shorter than one, and some longer, in no order."""
    direction = rng.standard_normal((sizes["N"], sizes["D"]))
    lengths = np.where(rng.permutation(sizes["N"]) % 2, 1.2, 0.3) + 0.5 * rng.random(sizes["N"])
    return direction / _length(direction)[:, None] * lengths[:, None]


GRADIENT_PENALTY = Exercise(
    name="gradient_penalty",
    forward=gradient_penalty_forward,
    backward=gradient_penalty_backward,
    inputs={"slope": slopes, "strength": lambda rng, sizes: float(rng.uniform(2, 12))},
    letters="ND",
    contract="strength · E(‖s‖ − 1)² as a function of the critic's slope s by its input, ‖s‖ the length of each "
    "image's slope, the mean over the N images; slope (N, D), strength a number → a number; the "
    "derivative for the slope",
    page="18-gan-gradients.md",
    equations=("18.10", "18.12"),
    quantities=lambda slope, strength: {
        "the length ‖s‖": _length(slope)[:, None],
        "‖s‖ − 1": (_length(slope) - 1)[:, None],
    },
    terms=lambda slope, strength: {
        "out": {
            "the square of the length": strength * (slope**2).sum(1).mean(),
            "twice the length": -2 * strength * _length(slope).mean(),
            "the constant 1": strength,
        },
        "dslope": {
            "the length": 2 * strength * slope / len(slope),
            "the 1 that the length is to be": -2 * strength * slope / _length(slope)[:, None] / len(slope),
        },
    },
    mistakes=(
        Mistake("PENALTY_SQUARED_LENGTH", lambda slope, strength: strength * (((slope**2).sum(1) - 1) ** 2).mean()),
        Mistake("PENALTY_ZERO_CENTRED", lambda slope, strength: strength * (slope**2).sum(1).mean()),
        Mistake("PENALTY_NOT_SQUARED", lambda slope, strength: strength * (_length(slope) - 1).mean()),
        Mistake("PENALTY_ABSOLUTE", lambda slope, strength: strength * (((_length(slope) - 1) ** 2) ** 0.5).mean()),
        Mistake("PENALTY_EACH_NUMBER", lambda slope, strength: strength * ((slope - 1) ** 2).sum(1).mean()),
        Mistake(
            "PENALTY_EACH_NUMBER",
            lambda slope, strength: strength * ((absolute(slope) - 1) ** 2).sum(1).mean(),
        ),
        Mistake(
            "PENALTY_SUM_OF_SIZES",
            lambda slope, strength: strength * ((absolute(slope).sum(1) - 1) ** 2).mean(),
        ),
        Mistake("PENALTY_BATCH_LENGTH", lambda slope, strength: strength * ((slope**2).sum() ** 0.5 - 1) ** 2),
        Mistake("PENALTY_BATCH_AXIS", lambda slope, strength: strength * (((slope**2).sum(0) ** 0.5 - 1) ** 2).mean()),
        Mistake("PENALTY_OF_MEAN", lambda slope, strength: strength * (_length(slope).mean() - 1) ** 2),
        Mistake(
            "PENALTY_MEAN_SQUARE", lambda slope, strength: strength * (((slope**2).mean(1) ** 0.5 - 1) ** 2).mean()
        ),
        Mistake(
            "PENALTY_ONE_SIDED",
            lambda slope, strength: strength * ((_length(slope) - 1) ** 2 * (np.real(_length(slope)) > 1)).mean(),
        ),
        Mistake(
            "PENALTY_ONE_SIDED_SHORT",
            lambda slope, strength: strength * ((_length(slope) - 1) ** 2 * (np.real(_length(slope)) < 1)).mean(),
        ),
        Mistake(
            "PENALTY_CONSTANT_LENGTH",
            backward=lambda slope, strength: {
                "dslope": 2 * strength * (_length(slope) - 1)[:, None] * np.ones_like(slope) / len(slope)
            },
        ),
    ),
)


# ------------------------------------------------------------------------------------------ a penalty on the data alone
def r1_penalty_forward(slope: Any, gamma: Any) -> Any:
    return gamma / 2 * (slope**2).sum(1).mean()


def r1_penalty_backward(slope: Any, gamma: Any) -> Arrays:
    return {"dslope": gamma * slope / len(slope)}


R1_PENALTY = Exercise(
    name="r1_penalty",
    forward=r1_penalty_forward,
    backward=r1_penalty_backward,
    inputs={"slope": slopes, "gamma": lambda rng, sizes: float(rng.uniform(3, 12))},
    letters="ND",
    contract="γ/2 · E‖s‖² as a function of D's slope s by its input at N real images, ‖s‖ the length of each image's "
    "slope, the mean over the N images; slope (N, D), gamma a number → a number; the derivative for the slope",
    page="18-gan-gradients.md",
    equations=("18.11", "18.12"),
    quantities=lambda slope, gamma: {
        "the length ‖s‖": _length(slope)[:, None],
        "the sign of the slope": np.sign(slope),
    },
    mistakes=(
        Mistake("R1_ROOT", lambda slope, gamma: gamma / 2 * ((slope**2).sum(1).mean()) ** 0.5),
        Mistake("R1_NOT_SQUARED", lambda slope, gamma: gamma / 2 * _length(slope).mean()),
        Mistake("R1_TOWARDS_ONE", lambda slope, gamma: gamma / 2 * ((_length(slope) - 1) ** 2).mean()),
        Mistake("R1_TOWARDS_ONE", lambda slope, gamma: gamma / 2 * (((slope**2).sum(1) - 1) ** 2).mean()),
        Mistake("R1_SQUARED_TWICE", lambda slope, gamma: gamma / 2 * ((slope**2).sum(1) ** 2).mean()),
        Mistake("R1_OF_MEAN", lambda slope, gamma: gamma / 2 * (slope.mean(0) ** 2).sum()),
        Mistake("R1_OF_MEAN", lambda slope, gamma: gamma / 2 * _length(slope).mean() ** 2),
        Mistake("R1_SQUARE_OF_SUM", lambda slope, gamma: gamma / 2 * (slope.sum(1) ** 2).mean()),
        Mistake("PENALTY_SUM_OF_SIZES", lambda slope, gamma: gamma / 2 * (absolute(slope).sum(1) ** 2).mean()),
        Mistake("PENALTY_SUM_OF_SIZES", lambda slope, gamma: gamma / 2 * absolute(slope).sum(1).mean()),
        Mistake("PENALTY_BATCH_LENGTH", lambda slope, gamma: gamma / 2 * (slope**2).sum() ** 0.5),
        Mistake("PENALTY_BATCH_AXIS", lambda slope, gamma: gamma / 2 * ((slope**2).sum(0) ** 0.5).mean()),
    ),
)


# ---------------------------------------------------------------------------------------------------- one step unrolled
# As small as a game can be in which D learns: D is a line, a(x) = w·x, and the points are all that G has.
def unrolled_step_forward(real: Any, fake: Any, weight: Any, lr: Any) -> Any:
    return -_loss_of_D(real, fake, weight - lr * _slope_of_D(real, fake, weight))


def unrolled_step_backward(real: Any, fake: Any, weight: Any, lr: Any) -> Arrays:
    ahead = weight - lr * _slope_of_D(real, fake, weight)
    gain = -_slope_of_D(real, fake, ahead)  # of f by D's new weights
    d = sigmoid(fake @ weight)
    images = -np.outer(sigmoid(fake @ ahead), ahead)
    learned = -lr * (np.outer(d, gain) + np.outer(d * (1 - d) * (fake @ gain), weight))
    return {"dfake": (images + learned) / len(fake)}


def _loss_of_D(real: Any, fake: Any, weight: Any) -> Any:
    """What D makes small."""
    return discriminator_loss_forward(real @ weight, fake @ weight)


def _slope_of_D(real: Any, fake: Any, weight: Any) -> Any:
    """And its derivative by D's weights."""
    by = discriminator_loss_backward(real @ weight, fake @ weight)
    return by["dreal_logits"] @ real + by["dfake_logits"] @ fake


def line(rng: np.random.Generator, sizes: dict[str, int]) -> Any:
    """Weights whose logits are of order two: some as sure as a D that was clipped is not."""
    return 2 * rng.standard_normal(sizes["D"]) / math.sqrt(sizes["D"])


def _unrolled_paths(real: Any, fake: Any, weight: Any, lr: Any) -> Any:
    """The three ways in which a generated point gets into f."""
    ahead = weight - lr * _slope_of_D(real, fake, weight)
    gain, d, n = -_slope_of_D(real, fake, ahead), sigmoid(fake @ weight), len(fake)
    return {
        "the images": -np.outer(sigmoid(fake @ ahead), ahead) / n,
        "D's step, by its images": -lr * np.outer(d, gain) / n,
        "D's step, by its answers": -lr * np.outer(d * (1 - d) * (fake @ gain), weight) / n,
    }


def _ahead(step: Any = None, value: Any = None) -> Any:
    """The game with another gradient in D's step (real, fake, w), or another value of it (real, fake, w ahead)."""

    def forward(real: Any, fake: Any, weight: Any, lr: Any) -> Any:
        ahead = weight - lr * (step or _slope_of_D)(real, fake, weight)
        return value(real, fake, ahead) if value else -_loss_of_D(real, fake, ahead)

    return forward


def _two_paths(images: str = "ahead", gain: str = "ahead", step: str = "now") -> Any:
    """A backward whose factors in Eq. 21.3 are taken at other weights: "now" or "ahead"; "" where one is left out."""

    def backward(real: Any, fake: Any, weight: Any, lr: Any) -> Arrays:
        at = {"now": weight, "ahead": weight - lr * _slope_of_D(real, fake, weight)}
        first = -np.outer(sigmoid(fake @ at[images]), at[images])
        of_f = -_slope_of_D(real, fake, at[gain]) if gain else 0 * weight
        d = sigmoid(fake @ at[step])
        second = -lr * (np.outer(d, of_f) + np.outer(d * (1 - d) * (fake @ of_f), at[step]))
        return {"dfake": (first + second) / len(fake)}

    return backward


UNROLLED_STEP = Exercise(
    name="unrolled_step",
    forward=unrolled_step_forward,
    backward=unrolled_step_backward,
    inputs={"real": "ND", "fake": "ND", "weight": line, "lr": lambda rng, sizes: float(rng.uniform(0.3, 0.9))},
    contract="what a generator that looks one step ahead makes small, in the minimax game against a D that is a line, "
    "of logits a(x) = w·x: f₁ = −L_D(w₁), its term of the real images included. L_D(w) = E ln(1 + e^−a(real)) + "
    "E ln(1 + e^a(fake)) is the discriminator's loss, each mean over N images; w₁ = w − lr·∂L_D/∂w is D after one step "
    "on it. real, fake (N, D), weight w (D,), lr a number → a number; the derivative for fake, which gets into f₁ by "
    "the images and by D's step",
    page="21-unrolling.md",
    equations=("21.1", "21.2", "21.3"),
    stress=lambda rng, sizes: {
        "real": rng.standard_normal((sizes["N"], sizes["D"])),
        "fake": rng.standard_normal((sizes["N"], sizes["D"])),
        "weight": 1e3 * line(rng, sizes),
        "lr": 0.5,
    },
    quantities=lambda real, fake, weight, lr: {
        "D of the fake": sigmoid(fake @ weight)[:, None],
        "D of the fake, a step later": sigmoid(fake @ (weight - lr * _slope_of_D(real, fake, weight)))[:, None],
        "D's new weights": weight - lr * _slope_of_D(real, fake, weight),
    },
    terms=lambda real, fake, weight, lr: {"dfake": _unrolled_paths(real, fake, weight, lr)},
    mistakes=(
        Mistake("UNROLLED_ONE_PATH", backward=_two_paths(gain="")),
        Mistake("UNROLLED_NOT_AT_ALL", lambda real, fake, weight, lr: -_loss_of_D(real, fake, weight)),
        Mistake("UNROLLED_IMAGES_BEFORE", backward=_two_paths(images="now")),
        Mistake("UNROLLED_GAIN_BEFORE", backward=_two_paths(gain="now")),
        Mistake("UNROLLED_GAIN_BEFORE", backward=_two_paths(images="now", gain="now")),
        Mistake("UNROLLED_STEP_AHEAD", backward=_two_paths(step="ahead")),
        Mistake("UNROLLED_ASCENT", _ahead(lambda real, fake, weight: -_slope_of_D(real, fake, weight))),
        Mistake(
            "GAN_FAKE_LABEL_ONE",
            _ahead(value=lambda real, fake, ahead: -(softplus(-(real @ ahead)) + softplus(-(fake @ ahead))).mean()),
        ),
        Mistake("GAN_WASSERSTEIN", _ahead(value=lambda real, fake, ahead: -(fake @ ahead).mean())),
        Mistake("GAN_WASSERSTEIN", _ahead(value=lambda real, fake, ahead: (real @ ahead - fake @ ahead).mean())),
        Mistake("UNROLLED_NO_REAL", _ahead(value=lambda real, fake, ahead: -softplus(fake @ ahead).mean())),
        Mistake("GENERATOR_NON_SATURATING", _ahead(value=lambda real, fake, ahead: softplus(-(fake @ ahead)).mean())),
        Mistake(
            "GENERATOR_NON_SATURATING",
            _ahead(value=lambda real, fake, ahead: (softplus(-(fake @ ahead)) - softplus(-(real @ ahead))).mean()),
        ),
        Mistake(
            "UNROLLED_RATE",
            lambda real, fake, weight, lr: -_loss_of_D(real, fake, weight - _slope_of_D(real, fake, weight)),
        ),
        Mistake("UNROLLED_SUMMED", _ahead(lambda real, fake, weight: len(real) * _slope_of_D(real, fake, weight))),
        Mistake("UNROLLED_HALVED", _ahead(lambda real, fake, weight: _slope_of_D(real, fake, weight) / 2)),
        Mistake(
            "UNROLLED_TWO_STEPS",
            lambda real, fake, weight, lr: unrolled_step_forward(
                real, fake, weight - lr * _slope_of_D(real, fake, weight), lr
            ),
        ),
        Mistake("UNROLLED_STEP_OF_FAKE", _ahead(lambda real, fake, weight: sigmoid(fake @ weight) @ fake / len(fake))),
        Mistake(
            "UNROLLED_STEP_OF_REAL", _ahead(lambda real, fake, weight: -sigmoid(-(real @ weight)) @ real / len(real))
        ),
        Mistake("UNROLLED_STEP_LINEAR", _ahead(lambda real, fake, weight: fake.mean(0) - real.mean(0))),
        Mistake(
            "UNROLLED_STEP_LABELS",
            _ahead(
                lambda real, fake, weight: (sigmoid(fake @ weight) @ fake - sigmoid(real @ weight) @ real) / len(real)
            ),
        ),
        Mistake(
            "UNROLLED_STEP_LABELS",
            _ahead(
                lambda real, fake, weight: (sigmoid(fake @ weight) @ fake + sigmoid(real @ weight) @ real) / len(real)
            ),
        ),
        Mistake(
            "UNROLLED_STEP_FAKE_ONE",
            _ahead(
                lambda real, fake, weight: (
                    -(sigmoid(-(fake @ weight)) @ fake + sigmoid(-(real @ weight)) @ real) / len(real)
                )
            ),
        ),
        Mistake(
            "UNROLLED_STEP_LABELS",
            _ahead(
                lambda real, fake, weight: (
                    (sigmoid(fake @ weight) @ fake + sigmoid(-(real @ weight)) @ real) / len(real)
                )
            ),
        ),
    ),
)


EXERCISES = (
    OPTIMAL_DISCRIMINATOR,
    DISCRIMINATOR_LOSS,
    GENERATOR_LOSS_MINIMAX,
    GENERATOR_LOSS_NON_SATURATING,
    GRADIENT_PENALTY,
    R1_PENALTY,
    UNROLLED_STEP,
)
