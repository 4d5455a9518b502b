"""Slopes with error bars: noise, kinks near and far, the ends of a domain, float32."""

import math

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from scratchgen.checker.numerics import complex_step, is_float32_inside, slope

finite = st.floats(-3, 3)


@hypothesis.given(finite, st.sampled_from([1e-6, 1.0, 1e6]), st.sampled_from([0.0, 1e3]))
def test_the_right_slope_agrees_at_every_scale(x, scale, offset):
    """And one that is off by a tenth of a per cent does not, unless the offset's noise hides it."""
    found = slope(lambda t: scale * (math.sin(x + t) + 2 * (x + t) + offset))
    right = scale * (math.cos(x) + 2)
    assert found.agrees(right)
    assert not found.rough
    assert not found.agrees(1.001 * right)


def test_the_value_is_far_better_than_its_bar():
    """Richardson's: of the h²/24 = 2e-7 that the bar tells nothing is left."""
    for x in np.linspace(-1, 1, 21):
        found = slope(lambda t, x=x: math.exp(x + t))
        assert found.value == pytest.approx(math.exp(x), rel=1e-11)


@hypothesis.given(finite, st.floats(-4.5, -1), st.sampled_from([-1.0, 1.0]))
def test_a_kink_close_by_is_left_behind(x, exponent, side):
    """relu at a distance from 3e-5 to 0.1, on a curve."""
    kink = side * 10**exponent
    found = slope(lambda t: max(t - kink, 0.0) + math.exp(0.3 * (x + t)))
    assert found.agrees(0.3 * math.exp(0.3 * x) + (kink < 0))
    assert not found.agrees(0.3 * math.exp(0.3 * x) + (kink > 0))


@hypothesis.given(finite, st.floats(0.1, 5))
def test_a_kink_at_the_point_is_found_with_both_slopes(x, jump):
    found = slope(lambda t: math.sin(x + t) + jump * abs(t))
    assert found.rough
    assert found.left == pytest.approx(math.cos(x) - jump, abs=1e-5)
    assert found.right == pytest.approx(math.cos(x) + jump, abs=1e-5)
    assert found.agrees(math.cos(x))


def test_what_cancels_in_a_sum_is_noise_all_the_same():
    """A million and minus a million: as a number the sum looks quiet, as an array it does not."""
    big = np.array([1e6, -1e6, 0.0])

    def line(t):
        return big * (1 + t / 3) ** 3 + np.array([0.0, 0.0, math.sin(t)])

    found = slope(line)
    assert found.agrees(1.0)
    assert found.error > 8e-7
    still = slope(lambda t: np.array([1e6, -1e6, math.sin(t)]))  # what does not move adds no noise
    assert still.error < 2e-7


def test_near_the_end_of_the_domain_smaller_steps_are_taken():
    for x in (1e-3, 1e-5):
        found = slope(lambda t, x=x: np.log(x + t))
        assert not found.rough
        assert found.agrees(1 / x)
        assert 10 * found.error < 1e-3 / x
    at_the_end = slope(lambda t: np.sqrt(t))
    assert at_the_end.rough
    assert not any(at_the_end.agrees(g) for g in (0.0, 1.0, 1e6))


def test_scale_and_step():
    steps = []
    slope(lambda t: steps.append(t) or t, scale=100.0)
    assert max(steps) == pytest.approx(0.2)
    assert slope(lambda t: (1e4 + t) ** 2, scale=1e4).agrees(2e4)


def test_a_constant_has_the_slope_zero_and_no_error():
    found = slope(lambda t: 5.0)
    assert (found.value, found.error, found.rough) == (0.0, 0.0, False)
    assert found.agrees(0.0)
    assert not found.agrees(1e-12)


def test_rounding_can_be_told():
    """float32 values: in the belief that they are float64 the bar is too short, with their own ε it holds."""
    places = np.random.default_rng(0).uniform(-1, 1, 50)

    def share(rounding, step):
        found = [slope(lambda t, x=x: np.float32(np.exp(x + t)), 1.0, step, rounding) for x in places]
        return np.mean([f.agrees(math.exp(x)) for f, x in zip(found, places)])

    single = float(np.finfo(np.float32).eps)
    assert share(single, (48 * single) ** (1 / 3)) == 1.0
    assert share(2.2e-16, 2e-3) < 0.7


# ------------------------------------------------------------------------------------------------------------- float32
def mlp(a, dtype=np.float64):
    return np.tanh(a["x"].astype(dtype) @ a["w"].astype(dtype))


def arguments(rng):
    return {"x": rng.standard_normal((8, 5)), "w": rng.standard_normal((5, 12)), "labels": np.arange(8), "lr": 0.1}


@pytest.mark.parametrize(
    ("f", "inside"),
    [
        (mlp, False),
        (lambda a: mlp(a).astype(np.float32), True),
        (lambda a: mlp(a).astype(np.float32).astype(np.float64), True),
        (lambda a: mlp(a, np.float32), True),
        (lambda a: mlp(a, np.float16), True),
        (lambda a: np.maximum(mlp(a), 0), False),
        (lambda a: np.maximum(mlp(a, np.float32), 0), True),
        (lambda a: float(np.float32(mlp(a).sum())), True),
        (lambda a: mlp(a).sum(), False),
        (lambda a: 1e3 + mlp(a).mean(), False),
        (lambda a: 1e9 + mlp(a).sum(), False),  # float64 stands still as well
        (lambda a: np.float32(1e3 + mlp(a)), True),
        (lambda a: np.zeros(3), False),  # moves with nothing, and so tells nothing
        (lambda a: np.sign(mlp(a)), False),
        (lambda a: a["labels"] * a["lr"], False),
    ],
)
def test_float32_is_noticed_and_nothing_else(f, inside):
    """Also where many numbers come out, of which by chance one may change."""
    rng = np.random.default_rng(2)
    assert [is_float32_inside(f, arguments(rng), rng) for _ in range(20)] == [inside] * 20


def test_the_probe_changes_no_argument():
    rng = np.random.default_rng(3)
    given = arguments(rng)
    before = {name: np.copy(value) for name, value in given.items()}
    is_float32_inside(mlp, given, rng)
    assert all(np.array_equal(given[name], before[name]) for name in given)


# -------------------------------------------------------------------------------------------------------- complex step
def test_complex_steps_are_exact_for_every_argument():
    rng = np.random.default_rng(4)
    x, w, dout = (rng.standard_normal(shape) for shape in ((4, 3), (3, 2), (4, 2)))
    hidden = np.tanh(x @ w)

    def f(x, w, power):
        return np.tanh(x @ w) ** power

    both = {"x": x, "w": w, "power": 2}
    back = dout * 2 * hidden * (1 - hidden**2)
    np.testing.assert_allclose(complex_step(f, both, dout, "x"), back @ w.T, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(complex_step(f, both, dout, "w"), x.T @ back, rtol=1e-13, atol=1e-15)
    assert complex_step(lambda s: s**2, {"s": 3.0}, 1.0, "s") == pytest.approx(6.0)
    assert complex_step(f, {"x": np.zeros((0, 3)), "w": w, "power": 2}, np.zeros((0, 2)), "x").shape == (0, 3)
