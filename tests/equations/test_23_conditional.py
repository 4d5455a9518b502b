"""derivations/23-conditional.md: games whose players have tables in the place of networks: every mean is a sum."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp, rel_entr, softmax
from scipy.stats import norm

import scratchgen as sg
from demos import dcgan_arithmetic
from scratchgen import functional as F
from scratchgen import nn
from scratchgen.evaluation import slant, thickness
from scratchgen.models.adversarial import ACGAN, CGAN, InfoGAN, MLPDiscriminator, SemiSupervisedGAN, exact

K, N = 3, 12
LN2, LN4 = math.log(2), math.log(4)


@pytest.fixture
def rng():
    return np.random.default_rng(23)


class Table(nn.Module):
    """D: to the row number i, as zeros and a one, it answers with row i of a table."""

    def __init__(self, table, hidden=None):
        self.table, self.hidden = nn.Parameter(table), hidden

    def forward(self, x):
        return x[:, : len(self.table.data)] @ self.table

    def features(self, x):
        return x @ self.hidden


class Numbered(nn.Module):
    """G: whatever it gets, it makes images number N … 2N − 1, which a `Table` knows from the real ones, 0 … N − 1."""

    range = (0.0, 1.0)

    def __init__(self, latent):
        self.latent, self.one = latent, nn.Parameter(np.ones(()))

    def forward(self, z):
        return self.one * np.eye(2 * N)[N : N + len(z)]


REAL = np.eye(2 * N)[:N]


def tables(answers, rng):
    """What D answers to real and to made images: of moderate size, and up to ±10⁴."""
    yield rng.normal(size=(2 * N, answers))
    for size in (100.0, 1e4):
        yield size * rng.choice([-1.0, -0.3, 0.2, 1.0], size=(2 * N, answers))


def slopes(loss, table):
    """∂ loss / ∂ table by autograd, checked against central differences, entry by entry."""
    table.grad = None
    loss().backward()
    step, kept = 1e-3, table.data.copy()
    for i in np.ndindex(*table.shape):
        values = []
        for sign in (-1, 1):
            table.data[i] = kept[i] + sign * step
            values.append(loss().item())
        table.data[i] = kept[i]
        assert table.grad.numpy()[i] == pytest.approx((values[1] - values[0]) / (2 * step), abs=2e-6, rel=1e-4)
    return table.grad.numpy()


def seeded(method, *batch):
    return lambda: method(*batch, np.random.default_rng(5))[0]


def joint(rng, shape):
    p = rng.random(shape) + 0.05
    return p / p.sum()


# --------------------------------------------------------------------------------------------------------------- CGAN
@pytest.mark.equation("23.1")
def test_the_loss_of_a_cgan_is_minus_v_over_pairs(rng):
    """D a table over (x, y), G(y) one image of each class: the mean over a data set, by hand. D sees the label of each
    image, and what G makes is shown under the label that G was given."""
    images, classes = 4, K
    table = rng.normal(size=(images, classes))
    made = np.array([2, 0, 3])

    class Pairs(nn.Module):
        def forward(self, pair):
            return F.einsum("nx,xy,ny->n", pair[:, :images], sg.tensor(table), pair[:, images:])

    class Obedient(nn.Module):
        latent, range = 1 + classes, (0.0, 1.0)

        def __init__(self):
            self.images = nn.Parameter(np.eye(images)[made])

        def forward(self, z):
            return z[:, 1:] @ self.images

    x, labels = rng.integers(0, images, 50), rng.integers(0, classes, 50)
    gan = CGAN(Obedient(), Pairs(), classes=classes)
    real, fake = table[x, labels], table[made[labels], labels]
    value = np.log(expit(real)).mean() + np.log(1 - expit(fake)).mean()
    loss, shown = gan.discriminator_loss(np.eye(images)[x], labels, rng)
    assert loss.item() == pytest.approx(-value, rel=1e-12)
    assert shown["D(x)"] == pytest.approx(expit(real).mean())
    assert gan.generator_loss(np.eye(images)[x], labels, rng)[0].item() == pytest.approx(-np.log(expit(fake)).mean())
    wanted = rng.integers(0, classes, 9)
    np.testing.assert_array_equal(gan.sample(9, rng, wanted), np.eye(images)[made[wanted]])


@pytest.mark.equation("23.2", "23.5")
def test_the_best_d_measures_each_class_on_its_own(rng):
    """V(D*) of the pairs = −ln 4 + 2 Σ p(y) JSD of the class; the right images are not enough."""
    p = joint(rng, (5, K))
    py = p.sum(0)
    q = joint(rng, (5, K))
    q *= py / q.sum(0)  # G is given the labels of the data: p_g(y) = p(y)
    best = exact.optimal_logits(p, q)
    by_class = sum(py[y] * exact.jsd(p[:, y] / py[y], q[:, y] / py[y]) for y in range(K))
    assert exact.value(p, q, best) == pytest.approx(-LN4 + 2 * by_class, abs=1e-12)
    for _ in range(20):
        assert exact.value(p, q, best + 0.1 * rng.normal(size=p.shape)) < exact.value(p, q, best)

    px, qx = p.sum(1, keepdims=True), q.sum(1, keepdims=True)
    of_image, of_class = np.log(px / qx), np.log((p / px) / (q / qx))
    np.testing.assert_allclose(best, of_image + of_class, atol=1e-12)
    deaf = px * py
    assert np.log(deaf.sum(1) / p.sum(1)) == pytest.approx(0)  # the right images
    assert exact.value(p, deaf, exact.optimal_logits(p, deaf)) > -LN4 + 1e-3  # of the wrong classes


@pytest.mark.equation("23.5")
def test_a_label_at_the_end_adds_its_own_answer(rng):
    """a(x, y) = f₀ + f_y, as a* is a sum of two; shifting f by the same for all classes is shifting f₀."""
    table = rng.normal(size=(2 * N, 1 + K))
    gan = CGAN(Numbered(1 + K), Table(table), classes=K, told_last=True)
    labels = rng.integers(0, K, N)
    d = gan.given(labels, N).discriminator
    np.testing.assert_allclose(d(REAL).numpy(), table[:N, 0] + table[np.arange(N), 1 + labels], rtol=1e-12)
    loss = gan.discriminator_loss(REAL, labels, rng)[0]
    real, fake = (table[rows, 0] + table[rows, 1 + labels] for rows in (np.arange(N), np.arange(N, 2 * N)))
    assert loss.item() == pytest.approx(np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean(), rel=1e-12)


@pytest.mark.equation("23.3")
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_a_generator_that_does_not_listen(classes, rng):
    """The least value over all laws of images, the same for each class; classes that never look alike."""
    p = np.repeat(np.eye(classes), 2, axis=0) * rng.uniform(1, 2, (2 * classes, 1))
    p /= p.sum(0) * classes

    def value(weights):
        q = softmax(weights)[:, None] / classes
        return exact.value(p, np.broadcast_to(q, p.shape), exact.optimal_logits(p, np.broadcast_to(q, p.shape)))

    least = minimize(value, np.zeros(2 * classes), tol=1e-10)
    formula = math.log(classes / (classes + 1)) + math.log(1 / (classes + 1)) / classes
    assert least.fun == pytest.approx(formula, abs=1e-6)
    np.testing.assert_allclose(softmax(least.x), p.sum(1), atol=1e-3)  # and the best of them has learned all images
    if classes == 10:
        assert -formula == pytest.approx(0.335, abs=1e-3)


@pytest.mark.equation("23.4")
def test_a_label_at_the_input_is_a_bias_for_each_class(rng):
    """Rows: exactly. Images: a constant map under a kernel adds the kernel's sum, where no border is near."""
    d = MLPDiscriminator(5 + K, (7,), rng=rng).astype(np.float64)
    gan = CGAN(Numbered(1 + K), d, classes=K)
    x, labels = rng.normal(size=(6, 5)), rng.integers(0, K, 6)
    first, last = d.network.layers
    w = first.weight.numpy()
    hidden = x @ w[:, :5].T + first.bias.numpy() + w[:, 5:].T[labels]
    hidden = np.where(hidden > 0, hidden, 0.2 * hidden)
    expected = (hidden @ last.weight.numpy().T)[:, 0]
    np.testing.assert_allclose(gan.given(labels, 6).discriminator(x).numpy(), expected, rtol=1e-12)

    kernel = rng.normal(size=(2, 1 + K, 3, 3))

    class Conv(nn.Module):
        def forward(self, x):
            return F.conv2d(x, kernel, padding=1)

    images = rng.normal(size=(6, 1, 5, 5))
    gan.discriminator = Conv()
    out = gan.given(labels, 6).discriminator(images)
    shift = out - F.conv2d(images, kernel[:, :1], padding=1)
    constant = kernel[:, 1:].sum((2, 3)).T[labels]
    np.testing.assert_allclose(shift[:, :, 1:-1, 1:-1], np.broadcast_to(constant[..., None, None], (6, 2, 3, 3)))
    assert np.abs(shift[:, :, 0, 0] - constant).min() > 1e-3


