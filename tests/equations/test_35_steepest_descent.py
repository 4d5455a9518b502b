"""Page 35: the best step of a given length, in three norms, and the polynomial that finds the third."""

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import nn, optim

SHAPES = pytest.mark.parametrize("shape", [(3, 5), (4, 4), (6, 2)])


@pytest.fixture
def rng():
    return np.random.default_rng(35)


def polar(g):
    left, _, right = np.linalg.svd(g, full_matrices=False)
    return left @ right


def singular(x):
    return np.linalg.svd(x, compute_uv=False)


def five_times(s):
    """f(s) of Eq. 35.6."""
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return s


NORMS = {  # of a step: its length, the best one of length 1, and what that gains
    "entries": (lambda d: np.sqrt((d**2).sum()), lambda g: -g / np.sqrt((g**2).sum()), lambda g: (g**2).sum() ** 0.5),
    "largest entry": (lambda d: abs(d).max(), lambda g: -np.sign(g), lambda g: abs(g).sum()),
    "operator": (lambda d: singular(d).max(), lambda g: -polar(g), lambda g: singular(g).sum()),
}


@pytest.mark.equation("35.1", "35.2")
@SHAPES
@pytest.mark.parametrize("norm", NORMS)
def test_no_step_of_the_same_length_gains_more(norm, shape, rng):
    """Against a thousand others: random ones, and the best one a little turned, which come close and stay behind."""
    length, best, dual = NORMS[norm]
    g = rng.standard_normal(shape)
    step = best(g)
    assert length(step) == pytest.approx(1)
    gain = -(g * step).sum()
    assert gain == pytest.approx(dual(g))
    others = [step + size * rng.standard_normal(shape) for size in (1e-3, 0.1, 100.0) for _ in range(333)]
    gains = np.array([-(g * other).sum() / length(other) for other in others])
    assert gains.max() < gain + 1e-12
    assert gains.max() > 0.99 * gain


@pytest.mark.equation("35.3")
def test_adams_first_step_is_a_sign(rng):
    g = rng.standard_normal((3, 4))
    p = nn.Parameter(np.zeros((3, 4)))
    p.grad = sg.tensor(g)
    optim.Adam([p], lr=0.1, eps=1e-15).step()
    np.testing.assert_allclose(p.numpy(), -0.1 * np.sign(g), rtol=1e-10)


@pytest.mark.equation("35.4")
@SHAPES
def test_a_step_changes_no_output_by_more_than_its_operator_norm(shape, rng):
    step, x = rng.standard_normal(shape), rng.standard_normal((1000, shape[1]))
    longest = singular(step).max()
    changes = np.linalg.norm(x @ step.T, axis=1) / np.linalg.norm(x, axis=1)
    assert changes.max() < longest
    assert np.linalg.norm(step @ np.linalg.svd(step)[2][0]) == pytest.approx(longest)


@pytest.mark.equation("35.5", "35.6")
@SHAPES
@pytest.mark.parametrize("rank", [1, 2])
def test_the_polynomial_reaches_the_singular_values_alone(shape, rank, rng):
    """Where the rank is lower, too: a singular value of 0 stays one."""
    g = rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))
    left, s, right = np.linalg.svd(g, full_matrices=False)
    found = optim.orthogonalized(g)
    s[rank:] = 0
    np.testing.assert_allclose(found, left * five_times(s / np.sqrt((s**2).sum())) @ right, atol=1e-10)
    np.testing.assert_allclose(singular(found)[rank:], 0, atol=1e-10)


@pytest.mark.equation("35.6")
def test_five_rounds_bring_all_but_the_smallest_near_one():
    s = np.linspace(0, 1, 200_001)
    f = five_times(s)
    assert f[s >= 0.0017].min() > 0.68
    assert f[s >= 0.0017].max() < 1.21
    assert f[s >= 0.01].max() < 1.14
    assert f[s >= 0.0017].max() > 1.19  # the bounds are tight
    assert f[1] / s[1] == pytest.approx(485, abs=0.5)


@pytest.mark.equation("35.7")
@SHAPES
def test_muon_step_by_step(shape, rng):
    """Its formula, with its own `orthogonalized`; that by a decomposition is in tests/test_optim.py."""
    w = value = rng.standard_normal(shape)
    p = nn.Parameter(w.copy())
    optimizer, u = optim.Muon([p], lr=0.03, momentum=0.8), 0.0
    for _ in range(4):
        g = rng.standard_normal(shape)
        u = 0.8 * u + g
        value = value - 0.03 * math.sqrt(max(1, shape[0] / shape[1])) * optim.orthogonalized(g + 0.8 * u)
        p.grad = sg.tensor(g)
        optimizer.step()
    np.testing.assert_allclose(p.numpy(), value, rtol=1e-12)
    assert abs(value - w).max() > 0.03


@pytest.mark.equation("35.8")
@SHAPES
def test_a_step_means_the_same_in_every_layer(shape, rng):
    """The mean square of what it does to an output, for inputs of mean square 1: exactly, and by drawing inputs."""
    rows, columns = shape
    turn = polar(rng.standard_normal(shape))
    assert (turn**2).sum() / rows == pytest.approx(min(shape) / rows)
    change = rng.standard_normal((100_000, columns)) @ (math.sqrt(max(1, rows / columns)) * turn).T
    assert (change**2).mean() == pytest.approx(min(1, columns / rows) * max(1, rows / columns), rel=0.02)
    assert (change**2).mean() == pytest.approx(1, rel=0.02)


@pytest.mark.equation("35.7")
def test_muon_learns_a_matrix_whose_directions_differ_a_thousandfold(rng):
    """Why it is wanted. y = A x, where one direction of x is a thousand times as strong as the weakest: after as many
    steps, gradient descent near its largest stable rate has hardly begun with the weak ones."""
    strength = np.geomspace(1, 1e-3, 8)
    wanted = rng.standard_normal((8, 8))

    def errors(kind, lr, steps=300, **settings):
        p = nn.Parameter(np.zeros((8, 8)))
        optimizer = kind([p], lr=lr, **settings)
        for step in range(steps):
            optimizer.lr = lr * (1 - step / steps)
            p.grad = sg.tensor((p.numpy() - wanted) * strength)  # of ½ Σ strength · (p − wanted)²
            optimizer.step()
        return np.abs(p.numpy() - wanted).mean(0) / np.abs(wanted).mean(0)

    plain, muon = errors(optim.SGD, 1.9), errors(optim.Muon, 0.2)
    assert plain[0] < 1e-3
    assert plain[-1] > 0.7
    assert muon.max() < 0.1
