"""derivations/18-gan-gradients.md, equation by equation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm

import scratchgen as sg
from scratchgen import functional as F
from scratchgen.models.adversarial import GAN, OBJECTIVES, R1, GradientPenalty, MLPDiscriminator, MLPGenerator
from scratchgen.models.adversarial.exact import (
    generator_value,
    jsd,
    kl,
    non_saturating_divergence,
    optimal_logits,
    value,
)

LOGITS = np.array([-1e4, -700.0, -50.0, -10.0, -1.3, -1e-9, 0.0, 0.4, 3.0, 30.0, 800.0, 1e4])


def one_minus(a):
    """1 − σ(a), with all its digits."""
    return expit(-a)


# For each game the slopes by the logits of real images, of made ones for D, and of made ones for G: as on the page.
SLOPES = {
    "minimax": (lambda a: -one_minus(a), expit, lambda a: -expit(a)),
    "non-saturating": (lambda a: -one_minus(a), expit, lambda a: -one_minus(a)),
    "least squares": (lambda a: a - 1, lambda a: a, lambda a: a - 1),
    "wasserstein": (lambda a: -1 + 0 * a, lambda a: 1 + 0 * a, lambda a: -1 + 0 * a),
}
games = pytest.mark.parametrize("name", SLOPES)


def parts(name):
    """(what of it is for real logits, for made ones of D, of G) as functions of logits, summed over images."""
    game = OBJECTIVES[name]
    n = len(LOGITS)
    far = np.zeros(1)  # a single logit of the other kind, whose loss is a constant
    return (
        lambda a: n * (game.discriminator(a, far) - game.discriminator(far, far)),
        lambda a: n * (game.discriminator(far, a) - game.discriminator(far, far)),
        lambda a: n * game.generator(a),
    )


@games
@pytest.mark.equation("18.1", "18.2", "18.3", "18.4", "18.5", "18.6", "18.7", "18.8", "18.9")
def test_slopes_by_hand_by_autograd_and_by_differences(name):
    """Along a random direction of all logits at once; and one by one, with logits up to ±10,000, all of them finite."""
    rng = np.random.default_rng(18)
    for part, by_hand in zip(parts(name), SLOPES[name]):
        a = sg.tensor(LOGITS, requires_grad=True)
        (g,) = sg.grad(part(a), [a])
        np.testing.assert_allclose(g.numpy(), by_hand(LOGITS), rtol=1e-13, atol=1e-300)
        assert np.isfinite(g.numpy()).all()
        assert np.isfinite(part(LOGITS))
        small, direction = rng.normal(scale=3, size=len(LOGITS)), rng.normal(size=len(LOGITS))
        values = [part(small + h * direction) for h in (-2e-3, -1e-3, 1e-3, 2e-3)]
        difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / 12e-3
        assert by_hand(small) @ direction == pytest.approx(difference, rel=1e-8, abs=1e-9)


@games
@pytest.mark.ledger("B18")
@pytest.mark.equation("18.2", "18.4", "18.6", "18.8", "18.9")
def test_slopes_by_differences_far_out(name):
    """Logit by logit, up to ±10,000, with steps that grow with them: against the slopes by hand and by autograd."""
    game, step = OBJECTIVES[name], np.maximum(1e-2, 1e-3 * np.abs(LOGITS))
    generated = game.generated or (lambda a: -game.fake(a))
    for part, by_hand in zip((game.real, game.fake, generated), SLOPES[name]):
        values = [part(LOGITS + k * step) for k in (-2, -1, 1, 2)]
        difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        np.testing.assert_allclose(difference, by_hand(LOGITS), rtol=1e-8, atol=1e-9)
        a = sg.tensor(LOGITS, requires_grad=True)
        np.testing.assert_allclose(difference, sg.grad(F.sum(part(a)), [a])[0].numpy(), rtol=1e-8, atol=1e-9)


@games
@pytest.mark.ledger("B18")
def test_slopes_in_single_precision_are_finite_and_single(name):
    """At logits up to ±10,000, of D on both kinds of images at once, and of G."""
    logits, game = LOGITS.astype(np.float32), OBJECTIVES[name]
    real, fake, generated = (by_hand(LOGITS) for by_hand in SLOPES[name])
    for loss, expected in ((lambda a: game.discriminator(a, a), real + fake), (game.generator, generated)):
        a = sg.tensor(logits, requires_grad=True)
        total = len(LOGITS) * loss(a)
        (g,) = sg.grad(total, [a])
        assert total.dtype == g.dtype == np.float32
        assert np.isfinite(total.numpy())
        np.testing.assert_allclose(g.numpy(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.equation("18.1", "18.3", "18.5")
def test_the_formulas_with_logarithms_say_the_same():
    """Where σ is not rounded: −ln σ, ln(1 − σ) as the slides write them."""
    a = np.linspace(-8, 8, 33)
    real, fake = a, a[::-1].copy()
    written = -np.log(expit(real)).mean() - np.log(1 - expit(fake)).mean()
    for name in ("minimax", "non-saturating"):
        assert OBJECTIVES[name].discriminator(real, fake) == pytest.approx(written, rel=1e-12)
    assert OBJECTIVES["minimax"].generator(fake) == pytest.approx(np.log(1 - expit(fake)).mean(), rel=1e-12)
    assert OBJECTIVES["non-saturating"].generator(fake) == pytest.approx(-np.log(expit(fake)).mean(), rel=1e-12)


@pytest.mark.equation("18.1")
def test_the_discriminators_loss_is_minus_v():
    """With frequencies in the place of densities: D's loss over a sample is −V of the sample's law."""
    rng = np.random.default_rng(1)
    logits = rng.normal(size=6)
    real, fake = rng.integers(0, 6, 1000), rng.integers(0, 6, 1000)
    loss = OBJECTIVES["minimax"].discriminator(logits[real], logits[fake])
    laws = np.bincount(real, minlength=6) / 1000, np.bincount(fake, minlength=6) / 1000
    assert loss == pytest.approx(-value(*laws, logits), rel=1e-12)


@pytest.mark.equation("18.7")
def test_least_squares_best_critic_is_the_mean_of_the_labels():
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    a = sg.tensor(p / (p + q), requires_grad=True)
    game = OBJECTIVES["least squares"]
    (g,) = sg.grad(F.sum(p * game.real(a) + q * game.fake(a)), [a])
    np.testing.assert_allclose(g.numpy(), 0, atol=1e-15)


@pytest.mark.equation("18.9")
def test_wasserstein_among_critics_of_slope_one():
    """Two laws on a line: the best critic falls by 1 where the data's distribution function is ahead, and reaches W₁;
    no other critic of slope at most 1 does better."""
    rng = np.random.default_rng(2)
    p, q = rng.dirichlet(np.ones(30), 2)
    gap = np.cumsum(p - q)[:-1]
    distance = np.abs(gap).sum()

    def gain(steps):
        critic = np.concatenate([[0.0], np.cumsum(steps)])
        return -(-p @ critic + q @ critic)

    assert gain(-np.sign(gap)) == pytest.approx(distance, rel=1e-12)
    others = [gain(rng.uniform(-1, 1, 29)) for _ in range(200)]
    assert max(others) <= distance
    assert gain(-2 * np.sign(gap)) == pytest.approx(2 * distance, rel=1e-12)  # without a bound it would grow for ever


@pytest.mark.equation("18.9")
def test_clipping_after_a_step():
    rng = np.random.default_rng(3)
    gan = GAN(MLPGenerator(2, (4,), 3, rng=rng), MLPDiscriminator(3, (4,), rng=rng), "wasserstein", clip=0.1)
    before = [p.data.copy() for p in gan.discriminator.parameters()]
    untouched = [p.data.copy() for p in gan.generator.parameters()]
    gan.constrain()
    for p, old in zip(gan.discriminator.parameters(), before):
        np.testing.assert_array_equal(p.data, np.minimum(np.maximum(old, np.float32(-0.1)), np.float32(0.1)))
    assert max(np.abs(old).max() for old in before) > 0.1
    for p, old in zip(gan.generator.parameters(), untouched):
        np.testing.assert_array_equal(p.data, old)


# ---------------------------------------------------------------------------------------------------------- penalties
@pytest.mark.equation("18.10", "18.11", "18.12")
def test_penalties_of_a_linear_critic():
    """a(x) = w·x has the slope w everywhere: γ/2 |w|² and λ(|w| − 1)², with their slopes by w."""
    rng = np.random.default_rng(4)
    w = sg.tensor(rng.normal(size=5), requires_grad=True)
    real, fake = rng.normal(size=(2, 7, 5))
    size = np.linalg.norm(w.numpy())
    cases = (
        (R1(3.0), 1.5 * size**2, 3.0 * w.numpy()),
        (GradientPenalty(2.5), 2.5 * (size - 1) ** 2, 5.0 * (size - 1) * w.numpy() / size),
    )
    for penalty, expected, slope in cases:
        loss = penalty(lambda x: x @ w, real, fake, rng)
        (g,) = sg.grad(loss, [w])
        assert loss.item() == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(g.numpy(), slope, rtol=1e-12)


@pytest.mark.equation("18.10", "18.11")
def test_where_penalties_look():
    """R1 on the real images, and nowhere else; WGAN-GP somewhere on the line of each pair."""
    rng = np.random.default_rng(5)
    real, fake = rng.normal(size=(2, 60, 3))
    seen = []

    def critic(x):
        seen.append(x.numpy())
        return F.sum(F.square(x), 1)

    assert R1(2.0)(critic, real, fake, rng).item() == pytest.approx((4 * real**2).sum(1).mean(), rel=1e-12)
    np.testing.assert_array_equal(seen.pop(), real)
    GradientPenalty()(critic, real, fake, rng)
    (between,) = seen
    share = ((between - fake) / (real - fake)).mean(1)
    np.testing.assert_allclose(share[:, None] * real + (1 - share[:, None]) * fake, between, atol=1e-12)
    assert share.min() >= 0
    assert share.max() <= 1
    assert share.std() == pytest.approx(12**-0.5, rel=0.25)  # each its own u, uniform


@pytest.mark.equation("18.12", "18.13")
@pytest.mark.parametrize("which", ["R1", "gradient penalty"])
def test_penalties_of_one_hidden_layer_by_hand(which):
    """Eq. 18.13 image by image, φ = tanh, against second-order autograd; and that against differences."""
    rng = np.random.default_rng(6)
    W, b, v = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=4)
    x, gamma = rng.normal(size=(5, 3)), 1.7
    penalty = R1(gamma) if which == "R1" else GradientPenalty(gamma)
    tensors = [sg.tensor(array, requires_grad=True) for array in (W, b, v)]

    def loss(W, b, v):
        return penalty(lambda x: F.tanh(x @ F.transpose(W) + b) @ v, x, x, np.random.default_rng(0))

    expected = [np.zeros_like(array) for array in (W, b, v)]
    for image in x:
        h = W @ image + b
        first, second = 1 - np.tanh(h) ** 2, -2 * np.tanh(h) * (1 - np.tanh(h) ** 2)
        delta = v * first
        s = W.T @ delta
        size = np.linalg.norm(s)
        r = (gamma * s if which == "R1" else 2 * gamma * (size - 1) * s / size) / len(x)
        b_bar = v * second * (W @ r)
        for total, part in zip(expected, (np.outer(delta, r) + np.outer(b_bar, image), b_bar, first * (W @ r))):
            total += part
    for found, by_hand in zip(sg.grad(loss(*tensors), tensors), expected):
        np.testing.assert_allclose(found.numpy(), by_hand, rtol=1e-9, atol=1e-12)
    sg.gradcheck(loss, W, b, v)


# ------------------------------------------------------------------------------------------------------ what vanishes
@pytest.mark.equation("18.14")
@pytest.mark.parametrize("name", SLOPES)
def test_all_of_gs_gradient_passes_through_one_number_for_each_image(name):
    """∇L_G from the slope by the logit, ∇ₓa and the Jacobian of G; each of the three computed alone."""
    rng = np.random.default_rng(7)
    weight, z = rng.normal(size=(3, 2)), rng.normal(size=(6, 2))
    u = rng.normal(size=3)

    def critic(x):
        return 2 * F.sum(F.sin(x) * u, 1)

    theta = sg.tensor(weight, requires_grad=True)
    (g,) = sg.grad(OBJECTIVES[name].generator(critic(F.tanh(z @ F.transpose(theta)))), [theta])
    x = np.tanh(z @ weight.T)
    slope = SLOPES[name][2](critic(x)) / len(z)
    by_x = 2 * u * np.cos(x)
    jacobian = np.einsum("np,nk->npk", 1 - x**2, z)  # of output p by weight (p, k)
    np.testing.assert_allclose(g.numpy(), np.einsum("n,np,npk->pk", slope, by_x, jacobian), rtol=1e-11)


@pytest.mark.equation("18.15")
@pytest.mark.ledger("E9")
def test_the_logarithm_takes_back_what_the_sigmoid_took():
    """σ′/σ and σ′/(1 − σ) by a chain of two primitives, where σ is not yet rounded: the slopes of Eqs. 18.6, 18.4."""
    a = sg.tensor(np.linspace(-25, 10, 71), requires_grad=True)
    (through,) = sg.grad(F.sum(-F.log(F.sigmoid(a))), [a])
    np.testing.assert_allclose(through.numpy(), -one_minus(a.numpy()), rtol=1e-9, atol=1e-15)
    (other,) = sg.grad(F.sum(F.log(1 - F.sigmoid(a))), [a])
    np.testing.assert_allclose(other.numpy(), -expit(a.numpy()), rtol=1e-9)
    (alone,) = sg.grad(F.sum(F.sigmoid(a)), [a])
    assert alone.numpy()[0] < 1e-10  # what S0 looks at
    assert through.numpy()[0] == pytest.approx(-1, abs=1e-10)  # what G gets
    assert abs(other.numpy()[0]) < 1e-10


@pytest.mark.equation("18.16")
@pytest.mark.ledger("C-SAT")
def test_the_ratio_of_the_slopes():
    for a, ratio in ((-10.0, 22026), (-5.0, 148), (0.0, 1)):
        logit = sg.tensor(np.array([a]), requires_grad=True)
        (small,) = sg.grad(OBJECTIVES["minimax"].generator(logit), [logit])
        (large,) = sg.grad(OBJECTIVES["non-saturating"].generator(logit), [logit])
        found = large.item() / small.item()
        assert found == pytest.approx(np.exp(-a), rel=1e-12)
        assert round(found) == ratio


# -------------------------------------------------------------------------------------------- at the best discriminator
X = np.linspace(-16, 16, 6401)
DX = X[1] - X[0]
DATA = 0.6 * norm.pdf(X, -1.5, 0.8) + 0.4 * norm.pdf(X, 1.5, 0.6)
FAMILIES = {  # p_g as θ moves, and where it stands
    "moved": (lambda t: norm.pdf(X, t, 0.7), 0.4),
    "widened": (lambda t: norm.pdf(X, -0.5, np.exp(t)), -0.2),
    "mixed": (lambda t: t * norm.pdf(X, -1, 0.6) + (1 - t) * norm.pdf(X, 2, 0.9), 0.7),
}
families = pytest.mark.parametrize("family", FAMILIES)


def derivative(f, t, h=4e-3):
    """Seven points: the error is of order h⁶."""
    f1, f2, f3 = (f(t + k * h) - f(t - k * h) for k in (1, 2, 3))
    return (45 * f1 - 9 * f2 + f3) / (60 * h)


@families
@pytest.mark.equation("18.17")
@pytest.mark.ledger("C-OPT")
def test_minimax_with_the_best_discriminator_descends_the_jsd(family):
    law, t = FAMILIES[family]
    held = optimal_logits(DATA, law(t))
    left = derivative(lambda s: generator_value(law(s), held, DX, saturating=True), t)
    right = derivative(lambda s: 2 * jsd(DATA, law(s), DX), t)
    assert left == pytest.approx(right, abs=1e-8)
    assert abs(right) > 0.02


@families
@pytest.mark.equation("18.19", "18.20")
def test_non_saturating_with_the_best_discriminator_descends_another_divergence(family):
    """Eq. 18.19 to 1e-8, and its right side written in both ways."""
    law, t = FAMILIES[family]
    held = optimal_logits(DATA, law(t))
    left = derivative(lambda s: generator_value(law(s), held, DX), t)
    right = derivative(lambda s: kl(law(s), DATA, DX) - 2 * jsd(DATA, law(s), DX), t)
    softened = derivative(lambda s: non_saturating_divergence(DATA, law(s), DX), t)
    assert left == pytest.approx(right, abs=1e-8)
    assert left == pytest.approx(softened, abs=1e-8)
    minimax = derivative(lambda s: generator_value(law(s), held, DX, saturating=True), t)
    assert abs(left - minimax) > 0.05


@pytest.mark.equation("18.14", "18.17", "18.19")
@pytest.mark.parametrize(("name", "saturating"), [("minimax", True), ("non-saturating", False)])
def test_the_same_along_the_samples_as_a_gan_does_it(name, saturating):
    """G(z) = m + sz, the gradient carried through a*(G(z)) with the law in a* held: by m and by s, z by quadrature."""
    z = np.linspace(-10, 10, 4001)
    weights = norm.pdf(z) * (z[1] - z[0])
    m, s = 0.4, 0.7

    def log_normal(x, mean, deviation):
        return -0.5 * F.square((x - mean) / deviation) - np.log(deviation * np.sqrt(2 * np.pi))

    theta = [sg.tensor(np.array(value), requires_grad=True) for value in (m, s)]
    x = theta[0] + theta[1] * z
    log_data = F.log(0.6 * F.exp(log_normal(x, -1.5, 0.8)) + 0.4 * F.exp(log_normal(x, 1.5, 0.6)))
    a = log_data - log_normal(x, m, s)
    loss = -F.softplus(a) if saturating else F.softplus(-a)
    gradients = sg.grad(F.sum(weights * loss), theta)

    def divergence(mean, deviation):
        law = norm.pdf(X, mean, deviation)
        return 2 * jsd(DATA, law, DX) if saturating else non_saturating_divergence(DATA, law, DX)

    assert gradients[0].item() == pytest.approx(derivative(lambda t: divergence(t, s), m), abs=1e-8)
    assert gradients[1].item() == pytest.approx(derivative(lambda t: divergence(m, t), s), abs=1e-8)


@pytest.mark.equation("18.18")
def test_non_saturating_is_linear_minus_minimax():
    a = np.random.default_rng(8).normal(scale=20, size=100)
    games = {name: OBJECTIVES[name].generator(a) for name in ("minimax", "non-saturating", "wasserstein")}
    assert games["non-saturating"] == pytest.approx(games["wasserstein"] - games["minimax"], rel=1e-12)


@given(st.integers(0, 2**31))
@pytest.mark.equation("18.20")
def test_it_is_a_divergence(seed):
    """KL − 2 JSD = 2 KL(m ‖ p_d), never negative, 0 for equal laws: no pushing apart in sum."""
    p, q = np.random.default_rng(seed).dirichlet(np.full(5, 0.5), 2)
    found = non_saturating_divergence(p, q)
    assert found == pytest.approx(kl(q, p) - 2 * jsd(p, q), rel=1e-9, abs=1e-12)
    assert found >= np.abs(p - q).sum() ** 2 / 4 - 1e-12  # Pinsker, for m
    assert non_saturating_divergence(p, p) == 0


def test_what_the_objectives_make_of_a_generator_that_is_too_small():
    """The page's table: the best normal law for two modes covers them by JSD, and drops one by the other objective."""
    data = 0.6 * norm.pdf(X, -1.5, 0.5) + 0.4 * norm.pdf(X, 1.5, 0.5)
    table = {
        "maximum likelihood": (lambda law: kl(data, law, DX), -0.30, 1.55, 0.464),
        "minimax": (lambda law: 2 * jsd(data, law, DX), -0.295, 1.53, 0.258),
        "non-saturating": (lambda law: non_saturating_divergence(data, law, DX), -1.496, 0.505, 0.182),
        "reverse KL": (lambda law: kl(law, data, DX), -1.494, 0.51, 0.507),
    }
    for name, (divergence, mean, deviation, reached) in table.items():
        best = min(
            (
                minimize(lambda t, d=divergence: d(norm.pdf(X, t[0], np.exp(t[1]))), start, method="Nelder-Mead")
                for start in ((-1.4, -0.6), (-0.2, 0.4), (1.4, -0.6))
            ),
            key=lambda result: result.fun,
        )
        assert best.x[0] == pytest.approx(mean, abs=0.006), name
        assert np.exp(best.x[1]) == pytest.approx(deviation, abs=0.006), name
        assert best.fun == pytest.approx(reached, abs=6e-4), name


@pytest.mark.parametrize(
    ("name", "curvature"),
    [
        ("least squares", lambda t: t / (1 + t) ** 3),
        ("minimax", lambda t: 1 / (t + t**2)),
        ("non-saturating", lambda t: 1 / (1 + t)),
    ],
)
def test_the_exercise(name, curvature):
    """f′(t) of ∫ p_d f(p_g/p_d) is what G pays at a point where p_g = t p_d and D is at its best; f″ is its slope."""
    t = np.linspace(0.2, 5, 4801)
    best = 1 / (1 + t) if name == "least squares" else -np.log(t)
    paid = np.array([OBJECTIVES[name].generator(a) for a in best[:, None]])
    np.testing.assert_allclose(np.gradient(paid, t)[1:-1], curvature(t)[1:-1], rtol=1e-4)
