"""FVSBN, NADE, MADE and mixtures of orders, proved by their distributions and by each other."""

import math

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen import backend, optim, training
from scratchgen.models.autoregressive import Autoregressive, GatedPixelCNN, PixelCNN
from scratchgen.models.autoregressive.fvsbn import FVSBN
from scratchgen.models.autoregressive.made import MADE, Mixture
from scratchgen.models.autoregressive.model import quantile
from scratchgen.models.autoregressive.nade import NADE, plain_logits
from scratchgen.models.autoregressive.orders import raster, shuffled, spiral

from .proofs import chi_square, dependencies, every_image, randomized, total_probability


def several_orders(height, width, rng):
    """Four members that share their weights: three orders, and one of them behind two masks."""
    made = MADE((height, width), (7, 8), rng=rng)
    orders = [spiral(height, width), shuffled(height, width, rng), raster(height, width)]
    return Mixture([made, *(made.remasked(order, rng) for order in orders)])


MODELS = {
    "FVSBN": lambda height, width, order, rng: FVSBN((height, width), order),
    "NADE": lambda height, width, order, rng: NADE((height, width), 5, order, rng),
    "MADE": lambda height, width, order, rng: MADE((height, width), (60,), order, rng),
    "MADE, two layers": lambda height, width, order, rng: MADE((height, width), (120, 120), order, rng),
}
ORDERS = {"raster": lambda h, w, rng: raster(h, w), "spiral": lambda h, w, rng: spiral(h, w), "shuffled": shuffled}
each_model = pytest.mark.parametrize("name", MODELS)
each_order = pytest.mark.parametrize("order", ORDERS)


def built(name, order, height, width, rng):
    return randomized(MODELS[name](height, width, ORDERS[order](height, width, rng), rng), rng)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def bits(rng, *shape, dtype=np.float32):
    return (rng.random(shape) < 0.4).astype(dtype)


# ----------------------------------------------------------------------------------------------------- distributions
@each_model
@each_order
@pytest.mark.ledger("C-NORM")
@pytest.mark.parametrize(("height", "width"), [(3, 3), (4, 3)])
def test_all_images_together_have_probability_one(name, order, height, width, rng):
    assert total_probability(built(name, order, height, width, rng)) == pytest.approx(1, abs=1e-10)


@pytest.mark.ledger("C-NORM", "B3")
@pytest.mark.equation("3.17")
@pytest.mark.parametrize(("height", "width"), [(3, 3), (4, 3)])
def test_a_mixture_of_orders_is_a_distribution_too(height, width, rng):
    mixture = randomized(several_orders(height, width, rng), rng)
    assert total_probability(mixture) == pytest.approx(1, abs=1e-10)
    of_nades = Mixture([built("NADE", order, height, width, rng) for order in ORDERS])
    assert total_probability(of_nades) == pytest.approx(1, abs=1e-10)


@each_model
@each_order
@pytest.mark.ledger("C-CAUSAL")
def test_a_conditional_depends_on_all_pixels_before_it_and_on_no_other(name, order, rng):
    for height, width in ((3, 3), (4, 3)):
        model = built(name, order, height, width, rng)
        for path, parameter in model.named_parameters():
            if path.endswith("bias"):
                parameter.data += 2  # no unit sleeps at all images that are tried
        np.testing.assert_array_equal(dependencies(model, rng), np.tri(height * width, k=-1, dtype=bool))


@each_model
@each_order
def test_samples_have_the_frequencies_that_the_model_claims(name, order, rng):
    assert chi_square(built(name, order, 2, 3, rng), 20_000, rng) > 1e-3


def test_samples_of_a_mixture_have_the_frequencies_that_it_claims(rng):
    mixture = randomized(several_orders(2, 3, rng), rng, scale=2.0)
    each = [np.exp(member.log_prob(every_image((2, 3))).numpy()) for member in mixture.members]
    assert max(np.abs(a - b).sum() for a in each for b in each) > 0.3  # the members do differ
    assert chi_square(mixture, 20_000, rng) > 1e-3
    with pytest.raises(AssertionError):
        assert_frequencies(mixture.members[0], mixture, rng)


def assert_frequencies(sampler, model, rng):
    """A χ² test of what one model draws against what the other one claims."""
    model = Mixture(list(model.members))
    model.sample = sampler.sample
    assert chi_square(model, 20_000, rng) > 1e-3


