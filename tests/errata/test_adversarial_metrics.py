"""E17, C-EVAL, C-2v3: what S0 says about how GANs fail, and about judging them, with the numbers that decide."""

import numpy as np
import pytest
import scipy.stats
from scipy.ndimage import gaussian_filter

from scratchgen import data
from scratchgen.data import mixture_ring
from scratchgen.evaluation import centroids, class_shares, count_modes, parzen_score
from scratchgen.models.adversarial.gan import GAN
from scratchgen.models.adversarial.networks import MLPDiscriminator, MLPGenerator
from tests.evaluation.test_monitor import ILL, play


@pytest.mark.ledger("E17")
@pytest.mark.equation("22.7")
def test_one_latent_dimension_is_enough_for_eight_modes():
    """S0, line 1412: a z of low dimension makes for few kinds of output. Here is an ordinary generator, 1–14–2 with
    ReLUs, that reaches all eight modes with z ~ N(0, 1), and gives each its share. Its weights are set by hand: two
    units for each step from one mode to the next."""
    rng, width = np.random.default_rng(17), 0.002
    means = mixture_ring(1, rng).means
    steps, borders = np.diff(means, axis=0), scipy.stats.norm.ppf(np.arange(1, 8) / 8)
    generator = MLPGenerator(1, (14,), 2, output="linear", rng=rng)
    inner, outer = generator.network.layers
    inner.weight.data[:] = 1
    inner.bias.data[:] = -np.concatenate([borders, borders + width])
    outer.weight.data[:] = np.concatenate([steps, -steps]).T / width
    outer.bias.data[:] = means[0]
    samples = GAN(generator, MLPDiscriminator(2, (4,), rng=rng)).sample(2500, rng)
    found = count_modes(samples, means, 0.01)
    assert found.reached == 8
    assert found.quality > 0.985
    assert found.reverse_kl < 0.01


@pytest.mark.ledger("E17")
def test_many_latent_dimensions_do_not_prevent_a_collapse():
    """The rates that make a game with two latent dimensions collapse (test_monitor.py) do it with 64 as well."""
    assert play(0, latent=64, **ILL["mode collapse"]).diagnose().name == "mode collapse"


@pytest.fixture(scope="module")
def digits():
    return [data.digits(split).flat() for split in ("train", "validation", "test")]


@pytest.mark.ledger("C-EVAL")
@pytest.mark.equation("22.10", "22.13")
def test_centroids_beat_real_digits_and_so_do_blurred_ones(digits):
    """200 real digits as "samples" lose to 200 centroids of k-means and to themselves, blurred, by many standard
    errors. A centroid of k-means is a mean of digits, and a mean is blurred (page 33): the window likes a blur."""
    train, validation, test = digits
    rng, few = np.random.default_rng(22), slice(None, 300)
    real = train[:200]
    blurred = gaussian_filter(real.reshape(-1, 28, 28), (0, 1, 1)).reshape(200, -1)
    score = {
        name: parzen_score(samples, validation[few], test[few])
        for name, samples in {
            "real": real,
            "blurred": blurred,
            "centroids": centroids(train[:2000], 200, rng, 4),
            "noise": rng.random((200, 784)),
        }.items()
    }
    error = max(found.error for found in score.values())
    assert score["centroids"].log_prob > score["real"].log_prob + 10 * error
    assert score["blurred"].log_prob > score["real"].log_prob + 10 * error
    assert score["noise"].log_prob < score["real"].log_prob - 50 * error  # of something it is a measure


@pytest.mark.ledger("C-2v3")
def test_a_collapse_shows_in_the_classes_and_not_in_the_quality(digits):
    """Only 2s and 3s, all of them real digits: as good as digits are, and 2 of 10 classes."""
    labels = data.digits("test").labels
    some = labels[(labels == 2) | (labels == 3)]
    found, real = class_shares(some, 10), class_shares(labels, 10)
    assert found.reached == 2
    assert found.effective < 2.01
    assert found.from_uniform == pytest.approx(np.log(5), abs=0.02)
    assert real.effective > 9.8
