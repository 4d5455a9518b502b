"""derivations/17-gan-value.md, equation by equation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy, lognorm, norm, wasserstein_distance

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import optim
from scratchgen.models.adversarial import OBJECTIVES
from scratchgen.models.adversarial.exact import (
    generator_value,
    jsd,
    kl,
    optimal_discriminator,
    optimal_logits,
    optimal_value,
    value,
)

X = np.linspace(-20, 20, 8001)
DX = X[1] - X[0]
TWO = 0.5 * norm.pdf(X, -2, 0.5) + 0.5 * norm.pdf(X, 2, 0.5)  # the data of the page
# What G makes: the table of the page, with its numbers to four places.
MADE = {
    "N(0, 1)": (norm.pdf(X, 0, 1), 0.3663, -0.6537),
    "N(0, 4)": (norm.pdf(X, 0, 2), 0.2011, -0.9841),
    "one mode": (norm.pdf(X, 2, 0.5), 0.2157, -0.9548),
    "the data": (TWO, 0.0, -1.3863),
}
made = pytest.mark.parametrize("name", MADE)
laws = st.integers(0, 2**31).map(lambda seed: np.random.default_rng(seed).dirichlet(np.full(5, 0.5), 2))


def pieces(x):
    """A discriminator that is the best for nothing."""
    return 1.5 * np.sin(2 * x) - 0.3 * x


@pytest.mark.equation("17.1", "17.2")
def test_over_z_and_over_x_it_is_the_same_value():
    """G(z) = eᶻ makes the lognormal law, the data is a gamma law; V by quadrature over z and over x, through `value`
    and through what D and G of a GAN minimise."""
    x = np.linspace(0, 1500, 300_001)[1:]
    data, model = x * np.exp(-x), lognorm.pdf(x, 1)
    z = np.linspace(-9, 9, 4001)
    weights = norm.pdf(z) * (z[1] - z[0])
    real = np.sum(data * -np.logaddexp(0, -pieces(x))) * (x[1] - x[0])
    fake = np.sum(weights * -np.logaddexp(0, pieces(np.exp(z))))
    over_x = value(data, model, pieces(x), x[1] - x[0])
    assert over_x == pytest.approx(real + fake, abs=1e-6)
    assert generator_value(model, pieces(x), x[1] - x[0], saturating=True) == pytest.approx(fake, abs=1e-8)
    rng = np.random.default_rng(17)
    drawn, noise = rng.gamma(2, size=400_000), rng.standard_normal(400_000)
    loss = OBJECTIVES["minimax"].discriminator(sg.tensor(pieces(drawn)), sg.tensor(pieces(np.exp(noise))))
    assert -loss.item() == pytest.approx(over_x, abs=0.01)


@pytest.mark.equation("17.3")
@given(st.floats(0, 5), st.floats(0, 5))
def test_the_best_answer_to_two_weights(alpha, beta):
    if alpha + beta < 1e-6:
        return
    y = np.linspace(0, 1, 2001)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(alpha > 0, alpha * np.log(y), 0) + np.where(beta > 0, beta * np.log1p(-y), 0)
    assert abs(y[np.nanargmax(gain)] - alpha / (alpha + beta)) <= 1 / 2000 + 1e-12


@made
@pytest.mark.equation("17.4", "17.5")
def test_no_logit_can_be_improved(name):
    """Autograd's slope of what D minimises, with the densities as weights, is 0 at a* and nowhere near by; σ(a*) is D*;
    and every change loses."""
    model = MADE[name][0]
    near = np.abs(X) < 8
    data, model = TWO[near], model[near]
    best = optimal_logits(data, model)
    game = OBJECTIVES["minimax"]

    def slope(logits):
        a = sg.tensor(logits, requires_grad=True)
        (g,) = sg.grad(F.sum(data * game.real(a) + model * game.fake(a)), [a])
        return g.numpy()

    assert np.abs(slope(best)).max() < 1e-14
    assert (slope(best + 0.1) > 0).all()
    assert (slope(best - 0.1) < 0).all()
    np.testing.assert_allclose(1 / (1 + np.exp(-best)), optimal_discriminator(data, model), rtol=1e-9)
    rng = np.random.default_rng(4)
    for size in (0.01, 1.0, 10.0):
        changed = best + size * rng.standard_normal(best.shape)
        assert value(data, model, changed, DX) < value(data, model, best, DX)


def test_where_the_ratio_is_too_large_for_a_probability():
    """Ratio e⁸⁰: D* is 1, and so ln(1 − D*) is no number; in logits V is what it should be."""
    data, model = np.array([1.0, 0.0]), np.array([np.exp(-80.0), 1 - np.exp(-80.0)])
    assert optimal_discriminator(data, model)[0] == 1
    assert optimal_logits(data, model)[0] == 80
    assert value(data, model, optimal_logits(data, model)) == pytest.approx(-80 * np.exp(-80), rel=0.1, abs=1e-15)


@given(laws)
@pytest.mark.equation("17.6")
def test_jsd_is_what_an_x_tells_of_the_coin(two):
    """Two other ways: the mutual information H(x) − H(x | coin), and SciPy's KLs to the mixture."""
    p, q = two
    m = 0.5 * (p + q)
    assert jsd(p, q) == pytest.approx(entropy(m) - 0.5 * entropy(p) - 0.5 * entropy(q), abs=1e-12)
    assert jsd(p, q) == pytest.approx(0.5 * entropy(p, m) + 0.5 * entropy(q, m), abs=1e-12)
    assert jsd(p, q) == pytest.approx(jsd(q, p), abs=1e-15)


