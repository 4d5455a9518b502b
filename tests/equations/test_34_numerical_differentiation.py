"""Page 34: differences, their errors, and what they do not see."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.special

from demos.differences import accepted, central, foretold, forward, functions, lines, missed, richardson, truth
from scratchgen.checker.numerics import (
    DOUBLE,
    PROBE,
    SINGLE,
    Slope,
    complex_step,
    is_float32_inside,
    miss_probability,
    slope,
    smallest_error_seen,
)
from tests.checker.direct import Variant

X, H = Fraction(3, 7), Fraction(1, 5)


def derivative(n, k, x):
    """Of tⁿ, k times."""
    return math.perm(n, k) * x ** (n - k) if k <= n else 0


def power(n):
    return lambda t: (X + t) ** n


# ------------------------------------------------------------------------------------------- exactly, in fractions
@pytest.mark.equation("34.1")
def test_a_forward_difference_is_off_by_half_the_second_derivative():
    """Exactly, where the series ends there."""
    assert forward(power(1), H) == 1
    for step in (H, H / 3):
        assert forward(power(2), step) - 2 * X == step / 2 * derivative(2, 2, X)


@pytest.mark.equation("34.3")
def test_a_central_difference_has_even_terms_only():
    for n in range(6):
        expected = sum(H**k / Fraction(math.factorial(k + 1)) * derivative(n, k + 1, X) for k in (0, 2, 4))
        assert central(power(n), H) == expected


@pytest.mark.equation("34.4", "0.11")
def test_richardson_takes_the_term_in_h_squared_away():
    """Exact to the fourth degree; in the fifth −h⁴ f⁗′/480 = −h⁴/4. And it is page 0's formula of five points."""
    for n in range(5):
        assert richardson(power(n), H) == derivative(n, 1, X)
    assert richardson(power(5), H) - derivative(5, 1, X) == -(H**4) / 480 * 120
    f, h = power(7), H / 2
    assert richardson(power(7), H) == (f(-2 * h) - 8 * f(-h) + 8 * f(h) - f(2 * h)) / (12 * h)


@pytest.mark.equation("34.6")
def test_jumps_of_curves_and_of_kinks():
    def jump(f, h):
        return abs((f(h) - f(0)) / h - (f(0) - f(-h)) / h)

    assert jump(power(2), H) == 2 * jump(power(2), H / 2) == 2 * H
    assert jump(power(4), H) - 2 * jump(power(4), H / 2) == derivative(4, 4, X) * H**3 / 16  # of order h³
    for distance in (Fraction(0), H / 10, H / 2, H, 2 * H):

        def kink(t, distance=distance):
            return 2 * t + 3 * max(t - distance, 0)

        assert jump(kink, H) == 3 * max(1 - distance / H, 0)
    assert jump(abs, H) == jump(abs, H / 2) == 2


# ------------------------------------------------------------------------------------------------- rounding, and steps
@pytest.mark.equation("34.2")
@pytest.mark.parametrize(("method", "p", "a", "b"), [(forward, 1, 1 / 2, 2), (central, 2, 1 / 6, 1),
                                                     (richardson, 4, 1 / 480, 3)])  # fmt: skip
def test_the_best_step_is_where_the_formula_says(method, p, a, b):
    """eˣ at 400 places, all of its derivatives as large as itself: thirty times smaller or larger steps are worse, and
    the error is no larger than foretold, nor much smaller."""
    best = (b * DOUBLE / (p * a)) ** (1 / (p + 1))
    places = np.random.default_rng(0).uniform(-1, 1, 400)

    def off(h):
        return float(np.sqrt(np.mean((method(lambda t: np.exp(places + t), h) / np.exp(places) - 1) ** 2)))

    least = (1 + 1 / p) * b * DOUBLE / best
    assert foretold(np.array(best), DOUBLE)[method.__name__.replace("richardson", "Richardson")] == pytest.approx(least)
    assert least / 30 < off(best) < least
    assert off(best / 30) > 3 * off(best)
    assert off(best * 30) > 3 * off(best)


