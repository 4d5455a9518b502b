"""One step of an optimizer: from a parameter, its gradient, and what is remembered, to their new values."""

from __future__ import annotations

from typing import Any

import numpy as np

from .exercise import Arrays, Exercise, Mistake

__all__ = ["EXERCISES"]


def between(low: float, high: float) -> Any:
    """A plain number."""
    return lambda rng, sizes: float(rng.uniform(low, high))


# ----------------------------------------------------------------------------------------------------- gradient descent
def sgd_step(parameter: Any, gradient: Any, lr: Any) -> Arrays:
    return {"parameter": parameter - lr * gradient}


SGD_STEP = Exercise(
    name="sgd_step",
    forward=sgd_step,
    backward=None,
    inputs={"parameter": "HD", "gradient": "HD", "lr": between(0.05, 0.5)},
    contract="one step of gradient descent, downhill; parameter θ, its gradient g (H, D), learning rate lr → the "
    "new parameter θ − lr·g",
    page="21-unrolling.md",
    equations=("21.1",),
    terms=lambda parameter, gradient, lr: {"parameter": {"the old parameter": parameter, "the step": -lr * gradient}},
    mistakes=(
        Mistake("STEP_OF_SIGN", lambda parameter, gradient, lr: {"parameter": parameter - lr * np.sign(gradient)}),
        Mistake(
            "STEP_NORMALISED",
            lambda parameter, gradient, lr: {"parameter": parameter - lr * gradient / np.sqrt((gradient**2).sum())},
        ),
    ),
)


# ------------------------------------------------------------------------------------------------------------- momentum
def momentum_step(parameter: Any, gradient: Any, velocity: Any, lr: Any, momentum: Any) -> Arrays:
    velocity = momentum * velocity + gradient
    return {"parameter": parameter - lr * velocity, "velocity": velocity}


def _momentum(of_velocity: Any, of_parameter: Any = None) -> Any:
    """A step with another velocity (u, g, lr, μ), or another parameter (θ, u new, u old, g, lr, μ)."""

    def step(parameter: Any, gradient: Any, velocity: Any, lr: Any, momentum: Any) -> Arrays:
        new = of_velocity(velocity, gradient, lr, momentum)
        moved = of_parameter(parameter, new, velocity, gradient, lr, momentum) if of_parameter else parameter - lr * new
        return {"parameter": moved, "velocity": new}

    return step


MOMENTUM_STEP = Exercise(
    name="momentum_step",
    forward=momentum_step,
    backward=None,
    inputs={
        "parameter": "HD",
        "gradient": "HD",
        "velocity": "HD",
        "lr": between(0.05, 0.5),
        "momentum": between(0.5, 0.95),
    },
    contract="one step with momentum μ: the new velocity u ← μ·u + g, then the parameter θ ← θ − lr·u with the new"
    " u; parameter θ, gradient g, velocity u (H, D), lr, momentum μ numbers → the new parameter and the "
    "new velocity",
    page="21-unrolling.md",
    equations=("21.11",),
    terms=lambda parameter, gradient, velocity, lr, momentum: {
        "velocity": {"the old velocity": momentum * velocity, "the gradient": gradient},
        "parameter": {
            "the old parameter": parameter,
            "the old velocity": -lr * momentum * velocity,
            "the gradient": -lr * gradient,
        },
    },
    mistakes=(
        Mistake(
            "MOMENTUM_RATE_INSIDE",
            _momentum(lambda u, g, lr, mu: mu * u - lr * g, lambda p, new, u, g, lr, mu: p + new),
        ),
        Mistake(
            "MOMENTUM_RATE_INSIDE",
            _momentum(lambda u, g, lr, mu: mu * u + lr * g, lambda p, new, u, g, lr, mu: p - new),
        ),
        Mistake("MOMENTUM_RATE_TWICE", _momentum(lambda u, g, lr, mu: mu * u + lr * g)),
        Mistake("MOMENTUM_AVERAGE", _momentum(lambda u, g, lr, mu: mu * u + (1 - mu) * g)),
        Mistake("MOMENTUM_EXCHANGED", _momentum(lambda u, g, lr, mu: (1 - mu) * u + mu * g)),
        Mistake(
            "MOMENTUM_OLD_VELOCITY", _momentum(lambda u, g, lr, mu: mu * u + g, lambda p, new, u, g, lr, mu: p - lr * u)
        ),
        Mistake(
            "MOMENTUM_NESTEROV",
            _momentum(lambda u, g, lr, mu: mu * u + g, lambda p, new, u, g, lr, mu: p - lr * (g + mu * new)),
        ),
        Mistake(
            "MOMENTUM_NOT_USED", _momentum(lambda u, g, lr, mu: mu * u + g, lambda p, new, u, g, lr, mu: p - lr * g)
        ),
    ),
)


