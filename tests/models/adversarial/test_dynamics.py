"""Steps of the two-number games against the gradients that autograd gives, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import functional as F
from scratchgen.models.adversarial import OBJECTIVES, R1
from scratchgen.models.adversarial.dynamics import (
    BILINEAR,
    DIRAC,
    NON_SATURATING,
    alternating,
    eigenvalues,
    measured,
    play,
    simultaneous,
    unrolled,
    unrolled_jacobian,
)

coordinates = st.floats(-2, 2)
VALUES = {
    "bilinear": lambda theta, psi: theta * psi,
    "Dirac-GAN": lambda theta, psi: -F.softplus(0 * psi) - F.softplus(theta * psi),
}


def slopes_of(value, *numbers, by):
    tensors = [sg.tensor(np.array(number), requires_grad=True) for number in numbers]
    return sg.grad(value(*tensors), [tensors[by]])[0].item()


@given(coordinates, coordinates, st.floats(0.01, 1), st.floats(0, 2))
def test_steps_are_those_of_the_value(theta, psi, lr, gamma):
    """G descends V, D ascends V − ½γψ²: both at once, and in turns."""
    for game in (BILINEAR, DIRAC):
        value = VALUES[game.name]
        d_slope = slopes_of(value, theta, psi, by=1) - gamma * psi
        new_psi = psi + lr * d_slope
        at_once = (theta - lr * slopes_of(value, theta, psi, by=0), new_psi)
        assert simultaneous(game, (theta, psi), lr, gamma) == pytest.approx(at_once, rel=1e-12, abs=1e-12)
        in_turns = (theta - lr * slopes_of(value, theta, new_psi, by=0), new_psi)
        assert alternating(game, (theta, psi), lr, gamma) == pytest.approx(in_turns, rel=1e-12, abs=1e-12)


@given(coordinates, coordinates, st.floats(0, 2))
def test_the_dirac_gan_is_a_gan(theta, psi, gamma):
    """Its slopes are those of the package's own objectives and of its R1, with the datum 0, G(z) = θ and a(x) = ψx."""
    real, fake = np.zeros((1, 1)), np.full((1, 1), theta)
    weight = sg.tensor(np.full((1, 1), psi), requires_grad=True)

    def critic(x):
        return F.reshape(x @ weight, (1,))

    for name, game in (("minimax", DIRAC), ("non-saturating", NON_SATURATING)):
        objective = OBJECTIVES[name]
        loss = objective.discriminator(critic(real), critic(fake)) + R1(gamma)(critic, real, fake, None)
        (d_slope,) = sg.grad(loss, [weight])
        made = sg.tensor(fake, requires_grad=True)
        (g_slope,) = sg.grad(objective.generator(critic(made)), [made])
        after = simultaneous(game, (theta, psi), 1.0, gamma)
        assert after[0] == pytest.approx(theta - g_slope.item(), abs=1e-12)
        assert after[1] == pytest.approx(psi - d_slope.item(), abs=1e-12)


@given(coordinates, coordinates, st.floats(0.01, 0.5), st.integers(0, 4))
def test_the_unrolled_step_is_the_gradient_through_ds_steps(theta, psi, lr, k):
    """d V(θ, ψₖ(θ))/dθ by autograd through k steps, second-order terms included; and by differences."""
    for game in (BILINEAR, DIRAC):
        value = VALUES[game.name]

        def foreseen(t, value=value):
            p = sg.tensor(np.array(psi), requires_grad=True)
            for _ in range(k):
                p = p + lr * sg.grad(value(t, p), [p], create_graph=True)[0]
            return value(t, p)

        t = sg.tensor(np.array(theta), requires_grad=True)
        (slope,) = sg.grad(foreseen(t), [t])
        after = unrolled(game, (theta, psi), lr, k)
        assert after[0] == pytest.approx(theta - lr * slope.item(), abs=1e-11)
        assert after[1] == pytest.approx(simultaneous(game, (theta, psi), lr)[1], abs=1e-15)
        h = 1e-4
        low, high = (foreseen(sg.tensor(np.array(theta + e), requires_grad=True)).item() for e in (-h, h))
        assert slope.item() == pytest.approx((high - low) / (2 * h), abs=1e-5)


def test_the_unrolled_non_saturating_game_descends_its_own_loss():
    """G's loss is −ln D at the foreseen ψ, though D goes on ascending V."""
    theta, psi, lr, k = 0.9, -0.6, 0.3, 3

    def loss(t):
        p = psi
        for _ in range(k):
            p = p + lr * t * -1 / (1 + np.exp(-t * p))
        return np.log1p(np.exp(-t * p))

    slope = (loss(theta + 1e-5) - loss(theta - 1e-5)) / 2e-5
    assert unrolled(NON_SATURATING, (theta, psi), lr, k)[0] == pytest.approx(theta - lr * slope, abs=1e-9)


def test_many_games_at_once():
    rng = np.random.default_rng(0)
    theta, psi = rng.normal(size=(2, 3, 4))
    for step in (
        lambda s: simultaneous(DIRAC, s, 0.2, 0.1),
        lambda s: alternating(DIRAC, s, 0.2),
        lambda s: unrolled(NON_SATURATING, s, 0.2, 2),
    ):
        together = play(step, (theta, psi), 3)
        assert together.shape == (4, 2, 3, 4)
        alone = play(step, (theta[1, 2], psi[1, 2]), 3)
        np.testing.assert_allclose(together[:, :, 1, 2], alone, rtol=1e-14)


def test_far_out_everything_stays_finite():
    for game in (DIRAC, NON_SATURATING):
        for state in ((200.0, 200.0), (-200.0, 200.0)):
            for after in (simultaneous(game, state, 0.1), alternating(game, state, 0.1), unrolled(game, state, 0.1, 2)):
                assert np.isfinite(after).all()


def test_a_path_is_measured_without_knowing_the_game():
    """Turned by 0.3 and shrunk by 0.9 in each step, in a crooked basis."""
    basis = np.array([[2.0, 1.0], [0.3, 1.0]])
    turn = 0.9 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    matrix = basis @ turn @ np.linalg.inv(basis)
    path = play(lambda s: matrix @ np.array(s), (1.0, 0.0), 20)
    np.testing.assert_allclose(measured(path), 0.9 * np.exp([0.3j, -0.3j]), rtol=1e-10)
    np.testing.assert_allclose(measured(path), eigenvalues(matrix), rtol=1e-10)
    np.testing.assert_allclose(measured(path[::-1][::-1]), measured(path))


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: unrolled(DIRAC, (1.0, 1.0), 0.1, -1), "unrolled: k .* got -1"),
        (lambda: unrolled_jacobian(1.0, 0.1, -1), "unrolled_jacobian: k .* got -1"),
        (lambda: measured(np.zeros((5, 3))), r"measured: expected a path .* got \(5, 3\)"),
        (lambda: measured(np.ones((2, 2))), r"measured: expected .* two steps"),
        (lambda: measured(np.outer(0.9 ** np.arange(9), [1.0, 2.0])), "measured: the path is a straight line"),
        (lambda: measured([[1, 0], [9, 9], [np.inf, 0], [0, 0]]), "measured: the path is not finite from step 2 on"),
    ],
)
def test_what_is_refused(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
