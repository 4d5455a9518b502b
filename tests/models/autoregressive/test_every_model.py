"""What every autoregressive model does alike, whichever way it computes: one of each, of all levels and orders."""

import numpy as np
import pytest

from scratchgen import backend, tensor
from scratchgen.models.autoregressive import FVSBN, MADE, NADE, GatedPixelCNN, PixelCNN, PixelRNN
from scratchgen.models.autoregressive.coder import compress, decompress, header_size
from scratchgen.training import Workers

from .proofs import flips, randomized
from .test_coder import bits


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def small_models(rng):
    order = rng.permutation(9)
    return {
        "FVSBN": FVSBN((1, 3, 3), order),
        "NADE": NADE((1, 3, 3), 5, order, rng),
        "MADE": MADE((1, 3, 3), (9, 8), order, rng),
        "PixelCNN": PixelCNN((1, 5, 4), 2, 4, 1, rng),
        "PixelCNN, colours, 16 levels": PixelCNN((3, 3, 3), 16, 6, 1, rng),
        "PixelCNN, 256 levels": PixelCNN((1, 4, 4), 256, 4, 1, rng),
        "PixelCNN, positions": PixelCNN((1, 4, 5), 2, 4, 1, rng, positions=True),
        "GatedPixelCNN": GatedPixelCNN((1, 4, 5), 2, 4, 2, None, rng),
        "GatedPixelCNN, colours, positions": GatedPixelCNN((3, 4, 3), 3, 6, 1, None, rng, positions=True),
        "GatedPixelCNN, 256 levels, classes": GatedPixelCNN((1, 4, 4), 256, 4, 1, 3, rng),
        "PixelRNN, rows": PixelRNN((1, 4, 4), 2, "row", 3, 1, rng),
        "PixelRNN, diagonals": PixelRNN((1, 4, 4), 16, "diagonal", 3, 1, rng),
    }


each_model = pytest.mark.parametrize("name", small_models(np.random.default_rng(0)))


def images_of(model, n, rng):
    """n images at random, and labels where the model has classes."""
    x = rng.integers(model.levels, size=(n, *model.shape))
    return (x,) if model.classes is None else (x, rng.integers(model.classes, size=n))


@pytest.mark.ledger("C-CODE")
@each_model
def test_every_model_writes_its_nll_and_reads_it_back(name, rng):
    """The model's own scan, as quick as it may be, finds what its likelihood says, and finds it twice."""
    model = small_models(rng)[name]
    for parameter in model.parameters():
        parameter.data += (0.3 * rng.standard_normal(parameter.shape)).astype(np.float32)
    labels = None if model.classes is None else rng.integers(model.classes, size=800)
    x = model.sample(800, rng, labels)
    data = compress(model, x, labels)
    assert (decompress(model, data, labels) == x).all()
    exact = bits(model, x, labels)
    assert abs(8 * (len(data) - header_size(model)) - exact) < 1e-3 * exact + 8


@each_model
def test_compressing_takes_a_tensor_as_the_likelihood_does(name, rng):
    model = small_models(rng)[name]
    x, *labels = images_of(model, 3, rng)
    assert compress(model, tensor(x.astype(float)), *labels) == compress(model, x, *labels)


@each_model
def test_a_masked_array_is_not_taken_for_what_lies_under_its_mask(name, rng):
    """A level that is hidden, known to the array or not, is for `complete`, in the way that the error says."""
    model = small_models(rng)[name]
    x, *labels = images_of(model, 2, rng)
    hidden = np.zeros(x.shape, bool)
    hidden[0].flat[3] = True
    for below in (0, 7000):
        masked = np.ma.masked_array(np.where(hidden, below, x), hidden)
        for use in (model.log_prob, lambda *given: compress(model, *given)):
            with pytest.raises(ValueError, match="got a masked one; elements that are not known are for `complete`"):
                use(masked, *labels)
    completed = model.complete(masked.filled(0), ~np.ma.getmaskarray(masked), rng, *labels)
    np.testing.assert_array_equal(completed[~hidden], x[~hidden])


