"""M2 and M1+M2: gradients, minibatches with and without labels, what is refused, and that unlabelled images help.
(The bounds are proved against full sums and integrals in tests/equations/test_31_semi_supervised.py.)"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import backend, optim
from scratchgen import functional as F
from scratchgen.models.latent import VAE
from scratchgen.models.latent.semi_supervised import (
    M2,
    UNKNOWN,
    codes,
    loss_on_codes,
    repeat_labelled,
    unlabelled_bound,
)
from scratchgen.models.latent.terms import reparameterize
from scratchgen.training import Run, train
from scratchgen.training.workers import Workers

from ..slopes import check_slopes

MIXED = np.array([2, UNKNOWN, 0, UNKNOWN, 1, UNKNOWN, UNKNOWN])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def small(rng, decoder="bernoulli", variance=None, **options):
    model = M2(6, 4, 2, 3, decoder, variance, rng=rng, **options).astype(np.float64)
    for parameter in model.parameters():
        parameter.data[...] = 0.4 * rng.standard_normal(parameter.shape)
    return model


def bits(rng, *shape, dtype=np.float64):
    return (rng.random(shape) < 0.5).astype(dtype)


@pytest.mark.parametrize(("decoder", "variance"), [("bernoulli", None), ("normal", None), ("normal", 0.2)])
def test_gradients_of_the_loss_agree_with_differences(decoder, variance, rng):
    """For every parameter of all three networks, along a random direction, in a minibatch of both kinds of images."""
    model, x = small(rng, decoder, variance), bits(rng, len(MIXED), 6)

    slopes = check_slopes(model, lambda: model.loss(x, MIXED, np.random.default_rng(3))[0], rng)
    assert all(abs(slope) > 1e-6 for slope in slopes.values())  # nothing was left out


def test_the_bounds_of_all_classes_are_those_of_each(rng):
    """One pass for all classes = a pass for each, with the same noise; and −ln 3 for p(y)."""
    model, x, noise = small(rng), bits(rng, 5, 6), rng.standard_normal((5, 2))
    together = model.bounds(x, noise).numpy()
    for y in range(3):
        reconstruction, kl = model.vae.elbo(x, noise, np.full(5, y))
        np.testing.assert_allclose(together[:, y], -(reconstruction + kl).numpy() - math.log(3), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_unlabelled_bound_on_every_device_and_at_the_ends(dtype, rng, device):
    """A classifier that is sure gives the bound of its class, with finite slopes; nothing leaves the dtype."""
    b = np.array([[-100, -200, -300], [-5e4, -1e4, 0], [-7, -7, -7]], dtype)
    a = np.array([[1e4, 0, -1e4], [0, 0, 1e4], [0, 0, 0]], dtype)
    bounds, logits = (sg.tensor(array, requires_grad=True, device=device) for array in (b, a))
    bound = unlabelled_bound(bounds, logits)
    v = rng.standard_normal(3).astype(dtype)
    bound.backward(backend.to_device(v, device))
    np.testing.assert_allclose(bound.numpy(), [-100, 0, -7 + math.log(3)], rtol=1e-6)
    for t in (bounds, logits):
        assert t.grad.dtype == bound.dtype == dtype
        assert np.isfinite(t.grad.numpy()).all()
    np.testing.assert_allclose(bounds.grad.numpy()[2], v[2] / 3, rtol=1e-6)


@given(n=st.integers(0, 4), classes=st.integers(1, 5))
def test_the_unlabelled_bound_lies_between_its_smallest_and_largest(n, classes):
    """min B ≤ U − H ≤ max B, H ≤ ln K, for every shape, empty ones too; arrays give arrays, in any memory order."""
    rng = np.random.default_rng(n + 7 * classes)
    b, a = rng.standard_normal((2, n, classes))
    bound = unlabelled_bound(b, a)
    assert isinstance(bound, np.ndarray)
    assert bound.shape == (n,)
    assert (bound >= b.min(1) - 1e-12).all()
    assert (bound <= b.max(1) + math.log(classes) + 1e-12).all()
    np.testing.assert_array_equal(bound, unlabelled_bound(np.asfortranarray(b), np.asfortranarray(a)))


def test_one_loss_on_every_device_and_in_float32(rng, device):
    x = bits(rng, len(MIXED), 6, dtype=np.float32)
    model = M2(6, 4, 2, 3, rng=np.random.default_rng(1))
    expected, _ = model.loss(x, MIXED, np.random.default_rng(2))
    there = M2(6, 4, 2, 3, rng=np.random.default_rng(1)).to(device)
    loss, metrics = there.loss(*(backend.to_device(a, device) for a in (x, MIXED)), np.random.default_rng(2))
    loss.backward()
    assert loss.dtype == np.float32
    assert all(parameter.grad.dtype == np.float32 for parameter in there.parameters())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert 0 < backend.host_scalar(metrics["entropy"]) <= math.log(3) + 1e-6
    assert backend.to_host(there.predict(backend.to_device(x, device))).tolist() == model.predict(x).tolist()


def test_the_bound_shown_does_not_depend_on_alpha(rng):
    x = bits(rng, len(MIXED), 6)
    shown = []
    for alpha in (0.0, 9.0):
        model = small(np.random.default_rng(1), alpha=alpha)
        loss, metrics = model.loss(x, MIXED, np.random.default_rng(2))
        shown.append((metrics["bound"], loss.item()))
    assert shown[0][0] == shown[1][0] == pytest.approx(-shown[0][1])
    assert shown[0][1] < shown[1][1]


def test_the_entropy_shown_is_the_mean_over_images(rng):
    model, x = small(rng), bits(rng, len(MIXED), 6)
    q = F.softmax(model.logits(x).numpy(), 1)
    _, metrics = model.loss(x, MIXED, rng)
    assert metrics["entropy"] == pytest.approx(-(q * np.log(q)).sum(1).mean())


def test_workers_share_a_minibatch_of_both_kinds(rng):
    """A share may hold labelled images only, or none."""
    model, x = small(rng), bits(rng, 6, 6)
    labels = np.array([0, 1, 2, UNKNOWN, UNKNOWN, UNKNOWN])
    gradients = []
    for count in (1, 2, 3):
        model.zero_grad()
        with Workers(count, model) as crew:
            crew.backward(model.loss, [x, labels], np.random.default_rng(0))
        gradients.append([parameter.grad.numpy().copy() for parameter in model.parameters()])
    for one, *more in zip(*gradients):
        for other in more:
            np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (np.array([0, 3]), "integers 0 … 2, or -1 where one is not known; some lie outside"),
        (np.array([-2, 0]), "some lie outside"),
        (np.array([0.0, 1.0]), r"M2.loss: expected 2 labels.*got float64 \(2,\)"),
        (np.array([0, 1, 2]), r"got int64 \(3,\)"),
        (np.array([[0, 1]]), r"got int64 \(1, 2\)"),
    ],
)
def test_labels_that_are_none_are_refused(labels, complaint, rng):
    with pytest.raises(ValueError, match=complaint):
        small(rng).loss(bits(rng, 2, 6), labels, rng)


def test_what_cannot_be_learned_is_refused(rng):
    with pytest.raises(ValueError, match="repeat_labelled: none of the 50 labels is known"):
        repeat_labelled(np.full(50, UNKNOWN), 0.2)
    with pytest.raises(ValueError, match="share must lie between 0 and 1, got 1"):
        repeat_labelled(np.array([0, UNKNOWN]), 1)
    for wrong in (np.array([0, -2, 1]), np.array([0.0, 1.0]), np.array([[0, 1]])):
        with pytest.raises(ValueError, match=r"repeat_labelled: expected . labels, integers"):
            repeat_labelled(wrong, 0.2)
    for alpha in (math.nan, -5.0, math.inf):
        with pytest.raises(ValueError, match=f"M2: alpha must be finite and at least 0, got {alpha}"):
            small(rng, alpha=alpha)
    assert small(rng, alpha=0).alpha == 0
    with pytest.raises(ValueError, match="M2: with classes=1 there is nothing to tell apart"):
        M2(6, 4, 2, 1)
    with pytest.raises(ValueError, match="VAE: a Bernoulli decoder wants pixels that are 0 or 1"):
        small(rng).loss(rng.random((7, 6)), MIXED, rng)


def test_a_minibatch_without_images_is_refused(rng):
    with pytest.raises(ValueError, match=r"M2.loss: expected at least one image, got \(0, 6\)"):
        small(rng).loss(np.zeros((0, 6)), MIXED[:0], rng)


def test_what_is_classified_may_be_grey_but_lies_between_0_and_1(rng, device):
    model, x = small(rng).to(device), rng.random((3, 6))
    assert model.predict(backend.to_device(x, device)).shape == (3,)
    for wrong in (255.0, -0.1, math.nan):
        x[1, 2] = wrong
        with pytest.raises(ValueError, match="a Bernoulli decoder wants pixels that are 0 or 1"):
            model.predict(backend.to_device(x, device))


def test_all_labels_known_repeats_nothing():
    assert repeat_labelled(np.array([1, 0, 2]), 0.5).tolist() == [0, 1, 2]


def test_codes_are_those_of_the_encoder_batch_by_batch(rng, device):
    model = VAE(6, 4, 2, rng=rng).to(device)
    x = backend.to_device(bits(rng, 7, 6, dtype=np.float32), device)
    q = model.encode(x)
    for found, expected in zip(codes(model, x, batch_size=3), (q.mean, q.log_var)):
        assert backend.device_of(found) == device
        np.testing.assert_allclose(backend.to_host(found), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_codes_of_no_images_and_of_a_full_covariance(rng):
    for found in codes(VAE(6, 4, 2, rng=rng), np.zeros((0, 6), np.float32)):
        assert (found.shape, found.dtype) == ((0, 2), np.float32)
    with pytest.raises(ValueError, match="codes: expected a VAE whose posterior is 'diagonal', got 'full'"):
        codes(VAE(6, 4, 2, posterior="full", rng=rng), bits(rng, 3, 6, dtype=np.float32))
    with pytest.raises(ValueError, match=r"codes: takes no labels, .* without classes, got one with classes=3"):
        codes(VAE(6, 4, 2, classes=3, rng=rng), bits(rng, 3, 6, dtype=np.float32))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float64])
def test_bits_may_be_numbers_of_any_kind(dtype, rng, device):
    model = M2(6, 4, 2, 3, rng=rng).to(device)
    x, labels = bits(rng, len(MIXED), 6, dtype=np.float32), backend.to_device(MIXED, device)
    found = []
    for images in (x, x.astype(dtype)):
        there = backend.to_device(images, device)
        loss, _ = model.loss(there, labels, np.random.default_rng(1))
        assert loss.dtype == np.float32
        found.append((loss.item(), backend.to_host(model.predict(there)).tolist()))
    assert found[0] == found[1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.int8])
def test_labels_may_be_integers_of_any_kind(dtype, rng, device):
    model, labels = M2(6, 4, 2, 3, rng=rng).to(device), np.array([2, 0, 1, 1])
    x = backend.to_device(bits(rng, 4, 6, dtype=np.float32), device)
    losses = [
        model.loss(x, backend.to_device(y, device), np.random.default_rng(1))[0].item()
        for y in (labels, labels.astype(dtype))
    ]
    assert losses[0] == losses[1]
    with pytest.raises(ValueError, match="some lie outside"):
        model.loss(x, backend.to_device((labels + 100).astype(dtype), device), rng)


def test_m1_and_m2_draw_a_new_code_each_time(rng):
    model = M2(6, 4, 2, 3, "normal", rng=rng).astype(np.float64)
    mean, log_variance = rng.standard_normal((2, 7, 6))
    loss = loss_on_codes(model)
    found = loss(mean, log_variance, MIXED, np.random.default_rng(5))[0].item()
    draws = np.random.default_rng(5)
    z = reparameterize(mean, log_variance, draws.standard_normal((7, 6)))
    assert found == pytest.approx(model.loss(z, MIXED, draws)[0].item(), rel=1e-12)
    assert found != loss(mean, log_variance, MIXED, np.random.default_rng(6))[0].item()


def test_two_labels_and_many_images_are_enough_where_there_are_two_clusters():
    """Two kinds of noisy bit patterns, one label each, in 25 directions of noise. From the two labelled images alone a
    classifier of the same form does much worse: M2 has learned from the others."""
    rng = np.random.default_rng(4)
    kinds = (rng.random((2, 30)) < 0.5).astype(np.float32)
    truth = rng.integers(0, 2, 600)
    x = np.abs(kinds[truth] - (rng.random((600, 30)) < 0.3)).astype(np.float32)
    labels = np.full(600, UNKNOWN)
    for y in range(2):
        labels[np.flatnonzero(truth == y)[0]] = y
    rows = repeat_labelled(labels, 0.2)
    model = M2(30, 20, 2, 2, rng=rng)
    run = Run(model, optim.Adam(model.parameters(), lr=5e-3), rng)
    train(run, model.loss, [x[rows], labels[rows]], epochs=12, batch_size=50)
    wrong = (model.predict(x) != truth).mean()

    alone = M2(30, 20, 2, 2, rng=np.random.default_rng(4)).classifier
    optimizer = optim.Adam(alone.parameters(), lr=5e-3)
    few = labels != UNKNOWN
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(alone(x[few]), labels[few]).backward()
        optimizer.step()
    wrong_alone = (alone(x).numpy().argmax(1) != truth).mean()
    assert wrong < 0.06
    assert wrong_alone > wrong + 0.05


def test_grey_levels_are_scaled_for_the_classifier_as_for_the_encoder(rng):
    """Levels up to 255 would drive every tanh to its end."""
    m2 = M2(12, 6, 2, 3, "categorical", rng=rng)
    levels = rng.integers(0, 256, (5, 12)).astype(np.uint8)
    expected = m2.classifier((levels / 255).astype(np.float32)).numpy()
    np.testing.assert_allclose(m2.logits(levels).numpy(), expected, rtol=1e-5)
