"""derivations/31-semi-supervised.md, equation by equation: every sum and integral of a small M2 done in full."""

import itertools
import math

import numpy as np
import pytest

import scratchgen as sg
from demos import few_labels, pixel_distance
from scratchgen import functional as F
from scratchgen import gradcheck, gradgradcheck, no_grad
from scratchgen.models.latent import VAE
from scratchgen.models.latent.semi_supervised import M2, UNKNOWN, loss_on_codes, repeat_labelled, unlabelled_bound

PIXELS, CLASSES = 4, 3
IMAGES = np.array(list(itertools.product([0.0, 1.0], repeat=PIXELS)))  # all 16 that there are
GRID = np.linspace(-40, 40, 4001)[:, None]
STEP = GRID[1, 0] - GRID[0, 0]
LOG_PRIOR = -0.5 * (GRID[:, 0] ** 2 + math.log(2 * math.pi))
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)  # for means over ε ~ N(0, 1), which are then exact
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@pytest.fixture
def rng():
    return np.random.default_rng(31)


def shaken(model, rng, size=0.6):
    model.astype(np.float64)
    for parameter in model.parameters():
        parameter.data[...] = size * rng.standard_normal(parameter.shape)
    return model


@pytest.fixture
def model(rng):
    """One latent dimension, three classes, four pixels."""
    return shaken(M2(PIXELS, 5, 1, CLASSES, rng=rng), rng)


def log_joint(model, x):
    """ln p(x, y, z) of one image for each class and each z of the grid, by Eq. 31.1: (classes, grid)."""
    rows = np.tile(x, (len(GRID), 1))
    with no_grad():
        likelihoods = [
            model.vae.log_likelihood(model.vae.decode(GRID, np.full(len(GRID), y)), rows).numpy()
            for y in range(CLASSES)
        ]
    return np.stack(likelihoods) + LOG_PRIOR - math.log(CLASSES)


def log_q(model, x):
    """ln q(z|x, y) on the grid: (classes, grid)."""
    with no_grad():
        q = [model.vae.encode(x[None], np.array([y])) for y in range(CLASSES)]
        return np.stack([p.log_prob(GRID).numpy()[:, 0] for p in q])


def integral(values):
    return values.sum(-1) * STEP


def exact_bounds(model, x):
    """B(x, y) for every class, the mean over ε taken exactly: (N, classes)."""
    with no_grad():
        return sum(w * model.bounds(x, np.full((len(x), 1), e)).numpy() for e, w in zip(NODES, WEIGHTS))


@pytest.mark.equation("31.1")
def test_probabilities_of_all_images_and_classes_sum_to_one(model):
    """And each class alone to its p(y) = 1/3."""
    classes = sum(integral(np.exp(log_joint(model, x))) for x in IMAGES)
    np.testing.assert_allclose(classes, 1 / CLASSES, rtol=1e-10)


@pytest.mark.equation("31.2")
def test_the_labelled_bound_lacks_a_kl(model):
    """ln p(x, y) − B(x, y) = KL(q(z|x, y) ‖ p(z|x, y)), for all images and classes."""
    bounds = exact_bounds(model, IMAGES)
    for x, bound in zip(IMAGES, bounds):
        joint, q = log_joint(model, x), log_q(model, x)
        exact = np.log(integral(np.exp(joint)))
        gap = integral(np.exp(q) * (q - (joint - exact[:, None])))
        np.testing.assert_allclose(exact - bound, gap, atol=1e-5)
        assert (gap > 1e-3).all()


@pytest.mark.equation("31.3", "31.4")
def test_the_unlabelled_bound_lacks_two_kls(model):
    """ln p(x) − U(x) = KL(q(y|x) ‖ p(y|x)) + Σ_y q(y|x) KL(q(z|x, y) ‖ p(z|x, y)), for all images."""
    bounds = exact_bounds(model, IMAGES)
    with no_grad():
        logits = model.classifier(IMAGES).numpy()
    found = unlabelled_bound(bounds, logits)
    q_y = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    entropy = -(q_y * np.log(q_y)).sum(1)
    np.testing.assert_allclose(found, (q_y * bounds).sum(1) + entropy, rtol=1e-12)  # y summed by hand
    for x, bound, q in zip(IMAGES, found, q_y):
        joint, log_q_z = log_joint(model, x), log_q(model, x)
        log_p_xy = np.log(integral(np.exp(joint)))
        log_p_x = np.log(np.exp(log_p_xy).sum())
        of_classes = (q * (np.log(q) - (log_p_xy - log_p_x))).sum()
        of_codes = integral(np.exp(log_q_z) * (log_q_z - (joint - log_p_xy[:, None])))
        assert bound < log_p_x - 1e-3
        assert log_p_x - bound == pytest.approx(of_classes + (q * of_codes).sum(), abs=1e-5)