@made
@pytest.mark.equation("17.7")
@pytest.mark.ledger("C-OPT")
def test_what_the_best_discriminator_reaches(name):
    """C-OPT to 1e-8: V at D* written out by D*'s definition, V of the logits, and −ln 4 + 2 JSD with JSD by SciPy."""
    model, divergence, best = MADE[name]
    inside = (TWO > 0) & (model > 0)
    data, law = TWO[inside], model[inside]
    written_out = np.sum(data * np.log(data / (data + law)) + law * np.log(law / (data + law))) * DX
    m = 0.5 * (TWO + model)
    by_scipy = 0.5 * DX * (entropy_to(TWO, m) + entropy_to(model, m))
    assert optimal_value(TWO, model, DX) == pytest.approx(written_out, abs=1e-8)
    assert optimal_value(TWO, model, DX) == pytest.approx(value(TWO, model, optimal_logits(TWO, model), DX), abs=1e-8)
    assert optimal_value(TWO, model, DX) == pytest.approx(-np.log(4) + 2 * by_scipy, abs=1e-8)
    assert jsd(TWO, model, DX) == pytest.approx(divergence, abs=5e-5)
    assert optimal_value(TWO, model, DX) == pytest.approx(best, abs=5e-5)


def entropy_to(p, q):
    """Σ p ln(p/q), without normalising."""
    seen = p > 0
    return np.sum(p[seen] * np.log(p[seen] / q[seen]))


@given(laws, st.integers(0, 2**31))
@pytest.mark.equation("17.8")
def test_what_any_other_discriminator_loses(two, seed):
    """A KL of two coins at each x; so every D gives a lower bound of JSD."""
    p, q = two
    logits = np.random.default_rng(seed).normal(scale=3, size=5)
    best, other = optimal_discriminator(p, q), 1 / (1 + np.exp(-logits))
    coins = np.array([entropy([b, 1 - b], [o, 1 - o]) for b, o in zip(best, other)])
    lost = optimal_value(p, q) - value(p, q, logits)
    assert lost == pytest.approx(((p + q) * coins).sum(), abs=1e-9)
    assert 0.5 * value(p, q, logits) + np.log(2) <= jsd(p, q) + 1e-12


@given(laws)
@pytest.mark.equation("17.9")
def test_the_optimum_is_the_data_and_nothing_else(two):
    """V* ≥ −ln 4, equal at p_g = p_d, D* = ½ there; and V* is convex along the line to any other law."""
    p, q = two
    assert optimal_value(p, p) == pytest.approx(-np.log(4), abs=1e-14)
    assert (optimal_discriminator(p, p) == 0.5).all()
    distance = np.abs(p - q).sum()
    assert optimal_value(p, q) + np.log(4) >= distance**2 / 4 - 1e-12  # Pinsker: JSD ≥ |p − q|₁²/8
    halfway = optimal_value(p, 0.5 * (p + q))
    assert halfway <= 0.5 * optimal_value(p, p) + 0.5 * optimal_value(p, q) + 1e-12