# ------------------------------------------------------------------------------------------------------------- AC-GAN
def labels_of(rng, n=N):
    return rng.permutation(np.arange(n) % K)


@pytest.mark.equation("23.6", "23.7")
@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_both_losses_of_an_acgan_and_their_slopes(weight, rng):
    labels = labels_of(rng)
    ones = np.eye(K)[labels]
    for table in tables(1 + K, rng):
        d = Table(table.copy())
        gan = ACGAN(Numbered(1 + K), d, classes=K, weight=weight)
        a, logits = table[:, 0], table[:, 1:]
        wrong = -log_softmax(logits, 1)
        wrong_real, wrong_fake = (wrong[:N] * ones).sum(1).mean(), (wrong[N:] * ones).sum(1).mean()
        of_d = np.logaddexp(0, -a[:N]).mean() + np.logaddexp(0, a[N:]).mean()
        of_g = np.logaddexp(0, -a[N:]).mean()
        d_loss, g_loss = seeded(gan.discriminator_loss, REAL, labels), seeded(gan.generator_loss, REAL, labels)
        assert d_loss().item() == pytest.approx(of_d + weight * (wrong_real + wrong_fake), rel=1e-12)
        assert g_loss().item() == pytest.approx(of_g + weight * wrong_fake, rel=1e-12)

        guess = weight * (softmax(logits, 1) - np.concatenate([ones, ones])) / N
        found = slopes(d_loss, d.table)
        np.testing.assert_allclose(found[:, 0], np.r_[-expit(-a[:N]), expit(a[N:])] / N, atol=1e-12)
        np.testing.assert_allclose(found[:, 1:], guess, atol=1e-12)
        found = slopes(g_loss, d.table)
        np.testing.assert_array_equal(found[:N], 0)
        np.testing.assert_allclose(found[N:, 0], -expit(-a[N:]) / N, atol=1e-12)
        np.testing.assert_allclose(found[N:, 1:], guess[N:], atol=1e-12)