@pytest.mark.equation("31.5")
def test_the_best_classifier_is_the_softmax_of_the_bounds(rng):
    bounds = rng.normal(size=(6, CLASSES)) * 4 - 50
    best = unlabelled_bound(bounds, bounds)
    np.testing.assert_allclose(best, np.log(np.exp(bounds).sum(1)), rtol=1e-12)
    for _ in range(20):
        assert (unlabelled_bound(bounds, bounds + rng.normal(size=bounds.shape)) < best).all()


@pytest.mark.equation("31.6", "31.7")
def test_both_slopes_by_hand_by_autograd_and_by_differences(rng):
    b, a, v = rng.normal(size=(5, CLASSES)) * 3 - 20, rng.normal(size=(5, CLASSES)), rng.normal(size=5)
    bounds, logits = (sg.tensor(array, requires_grad=True) for array in (b, a))
    unlabelled_bound(bounds, logits).backward(v)

    q = np.exp(a) / np.exp(a).sum(1, keepdims=True)
    score = b - np.log(q)
    by_hand = v[:, None] * q * (score - (q * score).sum(1, keepdims=True))
    np.testing.assert_allclose(logits.grad.numpy(), by_hand, rtol=1e-11)
    np.testing.assert_allclose(logits.grad.numpy().sum(1), 0, atol=1e-12)  # a shift of all logits changes nothing
    np.testing.assert_allclose(bounds.grad.numpy(), v[:, None] * q, rtol=1e-12)

    # Eq. 31.3 in small steps, left to autograd.
    other_bounds, other_logits = (sg.tensor(array, requires_grad=True) for array in (b, a))
    F.sum(F.softmax(other_logits, 1) * (other_bounds - F.log_softmax(other_logits, 1)), 1).backward(v)
    np.testing.assert_allclose(logits.grad.numpy(), other_logits.grad.numpy(), rtol=1e-10)
    np.testing.assert_allclose(bounds.grad.numpy(), other_bounds.grad.numpy(), rtol=1e-12)

    gradcheck(unlabelled_bound, b, a)
    gradgradcheck(unlabelled_bound, b, a)


@pytest.mark.equation("31.8")
def test_no_bound_of_a_labelled_image_teaches_the_classifier(model, rng):
    """Without α the classifier learns nothing where the label is known; with it, −α ln q(y|x) is added, no more."""
    x, labels, noise = IMAGES[:6], np.array([0, UNKNOWN, 2, UNKNOWN, 1, 0]), 7

    def parts(alpha, labels):
        model.alpha = alpha
        model.zero_grad()
        loss, _ = model.loss(x, labels, np.random.default_rng(noise))
        loss.backward()
        return loss.item(), [p.grad.numpy().copy() for p in model.classifier.parameters()]

    known = np.array([0, 1, 2, 2, 1, 0])
    _, silent = parts(0.0, known)
    assert all((g == 0).all() for g in silent)
    _, taught = parts(1.0, known)
    assert all((g != 0).any() for g in taught)

    bounds = model.bounds(x, np.random.default_rng(noise).standard_normal((6, 1))).numpy()
    log_q = F.log_softmax(model.classifier(x), 1).numpy()
    rows = [
        -(bounds[n, y] + 2.5 * log_q[n, y]) if y != UNKNOWN else -(np.exp(log_q[n]) * (bounds[n] - log_q[n])).sum()
        for n, y in enumerate(labels)
    ]
    assert parts(2.5, labels)[0] == pytest.approx(np.mean(rows), rel=1e-12)


@pytest.mark.equation("31.9")
@pytest.mark.parametrize(("known", "share"), [(3, 0.2), (10, 0.5), (50, 0.1), (100, 0.05)])
def test_labelled_rows_are_repeated_until_they_are_a_share(known, share, rng):
    labels = np.full(1000, UNKNOWN)
    labels[rng.choice(1000, known, replace=False)] = 1
    rows = repeat_labelled(labels, share)
    times = np.bincount(rows, minlength=1000)
    assert (times[labels == UNKNOWN] == 1).all()
    assert len(set(times[labels == 1])) == 1
    labelled = (labels[rows] == 1).mean()
    assert labelled == pytest.approx(max(share, known / 1000), rel=0.2)


