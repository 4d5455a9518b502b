"""What demos.latent_space and demos.collapse measure, on images and codes whose answer is known."""

import itertools

import numpy as np
import pytest

from demos import collapse, latent_space
from scratchgen.distributions import Bernoulli
from scratchgen.models.latent import VAE


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def stroke(lean, thickness=1.5):
    """A straight stroke that leans to the right by `lean` pixels per pixel upwards."""
    rows, columns = np.mgrid[:28, :28]
    away = np.abs(columns - 13.5 - lean * (13.5 - rows))
    return (np.clip(thickness - away, 0, 1) * (np.abs(rows - 13.5) < 9)).reshape(1, 784).astype(np.float32)


@pytest.mark.parametrize("lean", [-0.7, -0.2, 0.0, 0.4])
def test_slant_is_how_a_stroke_leans(lean):
    assert latent_space.slant(stroke(lean)) == pytest.approx(lean, abs=0.02)
    shifted = np.roll(stroke(lean).reshape(28, 28), (2, -1), (0, 1)).reshape(1, 784)
    np.testing.assert_allclose(latent_space.slant(0.3 * shifted), latent_space.slant(stroke(lean)), atol=1e-6)
    assert latent_space.ink(2 * stroke(lean)) == pytest.approx(2 * stroke(lean).sum())


def test_a_direction_says_nothing_of_the_class(rng):
    """Where the class decides most of the attribute, the difference of plain means would point from class to class."""
    labels = np.repeat([0, 1], 500)
    values = rng.standard_normal(1000) + 10 * labels
    z = rng.standard_normal((1000, 3)) * 0.01
    z[:, 0] += values - 10 * labels  # what the attribute does within a class
    z[:, 1] += 7 * labels  # what the class does
    way = latent_space.direction(z, values, labels)
    assert way[0] == pytest.approx(2 * 1.4, abs=0.15)  # the mean of a normal distribution's upper fifth is 1.40 σ
    assert np.abs(way[1:]).max() < 0.01


def test_the_nearest_vote_for_a_class_and_not_for_themselves(rng):
    codes = np.concatenate([rng.normal(-5, 1, (20, 2)), rng.normal(5, 1, (20, 2))])
    labels = np.repeat([3, 8], 20)
    assert latent_space.vote(np.array([[-5.0, -5.0], [4.0, 6.0]]), codes, labels).tolist() == [3, 8]
    odd = labels.copy()
    odd[7] = 1  # alone among threes
    assert latent_space.vote(codes, codes, odd, itself=True)[7] == 3

    line = np.arange(60.0)[:, None]
    distance = np.abs(line - line.T) + np.where(np.eye(60) > 0, np.inf, 0)
    some = rng.integers(0, 10, 60)
    for i in (0, 59):  # at the ends the ten nearest are beyond dispute
        nearest = some[np.argsort(distance[i], kind="stable")[: latent_space.NEIGHBOURS]]
        winner = np.bincount(nearest, minlength=10).argmax()
        assert latent_space.vote(line, line, some, itself=True)[i] == winner


def test_regions_are_counted_by_connection():
    classes = np.array([[1, 1, 2], [2, 1, 2], [1, 2, 2]])  # corners do not connect
    assert latent_space.regions(classes) == 4
    assert latent_space.regions(np.indices((4, 4)).sum(0) % 2) == 16


def test_distance_to_the_nearest(rng):
    made, real = rng.random((5, 784)), rng.random((7, 784))
    expected = [min(((a - b) ** 2).sum() for b in real) for a in made]
    np.testing.assert_allclose(latent_space.to_nearest(made, real), expected)


def test_the_measured_terms_add_up(rng):
    model = VAE(20, 6, 4, rng=rng)
    for p in model.encoder.parameters():
        p.data[...] = 0
    model.encoder.mean.bias.data[...] = [1, 0, 0, -2]  # the same for every image: no unit is active
    x = (rng.random((50, 20)) < 0.5).astype(np.float32)
    told = latent_space.measure(model, x, 0)
    assert told["active units"] == 0
    assert told["KL"] == pytest.approx((1 + 4) / 2)
    assert told["KL per dimension"] == pytest.approx(told["KL"] / 4)
    assert told["ELBO"] == pytest.approx(-told["reconstruction"] - told["KL"])
    assert collapse.judge(model, x, 0)["informative"] == 2
    model.encoder.mean.weight.data[:2] = 1.0
    model.encoder.network.layers[0].weight.data[...] = rng.standard_normal((6, 20))
    assert latent_space.measure(model, x, 0)["active units"] == 2


def test_samples_are_judged_as_they_are_drawn(rng):
    """By their means, not by bits. In place of the judge: how far the mean of what it is shown is from an image."""
    model = VAE(20, 6, 4, rng=rng)
    model.decoder.output.weight.data[...] = 0
    model.decoder.output.bias.data[...] = 1.0
    p = 1 / (1 + np.exp(-1))

    class Judge:
        def distance(self, x):
            return float(((x.mean(0, dtype=float) - 0.5) ** 2).sum())

        def reads(self, x):
            return np.zeros(len(x)), np.linspace(0, 1, len(x))

    told = latent_space.sampled(model, Judge(), 0)
    assert told["Fréchet distance"] == pytest.approx(20 * (p - 0.5) ** 2, rel=1e-5)
    assert told["clear"] == pytest.approx(10)


def test_the_strong_decoder_is_a_distribution_over_images(rng):
    """Σ p(x|z) over all images is 1, with what earlier pixels say of later ones; and it says something."""
    model = collapse.StrongVAE(5, 4, 2, rng=rng).astype(np.float64)
    for p in model.parameters():
        p.data[...] = rng.standard_normal(p.shape)
    x = np.array(list(itertools.product([0.0, 1.0], repeat=5)))
    z = np.tile(rng.standard_normal((1, 2)), (len(x), 1))
    p = model.decode(z)
    strong = np.exp(model.log_likelihood(p, x).numpy())
    assert strong.sum() == pytest.approx(1)
    alone = np.exp(Bernoulli(p.logits).log_prob(x).sum(1).numpy())
    assert np.abs(strong - alone).max() > 0.01
    with pytest.raises(ValueError, match="StrongVAE: a Bernoulli decoder wants pixels that are 0 or 1, these are grey"):
        model.log_likelihood(p, x / 2)
