"""derivations/22-metrics.md: what each measure of a generator is, in cases where the answer is known."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import entropy

from scratchgen import functional as F
from scratchgen import grad, tensor
from scratchgen.data import mixture_ring
from scratchgen.evaluation import (
    Monitor,
    centroids,
    class_shares,
    count_modes,
    inception_score,
    parzen_log_prob,
    parzen_score,
    reverse_kl,
    spread,
)
from scratchgen.evaluation.monitor import PERFECT, _entropy, _wave
from scratchgen.evaluation.parzen import SIGMAS
from scratchgen.models.adversarial.objectives import objective_named


@pytest.fixture
def rng():
    return np.random.default_rng(22)


# -------------------------------------------------------------------------------------------------------------- modes
@pytest.mark.equation("22.3")
@pytest.mark.parametrize(
    ("d", "deviations", "share"), [(1, 3, 0.9973), (2, 3, 0.98889), (2, 1, 0.39347), (20, 3, 0.017)]
)
def test_the_share_within_some_standard_deviations_depends_on_the_dimension(d, deviations, share, rng):
    p = scipy.stats.chi2.cdf(deviations**2, d)
    assert p == pytest.approx(share, rel=0.01)
    n = 40_000
    found = count_modes(2 + 0.5 * rng.standard_normal((n, d)), np.full((1, d), 2.0), 0.5, deviations)
    assert abs(found.quality - p) < 4 * math.sqrt(p * (1 - p) / n)


@pytest.mark.equation("22.5")
@pytest.mark.parametrize("m", [1, 3, 8])
def test_of_k_modes_m_are_left_and_the_two_directions(m):
    """Data on 8 equal modes, samples on m of them: ln(8/m) one way, and the other way infinite unless m = 8."""
    q, p = np.repeat([1 / m, 0], [m, 8 - m]), np.full(8, 1 / 8)
    assert reverse_kl(q) == pytest.approx(math.log(8 / m), abs=1e-12)
    assert entropy(p, q) == (pytest.approx(0, abs=1e-12) if m == 8 else math.inf)


@pytest.mark.equation("22.5")
def test_the_two_directions_differ_where_both_are_finite():
    """A mode that is nearly lost costs little in this direction, and much in the other."""
    counts = np.array([1, 333, 333, 333])
    assert reverse_kl(counts) == pytest.approx(entropy(counts, np.full(4, 0.25)))
    assert reverse_kl(counts) < 0.29
    assert entropy(np.full(4, 0.25), counts) > 1.1


@pytest.mark.equation("22.6")
@pytest.mark.parametrize(("modes", "n"), [(8, 2500), (25, 2500), (1000, 26_000)])
def test_a_perfect_generator_is_not_at_zero(modes, n, rng):
    """(K − 1)/2N on average: 0.0014 for the ring, 0.019 nats for stacked digits."""
    found = [reverse_kl(np.bincount(rng.integers(modes, size=n), minlength=modes)) for _ in range(200)]
    expected = (modes - 1) / (2 * n)
    assert abs(np.mean(found) - expected) < 4 * np.std(found) / math.sqrt(200) + 0.02 * expected


@pytest.mark.equation("22.7")
def test_a_line_through_every_mode(rng):
    """The arithmetic of E17 without a network: a piecewise map of z ~ N(0, 1) gives each mode its share."""
    modes, width, n = 8, 0.001, 40_000
    borders = scipy.stats.norm.ppf(np.arange(1, modes) / modes)
    means = mixture_ring(1, rng).means.astype(float)
    z = rng.standard_normal((n, 1))
    steps = np.clip((z - borders) / width, 0, 1)  # (n, 7)
    found = count_modes(means[0] + steps @ np.diff(means, axis=0), means, 0.01)
    between = width * scipy.stats.norm.pdf(borders).sum()
    assert found.reached == 8
    assert abs(1 - found.quality - between) < 4 * math.sqrt(between / n) + 0.05 * between
    assert found.reverse_kl < 0.001


# ------------------------------------------------------------------------------------------------------------- Parzen
@pytest.mark.equation("22.11")
@given(st.floats(-0.3, 0.3), st.integers(1, 50))
def test_a_wrong_sigma_costs_d_times_its_error_squared(delta, d):
    """One centre, so that the maximum over σ is known: σ*² = mean squared distance / d."""
    rng = np.random.default_rng(d)
    x, centre = rng.standard_normal((20, d)), rng.standard_normal((1, d))
    best = math.sqrt(((x - centre) ** 2).sum(1).mean() / d)
    top, off = (parzen_log_prob(x, centre, best * math.exp(e)).mean() for e in (0, delta))
    assert off - top == pytest.approx(-d * delta - d / 2 * math.expm1(-2 * delta), abs=1e-9 * d)
    assert off - top == pytest.approx(-d * delta**2, abs=d * abs(delta) ** 3 + 1e-9)
    assert parzen_score(centre, x, x, (best * 0.9, best, best * 1.1)).sigma == best


@pytest.mark.equation("22.11")
def test_what_the_grid_of_the_paper_costs_at_worst():
    """Ten σ from 0.1 to 1: half a step is 0.128, and for 784 pixels that is 12.8 nats."""
    half = math.log(SIGMAS[1] / SIGMAS[0]) / 2
    assert 784 * half**2 == pytest.approx(12.8, abs=0.1)


@pytest.mark.equation("22.12")
def test_many_centres_give_the_convolved_density(rng):
    """Centres from N(0, s²I): the window is on average N(0, (s² + σ²)I), too wide; and its logarithm lies below."""
    s, sigma, d = 1.5, 0.8, 2
    x = np.array([[0.0, 0.0], [1.0, -1.0], [3.0, 0.5]])
    exact = scipy.stats.multivariate_normal(np.zeros(d), (s**2 + sigma**2) * np.eye(d))
    for m, runs in ((5, 4000), (200_000, 1)):
        found = np.array([parzen_log_prob(x, s * rng.standard_normal((m, d)), sigma) for _ in range(runs)])
        density = np.exp(found)
        # one window has a variance: E N(x; c, σ²I)² − (E N)², both Gaussian integrals
        second = [
            scipy.stats.multivariate_normal(np.zeros(d), (s**2 + sigma**2 / 2) * np.eye(d)).pdf(x[i])
            / (4 * math.pi * sigma**2) ** (d / 2)
            for i in range(3)
        ]
        error = np.sqrt((np.array(second) - exact.pdf(x) ** 2) / (m * runs))
        assert (abs(density.mean(0) - exact.pdf(x)) < 4 * error).all()
    few = np.array([parzen_log_prob(x, s * rng.standard_normal((5, d)), sigma) for _ in range(2000)])
    assert (few.mean(0) < exact.logpdf(x) - 4 * few.std(0) / math.sqrt(2000)).all()


@pytest.mark.equation("22.13")
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 30), st.floats(0.05, 5))
def test_between_the_nearest_centre_and_the_nearest_centre(seed, m, d, sigma):
    rng = np.random.default_rng(seed)
    x, centres = rng.standard_normal((6, d)), rng.standard_normal((m, d))
    nearest = ((x[:, None] - centres) ** 2).sum(2).min(1)
    alone = -d / 2 * math.log(2 * math.pi * sigma**2) - nearest / (2 * sigma**2)
    over = parzen_log_prob(x, centres, sigma) - alone
    assert (over <= 1e-9).all()
    assert (over >= -math.log(m) - 1e-9).all()


@pytest.mark.equation("22.13")
def test_centroids_are_nearer_and_so_they_win(rng):
    x, validation, test = (rng.standard_normal((n, 20)) for n in (3000, 400, 400))
    places = {"data": x[:100], "centroids": centroids(x, 100, rng)}
    error = {name: ((test[:, None] - c) ** 2).sum(2).min(1).mean() for name, c in places.items()}
    sigmas = np.linspace(0.3, 1.5, 60).tolist()
    score = {name: parzen_score(c, validation, test, sigmas) for name, c in places.items()}
    assert error["centroids"] < 0.9 * error["data"]
    assert score["centroids"].log_prob > score["data"].log_prob + 1
    for name, found in score.items():
        assert found.log_prob <= -10 * math.log(2 * math.pi * math.e * error[name] / 20) + 1e-9


@pytest.mark.ledger("C-EVAL")
@pytest.mark.equation("22.14")
def test_a_single_point_beats_the_truth(rng):
    """Data from N(0, I) in 50 dimensions. The worst of all generators, which always says 0, has the entropy, the best
    score there is; a thousand samples of the truth itself score more than 7 nats less."""
    d, n = 50, 2000
    validation, test = rng.standard_normal((n, d)), rng.standard_normal((n, d))
    sigmas = np.linspace(0.8, 1.6, 41).tolist()
    point = parzen_score(np.zeros((1, d)), validation, test, sigmas)
    truth = parzen_score(rng.standard_normal((1000, d)), validation, test, sigmas)
    best = -d / 2 * math.log(2 * math.pi * math.e)
    assert point.sigma == pytest.approx(1, abs=0.03)
    assert abs(point.log_prob - best) < 4 * point.error
    assert truth.log_prob < point.log_prob - 7
    nearest = ((rng.standard_normal((500, 1, d)) - rng.standard_normal((1000, d))) ** 2).sum(2).min(1).mean()
    assert truth.log_prob < -d / 2 * math.log(2 * math.pi * math.e * nearest / d) + 4 * truth.error


@pytest.mark.ledger("C-EVAL")
@pytest.mark.equation("22.14")
@pytest.mark.parametrize("d", [20, 30, 50])
def test_how_many_true_samples_have_none_near(d, rng):
    """D²/d is above s² for a third of 1/P samples and below for three times as many, P the probability of a sample
    nearer than √d s. The number grows as e^(0.1226 d): e^99 for 784 pixels, and far fewer than e^d."""
    log_p = scipy.stats.ncx2.logcdf(d, d, d)

    def nearest(m):
        x, found = rng.standard_normal((1000, d)), np.full(1000, np.inf)
        for start in range(0, m, 2000):
            found = np.minimum(found, cdist(x, rng.standard_normal((min(2000, m - start), d)), "sqeuclidean").min(1))
        return found.mean() / d

    assert 1 < nearest(round(math.exp(-log_p) / 3)) < 2
    assert nearest(round(3 * math.exp(-log_p))) < 0.95
    if d == 20:
        assert nearest(20_000) < 0.5  # of e^20 = 5e8
    assert -scipy.stats.ncx2.logcdf(784, 784, 784) == pytest.approx(99.4, abs=0.1)
    assert 392 * math.log(4 / 3) == pytest.approx(112.8, abs=0.1)


# ------------------------------------------------------------------------------------------------------------ classes
@pytest.mark.ledger("C-EVAL")
@pytest.mark.equation("22.15", "22.17")
def test_one_image_of_each_class_is_enough_for_both(rng):
    """Ten images, repeated: no entropy is missing, and the score is 10, the largest there is; data have less."""
    ten = np.repeat(np.eye(10), 100, 0)
    assert inception_score(ten) == pytest.approx(10)
    assert class_shares(ten).from_uniform == pytest.approx(0, abs=1e-12)
    real = rng.dirichlet(np.full(10, 0.05), 1000)  # a good classifier is not quite sure of every real digit
    assert inception_score(real) < 9


# ------------------------------------------------------------------------------------------------------------ monitor
@pytest.mark.equation("22.18")
@given(st.integers(0, 2**32 - 1))
def test_a_small_loss_of_d_means_that_it_is_sure_and_right(seed):
    """E D(x) ≥ e^(−L) and E D(G(z)) ≤ 1 − e^(−L), for any logits: below 0.1 nats D is above 0.9 on one side. And in
    either game the shares of both kinds that it is wrong about sum to 2L over what guessing costs, at most."""
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(rng.normal(0, 4), 3, 20), rng.normal(rng.normal(0, 4), 3, 20)
    loss = float(objective_named("minimax").discriminator(real, fake))
    assert F.sigmoid(real).mean() >= math.exp(-loss) - 1e-12
    assert F.sigmoid(fake).mean() <= -math.expm1(-loss) + 1e-12
    for name, border in (("minimax", 0.0), ("least squares", 0.5)):
        game = objective_named(name)
        wrong = (real < border).mean() + (fake > border).mean()
        assert wrong <= 2 * game.discriminator(real, fake) / game.guessing + 1e-12
        assert float(game.discriminator(np.full(3, border), np.full(3, border))) == pytest.approx(game.guessing)
        near = np.clip(real, border - 0.3, border + 3), np.clip(fake, border - 3, border + 0.3)
        wrong = (near[0] < border).mean() + (near[1] > border).mean()
        assert wrong <= 2 * game.discriminator(*near) / game.guessing + 1e-12
    assert math.exp(-PERFECT * objective_named("minimax").guessing) > 0.9


@pytest.mark.ledger("C-CONV")
@pytest.mark.equation("22.19")
@pytest.mark.parametrize(("objective", "alone"), [("minimax", 0.0), ("non-saturating", -1.0)])
def test_what_a_perfect_discriminator_leaves_to_g(objective, alone):
    """dL_G/da, the factor before D's own slope, where D is sure that G's is made: a = −30."""
    a = tensor(np.array([-30.0]), requires_grad=True)
    (slope,) = grad(objective_named(objective).generator(a), [a])
    assert slope.numpy() == pytest.approx(alone, abs=1e-12)
    a = tensor(np.array([0.0]), requires_grad=True)
    (slope,) = grad(objective_named(objective).generator(a), [a])
    assert slope.numpy() == pytest.approx(-0.5)


@pytest.mark.equation("22.20")
@given(st.integers(0, 2**32 - 1), st.integers(5, 30), st.integers(2, 10))
def test_modes_at_a_time_and_in_the_course_of_time(seed, times, modes):
    """Over time there are at least as many as at a time; equally many only if the shares stay; the logarithm of the
    ratio is the mutual information of time and mode."""
    q = np.random.default_rng(seed).dirichlet(np.full(modes, 0.5), times)
    monitor = Monitor(max(20, times))
    for row in q:
        monitor.watch({"D": 1, "G": 1, "D(x)": 1, "D(G(z))": 0}, 1.0, row)
    now, over, changes = monitor._modes()
    joint = q / times
    information = entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint.ravel())
    assert math.log(over / now) == pytest.approx(information, abs=1e-9)
    assert 1 - 1e-9 <= now <= over + 1e-9 <= modes + 2e-9
    assert changes == sum(a.argmax() != b.argmax() for a, b in zip(q[1:], q[:-1]))


@pytest.mark.equation("22.21")
@pytest.mark.parametrize("n", [20, 57, 100])
def test_the_share_of_a_wave_in_a_loss(n, rng):
    """All of a wave, whatever line it lies on, and none of the line; with noise of σ beside a height of A it is
    1/(1 + 2σ²/A²), 8/9 for a quarter; and of independent noise alone one frequency gets (1 − share)^((n−4)/2) by
    chance."""
    t = np.arange(n)
    for cycles in (2, 3.25, n // 4):
        found = _wave(5 - 0.3 * t + 0.7 * np.sin(2 * math.pi * cycles * t / n + 1))
        assert found == pytest.approx((cycles, 1, 0.7 / math.sqrt(2)), rel=0.1)
        assert found[1] == pytest.approx(1)
    assert _wave(5 - 0.3 * t)[2] == pytest.approx(0, abs=1e-12)
    waves = [np.sin(2 * math.pi * 3.25 * t / n + k) + rng.standard_normal(n) / 4 for k in range(300)]
    assert np.mean([_wave(wave)[1] for wave in waves]) == pytest.approx(8 / 9, abs=0.02)
    line = np.stack([np.ones(n), t], 1)
    whole = np.column_stack([line, np.cos(6 * math.pi * t / n), np.sin(6 * math.pi * t / n)])
    noise = rng.standard_normal((n, 20_000))
    left, more = (((noise - q @ (q.T @ noise)) ** 2).sum(0) for q in (np.linalg.qr(a)[0] for a in (line, whole)))
    for share in (0.05, 0.2, 0.3):
        p = (1 - share) ** ((n - 4) / 2)
        assert abs((1 - more / left >= share).mean() - p) < 4 * math.sqrt(p * (1 - p) / 20_000) + 1e-12


@pytest.mark.equation("22.23")
@pytest.mark.parametrize(("modes", "n"), [(1000, 200), (100, 64), (25, 16), (10, 8), (8, 200)])
def test_the_entropy_behind_few_samples(modes, n, rng):
    """Of equally frequent modes: ln K to a sixth, where the entropy of the samples themselves is far too small; one
    single mode has none. Of shares that are known it is the entropy."""
    counts = rng.multinomial(n, np.full(modes, 1 / modes), 400)
    found = np.mean([_entropy(c / n, n) for c in counts])
    plain = np.mean([entropy(c) for c in counts])
    assert abs(found - math.log(modes)) < 1 / 6
    assert plain < math.log(modes) - (0.6 if n < modes else 0)
    assert _entropy(np.eye(modes)[0], n) == 0
    q = rng.dirichlet(np.full(modes, 0.5))
    assert _entropy(q, math.inf) == pytest.approx(entropy(q))
    few = rng.multinomial(10_000 * modes, q)  # enough
    assert _entropy(few / few.sum(), few.sum()) == pytest.approx(entropy(q), abs=0.01)


@pytest.mark.equation("22.22")
def test_the_spread_of_m_modes_of_a_ring(rng):
    """One mode of a ring of radius r has std/√(r²/2 + std²) of the spread; two opposite ones all of it and √2 in one
    direction: a spread of 1 does not mean that nothing is missing."""
    r, std = 2.0, 0.1
    data = mixture_ring(40_000, rng, radius=r, std=std)
    whole = math.sqrt(r**2 + 2 * std**2)
    one = data.points[data.labels == 3]
    assert spread(one, data.points) == pytest.approx(math.sqrt(2) * std / whole, rel=0.03)
    assert spread(data.points[data.labels % 4 == 0], data.points) == pytest.approx(1, abs=0.01)