@pytest.mark.equation("34.2")
def test_the_numbers_of_the_page():
    steps = [(b * DOUBLE / (p * a)) ** (1 / (p + 1)) for p, a, b in ((1, 1 / 2, 2), (2, 1 / 6, 1), (4, 1 / 480, 3))]
    np.testing.assert_allclose(steps, (3e-8, 9e-6, 2.4e-3), rtol=0.05)
    assert 1.25 * 3 * DOUBLE / steps[2] == pytest.approx(3.4e-13, rel=0.05)
    single = (360 * SINGLE) ** 0.2
    np.testing.assert_allclose((single, 1.25 * 3 * SINGLE / single), (0.13, 3.3e-6), rtol=0.05)


@pytest.mark.equation("34.5")
def test_the_error_bar_holds_and_half_of_it_does_not():
    """500 slopes of seven losses: ten bars cover all; without the rounding in it they do not."""
    told, naive, true = [], [], []
    rng = np.random.default_rng(34)
    for smooth in functions(rng) + functions(rng):
        exact = truth(smooth)
        for line, right in zip(lines(smooth), exact):
            found = slope(line)
            assert abs(found.value - richardson(line, 2e-3)) <= 10 * found.error
            told.append(found.error)
            true.append(abs(float(found.value - right)))
            naive.append(abs(central(line, 1e-3) - central(line, 2e-3)) / 3)
    told, naive, true = map(np.array, (told, naive, true))
    assert len(true) == 500
    assert (true <= 10 * told).all()
    assert (true <= told).mean() > 0.9  # what is beyond is the convolution's, whose sums cancel inside
    assert (true <= 10 * naive).mean() < 0.97
    assert np.median(told) < 1e-6


@pytest.mark.equation("34.5")
def test_the_bar_is_shortest_where_its_terms_balance():
    """h = (48 ε)^(1/3), 2.2e-5, and not the step that is best for the value."""

    def bar(h):
        return slope(lambda t: np.exp(t), step=h).error

    best = (48 * DOUBLE) ** (1 / 3)
    assert best == pytest.approx(2.2e-5, rel=0.01)
    assert bar(best) == pytest.approx(best**2 / 24 + 4 * DOUBLE / best, rel=0.3)
    assert bar(best) < bar(best / 5)
    assert bar(best) < bar(5 * best) < bar(2e-3)


# --------------------------------------------------------------------------------------------------- what is accepted
@pytest.mark.equation("34.7")
def test_ten_bars_and_at_a_kink_everything_between():
    smooth = Slope(2.0, 1e-3, 1.9, 2.1, rough=False)
    assert smooth.agrees(2.0099)
    assert not smooth.agrees(2.0101)
    assert not smooth.agrees(float("nan"))
    kink = slope(lambda t: 3 * max(t, 0.0) - t)
    assert kink.rough
    assert [kink.agrees(g) for g in (-1.01, -1.0, 0.3, 2.0, 2.01)] == [False, True, True, True, False]
    assert slope(lambda t: -abs(t)).agrees(0.5)  # the slope on the left is the larger one here


# ------------------------------------------------------------------------------------------------------------- float32
@pytest.mark.equation("34.8")
def test_how_often_a_move_changes_the_bits():
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 2, 400_000)
    moved = x * (1 + PROBE)
    assert pytest.approx(math.sqrt(DOUBLE * SINGLE)) == PROBE
    assert (x != moved).all()
    share = (x.astype(np.float32) != moved.astype(np.float32)).mean()
    assert share == pytest.approx(np.mean(x) * PROBE / SINGLE, rel=0.3)


@pytest.mark.equation("34.8")
def test_the_probe_tells_them_apart():
    rng = np.random.default_rng(1)
    for smooth in functions(rng):
        for dtype, inside in ((np.float64, False), (np.float32, True)):

            def f(a, smooth=smooth, dtype=dtype):
                return dtype(smooth.f(a["x"].astype(dtype)))

            assert is_float32_inside(f, {"x": smooth.x}, rng) is inside, smooth.name


