"""A game of two: what the discriminator and the generator make small, as functions of the discriminator's logits.

The logit a of an image says how sure D is that it is real: D = σ(a). All losses are means over the minibatch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .exercise import Arrays, Exercise, Mistake
from .losses import huge, sigmoid, softplus

__all__ = ["EXERCISES"]


# ---------------------------------------------------------------------------------------------------- the discriminator
def discriminator_loss_forward(real_logits: Any, fake_logits: Any) -> Any:
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def discriminator_loss_backward(real_logits: Any, fake_logits: Any) -> Arrays:
    return {
        "dreal_logits": -sigmoid(-real_logits) / len(real_logits),
        "dfake_logits": sigmoid(fake_logits) / len(fake_logits),
    }


DISCRIMINATOR_LOSS = Exercise(
    name="discriminator_loss",
    forward=discriminator_loss_forward,
    backward=discriminator_loss_backward,
    inputs={"real_logits": "N", "fake_logits": "N"},
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
        Mistake(
            "GAN_SMOOTHED",
            lambda real_logits, fake_logits: (
                (softplus(real_logits) - 0.9 * real_logits).mean() + softplus(fake_logits).mean()
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
    Mistake("GAN_LEAST_SQUARES", lambda fake_logits: ((fake_logits - 1) ** 2).mean() / 2),
    Mistake("GAN_LEAST_SQUARES", lambda fake_logits: ((sigmoid(fake_logits) - 1) ** 2).mean()),
    Mistake("GAN_WASSERSTEIN", lambda fake_logits: -fake_logits.mean()),
    Mistake("GAN_NO_LOG", lambda fake_logits: -sigmoid(fake_logits).mean()),
)

GENERATOR_LOSS_MINIMAX = Exercise(
    name="generator_loss_minimax",
    forward=generator_loss_minimax_forward,
    backward=generator_loss_minimax_backward,
    inputs={"fake_logits": "N"},
    contract="what the generator makes small in the minimax game, E ln(1 − D(G(z))) with D = σ(logit), the mean "
    "over the N images; fake_logits (N,) → a number",
    page="18-gan-gradients.md",
    equations=("18.3", "18.4"),
    stress=lambda rng, sizes: {"fake_logits": huge("N")(rng, sizes)},
    quantities=_generator_quantities,
    mistakes=(
        Mistake("GAN_LOG_OF_MEAN", lambda fake_logits: np.log(sigmoid(-fake_logits).mean())),
        Mistake("GENERATOR_NON_SATURATING", generator_loss_non_saturating_forward),
        Mistake("GAN_SIGMOID_TWICE", lambda fake_logits: generator_loss_minimax_forward(sigmoid(fake_logits))),
        *OTHER_GAMES,
    ),
)

GENERATOR_LOSS_NON_SATURATING = Exercise(
    name="generator_loss_non_saturating",
    forward=generator_loss_non_saturating_forward,
    backward=generator_loss_non_saturating_backward,
    inputs={"fake_logits": "N"},
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
        Mistake("GENERATOR_LABEL_ZERO", lambda fake_logits: softplus(fake_logits).mean()),
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
    """Vectors some of which are shorter than one, and some longer."""
    direction = rng.standard_normal((sizes["N"], sizes["D"]))
    lengths = np.where(np.arange(sizes["N"]) % 2, 1.2, 0.3) + 0.5 * rng.random(sizes["N"])
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
        Mistake("PENALTY_NOT_SQUARED", lambda slope, strength: strength * (((_length(slope) - 1) ** 2) ** 0.5).mean()),
        Mistake("PENALTY_EACH_NUMBER", lambda slope, strength: strength * ((slope - 1) ** 2).sum(1).mean()),
        Mistake(
            "PENALTY_EACH_NUMBER",
            lambda slope, strength: strength * ((slope * np.sign(np.real(slope)) - 1) ** 2).sum(1).mean(),
        ),
        Mistake(
            "PENALTY_SUM_OF_SIZES",
            lambda slope, strength: strength * (((slope * np.sign(np.real(slope))).sum(1) - 1) ** 2).mean(),
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
            "PENALTY_CONSTANT_LENGTH",
            backward=lambda slope, strength: {
                "dslope": 2 * strength * (_length(slope) - 1)[:, None] * np.ones_like(slope) / len(slope)
            },
        ),
    ),
)


EXERCISES = (DISCRIMINATOR_LOSS, GENERATOR_LOSS_MINIMAX, GENERATOR_LOSS_NON_SATURATING, GRADIENT_PENALTY)
