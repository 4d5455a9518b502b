"""derivations/20-minimax.md, equation by equation."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.models.adversarial import dynamics
from scratchgen.models.adversarial.dynamics import (
    BILINEAR,
    DIRAC,
    NON_SATURATING,
    alternating,
    alternating_jacobian,
    eigenvalues,
    measured,
    play,
    simultaneous,
    simultaneous_jacobian,
    unrolled,
    unrolled_jacobian,
)
from scratchgen.models.adversarial.exact import (
    best_law,
    generator_value,
    maximin,
    minimax,
    optimal_logits,
    optimal_value,
)

games = pytest.mark.parametrize("game", [BILINEAR, DIRAC, NON_SATURATING], ids=lambda game: game.name)
rates = st.floats(0.01, 0.5)
slopes = st.floats(0.2, 1.5).flatmap(lambda size: st.sampled_from([size, -size]))

# ------------------------------------------------------------------------------------------------------ who moves first
DATA = np.array([0.5, 0.5])
LEVELS = np.linspace(0.02, 0.98, 49)  # what D may say of each of two images; ½ among them


def table(generators):
    """V for laws of two images (rows) and all pairs of levels (columns)."""
    first, second = (level.ravel() for level in np.meshgrid(LEVELS, LEVELS, indexing="ij"))
    said = np.stack([first, second])
    return 0.5 * np.log(said).sum(0) + np.asarray(generators) @ np.log(1 - said), said


@pytest.mark.equation("20.1", "20.2", "20.3")
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**31))
def test_who_moves_second_knows_more(rows, columns, seed):
    """Eq. 20.3 for every V whatever; and the moves are best answers, as Eqs. 20.1 and 20.2 say."""
    v = np.random.default_rng(seed).normal(size=(rows, columns))
    first, second = minimax(v), maximin(v)
    assert second.value <= first.value
    assert all(v[first.generator].max() <= row.max() for row in v)
    assert all(v[:, second.discriminator].min() >= column.min() for column in v.T)
    assert v[second.generator, second.discriminator] == v[:, second.discriminator].min()


@given(st.integers(0, 2**31))
@pytest.mark.equation("20.4")
def test_against_a_fixed_discriminator_one_image_is_enough(seed):
    """No law does better than all of it on the image with the largest logit, by either objective."""
    rng = np.random.default_rng(seed)
    logits, laws = rng.normal(scale=2, size=6), rng.dirichlet(np.full(6, 0.3), 50)
    collapsed = best_law(logits)
    assert (collapsed > 0).sum() == 1
    for saturating in (True, False):
        best = generator_value(collapsed, logits, saturating=saturating)
        assert best <= min(generator_value(law, logits, saturating=saturating) for law in laws)
    assert generator_value(collapsed, logits, saturating=True) == pytest.approx(
        np.log1p(-1 / (1 + np.exp(-logits.max()))), rel=1e-9
    )


@pytest.mark.equation("20.5")
@pytest.mark.ledger("E15")
def test_two_images_and_no_mixtures():
    """G emits one image or the other: the order of min and max is worth 0.43 nats."""
    v, said = table([[1.0, 0.0], [0.0, 1.0]])
    first, second = minimax(v), maximin(v)
    exact = -np.log(4) + 1.5 * np.log(4 / 3)
    assert first.value == pytest.approx(exact, abs=0.011)  # D would say 1 to the other image; 0.98 is what it has
    assert first.value < exact + 1e-12
    assert optimal_value(DATA, np.array([1.0, 0.0])) == pytest.approx(exact, rel=1e-14)
    assert second.value == pytest.approx(-np.log(4), abs=1e-12)
    np.testing.assert_allclose(said[:, second.discriminator], 0.5, atol=1e-12)
    assert round(exact, 4) == -0.9548


@pytest.mark.equation("20.1", "20.2", "20.5")
@pytest.mark.ledger("E15")
def test_two_images_and_all_mixtures():
    """Now the values agree, and the generators still do not: minimax has one, maximin takes any."""
    laws = np.stack([np.linspace(0, 1, 41), np.linspace(1, 0, 41)], 1)
    v, _ = table(laws)
    first, second = minimax(v), maximin(v)
    assert first.value == pytest.approx(-np.log(4), abs=1e-12)
    assert second.value == pytest.approx(-np.log(4), abs=1e-12)
    np.testing.assert_allclose(laws[first.generator], 0.5)
    assert np.sort(v.max(1))[1] > first.value + 1e-5  # no other law does as well
    np.testing.assert_allclose(v[:, second.discriminator], -np.log(4), atol=1e-12)  # here every law does


@pytest.mark.equation("20.4")
def test_best_answers_in_turns_never_end():
    """Twos, threes, twos, threes: each player's answer is perfect, and neither learns anything."""
    law, path = np.array([0.9, 0.1]), []
    for _ in range(6):
        law = best_law(optimal_logits(DATA, law))
        path.append(int(law.argmax()))
    assert path == [1, 0, 1, 0, 1, 0]