# -------------------------------------------------------------------------------------------------------- complex step
def buffer(x):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[i] = x[i] ** 2
    return out.sum()


W = np.random.default_rng(1).normal(size=(5, 5))
SNIPPETS = {
    "right": {
        "exp": lambda x: np.exp(x).sum(),
        "log": lambda x: np.log(x + 5).sum(),
        "sqrt": lambda x: np.sqrt(x + 5).sum(),
        "tanh": lambda x: np.tanh(x).sum(),
        "sin": lambda x: np.sin(x).sum(),
        "sigmoid": lambda x: (1 / (1 + np.exp(-x))).sum(),
        "erf": lambda x: scipy.special.erf(x).sum(),
        "power": lambda x: (x**3).sum(),
        "matmul": lambda x: (W @ x @ W).sum(),
        "einsum": lambda x: np.einsum("i,ij,j", x, W, x),
        "mean": lambda x: np.mean(x**2),
        "prod": lambda x: np.prod(x),
        "cumsum": lambda x: np.cumsum(x).prod(),
        "maximum": lambda x: np.maximum(x, 0).sum(),
        "where": lambda x: np.where(x > 0, x, 0.1 * x).sum(),
        "clip": lambda x: np.clip(x, -1, 1).sum(),
        "sort": lambda x: (np.sort(x) * np.arange(5)).sum(),
        "log of a sum": lambda x: np.log(np.exp(x - x.max()).sum()) + x.max(),
        "scipy's": lambda x: scipy.special.logsumexp(x),
    },
    "wrong": {
        "abs": lambda x: np.abs(x).sum(),
        "abs squared": lambda x: (np.abs(x) ** 2).sum(),
        "sign": lambda x: (x * np.sign(x)).sum(),
        "conj": lambda x: (x * x.conj()).sum(),
        "real": lambda x: (x * np.real(x)).sum(),
        "var": lambda x: np.var(x),
        "std": lambda x: np.std(x),
        "cov": lambda x: np.cov(np.stack([x, x**2]))[0, 1],
        "norm": lambda x: np.linalg.norm(x),
        "vdot": lambda x: np.vdot(x, x),
        "stable softplus": lambda x: (np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))).sum(),
    },
    "wrong, warned": {
        "buffer": buffer,
        "float": lambda x: float((x**2).sum()),
        "astype": lambda x: (x.astype(float) ** 2).sum(),
        "math": lambda x: math.exp(x[0]),
    },
    "raises": {
        "logaddexp": lambda x: np.logaddexp(x, 0).sum(),
        "heaviside": lambda x: (x * np.heaviside(x, 0)).sum(),
        "expit": lambda x: scipy.special.expit(x).sum(),
        "floor": lambda x: (x * np.floor(x)).sum(),
        "arctan2": lambda x: np.arctan2(x, 2).sum(),
        "hypot": lambda x: np.hypot(x, 1).sum(),
    },
}


@pytest.mark.equation("34.9")
@pytest.mark.parametrize("fate", SNIPPETS)
def test_where_the_complex_step_is_silently_wrong(fate):
    """The truth by differences: all of these are smooth at this point."""
    x = np.array([0.3, -1.2, 0.7, 2.1, -0.4])
    for name, f in SNIPPETS[fate].items():
        right = [slope(lambda t, e=e, f=f: f(x + t * e)).value for e in np.eye(5)]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                gradient = complex_step(f, {"x": x}, 1.0, "x")
            except TypeError:
                gradient = None
        if fate == "raises":
            assert gradient is None, name
            continue
        assert np.allclose(gradient, right, atol=1e-8) == (fate == "right"), name
        assert bool(caught) == (fate == "wrong, warned"), name