def test_completing_keeps_what_is_known_and_draws_the_rest(rng):
    """With a beginning of the order known, the rest has the frequencies of the conditional distribution."""
    model = built("NADE", "spiral", 2, 3, rng)
    known = np.zeros(6, bool)
    known[model.order[:3]] = True
    x = np.zeros((20_000, 2, 3))
    x.reshape(-1, 6)[:, model.order[:3]] = [1, 0, 1]
    drawn = model.complete(x, known.reshape(2, 3), rng)
    assert (drawn[:, known.reshape(2, 3)] == x[:, known.reshape(2, 3)]).all()
    images = every_image((2, 3))
    p = np.exp(model.log_prob(images).numpy())
    p *= (images[:, known.reshape(2, 3)] == x[0][known.reshape(2, 3)]).all(1)
    expected = (p / p.sum()) @ images.reshape(-1, 6)
    spread = np.sqrt(np.maximum(expected * (1 - expected), 1e-9) / len(x))
    assert (np.abs(drawn.reshape(-1, 6).mean(0) - expected) < 4 * spread).all()


def test_a_mixture_completes_by_a_member_for_each_image(rng):
    mixture = randomized(several_orders(2, 3, rng), rng)
    x, known = bits(rng, 50, 2, 3, dtype=np.float64), np.array([[True, False, True], [False, False, True]])
    drawn = mixture.complete(x, known, rng)
    assert (drawn[:, known] == x[:, known]).all()
    assert set(np.unique(drawn)) == {0.0, 1.0}


# ------------------------------------------------------------------------------------------- the same, another way
@pytest.mark.parametrize("name", ["FVSBN", "NADE"])
@each_order
def test_the_quick_scan_is_the_plain_scan(name, order, rng):
    model = built(name, order, 3, 4, rng)
    x = bits(rng, 7, 12, dtype=np.float64)
    quick, plain = model.scan(7), Autoregressive.scan(model, 7)
    values = None
    for position in model.order:
        np.testing.assert_allclose(quick.send(values), plain.send(values), rtol=1e-12, atol=1e-14)
        values = x[:, position]


