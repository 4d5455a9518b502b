"""The gradient of a model against differences, along a random direction of every parameter."""

import pytest


def check_slopes(model, loss, rng):
    """`loss()` is a Tensor, the same at each call. Five points (Eq. 0.11): relative error 1e-6 in float64. Returns the
    slopes by parameter."""
    model.zero_grad()
    loss().backward()
    slopes = {}
    for name, parameter in model.named_parameters():
        direction = rng.standard_normal(parameter.shape)
        slopes[name] = float((parameter.grad.numpy() * direction).sum())
        kept, values = parameter.data.copy(), {}
        for step in (-2e-4, -1e-4, 1e-4, 2e-4):
            parameter.data[...] = kept + step * direction
            values[step] = loss().item()
        parameter.data[...] = kept
        difference = (8 * (values[1e-4] - values[-1e-4]) - (values[2e-4] - values[-2e-4])) / 12e-4
        assert slopes[name] == pytest.approx(difference, rel=1e-6, abs=1e-8), name
    return slopes
