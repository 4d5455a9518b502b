"""What a latent-variable model is good for besides samples: the lectures' claims, measured small."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special

from demos import few_labels, pixel_distance
from scratchgen import no_grad, optim
from scratchgen.data import binarize, digits, downsample
from scratchgen.models.latent import VAE
from scratchgen.training import Run, train


@pytest.fixture(scope="module")
def x():
    return digits("test").scaled()


@pytest.mark.ledger("C-MSE")
@pytest.mark.equation("31.13")
def test_pixels_find_a_moved_digit_further_away_than_a_broken_one(x):
    """S0, lines 761–775. One pixel sideways against a hole of radius 3: nearly always; half a pixel, as in Doersch's
    own figure, against one of radius 4: mostly not. The claim needs its sizes."""
    rng = np.random.default_rng(0)
    hole = {radius: pixel_distance.distance(x, pixel_distance.erased(x, radius, rng)) for radius in (2, 3, 4)}
    one = pixel_distance.distance(x, pixel_distance.moved(x, 0, 1))
    two = pixel_distance.distance(x, pixel_distance.moved(x, 2, 0))
    half = pixel_distance.distance(x, pixel_distance.moved_by_half(x))
    assert pixel_distance.share(one > hole[3]).low > 98
    assert pixel_distance.share(two > hole[4]).low > 92
    assert pixel_distance.share(half > hole[2]).low > 90
    assert pixel_distance.share(half > hole[4]).high < 50
    assert hole[2].mean() < half.mean() < one.mean() < two.mean()


@pytest.mark.ledger("C-MSE")
def test_only_a_broken_digit_is_another_drawing(x):
    """The number of strokes and loops survives a move, and seldom a hole."""
    rng = np.random.default_rng(0)
    before = pixel_distance.topology(x)
    broken = pixel_distance.topology(pixel_distance.erased(x, 3, rng))
    assert (pixel_distance.topology(pixel_distance.moved(x, 0, 2)) == before).all()
    assert pixel_distance.share((broken != before).any(1)).low > 75


def test_the_interval_of_a_share_holds_what_it_promises():
    """Wilson's interval contains the truth about 95 times in 100, near the edge too; at 100 % it has a width."""
    rng = np.random.default_rng(0)
    for truth in (0.5, 0.98):
        shares = [pixel_distance.share(rng.random(400) < truth) for _ in range(1000)]
        covered = np.mean([s.low <= 100 * truth <= s.high for s in shares])
        assert 0.92 < covered < 0.975
    certain = pixel_distance.share(np.ones(400, bool))
    assert certain.percent == 100
    assert certain.low == pytest.approx(100 / (1 + 1.96**2 / 400))
    assert certain.high == pytest.approx(100)


@pytest.mark.ledger("C-FEW")
def test_a_trained_encoder_is_worth_more_than_an_untrained_one():
    """S1, line 227: with 100 labels, the same encoder before and after eight passes over 1,500 images (14×14) without
    labels; labels spread over its codes."""
    images = digits("train")
    x = downsample(images.scaled()[:1500], 14).reshape(1500, -1)
    labels = images.labels[:1500]
    rng = np.random.default_rng(0)
    model = VAE(196, 100, 20, rng=rng)

    def errors():
        with no_grad():
            graph = few_labels.neighbour_graph(model.encode(x).mean.numpy())
        found = []
        for draw in range(5):
            given = few_labels.balanced(labels, 100, np.random.default_rng(draw))
            wrong = few_labels.spread(graph, given, labels[given], 60).argmax(1) != labels
            wrong[given] = False
            found.append(100 * wrong.sum() / (len(x) - len(given)))
        return np.array(found)

    untrained = errors()
    train(
        Run(model, optim.Adam(model.parameters(), lr=3e-3), rng),
        lambda x, rng: model.loss(binarize(x, "dynamic", rng), rng),
        [x],
        epochs=8,
        batch_size=50,
    )
    trained = errors()
    assert (trained < untrained).all()
    mean, half = few_labels.interval(list(untrained - trained))
    assert mean - half > 5


def test_a_balanced_draw_has_as_many_of_each_class():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 50))
    given = few_labels.balanced(labels, 100, np.random.default_rng(1))
    assert np.bincount(labels[given]).tolist() == [10] * 10
    assert len(set(given)) == 100


def test_nearest_rows_are_the_nearest():
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(700, 5)), rng.normal(size=(600, 5))
    near, d = few_labels.nearest(queries, rows, 4)
    exact = ((queries[:, None] - rows) ** 2).sum(2)
    np.testing.assert_allclose(np.sort(d, 1), np.sort(exact, 1)[:, :4], rtol=1e-9)
    np.testing.assert_allclose(d, np.take_along_axis(exact, near, 1), rtol=1e-9)


def test_logistic_regression_is_at_its_minimum():
    """Among the answers of SciPy's minimiser of the same loss, at most one in fifty is another."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 20)
    centres = rng.normal(size=(10, 3)) * 6
    rows = (centres[labels] + rng.normal(size=(200, 3))).astype(np.float32)
    predict = few_labels.logistic(rows, labels)

    x = (rows - rows.mean(0)) / rows.std(0).mean()
    ones = np.eye(10)[labels]

    def loss(flat):
        weight, bias = flat[:30].reshape(3, 10), flat[30:]
        logits = x @ weight + bias
        p = scipy.special.softmax(logits, 1)
        slope = (p - ones) / len(x)
        value = -np.log(p[ones == 1]).mean() + few_labels.L2 * (weight**2).sum()
        return value, np.concatenate([(x.T @ slope + 2 * few_labels.L2 * weight).ravel(), slope.sum(0)])

    best = scipy.optimize.minimize(loss, np.zeros(40), jac=True).x
    expected = (x @ best[:30].reshape(3, 10) + best[30:]).argmax(1)
    assert (predict(rows) == expected).mean() >= 0.98
    assert (expected == labels).mean() > 0.8