# -------------------------------------------------------------------------------------------------------- two numbers
def complex_jacobian(step, at=(0.0, 0.0), h=1e-30):
    """Columns ∂step/∂θ, ∂step/∂ψ, by complex steps (Eq. 0.11's better cousin: nothing cancels)."""
    columns = [step((at[0] + 1j * h, at[1] + 0j)), step((at[0] + 0j, at[1] + 1j * h))]
    return np.array([[np.imag(part) / h for part in column] for column in columns]).T


@pytest.mark.equation("20.6")
@games
def test_the_games_slopes_are_those_of_their_values(game):
    """h by its formula; its slope, curvature, and c = h′(0)."""
    t = np.linspace(-3, 3, 13)
    h = {"bilinear": lambda t: t}.get(game.name, lambda t: -np.log(2) - np.log1p(np.exp(t)))
    step = 1e-4
    np.testing.assert_allclose(game.slope(t), (h(t + step) - h(t - step)) / (2 * step), rtol=1e-7)
    np.testing.assert_allclose(
        game.curvature(t), (game.slope(t + step) - game.slope(t - step)) / (2 * step), rtol=1e-6, atol=1e-10
    )
    assert game.c == {"bilinear": 1.0}.get(game.name, -0.5)
    assert game.generator(np.zeros(())) == game.c


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4))
@pytest.mark.equation("20.7")
def test_eigenvalues_of_two_by_two(entries):
    matrix = np.array(entries).reshape(2, 2)
    found = eigenvalues(matrix)
    assert found.sum() == pytest.approx(np.trace(matrix), abs=1e-9)
    assert found.prod() == pytest.approx(np.linalg.det(matrix), abs=1e-9)
    expected = np.linalg.eigvals(matrix).astype(complex)
    order = expected if abs(expected[0] - found[0]) < abs(expected[1] - found[0]) else expected[::-1]
    np.testing.assert_allclose(found, order, atol=1e-6)  # a double eigenvalue is known to half the digits
    assert found[0].imag >= 0
    trace, determinant = np.trace(matrix), np.linalg.det(matrix)
    if trace**2 / 4 < determinant - 1e-6:
        assert abs(found[0]) ** 2 == pytest.approx(determinant, rel=1e-9)
        assert np.cos(np.angle(found[0])) == pytest.approx(trace / 2 / determinant**0.5, abs=1e-9)


WAYS = {  # step(game, state, lr), Jacobian(c, lr)
    "simultaneous": (simultaneous, simultaneous_jacobian),
    "alternating": (alternating, alternating_jacobian),
    "R1": (functools.partial(simultaneous, gamma=0.4), functools.partial(simultaneous_jacobian, gamma=0.4)),
    "R1 in turns": (functools.partial(alternating, gamma=0.4), functools.partial(alternating_jacobian, gamma=0.4)),
    "unrolled": (functools.partial(unrolled, k=3), functools.partial(unrolled_jacobian, k=3)),
    "unrolled by 0": (functools.partial(unrolled, k=0), simultaneous_jacobian),
}
ways = pytest.mark.parametrize("way", WAYS)


@games
@ways
@pytest.mark.equation("20.8", "20.9", "20.11", "20.12", "20.14")
def test_jacobians_by_complex_steps(game, way):
    step, jacobian = WAYS[way]
    for lr in (0.05, 0.3, 1.1):
        found = complex_jacobian(lambda s, lr=lr: step(game, s, lr))
        np.testing.assert_allclose(jacobian(game.c, lr), found, rtol=1e-12, atol=1e-14)


