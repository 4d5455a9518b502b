"""derivations/00-autograd.md, Eqs. 0.2–0.11: the calculus that the engine rests on. (The table: test_00_table.py.)"""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F

rng = np.random.default_rng(0)


def jacobian(f, x):
    """Row by row: one unit vector at a time is carried back through f."""
    t = sg.tensor(x, requires_grad=True)
    rows = [sg.grad(f(t), t, unit).numpy() for unit in np.eye(f(t).size)]
    return np.array(rows)


def differences(f, x, h=1e-5):
    """The same Jacobian column by column, by central differences (Eq. 0.10)."""
    steps = np.eye(x.size) * h
    return np.array([(f(x + s) - f(x - s)) / (2 * h) for s in steps]).T


A = rng.normal(size=(4, 5))


def inner(x):
    return F.tanh(F.matmul(A, x))


def outer(u):
    return F.softmax(u) * F.sin(u)


@pytest.mark.equation("0.2", "0.3", "0.4")
def test_jacobians_multiply_and_the_walk_multiplies_by_their_transposes():
    """Eqs. 0.2, 0.3 and 0.4, for a function of five numbers with four results and a step in between."""
    x, v = rng.normal(size=5), rng.normal(size=4)
    j_inner, j_outer = jacobian(inner, x), jacobian(outer, inner(x))
    np.testing.assert_allclose(j_inner, differences(inner, x), atol=1e-9)
    np.testing.assert_allclose(j_outer, differences(outer, inner(x)), atol=1e-9)
    np.testing.assert_allclose(jacobian(lambda t: outer(inner(t)), x), j_outer @ j_inner, atol=1e-12)  # 0.2
    t = sg.tensor(x, requires_grad=True)
    outer(inner(t)).backward(v)
    np.testing.assert_allclose(t.grad.numpy(), j_inner.T @ (j_outer.T @ v), atol=1e-12)  # 0.3 and 0.4


@pytest.mark.equation("0.5")
def test_gradients_that_meet_are_added():
    """Eq. 0.5: x is read by three functions, twice by one of them."""
    x = sg.tensor(rng.normal(size=6), requires_grad=True)
    v, w = rng.normal(size=6), rng.normal(size=6)
    (F.sum(v * F.exp(x)) + F.sum(w * x * x) + F.sum(x)).backward()
    np.testing.assert_allclose(x.grad.numpy(), v * np.exp(x.data) + 2 * w * x.data + 1, rtol=1e-13)


def counted():
    """A doubling primitive that counts how often its rule runs."""
    calls = []

    @sg.primitive
    def half_sum(x, y):
        return 0.5 * (x + y)

    def rule(g):
        calls.append(1)
        return 0.5 * g

    half_sum.vjp(x=rule, y=rule)
    return half_sum, calls


@pytest.mark.equation("0.6", "0.7")
def test_the_walk_runs_each_rule_once_per_edge():
    """Eqs. 0.6 and 0.7: sixty diamonds have 2⁶⁰ paths and 120 edges; the walk takes 120 steps."""
    half_sum, calls = counted()
    v = rng.normal(size=3)
    x = y = sg.tensor(rng.normal(size=3), requires_grad=True)
    for _ in range(60):
        y = half_sum(y, y)
    y.backward(v)
    np.testing.assert_allclose(x.grad.numpy(), v, rtol=1e-13)
    assert len(calls) == 120
    leaves = [sg.tensor(rng.normal(size=3), requires_grad=True) for _ in range(61)]
    total = leaves[0]
    for leaf in leaves[1:]:
        total = half_sum(total, leaf)
    total.backward(v)
    assert len(calls) == 240  # sixty-one gradients for the price of sixty steps forward


@pytest.mark.equation("0.8")
def test_a_broadcast_argument_gets_the_sum_over_its_copies():
    """Eq. 0.8, for rows, columns and a number."""
    v = rng.normal(size=(5, 3))
    for shape, axes in (((3,), 0), ((5, 1), 1), ((), (0, 1))):
        b = sg.tensor(rng.normal(size=shape), requires_grad=True)
        (sg.tensor(rng.normal(size=(5, 3))) + b).backward(v)
        np.testing.assert_allclose(b.grad.numpy(), v.sum(axes).reshape(shape), rtol=1e-13)


@pytest.mark.equation("0.9")
def test_ones_do_not_see_a_softmax_without_derivative_and_a_random_cotangent_does():
    """Eq. 0.9: E‖(J̃ − J)ᵀv‖² = Σ(J̃ − J)², here with the planted rule J̃ = 0."""
    x = rng.normal(size=7)
    j = jacobian(F.softmax, x)
    np.testing.assert_allclose(j.T @ np.ones(7), 0, atol=1e-15)  # the planted rule passes
    v = rng.normal(size=(20_000, 7))
    errors = np.sum((v @ j) ** 2, axis=1)
    assert errors.min() > 0  # and never again
    assert abs(errors.mean() - np.sum(j**2)) < 4 * errors.std() / len(v) ** 0.5


@pytest.mark.equation("0.10", "0.11")
def test_the_error_of_central_differences_is_the_next_term_of_taylors_series():
    """Eqs. 0.10 and 0.11, on f(x) = e^(2x), whose n-th derivative is 2ⁿ f."""
    x, h = 0.3, 0.02

    def f(x):
        return np.exp(2 * x)

    three = (f(x + h) - f(x - h)) / (2 * h)
    five = (f(x - 2 * h) - 8 * f(x - h) + 8 * f(x + h) - f(x + 2 * h)) / (12 * h)
    assert three - 2 * f(x) == pytest.approx(h**2 / 6 * 8 * f(x), rel=1e-3)
    assert five - 2 * f(x) == pytest.approx(-(h**4) / 30 * 32 * f(x), rel=1e-2)
    twice = (f(x + 2 * h) - f(x - 2 * h)) / (4 * h)
    assert (4 * three - twice) / 3 == pytest.approx(five, rel=1e-12)  # Richardson's trick is the five-point formula