@pytest.mark.equation("31.10")
def test_m1_and_m2_together_still_bound_the_images(rng):
    """ln p(x) by an integral over z₁, where p(z₁) is itself a sum over y of integrals over z₂; and the bound below it,
    with exact means over both kinds of noise. What M2 is trained on is the bound without the terms that are M1's."""
    m1 = shaken(VAE(PIXELS, 3, 1, rng=rng), rng)
    m2 = shaken(M2(1, 3, 1, CLASSES, "normal", rng=rng), rng, 0.5)
    grid = GRID[::10]
    with no_grad():
        classes = [m2.vae.decode(GRID, np.full(len(GRID), y)).log_prob(grid.T).numpy().T for y in range(CLASSES)]
        log_code = F.logsumexp(np.concatenate(classes, 1) + np.tile(LOG_PRIOR, CLASSES), 1) + math.log(STEP / CLASSES)
        assert np.exp(log_code).sum() * 10 * STEP == pytest.approx(1, abs=1e-3)
        rows = np.repeat(IMAGES, len(grid), 0)
        likelihood = m1.log_likelihood(m1.decode(np.tile(grid, (len(IMAGES), 1))), rows).numpy()
        exact = F.logsumexp(likelihood.reshape(len(IMAGES), -1) + log_code, 1) + math.log(10 * STEP)

        q = m1.encode(IMAGES)
        entropy = 0.5 * (math.log(2 * math.pi * math.e) + q.log_var.numpy()[:, 0])
        z = q.mean.numpy() + np.exp(0.5 * q.log_var.numpy()) * NODES  # (images, nodes)
        every = np.repeat(IMAGES, len(NODES), 0)
        reconstruction = m1.log_likelihood(m1.decode(z.reshape(-1, 1)), every).numpy().reshape(z.shape) @ WEIGHTS
        codes = z.reshape(-1, 1)
        of_codes = unlabelled_bound(exact_bounds(m2, codes), m2.classifier(codes).numpy()).reshape(z.shape) @ WEIGHTS
    bound = reconstruction + of_codes + entropy
    assert (bound < exact).all()
    assert (bound > exact - 20).all()

    trained = loss_on_codes(m2)
    unknown = np.full(len(IMAGES), UNKNOWN)
    losses = [
        trained(q.mean.numpy(), q.log_var.numpy(), unknown, np.random.default_rng(seed))[0].item()
        for seed in range(200)
    ]
    assert abs(np.mean(losses) + of_codes.mean()) < 4 * np.std(losses) / math.sqrt(len(losses))


@pytest.mark.equation("31.11")
def test_labels_spread_to_where_the_closed_form_says(rng):
    """The limit (1 − α)(I − αS)⁻¹Y, and two clusters that take the label of their only labelled member."""
    z = np.concatenate([rng.normal(size=(30, 2)), rng.normal(size=(30, 2)) + 8]).astype(np.float32)
    graph = few_labels.neighbour_graph(z, 5)
    dense = graph.toarray()
    np.testing.assert_allclose(dense, dense.T, atol=1e-7)
    assert np.linalg.eigvalsh(dense).max() == pytest.approx(1, abs=1e-6)
    given, labels = np.array([3, 40]), np.array([4, 7])
    scores = few_labels.spread(graph, given, labels, steps=3000)
    start = np.zeros((60, 10))
    start[given, labels] = 1
    limit = (1 - few_labels.ALPHA) * np.linalg.solve(np.eye(60) - few_labels.ALPHA * dense, start)
    np.testing.assert_allclose(scores, limit, atol=1e-6)
    assert scores.argmax(1).tolist() == [4] * 30 + [7] * 30


@pytest.mark.equation("31.12")
def test_squared_pixel_distance_over_two_variances_is_a_difference_in_nats(rng):
    """ln N(x|x, σ²) − ln N(x̃|x, σ²) = d²/2σ²."""
    x, other = rng.random((2, 3, 28, 28))
    model = VAE(784, 3, 1, "normal", 0.25**2, rng=rng)
    p = sg.distributions.Normal(x.reshape(3, -1), math.log(0.25**2))
    likelihoods = [model.log_likelihood(p, image.reshape(3, -1)).numpy() for image in (x, other)]
    np.testing.assert_allclose(
        likelihoods[0] - likelihoods[1], pixel_distance.nats(pixel_distance.distance(x, other), 0.25), rtol=1e-10
    )


@pytest.mark.equation("31.13")
@pytest.mark.parametrize(("down", "right"), [(0, 1), (1, 0), (2, -1)])
def test_a_move_costs_what_does_not_overlap(down, right, rng):
    """‖x − Tx‖² = 2(‖x‖² − ⟨x, Tx⟩) as long as no ink leaves the image; with ink that is 0 or 1, the pixels in which
    the two differ."""
    x = np.zeros((5, 12, 12))
    x[:, 3:9, 3:9] = rng.random((5, 6, 6))
    there = pixel_distance.moved(x, down, right)
    d = pixel_distance.distance(x, there)
    np.testing.assert_allclose(d, 2 * ((x**2).sum((1, 2)) - (x * there).sum((1, 2))), rtol=1e-12)
    bar = np.zeros((1, 12, 12))
    bar[:, 3:9, 5:8] = 1  # six rows high, three columns wide
    d = pixel_distance.distance(bar, pixel_distance.moved(bar, down, right))
    assert d == 2 * (18 - (6 - abs(down)) * (3 - abs(right)))