@games
@ways
@pytest.mark.ledger("C-OSC")
@pytest.mark.equation("20.7", "20.8", "20.9", "20.11", "20.12", "20.14")
def test_the_path_turns_and_grows_as_foretold(game, way):
    """A path of 60 steps, and nothing else, gives the eigenvalues; exactly in the bilinear game."""
    step, jacobian = WAYS[way]
    distance = 1.0 if game is BILINEAR else 1e-4
    path = play(lambda s: step(game, s, 0.2), (0.6 * distance, -0.8 * distance), 60)
    np.testing.assert_allclose(measured(path), eigenvalues(jacobian(game.c, 0.2)), atol=1e-9)


@given(slopes, rates)
@pytest.mark.equation("20.8")
def test_simultaneous_is_outwards_at_every_learning_rate(c, lr):
    first, second = eigenvalues(simultaneous_jacobian(c, lr))
    assert first == pytest.approx(1 + 1j * lr * abs(c), abs=1e-12)
    assert second == pytest.approx(1 - 1j * lr * abs(c), abs=1e-12)
    assert abs(first) ** 2 == pytest.approx(1 + (lr * c) ** 2, rel=1e-12)


@pytest.mark.equation("20.8")
def test_simultaneous_grows_everywhere_and_not_only_close_by():
    """θ² + ψ² by the factor 1 + η²h′², exactly, at 200 places at once."""
    rng = np.random.default_rng(20)
    theta, psi = rng.normal(scale=2, size=(2, 200))
    for game in (BILINEAR, DIRAC):
        after = simultaneous(game, (theta, psi), 0.3)
        factor = 1 + 0.09 * game.slope(theta * psi) ** 2
        np.testing.assert_allclose(after[0] ** 2 + after[1] ** 2, factor * (theta**2 + psi**2), rtol=1e-12)


@given(slopes, rates)
@pytest.mark.equation("20.9")
def test_in_turns_neither_in_nor_out(c, lr):
    first = eigenvalues(alternating_jacobian(c, lr))[0]
    assert abs(first) == pytest.approx(1, abs=1e-12)
    assert np.angle(first) == pytest.approx(2 * np.arcsin(0.5 * lr * abs(c)), rel=1e-9)
    product = np.array([[1, -lr * c], [0, 1]]) @ np.array([[1, 0], [lr * c, 1]])
    np.testing.assert_allclose(alternating_jacobian(c, lr), product, atol=1e-15)
    assert abs(eigenvalues(alternating_jacobian(c, 2.1 / abs(c)))).max() > 1  # steps that are too large


@pytest.mark.equation("20.9")
def test_more_steps_of_d_are_no_cure():
    """k of D's steps for each of G's: kη in D's matrix, and the area is kept."""
    for k in (2, 5):
        matrix = np.array([[1, 0.1], [0, 1]]) @ np.linalg.matrix_power(np.array([[1, 0], [-0.1, 1]]), k)
        assert abs(eigenvalues(matrix)) == pytest.approx([1, 1], abs=1e-12)
        np.testing.assert_allclose(matrix, [[1 - k * 0.01, 0.1], [-k * 0.1, 1]])


@given(rates, st.floats(-2, 2), st.floats(-2, 2))
@pytest.mark.equation("20.10")
def test_the_ellipse_of_the_bilinear_game(lr, theta, psi):
    def q(state):
        return state[0] ** 2 + state[1] ** 2 + lr * state[0] * state[1]

    path = play(lambda s: alternating(BILINEAR, s, lr), (theta, psi), 50)
    np.testing.assert_allclose([q(state) for state in path], q((theta, psi)), rtol=1e-10, atol=1e-12)


def test_the_ellipse_close_to_the_dirac_gans_equilibrium():
    """Q with its c = −½, to the order of the distance's fourth power."""
    path = play(lambda s: alternating(DIRAC, s, 0.3), (1e-3, 0.0), 200)
    q = path[:, 0] ** 2 + path[:, 1] ** 2 - 0.15 * path[:, 0] * path[:, 1]
    np.testing.assert_allclose(q, q[0], rtol=1e-6)


@given(slopes, rates, st.floats(0.01, 3))
@pytest.mark.equation("20.11")
def test_r1_leads_home(c, lr, gamma):
    """The formula of the page; and inside the unit circle exactly where it says, as long as λ turns."""
    first, second = eigenvalues(simultaneous_jacobian(c, lr, gamma))
    root = np.sqrt(complex(gamma**2 / 4 - c**2))
    np.testing.assert_allclose(
        sorted([first, second], key=lambda v: (v.real, v.imag)),
        sorted([1 - lr * gamma / 2 + lr * root, 1 - lr * gamma / 2 - lr * root], key=lambda v: (v.real, v.imag)),
        atol=1e-7,
    )
    if gamma < 2 * abs(c):
        assert abs(first) ** 2 == pytest.approx(1 - lr * gamma + (lr * c) ** 2, rel=1e-9)
        if abs(lr * c**2 / gamma - 1) > 1e-6:
            assert (abs(first) < 1) == (lr < gamma / c**2)