@given(
    n=st.integers(0, 4),
    size=st.integers(1, 7),
    hidden=st.integers(1, 5),
    ink=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 99),
)
def test_the_walk_is_the_plain_nade_forwards_and_backwards(n, size, hidden, ink, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(size).tolist()
    model = randomized(NADE((size,), hidden, order, rng), rng)
    x = (rng.random((n, size)) < ink).astype(np.float64) * rng.standard_normal((n, size))  # not only bits
    walked = model.logits(x)
    plain = plain_logits(x, model.weight, model.bias, model.out_weight, model.out_bias, order)
    np.testing.assert_allclose(walked.numpy(), plain.numpy(), rtol=1e-10, atol=1e-12)
    v, parameters = rng.standard_normal((n, size)), list(model.parameters())
    for fast, slow in zip(sg.grad(walked, parameters, v), sg.grad(plain, parameters, v)):
        np.testing.assert_allclose(fast.numpy(), slow.numpy(), rtol=1e-9, atol=1e-12)


def test_nades_gradient_is_the_numerical_one(rng):
    model, x = NADE((6,), 3, [2, 0, 5, 1, 4, 3], rng), bits(rng, 4, 6, dtype=np.float64)

    def logits(weight, bias, out_weight, out_bias):
        model.weight, model.bias, model.out_weight, model.out_bias = weight, bias, out_weight, out_bias
        return model.logits(x)

    shapes = (3, 6), (3,), (6, 3), (6,)
    sg.gradcheck(logits, *(rng.standard_normal(shape) for shape in shapes))


def test_a_made_without_hidden_layers_is_an_fvsbn(rng):
    made, fvsbn = MADE((3, 3), (), spiral(3, 3), rng), FVSBN((3, 3), spiral(3, 3))
    fvsbn.weight.data[...] = made.layers[0].weight.data
    x = bits(rng, 10, 3, 3)
    np.testing.assert_allclose(made.log_prob(x).numpy(), fvsbn.log_prob(x).numpy(), rtol=1e-6)


# --------------------------------------------------------------------------------------------------------- the masks
@pytest.mark.ledger("B12")
@pytest.mark.equation("3.14")
@pytest.mark.parametrize("hidden", [(8,), (5,), (30, 20), (40, 9, 33)])
def test_a_mask_has_as_many_ones_as_the_degrees_say(hidden, rng):
    """A hidden unit of degree m reads m pixels, the m first ones; pixel i is told by the units whose degree is at most
    its rank. Summed up, for the last mask, without comparing any two degrees again."""
    model = MADE((9,), hidden, shuffled(3, 3, rng), rng)
    first, *_, last = model.layers
    assert first.mask.sum(1).tolist() == first.degrees.tolist()
    for row, degree in zip(first.mask, first.degrees):
        assert set(np.flatnonzero(row)) == set(model.order[:degree])
    counts = np.cumsum(np.bincount(last.degrees_in, minlength=9))
    assert last.mask.sum(1).tolist() == counts[model.rank].tolist()
    assert not last.mask[model.order[0]].any()  # the first pixel is told by its bias alone


@pytest.mark.equation("3.15", "3.16")
@pytest.mark.parametrize(("hidden", "full"), [((8,), True), ((8, 8, 8), True), ((7,), False), ((100, 7), False)])
def test_the_product_of_the_masks_is_strictly_triangular_and_full_with_enough_units(hidden, full, rng):
    for _ in range(5):
        model = MADE((9,), hidden, shuffled(3, 3, rng), rng)
        paths = np.linalg.multi_dot([np.eye(9), *(layer.mask.astype(int) for layer in reversed(list(model.layers)))])
        found = paths[np.ix_(model.order, model.order)] > 0
        below = np.tri(9, k=-1, dtype=bool)
        assert not (found & ~below).any()
        assert (found == below).all() == full


def test_other_masks_leave_shared_weights_alone(rng):
    """Zeroing a weight because one mask hides it would hide it from all."""
    made = MADE((9,), (20, 20), rng=rng)
    before = {name: array.copy() for name, array in made.state_dict().items()}
    other = made.remasked(shuffled(3, 3, rng), rng)
    x = bits(rng, 5, 9)
    here = made.log_prob(x).numpy()
    other.loss(x, rng)[0].backward()
    assert all((before[name] == array).all() for name, array in made.state_dict().items())
    assert (made.log_prob(x).numpy() == here).all()
    assert made.layers[0].weight is other.layers[0].weight
    assert (other.log_prob(x).numpy() != here).any()
    names = [name for name, _ in Mixture([made, other]).named_parameters()]
    assert len(names) == 6


# ------------------------------------------------------------------------------------------------------ orders
def test_the_spiral_goes_round_and_in():
    assert np.array(spiral(3, 4)).tolist() == [0, 1, 2, 3, 7, 11, 10, 9, 8, 4, 5, 6]
    for height, width in ((1, 1), (1, 5), (5, 1), (4, 4), (7, 3)):
        order = spiral(height, width)
        assert sorted(order) == list(range(height * width))
        rows, columns = np.divmod(order, width)
        assert (np.abs(np.diff(rows)) + np.abs(np.diff(columns)) == 1).all()  # each step to a neighbour
        edge = np.minimum.reduce([rows, columns, height - 1 - rows, width - 1 - columns])
        assert (np.diff(edge) >= 0).all()


@pytest.mark.ledger("C-ORDER")
def test_the_order_matters_even_where_nothing_can_go_wrong_in_training():
    """A coin and five copies of it, each wrong with a chance of 0.1. An FVSBN has one minimum: it is the entropy of the
    data if the coin comes first, and 0.0285 nats more if it comes last."""
    x = every_image((6,))
    right = x[:, 1:] == x[:, :1]
    p = 0.5 * np.where(right, 0.9, 0.1).prod(1)
    entropy = -(p * np.log(p)).sum()
    excess = []
    for order in ([0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0]):
        model = FVSBN((6,), order).astype(np.float64)
        parameters = list(model.parameters())
        ends = np.cumsum([q.size for q in parameters])[:-1]

        def loss_and_slope(flat, model=model, parameters=parameters, ends=ends):
            for q, part in zip(parameters, np.split(flat, ends)):
                q.data, q.grad = part.reshape(q.shape), None
            loss = -(model.log_prob(x) * p).sum()
            loss.backward()
            return loss.item(), np.concatenate([q.grad.data.ravel() for q in parameters])

        begin = np.concatenate([q.data.ravel() for q in parameters])
        best = scipy.optimize.minimize(loss_and_slope, begin, jac=True, method="BFGS", options={"gtol": 1e-9})
        excess.append(best.fun - entropy)
    assert excess == pytest.approx([0, 0.028479], abs=1e-6)  # the latter by Newton's method, factor by factor


def test_all_orders_name_every_pixel_once(rng):
    assert raster(2, 3) == [0, 1, 2, 3, 4, 5]
    first, second = shuffled(3, 4, rng), shuffled(3, 4, rng)
    assert sorted(first) == sorted(second) == raster(3, 4)
    assert first != second


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 2, 2], [1, 2, 3, 4]])
def test_an_order_that_leaves_out_a_pixel_is_refused(order):
    with pytest.raises(ValueError, match=r"FVSBN: an order of \(2, 2\) names each of 0 … 3 once, got"):
        FVSBN((2, 2), order)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "FVSBN"])
