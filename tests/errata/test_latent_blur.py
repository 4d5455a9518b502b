"""E16 and C-BLUR: is a VAE's blur the prior's fault? On real digits, with a VAE whose optimum needs no training."""

import numpy as np
import pytest

from demos.blur import LEVELS, SIDE, Neighbours, image
from scratchgen import backend, data, optim
from scratchgen import functional as F
from scratchgen.evaluation import sharpness
from scratchgen.models.latent import LinearGaussian

LATENT = 20


@pytest.fixture(scope="module")
def digits():
    return data.digits("train").flat().astype(float), data.digits("test").flat().astype(float)


@pytest.fixture(scope="module")
def model(digits):
    """The best linear VAE (page 16): encoder, decoder and variance at their maximum."""
    return LinearGaussian.fit(digits[0], LATENT)


def from_priors(model, x, rng, n=1000):
    """Codes from N(0, I), from a normal fitted to the codes of x, and from these codes themselves, mixed."""
    mean, covariance = model.posterior(x)
    codes = mean + rng.standard_normal(mean.shape) @ np.linalg.cholesky(covariance).T
    return {
        "N(0, I)": rng.standard_normal((n, LATENT)),
        "fitted": rng.multivariate_normal(codes.mean(0), np.cov(codes.T), n),
        "aggregate": codes[rng.choice(len(codes), n)],
    }


@pytest.mark.ledger("E16", "C-BLUR")
def test_no_prior_makes_the_means_sharp(model, digits):
    """S4, line 374, blames the Gaussian z. With codes of real digits in its place the means stay as soft as they
    were."""
    train, test = digits
    true = sharpness(test).mean()
    found = {
        prior: sharpness(model.decode(z).mean.numpy()).mean() / true
        for prior, z in from_priors(model, train, np.random.default_rng(16)).items()
    }
    assert all(0.02 < share < 0.25 for share in found.values())
    assert max(found.values()) < 1.3 * min(found.values())


@pytest.mark.ledger("E16", "C-BLUR")
@pytest.mark.equation("33.6", "33.8")
def test_the_rest_is_what_the_decoder_leaves_out(model, digits):
    """Of each test digit's sharpness the larger part is in x − m(z), for its own z. Independent noise of the right
    size brings far too much back: it does not know where."""
    rng, (_, x) = np.random.default_rng(17), digits
    mean, covariance = model.posterior(x)
    p = model.decode(mean + rng.standard_normal(mean.shape) @ np.linalg.cholesky(covariance).T)
    m = p.mean.numpy()
    true = sharpness(x).mean()
    assert sharpness(m).mean() < 0.25 * true
    assert sharpness(x - m).mean() > 0.6 * true
    noisy = sharpness(p.sample(rng).numpy()).mean()
    assert noisy == pytest.approx(sharpness(m).mean() + 20 * model.variance, rel=0.01)
    assert noisy > 2 * true


@pytest.mark.equation("33.9")
def test_the_neighbours_draw_from_what_they_are_trained_on():
    """`draw` goes pixel by pixel, `forward` takes the finished image: the same probabilities, so that the same uniform
    numbers give the same levels again."""
    rng = np.random.default_rng(19)
    decoder = Neighbours(5, rng).astype(np.float64)
    for parameter in decoder.parameters():
        parameter.data[...] = 0.5 * rng.standard_normal(parameter.shape)
    m = rng.random((3, SIDE * SIDE))
    drawn = decoder.draw(m, np.random.default_rng(20))
    p = F.softmax(decoder(image(drawn), image(m)).data, 1)
    assert p.max(1).mean() < 0.9  # something was left to chance
    draws = np.random.default_rng(20)
    u = np.stack([backend.uniform(draws, (3, 1), m)[:, 0] for _ in range(SIDE * SIDE)], 1).reshape(3, SIDE, SIDE)
    again = (u[:, None] >= np.cumsum(p, 1)[:, :-1]).sum(1)
    np.testing.assert_array_equal(again, data.quantize(drawn, LEVELS).reshape(again.shape))


@pytest.mark.ledger("E16", "C-BLUR")
def test_another_decoder_with_the_same_gaussian_z_is_sharp(model, digits):
    """The same encoder, z ~ N(0, I) and m(z) as above, and pixels that know the pixels before them: after a short
    training the images are about as sharp as digits are, neither as soft as m(z) nor as noisy as p(x|z)."""
    (train, test), rng = digits, np.random.default_rng(18)
    decoder = Neighbours(16, rng).astype(np.float64)
    shares = np.bincount(data.quantize(train, LEVELS).astype(int).ravel(), minlength=LEVELS) / train.size
    decoder.output.bias.data[...] = np.log(shares)  # begins where every pixel is as grey as pixels are
    loss, optimizer = decoder.loss_given(model), optim.Adam(decoder.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        loss(train[rng.integers(len(train), size=10)], rng)[0].backward()
        optimizer.step()
    p, true = model.decode(rng.standard_normal((200, LATENT))), sharpness(test).mean()
    assert 0.75 * true < sharpness(decoder.draw(p.mean.numpy(), rng)).mean() < 1.3 * true
    assert sharpness(p.mean.numpy()).mean() < 0.25 * true
    assert sharpness(p.sample(rng).numpy()).mean() > 2 * true