@pytest.mark.equation("23.8")
def test_an_acgan_avoids_images_that_two_classes_share(rng):
    """Two classes, three images, the middle one as likely under both. With best answers of D and C to p_g = p_d, G can
    still lower its loss, by leaving the middle; a CGAN cannot. Where classes do not overlap neither can."""
    p = np.array([[0.35, 0.0], [0.15, 0.15], [0.0, 0.35]])  # p(x, y)
    q = joint(rng, (3, 2))
    c = softmax(rng.normal(size=(3, 2)), 1)
    posterior = q / q.sum(1, keepdims=True)
    entropy = -(q * np.log(posterior)).sum()
    lost = (q.sum(1) * rel_entr(posterior, c).sum(1)).sum()
    assert -(q * np.log(c)).sum() == pytest.approx(entropy + lost, rel=1e-12)

    def objective(weights, weight):
        """What G minimises with D and C at their best: 2 JSD of the images, and the class term."""
        ends = expit(weights)  # p_g(x|y): the share that goes to the class's own end
        law = 0.5 * np.array([[ends[0], 0], [1 - ends[0], 1 - ends[1]], [0, ends[1]]])
        best = (p + law) / (p + law).sum(1, keepdims=True)
        asked = -(law[law > 0] * np.log(best[law > 0])).sum()
        return 2 * exact.jsd(p.sum(1), law.sum(1)) + weight * asked

    truth = np.full(2, math.log(0.7 / 0.3))
    assert minimize(objective, truth, args=(0.0,), tol=1e-12).x == pytest.approx(truth, abs=1e-3)
    for weight, share in {0.1: 0.728, 0.3: 0.776, 0.5: 0.816, 1.0: 0.884, 2.0: 0.950}.items():  # the page's table
        biased = expit(minimize(objective, truth, args=(weight,), tol=1e-12).x)
        np.testing.assert_allclose(biased, share, atol=2e-3)
    class_term = objective(truth, 1.0) - objective(truth, 0.0)
    assert class_term == pytest.approx(0.3 * LN2, abs=1e-12)  # (1 − s) ln 2
    assert objective(truth + 0.1, 1.0) < objective(truth, 1.0) - 1e-3