def test_order_and_masks_are_kept_with_the_weights(name, rng):
    model, other = built(name, "shuffled", 3, 3, rng), built(name, "spiral", 3, 3, rng)
    x = bits(rng, 10, 3, 3)
    assert (model.log_prob(x).numpy() != other.log_prob(x).numpy()).any()
    other.load_state_dict(model.state_dict())
    assert (model.log_prob(x).numpy() == other.log_prob(x).numpy()).all()
    assert model.order == other.order
    assert (model.sample(5, np.random.default_rng(1)) == other.sample(5, np.random.default_rng(1))).all()


# ------------------------------------------------------------------------------------------------ numbers and devices
@pytest.mark.ledger("B2")
@pytest.mark.parametrize("model", [FVSBN((784,)), NADE((784,), 4), MADE((784,), (4,)), MADE((784,), (4, 4))])
def test_the_zero_model_needs_one_bit_a_pixel(model, rng):
    for parameter in model.parameters():
        parameter.data[...] = 0
    nats = -model.log_prob(bits(rng, 3, 784)).numpy()
    np.testing.assert_allclose(nats, 784 * math.log(2), rtol=1e-6)
    assert model.loss(bits(rng, 3, 784), rng)[1]["bits/dim"] == pytest.approx(1)


def test_the_models_have_the_published_numbers_of_parameters():
    def count(model):
        return sum(parameter.size for parameter in model.parameters())

    assert count(NADE((784,), 500)) == count(MADE((784,), (500,))) == 785_284
    fvsbn = FVSBN((784,))
    assert np.tri(784, k=-1).sum() + fvsbn.bias.size == 307_720  # of the square matrix half is used


@each_model
def test_one_loss_on_every_device_and_in_float32(name, rng, device):
    def build():
        model = MODELS[name](3, 3, spiral(3, 3), np.random.default_rng(5))
        for parameter in model.parameters():
            parameter.data[...] += np.random.default_rng(6).standard_normal(parameter.shape).astype(np.float32)
        return model

    x = bits(rng, 5, 3, 3)
    here, there = build(), build().to(device)
    expected, _ = here.loss(x, rng)
    expected.backward()
    loss, _ = there.loss(backend.to_device(x, device), rng)
    loss.backward()
    assert loss.dtype == np.float32
    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-5)
    for (path, mine), theirs in zip(here.named_parameters(), there.parameters()):
        assert theirs.grad.dtype == np.float32, path
        np.testing.assert_allclose(theirs.grad.numpy(), mine.grad.numpy(), rtol=1e-4, atol=1e-6, err_msg=path)
    drawn = there.sample(4, np.random.default_rng(7))
    assert drawn.dtype == np.float32
    assert (backend.to_host(drawn) == here.sample(4, np.random.default_rng(7))).all()


def test_a_mixture_on_every_device(rng, device):
    x = bits(rng, 5, 2, 3)
    here, there = (several_orders(2, 3, np.random.default_rng(5)) for _ in range(2))
    there.to(device)
    again = there.members[0].remasked(spiral(2, 3), rng)
    on_device = backend.to_device(x, device)
    np.testing.assert_allclose(there.log_prob(on_device).numpy(), here.log_prob(x).numpy(), rtol=1e-5)
    assert np.isfinite(again.log_prob(on_device).numpy()).all()
    drawn = there.sample(20, np.random.default_rng(7))
    assert drawn.dtype == np.float32
    assert (backend.to_host(drawn) == here.sample(20, np.random.default_rng(7))).all()