@pytest.mark.equation("34.9")
def test_the_complex_steps_error_falls_with_its_square_and_never_rises():
    for h in (0.1, 0.01):
        assert np.exp(1j * h).imag / h - 1 == pytest.approx(-(h**2) / 6, rel=0.01)
    assert np.exp(0.7 + 1e-30j).imag / 1e-30 == pytest.approx(math.exp(0.7), rel=1e-15)


# ---------------------------------------------------------------------------------------------------------- directions
@pytest.mark.equation("34.10")
def test_a_direction_asks_for_one_product_with_the_gradient():
    rng = np.random.default_rng(3)
    x, w, v = (rng.standard_normal(s) for s in ((4, 3), (5, 3), (4, 5)))
    u, q = rng.standard_normal((4, 3)), rng.standard_normal((5, 3))
    hidden = np.tanh(x @ w.T)
    back = v * (1 - hidden**2)
    found = slope(lambda t: v * np.tanh((x + t * u) @ (w + t * q).T))
    assert found.agrees(np.sum(back @ w * u) + np.sum(back.T @ x * q))
    assert not found.agrees(np.sum(back @ w * u))


@pytest.mark.equation("34.10")
def test_a_pair_that_is_wrong_together_agrees_with_itself():
    """Which is why differences of the own forward are the second question."""
    twice = """
    def linear_forward(x, weight, bias):
        return 2 * (x @ weight.T) + bias

    def linear_backward(dout, x, weight, bias):
        return 2 * dout @ weight, 2 * dout.T @ x, dout.sum(0)
    """
    alone = twice.replace("2 * (x @ weight.T)", "x @ weight.T")
    for source, consistent in ((twice, True), (alone, False)):
        forward, backward = Variant("linear", "", source).judged()
        assert backward.status == "wrong"
        assert backward.consistent is consistent
        assert backward.forward_right is (forward.status == "right") is not consistent


@pytest.mark.equation("34.11")
@pytest.mark.parametrize("kind", ["one", "spread", "sparse"])
def test_the_probability_of_a_miss_knows_no_dimension(kind):
    rng = np.random.default_rng(4)
    error = {"one": np.ones(1), "spread": rng.standard_normal(60), "sparse": np.eye(60)[7]}[kind]
    error = error / np.linalg.norm(error)
    for tolerance, k in ((0.1, 1), (0.5, 2), (1.0, 3)):
        p = miss_probability(tolerance, 1.0, k)
        assert abs(missed(error, tolerance, k, 20_000, rng) - p) < 4 * math.sqrt(p * (1 - p) / 20_000)


@pytest.mark.equation("34.11")
def test_what_three_directions_see():
    for tolerance, k, p in ((1e-3, 3, 1e-9), (1e-8, 1, 1e-2), (1.0, 5, 1e-4)):
        error = smallest_error_seen(tolerance, k, p)
        assert 0.95 * p < miss_probability(tolerance, error, k) <= p
        assert miss_probability(tolerance, 2 * error, k) < p
    assert smallest_error_seen(1.0, 3) == pytest.approx(800, rel=0.005)
    assert miss_probability(1e-3, 0.0, 3) == 1.0


@pytest.mark.equation("34.12")
def test_signs_for_directions_miss_every_second_time():
    rng = np.random.default_rng(5)
    for tolerance in (0.0, 1e-9, 1.9):
        assert abs(missed(np.ones(2), tolerance, 1, 10_000, rng, "±1") - 0.5) < 4 * 0.5 / 100
    assert missed(np.ones(2), 2.0, 1, 100, rng, "±1") == 1.0
    assert missed(np.ones(2), 1e-9, 1, 10_000, rng) == 0.0


def test_directions_that_are_never_negative_drown_an_entry():
    rng = np.random.default_rng(6)
    small, large = accepted(rng, 20, 200), accepted(rng, 400, 12)
    assert small["an entry"][0] < 0.3 < 0.7 < large["an entry"][0]
    for shares in (small, large):
        assert shares["1e-4 too large"] == (1.0, 0.0)
        assert all(ours == 0.0 for _, ours in shares.values())