@pytest.mark.equation("17.9")
def test_descending_the_best_value_leads_home():
    """A law of five points, by its softmax's logits, minimises max over D of V from anywhere: with D* held fixed in
    each step, as in a GAN with a perfect discriminator."""
    rng = np.random.default_rng(9)
    p = rng.dirichlet(np.ones(5))
    scores = sg.tensor(rng.normal(size=5), requires_grad=True)
    optimizer = optim.Adam([scores], lr=0.05)
    for _ in range(400):
        law = F.softmax(scores, 0)
        loss = F.sum(law * -F.softplus(optimal_logits(p, law.numpy())))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(law.numpy(), p, atol=1e-3)
    assert optimal_value(p, law.numpy()) == pytest.approx(-np.log(4), abs=1e-5)


@pytest.mark.equation("17.10")
@given(laws)
def test_laws_that_never_meet_are_all_equally_far(two):
    p, q = two
    apart = np.concatenate([p, np.zeros(5)]), np.concatenate([np.zeros(5), q])
    assert jsd(*apart) == pytest.approx(np.log(2), abs=1e-14)
    assert optimal_value(*apart) == pytest.approx(0, abs=1e-14)
    assert value(*apart, optimal_logits(*apart)) == 0
    assert jsd(p, q) >= -1e-15
    assert jsd(p, q) < np.log(2)


@pytest.mark.equation("17.11")
def test_two_uniform_laws_that_drift_apart():
    """JSD rises with θ up to ln 2, and there it stays: no slope. The Wasserstein distance never stops. Cells of a grid,
    so that the sums are the integrals."""
    cells = np.arange(-400, 500) / 100

    def uniform(theta):
        return ((cells > theta - 0.005) & (cells < theta + 0.995)).astype(float)

    for theta in (-3.0, -1.5, -1.0, -0.4, 0.0, 0.25, 0.9, 1.0, 2.0, 3.0):
        assert jsd(uniform(0), uniform(theta), 0.01) == pytest.approx(min(abs(theta), 1) * np.log(2), abs=1e-12)
        moved = wasserstein_distance(cells, cells, uniform(0), uniform(theta))
        assert moved == pytest.approx(abs(theta), abs=1e-9)
    slopes = np.diff([optimal_value(uniform(0), uniform(theta), 0.01) for theta in (1.2, 1.3, 1.4)])
    assert (slopes == 0).all()


@pytest.mark.equation("17.12")
@pytest.mark.ledger("B4")
def test_the_other_objective_has_no_best_discriminator():
    """p_d ln y − p_g ln y: the more D sinks where G makes too much, the better, without end; elsewhere y = 1."""
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    y = np.array([1 / 2, 1e-10, 1e-100, 1e-300])
    gains = (p - q)[:, None] * np.log(y)
    assert (np.diff(gains[2]) > 60).any()
    assert gains[2].max() > 200
    assert (gains[0] <= 0).all()  # where G makes too little, the best is y = 1
    assert (gains[1] == 0).all()  # where it makes just enough, D may say what it likes
    logits = np.where(q > p, -1e6, 1e6)
    assert np.sum(p * -np.logaddexp(0, -logits) - q * -np.logaddexp(0, -logits)) > 1e5
    assert value(p, q, logits) < optimal_value(p, q) <= 0  # the right one is bounded, by 0


def test_one_mode_of_two():
    """The page's ¾ ln(4/3), exact where the modes do not overlap; and its exercise: one of n modes, n → ∞: ln 2."""
    assert jsd(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == pytest.approx(0.75 * np.log(4 / 3), rel=1e-14)
    many = 10**6
    law = np.zeros(many)
    law[0] = 1
    assert jsd(np.full(many, 1 / many), law) == pytest.approx(np.log(2), abs=1e-4)
    assert kl(law, np.full(many, 1 / many)) == pytest.approx(np.log(many), rel=1e-12)