@each_model
def test_images_that_lie_backwards_with_gaps_or_are_none(name, rng):
    model = built(name, "spiral", 3, 3, rng)
    x = bits(rng, 8, 3, 3, dtype=np.float64)
    room = np.full((6, 6, 16), np.nan)
    view = room.T[::2, ::2, ::2]
    view[...] = x
    np.testing.assert_array_equal(model.log_prob(view).numpy(), model.log_prob(x).numpy())
    assert model.log_prob(x[:0]).shape == (0,)
    assert model.sample(0, rng).shape == (0, 3, 3)


def test_a_model_of_one_pixel(rng):
    for model in (FVSBN((1,)), NADE((1,), 2, rng=rng), MADE((1,), (2,), rng=rng)):
        randomized(model, rng)
        assert total_probability(model) == pytest.approx(1, abs=1e-12)


# ---------------------------------------------------------------------------------------------------------- learning
@each_model
def test_all_learn_with_the_shared_loop_and_any_number_of_workers(name, rng):
    """Two images: ln 2 nats are what knowing which of the two costs."""
    x = np.repeat(np.stack([spiral_bits := bits(rng, 3, 3), 1 - spiral_bits]), 16, axis=0)
    histories = []
    for workers in (1, 3):
        model = MODELS[name](3, 3, spiral(3, 3), np.random.default_rng(1))
        run = training.Run(model, optim.Adam(model.parameters(), lr=0.05), np.random.default_rng(2))
        training.train(run, model.loss, [x], epochs=40, batch_size=16, workers=workers)
        histories.append([metrics["NLL"] for metrics in run.history["train"]])
    np.testing.assert_allclose(histories[0], histories[1], rtol=1e-3)
    assert math.log(2) < histories[0][-1] < 1.2 < histories[0][0]


@pytest.mark.equation("3.18")
def test_training_a_mixture_draws_one_member_for_a_minibatch(rng):
    model = several_orders(2, 3, rng)
    x = bits(rng, 20, 2, 3)
    each = [member.loss(x, rng)[0].item() for member in model.members]
    seen = [model.loss(x, np.random.default_rng(seed))[0].item() for seed in range(60)]
    assert set(seen) == set(each)
    assert seen == [model.loss(x, np.random.default_rng(seed))[0].item() for seed in range(60)]
    exact = model.eval().loss(x, rng)[0].item()
    assert exact == pytest.approx(-model.log_prob(x).numpy().mean())
    assert exact < np.mean(each)  # Eq. 3.18: members cost more than their mixture


def test_all_workers_take_the_same_member(rng):
    x = bits(rng, 20, 2, 3)
    found = []
    for workers in (1, 3):
        model = several_orders(2, 3, np.random.default_rng(1))
        run = training.Run(model, optim.Adam(model.parameters(), lr=0.05), np.random.default_rng(2))
        training.train(run, model.loss, [x], epochs=10, batch_size=8, workers=workers)
        found.append(model.state_dict())
    for name, array in found[0].items():
        np.testing.assert_allclose(array, found[1][name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_what_a_mixture_cannot_do_is_said(rng):
    with pytest.raises(ValueError, match=r"Mixture: expected members for the same images, got .*\(2,\).*\(3,\)"):
        Mixture([FVSBN((2,)), FVSBN((3,))])
    with pytest.raises(ValueError, match="Mixture: expected members for the same images, got"):
        Mixture([])
    mixture = several_orders(2, 3, rng)
    with pytest.raises(ValueError, match=r"not those of any one order; ask one of \.members"):
        next(mixture.scan(1))
    with pytest.raises(ValueError, match="Mixture: expected whole numbers 0 … 1"):
        mixture.log_prob(np.full((1, 2, 3), 0.5, np.float32))
    with pytest.raises(ValueError, match="Mixture: this model has no classes"):
        mixture.sample(3, rng, np.zeros(3, int))
    of_classes = Mixture([GatedPixelCNN((1, 2, 2), channels=2, layers=1, classes=4, rng=rng) for _ in range(2)])
    for wrong in (np.zeros(5, int), np.zeros(2, int), [0, 1, 2], None, np.array([0, 1, 4])):
        for way in (of_classes.sample, lambda n, rng, y: of_classes.log_prob(np.zeros((n, 1, 2, 2)), y)):
            with pytest.raises(ValueError, match="Mixture: expected a condition of 3 integers 0 … 3, the classes"):
                way(3, rng, wrong)


def test_images_and_masks_that_do_not_fit_are_not_stretched(rng):
    """To complete: an image without its axis of images, one pixel for all, a mask of another kind or size."""
    mixture = several_orders(2, 3, rng)
    for model in (FVSBN((2, 3)), mixture):
        name, x, known = type(model).__name__, bits(rng, 4, 2, 3), np.zeros((2, 3), bool)
        for wrong in (x[0], x[:, :1], x[..., None], x[:, :, :1], [[0, 1]]):
            with pytest.raises(ValueError, match=rf"{name}: expected images \(N, 2, 3\), got"):
                model.complete(wrong, known, rng)
        for mask in (known[0], known[:, :2], np.zeros((4, 1, 1), bool), known * 1.0, known * 1, None, "a", [[True]]):
            with pytest.raises(ValueError, match=rf"{name}: expected a mask, an array of bool, \(4, 2, 3\) or for all"):
                model.complete(x, mask, rng)
        np.testing.assert_array_equal(model.complete(x, known | True, rng), x)
        np.testing.assert_array_equal(model.complete(x, np.ones((4, 2, 3), bool), rng), x)


@each_model
@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64])
def test_zeros_and_ones_of_any_kind(name, kind, rng):
    model, x = built(name, "shuffled", 3, 2, rng), bits(rng, 5, 3, 2, dtype=np.float64)
    np.testing.assert_allclose(model.logits(x.astype(kind)).numpy(), model.logits(x).numpy(), rtol=1e-6)