# ----------------------------------------------------------------------------------------------------------------- Adam
def adam_step(
    parameter: Any, gradient: Any, m: Any, v: Any, t: Any, lr: Any, beta1: Any, beta2: Any, eps: Any
) -> Arrays:
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return {"parameter": parameter - lr * m_hat / (np.sqrt(v_hat) + eps), "m": m, "v": v}


def _adam(change: Any = None, moments: Any = None) -> Any:
    """A step with another change of the parameter (m, v, t, β₁, β₂, ε), or other moments (g, m, v, β₁, β₂)."""

    def step(
        parameter: Any, gradient: Any, m: Any, v: Any, t: Any, lr: Any, beta1: Any, beta2: Any, eps: Any
    ) -> Arrays:
        old = m, v
        m, v = (moments or _moments)(gradient, m, v, beta1, beta2)
        moved = (change or _change)(m, v, t, beta1, beta2, eps, *old)
        return {"parameter": parameter - lr * moved, "m": m, "v": v}

    return step


def _moments(g: Any, m: Any, v: Any, beta1: Any, beta2: Any) -> Any:
    return beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2


def _centred(g: Any, m: Any, v: Any, beta1: Any, beta2: Any) -> Any:
    m, _ = _moments(g, m, v, beta1, beta2)
    return m, beta2 * v + (1 - beta2) * (g - m) ** 2


def _change(m: Any, v: Any, t: Any, beta1: Any, beta2: Any, eps: Any, *old: Any) -> Any:
    return m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)