@pytest.mark.equation("20.11")
def test_r1_that_is_too_strong_makes_g_wait():
    """Beyond γ = 2|c| nothing turns; far beyond, λ ≈ 1 − ηc²/γ."""
    assert eigenvalues(simultaneous_jacobian(-0.5, 0.1, 0.99))[0].imag > 0
    assert eigenvalues(simultaneous_jacobian(-0.5, 0.1, 1.01))[0].imag == 0
    slow = eigenvalues(simultaneous_jacobian(-0.5, 0.01, 20.0))[0].real
    assert 1 - slow == pytest.approx(0.01 * 0.25 / 20, rel=1e-2)


@given(slopes, rates, st.floats(0.01, 1.5))
@pytest.mark.equation("20.12")
def test_r1_in_turns(c, lr, gamma):
    matrix = alternating_jacobian(c, lr, gamma)
    first = eigenvalues(matrix)[0]
    assert np.linalg.det(matrix) == pytest.approx(1 - lr * gamma, rel=1e-9)
    if first.imag > 1e-6:
        assert abs(first) == pytest.approx((1 - lr * gamma) ** 0.5, rel=1e-9)


@pytest.mark.equation("20.13")
def test_unrolling_by_hand():
    """The bilinear game, k = 2: ψ₂ = ψ + 2ηθ, and G's slope is ψ₂ + θ·2η. D makes one step only."""
    theta, psi, lr = 0.7, -0.4, 0.1
    after = unrolled(BILINEAR, (theta, psi), lr, 2)
    assert after[0] == pytest.approx(theta - lr * (psi + 2 * lr * theta + theta * 2 * lr), rel=1e-14)
    assert after[1] == pytest.approx(psi + lr * theta, rel=1e-14)


@given(slopes, st.floats(0.01, 0.15), st.integers(0, 4))
@pytest.mark.equation("20.14")
def test_unrolled_is_inwards_from_the_first_step_on(c, lr, k):
    """As long as kη|c| < 1 it turns, and |λ|² = 1 − (2k − 1)η²c². Without dψₖ/dθ half of that is gone."""
    first = eigenvalues(unrolled_jacobian(c, lr, k))[0]
    assert abs(first) ** 2 == pytest.approx(1 - (2 * k - 1) * (lr * c) ** 2, rel=1e-9)
    assert (abs(first) < 1) == (k > 0)
    blind = np.array([[1 - k * (lr * c) ** 2, -lr * c], [lr * c, 1]])
    assert np.linalg.det(blind) == pytest.approx(1 - (k - 1) * (lr * c) ** 2, rel=1e-9)


@pytest.mark.equation("20.15")
def test_in_small_steps_minimax_circles_and_the_other_is_drawn_in():
    rng = np.random.default_rng(15)
    theta, psi = rng.normal(size=(2, 100))
    t, lr = theta * psi, 1e-7

    def change(game):
        after = simultaneous(game, (theta, psi), lr)
        return (after[0] ** 2 + after[1] ** 2 - theta**2 - psi**2) / lr

    for game in (BILINEAR, DIRAC):
        np.testing.assert_allclose(change(game), 0, atol=1e-6)
    np.testing.assert_allclose(change(NON_SATURATING), -2 * t * np.tanh(t / 2), atol=1e-6)
    near = np.abs(t) < 0.3
    np.testing.assert_allclose(change(NON_SATURATING)[near], -(t[near] ** 2), rtol=0.01, atol=1e-6)


@pytest.mark.equation("20.16")
@pytest.mark.ledger("C-OSC")
def test_the_non_saturating_game_neither_arrives_nor_departs():
    """Both at once, from inside and from outside to the same r² ≈ 2η; the minimax game goes on outwards."""
    lr = 0.1
    rounds = round(4 * np.pi / lr)

    def ends(game, radius, steps=8000):
        path = play(lambda s: simultaneous(game, s, lr), (radius, 0.0), steps)
        return (path[-rounds:] ** 2).sum(1)

    for radius in (0.2, 1.5):
        r2 = ends(NON_SATURATING, radius)
        assert r2.mean() == pytest.approx(2 * lr, rel=0.02)
        assert np.ptp(r2) < 0.15 * r2.mean()
    assert ends(DIRAC, 0.2).min() > 4
    assert dynamics.NON_SATURATING.c == DIRAC.c  # yet all eigenvalues agree