def test_a_model_that_has_diverged_draws_nothing():
    """NaN is no logit: every comparison with it is false, and black images would look like an answer."""
    model = FVSBN((2, 2))
    model.bias.data[2] = np.nan
    with pytest.raises(FloatingPointError, match="have to be numbers, got NaN: has the model's training diverged"):
        model.sample(3, np.random.default_rng(0))
    for logits in (np.array([0.0, np.nan]), np.array([[0.0, 1.0, np.nan]])):
        with pytest.raises(FloatingPointError, match="got NaN"):
            quantile(logits, np.full(logits.shape[:1], 0.5))
    for logits in ([[0, np.inf, 0]], [[-np.inf, -np.inf, -np.inf]]):  # of a softmax, which would be 0/0
        with pytest.raises(FloatingPointError, match="got NaN or infinite ones"):
            quantile(np.array(logits), np.array([0.5]))
    assert quantile(np.array([[0, -np.inf, 0]]), np.array([0.6])) == 2  # a level that never comes
    assert quantile(np.array([np.inf, -np.inf]), np.array([0.1, 0.9])).tolist() == [1, 0]


def laid_otherwise(a):
    """The same numbers, with the axis of images the last one in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 0, -1)), -1, 0)


def test_images_that_lie_otherwise_in_memory_are_completed(rng):
    """What is drawn has to arrive in what is returned."""
    fvsbn = built("FVSBN", "shuffled", 2, 3, rng)
    pixelcnn = randomized(PixelCNN((1, 2, 3), channels=4, blocks=1, rng=rng), rng)
    for model in (fvsbn, pixelcnn, Mixture([fvsbn])):
        x, known = bits(rng, 5, *model.shape), rng.random((5, *model.shape)) < 0.4
        expected, found = (
            model.complete(lay(x), lay(known), np.random.default_rng(3))
            for lay in (np.ascontiguousarray, laid_otherwise)
        )
        np.testing.assert_array_equal(found, expected)
    expected = pixelcnn.sample(9, np.random.default_rng(3))
    for parameter in pixelcnn.parameters():
        parameter.data = np.asfortranarray(parameter.data)
    np.testing.assert_array_equal(pixelcnn.sample(9, np.random.default_rng(3)), expected)
    assert 0 < expected.mean() < 1


@pytest.mark.parametrize("kind", [FVSBN, NADE, MADE])
def test_images_without_an_axis_of_colours_are_in_raster_order(kind):
    """(height, width) is no (colours, pixels)."""
    assert kind((2, 3)).order == kind((1, 2, 3)).order == raster(2, 3) == [0, 1, 2, 3, 4, 5]
    assert Autoregressive((2, 2, 2)).order == [0, 4, 1, 5, 2, 6, 3, 7]  # colour after colour, of each pixel


def test_an_order_is_for_life():
    """A MADE's masks are made for it."""
    for model in (FVSBN((3,)), NADE((3,), 2), MADE((3,), (4,))):
        with pytest.raises(AttributeError):
            model.order = [2, 1, 0]
        assert model.order == [0, 1, 2]