@pytest.mark.equation("1.11")
@each_model
def test_several_workers_have_the_gradient_of_one(name, device, rng):
    """To rounding, with more images than workers and with a minibatch that they cannot share evenly."""
    model = randomized(small_models(rng)[name], rng, 0.2).to(device)
    batch = [backend.to_device(array, device) for array in images_of(model, 5, rng)]
    found = []
    for workers in (1, 3):
        model.zero_grad()
        with Workers(workers, model) as crew:
            metrics = crew.backward(model.loss, batch, np.random.default_rng(0))
        found.append([backend.host_scalar(metrics["NLL"]), *(p.grad.numpy() for p in model.parameters())])
    assert max(np.abs(slope).max() for slope in found[0][1:]) > 1e-3
    for one, several in zip(*found):
        np.testing.assert_allclose(several, one, rtol=1e-9, atol=1e-13)


@each_model
def test_what_does_not_fit_is_refused_whichever_way_is_taken(name, rng):
    """Images of another size have no logits, and a model that has no classes does not pass over them."""
    model = small_models(rng)[name]
    labels = None if model.classes is None else np.zeros(3, int)
    *rest, width = model.shape
    for wrong in ((3, *rest, width + 1), (3, *rest, width - 1), (3, rest[0], rest[1] + 1, width), (3, model.size)):
        with pytest.raises(ValueError, match=rf"{type(model).__name__}: expected images \(N, "):
            model.logits(np.zeros(wrong, np.float32), labels)
    unasked = None if model.classes else np.array([0, 1, 1])
    told = (
        "expected a condition of 3 integers" if model.classes else "this model has no classes, expected condition=None"
    )
    for way in (
        lambda: model.logits(np.zeros((3, *model.shape), np.float32), unasked),
        lambda: next(model.scan(3, unasked)),
        lambda: next(model.waves(np.zeros((3, model.size), np.float32), unasked)),
        lambda: model.sample(3, rng, unasked),
        lambda: model.log_prob(np.zeros((3, *model.shape)), unasked),
    ):
        with pytest.raises(ValueError, match=f"{type(model).__name__}: {told}"):
            way()


@each_model
def test_how_many_and_by_chance_of_what(name, rng):
    """None is a number of samples too; less is none, and a seed is no generator."""
    model = small_models(rng)[name]
    labels = (lambda n: None) if model.classes is None else (lambda n: np.zeros(n, int))
    assert model.sample(0, rng, labels(0)).shape == (0, *model.shape)
    for n in (-1, 2.0, "3", None):
        with pytest.raises(ValueError, match=rf"{type(model).__name__}\.sample: expected a number of images, .* got"):
            model.sample(n, rng, labels(1))
    with pytest.raises(TypeError, match=r"rng: expected a random generator, np\.random\.default_rng\(0\) for example"):
        model.sample(3, 0, labels(3))


LARGE = {
    "PixelCNN": lambda rng: PixelCNN((1, 28, 28), channels=4, blocks=2, rng=rng),
    "PixelCNN, 7×7": lambda rng: PixelCNN((1, 28, 28), channels=4, blocks=2, kernel=7, rng=rng),
    "PixelCNN, positions": lambda rng: PixelCNN((1, 28, 28), channels=4, blocks=1, rng=rng, positions=True),
    "GatedPixelCNN": lambda rng: GatedPixelCNN((1, 28, 28), channels=4, layers=2, rng=rng),
    "PixelRNN, rows": lambda rng: PixelRNN((1, 28, 28), 2, "row", 2, 1, rng),
    "PixelRNN, diagonals": lambda rng: PixelRNN((1, 28, 28), 2, "diagonal", 2, 1, rng),
    "MADE": lambda rng: MADE((1, 28, 28), (40,), rng=rng),
}


@pytest.mark.ledger("C-CAUSAL")
@pytest.mark.parametrize("name", LARGE)
def test_digits_have_no_leak_either(name, rng):
    """All 784 × 784: no conditional changes with its own pixel or a later one, and most (but MADE's, whose units are
    few) with the pixel to the left of their own; for others a ReLU on the way is shut."""
    found = flips(randomized(LARGE[name](rng), rng), rng, tries=1)
    assert found.shape == (784, 784)
    assert not np.triu(found).any()
    to_the_left = [found[k, k - 1] for k in range(784) if k % 28]
    assert np.mean(to_the_left) > (0.02 if name == "MADE" else 0.5)