@given(slopes, st.floats(0.01, 0.15), st.integers(0, 4))
@pytest.mark.equation("20.17")
def test_unrolled_in_turns(c, lr, k):
    """D's step, then G's that foresees k more: |λ|² = 1 − 2kη²c² as long as (k + ½)η|c| < 1, and no longer. The second
    path is half of it here too, but the first alone is already enough."""
    ahead, first = np.array([[1 - 2 * k * (lr * c) ** 2, -lr * c], [0, 1]]), np.array([[1, 0], [lr * c, 1]])
    found = eigenvalues(ahead @ first)[0]
    assert found.imag > 0
    assert abs(found) ** 2 == pytest.approx(1 - 2 * k * (lr * c) ** 2, rel=1e-9)
    blind = np.array([[1 - k * (lr * c) ** 2, -lr * c], [0, 1]]) @ first
    assert np.linalg.det(blind) == pytest.approx(1 - k * (lr * c) ** 2, rel=1e-9)
    for share, turns in ((0.99, True), (1.01, False)):
        edge = share / (k + 0.5)
        matrix = np.array([[1 - 2 * k * edge**2, -edge], [0, 1]]) @ np.array([[1, 0], [edge, 1]])
        assert (eigenvalues(matrix)[0].imag > 0) == turns


@games
@pytest.mark.parametrize("k", [0, 1, 5])
@pytest.mark.equation("20.17")
def test_the_path_of_unrolling_in_turns(game, k):
    """The steps themselves, and what a path of them grows by: less than at once, where k = 1 is 1 − η²c²."""
    lr = 0.12

    def in_turns(state):
        psi = simultaneous(game, state, lr)[1]
        return unrolled(game, (state[0], psi), lr, k)[0], psi

    ahead = np.array([[1 - 2 * k * (lr * game.c) ** 2, -lr * game.c], [0, 1]])
    matrix = ahead @ np.array([[1, 0], [lr * game.c, 1]])
    np.testing.assert_allclose(complex_jacobian(in_turns), matrix, rtol=1e-12, atol=1e-14)
    distance = 1.0 if game is BILINEAR else 1e-4
    path = play(in_turns, (0.6 * distance, -0.8 * distance), 60)
    assert abs(measured(path)[0]) ** 2 == pytest.approx(1 - 2 * k * (lr * game.c) ** 2, abs=1e-8)


@pytest.mark.equation("20.18")
@pytest.mark.ledger("C-OSC")
def test_in_turns_the_non_saturating_game_arrives_as_slowly_as_that():
    """No cycle: Q goes to 8/(8/r₀² + ηn), from inside and from outside the cycle of both at once, three rates together.
    The figures of the page are r² itself."""
    lr, radius = np.array([[0.05], [0.1], [0.3]]), np.array([0.2, 1.0])
    state, steps = (radius + 0 * lr, 0 * radius + 0 * lr), 10_000
    for _ in range(steps):
        state = alternating(NON_SATURATING, state, lr)
    theta, psi = state
    q = theta**2 + psi**2 + lr * NON_SATURATING.c * theta * psi
    np.testing.assert_allclose(q, 8 / (8 / radius**2 + lr * steps), rtol=0.015)
    np.testing.assert_array_equal((theta**2 + psi**2)[:, 1].round(4), [0.0159, 0.0077, 0.0025])


def test_the_exercise_on_momentum():
    """In turns, η = 0.1: the spectral radius of the 4 × 4 step is below 1 for negative momentum only."""

    def radius(mu, lr=0.1):
        def step(s):
            theta, psi, u, v = s
            v = mu * v + theta
            psi = psi + lr * v
            u = mu * u + psi
            return np.array([theta - lr * u, psi, u, v])

        return np.abs(np.linalg.eigvals(np.stack([step(e) for e in np.eye(4)], 1))).max()

    assert all(radius(mu) < 1 - 1e-4 for mu in (-0.9, -0.5, -0.1))
    assert all(radius(mu) > 1 + 1e-4 for mu in (0.1, 0.5, 0.9))