# ------------------------------------------------------------------------------------------------------------ InfoGAN
def infogan(table, continuous=0, weight=1.0):
    return InfoGAN(Numbered(1 + K + continuous), Table(table), classes=K, continuous=continuous, weight=weight)


@pytest.mark.equation("23.9", "23.10")
def test_the_bound_on_the_mutual_information_by_enumeration(rng):
    """K codes, four images, p(x|c) in twelfths: L_I = I − E KL(P(c|x) ‖ Q(c|x)), and equality for Q = P alone."""
    counts = rng.multinomial(12, [0.1, 0.2, 0.3, 0.4], size=K) + np.eye(K, 4, dtype=int) * 6
    counts = (counts.T * (np.lcm.reduce(counts.sum(1)) // counts.sum(1))).T  # p(c) = 1/K
    p = counts / counts.sum()
    code, image = np.repeat(np.array(list(np.ndindex(K, 4))), counts.ravel(), axis=0).T
    posterior = p / p.sum(0)
    information = rel_entr(p, p.sum(0) / K).sum()
    gan = infogan(np.zeros((2 * N, 1 + K)))
    assert gan.entropy == pytest.approx(math.log(K))
    assert 0 < information < gan.entropy

    def bound(q):  # q (K, 4): a law of codes for each image; D's answers are logits, so any constant may be added
        with np.errstate(divide="ignore"):
            logits = np.maximum(np.log(q), -1e4).T[image] + rng.normal(size=(len(image), 1))
        return gan.information(logits, np.eye(K)[code]).item()

    assert bound(posterior) == pytest.approx(information, abs=1e-12)
    for _ in range(30):
        q = softmax(rng.normal(size=(K, 4)), 0)
        lost = (p.sum(0) * rel_entr(posterior, q).sum(0)).sum()
        assert bound(q) == pytest.approx(information - lost, abs=1e-12)
        assert bound(q) < information - 1e-4
    assert bound(np.full((K, 4), 1 / K)) == pytest.approx(0, abs=1e-12)  # to say nothing is worth nothing


@pytest.mark.equation("23.10", "23.12")
def test_the_bound_for_numbers(rng):
    """x = c + noise, c uniform on [−1, 1]: I(c; x) by quadrature; every Normal guess stays below it."""
    gan = infogan(np.zeros((2 * N, 3 + K)), continuous=1)
    c, x = np.linspace(-1, 1, 801), np.linspace(-4, 4, 1601)
    likelihood = norm.pdf(x[:, None], c, 0.4)
    weights = np.full(801, 1 / 800)
    weights[[0, -1]] /= 2
    p_x = likelihood @ weights
    information = ((likelihood * np.log(likelihood / p_x[:, None])) @ weights).sum() * (x[1] - x[0])
    law = likelihood * weights * (x[1] - x[0])

    def bound(slope, spread):
        """Over all pairs: information() of each, with the category known in full, so that it says ln K."""
        variance = 0.01 + np.logaddexp(0, spread)
        log_q = -0.5 * (math.log(2 * math.pi * variance) + (c - slope * x[:, None]) ** 2 / variance)
        return (law * log_q).sum() + LN2

    for slope, spread in itertools.product((0.3, 0.8, 1.0), (-4, -2.5, -2, 0)):
        assert bound(slope, spread) < information
    assert bound(0.7, -2.3) > information - 0.2  # the best one that is linear

    rows, columns = rng.integers(0, len(x), 50), rng.integers(0, len(c), 50)
    category = rng.integers(0, K, 50)
    guess = np.concatenate([30 * np.eye(K)[category], 0.8 * x[rows][:, None], np.full((50, 1), -2.0)], 1)
    variance = 0.01 + np.logaddexp(0, -2)
    expected = norm.logpdf(c[columns], 0.8 * x[rows], math.sqrt(variance)).mean() + LN2 + math.log(K)
    found = gan.information(guess, np.concatenate([np.eye(K)[category], c[columns][:, None]], 1))
    assert found.item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.equation("23.11", "23.12", "23.13")
@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_both_losses_of_an_infogan_and_their_slopes(weight, rng):
    for table in tables(1 + K + 2 * 2, rng):
        gan = infogan(table.copy(), continuous=2, weight=weight)
        d = gan.discriminator
        code = gan.noise(N, np.random.default_rng(5), np.zeros(1))[:, 1:]
        ones, c = code[:, :K], code[:, K:]
        assert (ones.sum(1) == 1).all()
        assert (np.abs(c) <= 1).all()
        a, logits, m, r = table[:, 0], table[N:, 1 : 1 + K], table[N:, 1 + K : 3 + K], table[N:, 3 + K :]
        s2 = 0.01 + np.logaddexp(0, r)
        log_q = (ones * log_softmax(logits, 1)).sum(1)
        log_q = log_q - 0.5 * (np.log(2 * math.pi * s2) + (c - m) ** 2 / s2).sum(1)
        told = log_q.mean() + math.log(K) + 2 * LN2
        d_loss, g_loss = seeded(gan.discriminator_loss, REAL), seeded(gan.generator_loss, REAL)
        of_d = np.logaddexp(0, -a[:N]).mean() + np.logaddexp(0, a[N:]).mean()
        assert d_loss().item() == pytest.approx(of_d - weight * told, rel=1e-12)
        assert g_loss().item() == pytest.approx(np.logaddexp(0, -a[N:]).mean() - weight * told, rel=1e-12)
        assert np.isfinite(d_loss().item())

        of_code = np.concatenate(
            [softmax(logits, 1) - ones, (m - c) / s2, expit(r) / (2 * s2) * (1 - (c - m) ** 2 / s2)], 1
        )
        for loss in (d_loss, g_loss):
            d.table.grad = None
            loss().backward()
            found = d.table.grad.numpy()
            np.testing.assert_array_equal(found[:N, 1:], 0)  # no code is asked of real images
            np.testing.assert_allclose(found[N:, 1:], weight * of_code / N, rtol=1e-9, atol=1e-12)
        if np.abs(table).max() < 10:  # further out (c − m)² has lost the digits of a difference
            slopes(d_loss, d.table)
            slopes(g_loss, d.table)


# ----------------------------------------------------------------------------------------------- semi-supervised GAN
@pytest.mark.equation("23.14", "23.15")
def test_k_logits_stand_for_k_plus_1_classes(rng):
    """The last logit at 0: of a softmax over K + 1 any one logit may be chosen freely. D(x) = Z/(Z + 1) = σ(ln Z)."""
    free = rng.normal(size=(8, K + 1)) * 3
    logits = free[:, :K] - free[:, K:]
    d = Table(logits)
    gan = SemiSupervisedGAN(Numbered(4), d, classes=K)
    a, classes = gan.answers(np.eye(8))
    p = softmax(free, 1)
    np.testing.assert_allclose(softmax(np.c_[logits, np.zeros(8)], 1), p, rtol=1e-12)
    np.testing.assert_allclose(expit(a.numpy()), 1 - p[:, K], rtol=1e-12)
    z = np.exp(logits).sum(1)
    np.testing.assert_allclose(expit(a.numpy()), z / (z + 1), rtol=1e-12)
    np.testing.assert_allclose(softmax(classes.numpy(), 1), p[:, :K] / (1 - p[:, K:]), rtol=1e-12)


@pytest.mark.equation("23.16", "23.17")
def test_the_loss_over_k_plus_1_classes_and_its_slopes(rng):
    """By hand over K + 1 classes; and the slopes of both terms, with half of the labels unknown."""
    labels = labels_of(rng)
    labels[::2] = -1
    known = labels >= 0
    ones = np.where(known[:, None], np.eye(K)[labels], 0)
    for table in tables(K, rng):
        d = Table(table.copy())
        gan = SemiSupervisedGAN(Numbered(4), d, classes=K)
        whole = log_softmax(np.c_[table, np.zeros(2 * N)], 1)  # ln p over K + 1
        real = logsumexp(whole[:, :K], 1)  # ln(1 − p(K + 1))
        within = whole[:, :K] - real[:, None]  # the class, given that it is real
        by_hand = -real[:N].mean() - whole[N:, K].mean() - (ones * within[:N]).sum() / N
        d_loss, g_loss = seeded(gan.discriminator_loss, REAL, labels), seeded(gan.generator_loss, REAL, labels)
        assert d_loss().item() == pytest.approx(by_hand, rel=1e-9)
        assert g_loss().item() == pytest.approx(-real[N:].mean(), rel=1e-9)
        if np.abs(table).max() < 10:  # a label known: − ln p(y|x) over K + 1 classes is both terms at once
            together = -(ones * whole[:N, :K]).sum(1)[known]
            np.testing.assert_allclose(together, -real[:N][known] - (ones * within[:N]).sum(1)[known], rtol=1e-12)

        p, a = softmax(table, 1), logsumexp(table, 1)
        of_real = known[:, None] * (p[:N] - ones) - expit(-a[:N])[:, None] * p[:N]
        by_d = np.concatenate([of_real, expit(a[N:])[:, None] * p[N:]])
        np.testing.assert_allclose(slopes(d_loss, d.table), by_d / N, atol=1e-12)
        found = slopes(g_loss, d.table)
        np.testing.assert_allclose(found[N:], -expit(-a[N:])[:, None] * p[N:] / N, atol=1e-12)


@pytest.mark.equation("23.18")
def test_feature_matching_and_its_slope(rng):
    """‖E f(x) − E f(G(z))‖², by hand; its slope by each of G's features; 0 where the means agree, whatever D says."""
    hidden = rng.normal(size=(2 * N, 5))
    gan = SemiSupervisedGAN(Numbered(4), Table(np.zeros((2 * N, K)), hidden), classes=K, feature_matching=True)
    labels = np.full(N, -1)
    apart = hidden[N:].mean(0) - hidden[:N].mean(0)
    loss = gan.generator_loss(REAL, labels, rng)[0]
    assert loss.item() == pytest.approx((apart**2).sum(), rel=1e-12)
    made = sg.tensor(hidden[N:], requires_grad=True)
    gan.discriminator.features = lambda x: made if x is not REAL else hidden[:N]
    gan.generator_loss(REAL, labels, rng)[0].backward()
    np.testing.assert_allclose(made.grad.numpy(), np.tile(2 * apart / N, (N, 1)), rtol=1e-12)
    gan.discriminator.features = lambda x: sg.tensor(hidden[:N] if x is REAL else hidden[:N][::-1])
    assert gan.generator_loss(REAL, labels, rng)[0].item() == pytest.approx(0, abs=1e-25)


# --------------------------------------------------------------------------------------------------------- arithmetic
def bar(width, shift=0.0, height=12):
    """A stroke `width` pixels wide, in the middle of 28 × 28, that leans right by `shift` pixels for each row upwards;
    upright it covers whole pixels, else those at its edge are grey, as far as it covers them."""
    rows, columns = np.arange(28.0)[:, None], np.arange(28.0)
    centre = 13 + 0.5 * (width % 2 == 0) + shift * (13.5 - rows)
    covered = np.clip(
        np.minimum(columns + 0.5, centre + width / 2) - np.maximum(columns - 0.5, centre - width / 2), 0, 1
    )
    return np.where(np.abs(rows - 13.5) < height / 2, covered, 0).reshape(1, 784)


@pytest.mark.equation("23.20")
def test_slant_is_the_lean_of_a_bar():
    for shift in (-0.5, 0.0, 0.25, 0.6):
        assert slant(bar(3, shift)).item() == pytest.approx(shift, abs=1e-9)
        assert slant(0.3 * bar(2, shift)).item() == pytest.approx(shift, abs=1e-9)  # not by the ink


@pytest.mark.equation("23.21")
def test_thickness_is_the_width_of_a_bar():
    """2A/P of a bar w × L is wL/(w + L), of a long one the width; paler ink makes it no thinner."""
    for width in (1, 2, 3, 5):
        assert thickness(bar(width)).item() == pytest.approx(width * 12 / (width + 12), rel=0.05)
        assert thickness(0.5 * bar(width)).item() == pytest.approx(thickness(bar(width)).item(), rel=1e-12)
    widths = [thickness(bar(width, 0.4, 20)).item() for width in (2, 3, 4, 5)]
    assert (np.diff(widths) > 0.6).all()
    two = bar(3) + np.roll(bar(3), 8, axis=1)  # another stroke makes no stroke thicker
    assert thickness(two).item() == pytest.approx(thickness(bar(3)).item(), rel=1e-9)


@pytest.mark.equation("23.22")
def test_grey_ink():
    """None in black on white; of a digit and a pale ghost of another the ghost's share."""
    black = (bar(3) > 0) * 1.0
    ghost = np.roll(black, 10, axis=1) * 0.2
    assert dcgan_arithmetic.grey(black).item() == 0
    assert dcgan_arithmetic.grey(black + ghost).item() == pytest.approx(0.2 * 0.8 / 1.2)
    assert dcgan_arithmetic.grey(np.full((1, 784), 0.5)).item() == pytest.approx(0.5)


@pytest.mark.equation("23.19")
def test_sums_of_means_find_a_planted_direction(rng):
    """A painter whose z has the attribute in one coordinate: z-arithmetic moves this one by the difference of means,
    for each class alike, and no other; with pixels the same of the images."""
    z = rng.standard_normal((3000, 4))
    labels = rng.integers(0, 10, 3000)
    matrix = rng.uniform(0, 0.02, (4, 784))

    def paint(z):
        return 0.5 + z @ matrix

    x, new = paint(z), rng.standard_normal((5, 4))
    made = dcgan_arithmetic.sums(z, x, z[:, 2] + 50 * labels, labels, new, paint)  # classes differ, and do not count
    np.testing.assert_array_equal(made["as they are"], paint(new))
    moved = np.linalg.lstsq(matrix.T, (made["in z"] - made["as they are"]).T, rcond=None)[0].T
    np.testing.assert_allclose(moved, np.tile(moved[0], (5, 1)), atol=1e-9)
    assert moved[0, 2] == pytest.approx(2.8, abs=0.15)  # twice 1.400, the mean of a normal's upper fifth
    assert np.abs(moved[0, [0, 1, 3]]).max() < 0.2
    np.testing.assert_allclose(made["in pixels"], made["in z"], atol=1e-9)  # where pixels are linear in z they agree