ADAM_STEP = Exercise(
    name="adam_step",
    forward=adam_step,
    backward=None,
    inputs={
        "parameter": "HD",
        "gradient": "HD",
        "m": lambda rng, sizes: 0.3 * rng.standard_normal((sizes["H"], sizes["D"])),
        "v": lambda rng, sizes: rng.uniform(0.02, 0.2, (sizes["H"], sizes["D"])),
        "t": lambda rng, sizes: int(rng.integers(2, 9)),
        "lr": between(0.05, 0.5),
        "beta1": between(0.8, 0.95),
        "beta2": between(0.96, 0.99),
        "eps": lambda rng, sizes: 1e-8,
    },
    contract="one step of Adam: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², both corrected for their start at 0 by "
    "1 − βᵗ, and θ ← θ − lr·m̂/(√v̂ + ε); parameter θ, gradient g, m, v (H, D); t the number of this "
    "step, 1 for the first; lr, beta1, beta2, eps numbers → the new parameter, m and v (before the "
    "correction). Eq. 21.4 is the same step with sums for these averages: the factors 1 − β drawn out of m and v",
    page="21-unrolling.md",
    equations=("21.4", "21.6"),
    terms=lambda parameter, gradient, m, v, t, lr, beta1, beta2, eps: {
        "m": {"the old m": beta1 * m, "the gradient": (1 - beta1) * gradient},
        "v": {"the old v": beta2 * v, "the squared gradient": (1 - beta2) * gradient**2},
        "parameter": {
            "the old parameter": parameter,
            "the step": adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps)["parameter"] - parameter,
        },
    },
    mistakes=(
        Mistake("ADAM_NO_CORRECTION", _adam(lambda m, v, t, b1, b2, eps, *old: m / (np.sqrt(v) + eps))),
        Mistake("ADAM_M_NOT_CORRECTED", _adam(lambda m, v, t, b1, b2, eps, *old: m / (np.sqrt(v / (1 - b2**t)) + eps))),
        Mistake("ADAM_V_NOT_CORRECTED", _adam(lambda m, v, t, b1, b2, eps, *old: m / (1 - b1**t) / (np.sqrt(v) + eps))),
        Mistake("ADAM_CORRECTION_EXCHANGED", _adam(lambda m, v, t, b1, b2, eps, *old: _change(m, v, t, b2, b1, eps))),
        Mistake("ADAM_STEP_NUMBER", _adam(lambda m, v, t, *rest: _change(m, v, t - 1, *rest))),
        Mistake("ADAM_STEP_NUMBER", _adam(lambda m, v, t, *rest: _change(m, v, t + 1, *rest))),
        Mistake(
            "ADAM_CORRECTED_BY_BETA",
            _adam(lambda m, v, t, b1, b2, eps, *old: m / (1 - b1) / (np.sqrt(v / (1 - b2)) + eps)),
        ),
        Mistake(
            "ADAM_CORRECTED_BY_BETA",
            _adam(lambda m, v, t, b1, b2, eps, *old: m / (1 - b1 * t) / (np.sqrt(np.abs(v / (1 - b2 * t))) + eps)),
        ),
        Mistake("ADAM_NO_ROOT", _adam(lambda m, v, t, b1, b2, eps, *old: m / (1 - b1**t) / (v / (1 - b2**t) + eps))),
        Mistake(
            "ADAM_OLD_MOMENTS", _adam(lambda m, v, t, b1, b2, eps, m_old, v_old: _change(m_old, v_old, t, b1, b2, eps))
        ),
        Mistake("ADAM_BETAS_EXCHANGED", _adam(None, lambda g, m, v, b1, b2: _moments(g, m, v, b2, b1))),
        Mistake("ADAM_WEIGHTS_EXCHANGED", _adam(None, lambda g, m, v, b1, b2: _moments(g, m, v, 1 - b1, 1 - b2))),
        Mistake(
            "ADAM_NOT_SQUARED",
            _adam(None, lambda g, m, v, b1, b2: (b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * np.abs(g))),
        ),
        Mistake(
            "ADAM_NOT_SQUARED", _adam(None, lambda g, m, v, b1, b2: (b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g))
        ),
        Mistake(
            "ADAM_NO_M",
            _adam(
                lambda m, v, t, b1, b2, eps, m_old, v_old: (
                    (m - b1 * m_old) / (1 - b1) / (np.sqrt(v / (1 - b2**t)) + eps)
                )
            ),
        ),
        Mistake(
            "ADAM_CORRECTION_OUTSIDE_ROOT",
            _adam(lambda m, v, t, b1, b2, eps, *old: m / (1 - b1**t) / (np.sqrt(v) / (1 - b2**t) + eps)),
        ),
        Mistake(
            "ADAM_CORRECTION_OUTSIDE_ROOT",
            _adam(lambda m, v, t, b1, b2, eps, *old: m / (1 - b1**t) / (np.sqrt(v) + eps) / (1 - b2**t)),
        ),
        Mistake("ADAM_CENTRED", _adam(None, _centred)),
        Mistake(
            "ADAM_OLD_MOMENTS",
            _adam(lambda m, v, t, b1, b2, eps, m_old, v_old: _change(m, v_old, t, b1, b2, eps)),
        ),
        Mistake(
            "ADAM_OLD_MOMENTS",
            _adam(lambda m, v, t, b1, b2, eps, m_old, v_old: _change(m_old, v, t, b1, b2, eps)),
        ),
        Mistake("ADAM_SUM", _adam(None, lambda g, m, v, b1, b2: (b1 * m + g, b2 * v + g**2))),
        Mistake(
            "ADAM_RETURNS_CORRECTED",
            lambda parameter, gradient, m, v, t, lr, beta1, beta2, eps: _corrected(gradient, m, v, t, beta1, beta2),
        ),
        *(
            Mistake("ADAM_EPS", _adam(lambda m, v, t, b1, b2, eps, *old, wrong=wrong: _change(m, v, t, b1, b2, wrong)))
            for wrong in (1e-2, 1e-3, 1e-4, 1e-5)
        ),
        *(
            Mistake(
                "ADAM_EPS",
                _adam(
                    lambda m, v, t, b1, b2, eps, *old, wrong=wrong: m / (1 - b1**t) / np.sqrt(v / (1 - b2**t) + wrong)
                ),
            )
            for wrong in (1e-2, 1e-3, 1e-4, 1e-5)
        ),
    ),
)


def _corrected(gradient: Any, m: Any, v: Any, t: Any, beta1: Any, beta2: Any) -> Arrays:
    m, v = _moments(gradient, m, v, beta1, beta2)
    return {"m": m / (1 - beta1**t), "v": v / (1 - beta2**t)}


EXERCISES = (SGD_STEP, MOMENTUM_STEP, ADAM_STEP)
