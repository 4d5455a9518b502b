"""derivations/03-conditionals.md, equation by equation."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F
from scratchgen.models.autoregressive import quantile
from scratchgen.models.autoregressive.fvsbn import FVSBN
from scratchgen.models.autoregressive.made import MADE, Mixture, spread_degrees
from scratchgen.models.autoregressive.nade import NADE, plain_logits

from ..models.autoregressive.proofs import every_image, randomized

rng = np.random.default_rng(3)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def bits(*shape):
    return (rng.random(shape) < 0.4).astype(float)


def numerical(f, x, v, step=1e-5):
    """⟨v, f⟩ differentiated by central differences at every element of x."""
    slopes = np.empty_like(x)
    for i in np.ndindex(x.shape):
        here = x[i]
        x[i] = here + step
        above = np.sum(v * f())
        x[i] = here - step
        slopes[i] = (above - np.sum(v * f())) / (2 * step)
        x[i] = here
    return slopes


# ------------------------------------------------------------------------------------------------------ softmax
@pytest.mark.equation("3.1", "3.2", "3.3")
@pytest.mark.parametrize("levels", [2, 16, 256])
def test_softmax_conditional_and_its_gradient_by_hand_by_autograd_and_by_differences(levels):
    """Eqs. 3.1–3.3."""
    a, x = rng.normal(size=(5, levels)), rng.integers(levels, size=5)
    e = np.exp(a)
    p = e / e.sum(1, keepdims=True)  # 3.1
    nats = np.log(e.sum(1)) - a[np.arange(5), x]  # 3.2
    np.testing.assert_allclose(nats, -np.log(p[np.arange(5), x]), rtol=1e-12)
    logits = sg.tensor(a, requires_grad=True)
    loss = F.cross_entropy(logits, x, "none")
    np.testing.assert_allclose(loss.numpy(), nats, rtol=1e-12)
    v = rng.normal(size=5)
    by_hand = v[:, None] * (p - np.eye(levels)[x])  # 3.3
    loss.backward(v)
    np.testing.assert_allclose(logits.grad.numpy(), by_hand, rtol=1e-10, atol=1e-14)
    differences = numerical(lambda: F.cross_entropy(a, x, "none"), a, v)
    np.testing.assert_allclose(differences, by_hand, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(by_hand.sum(1), 0, atol=1e-13)  # what one level gains the others lose


@pytest.mark.equation("3.4", "3.5")
def test_a_bernoulli_is_a_softmax_with_one_logit_fixed():
    """Eqs. 3.4 and 3.5: the value, and the slope as that of the logit that is free."""
    a, x = 3 * rng.normal(size=20), rng.integers(2, size=20)
    pair = np.stack([np.zeros(20), a], 1)
    np.testing.assert_allclose(F.softmax(pair, 1)[:, 1], sigmoid(a), rtol=1e-12)
    bernoulli = F.binary_cross_entropy_with_logits(a, x, "none")
    np.testing.assert_allclose(bernoulli, F.cross_entropy(pair, x, "none"), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(bernoulli, np.log1p(np.exp(a)) - x * a, rtol=1e-10, atol=1e-12)
    v, logits, logit_pair = rng.normal(size=20), sg.tensor(a, requires_grad=True), sg.tensor(pair, requires_grad=True)
    F.binary_cross_entropy_with_logits(logits, x, "none").backward(v)
    F.cross_entropy(logit_pair, x, "none").backward(v)
    np.testing.assert_allclose(logits.grad.numpy(), v * (sigmoid(a) - x), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(logit_pair.grad.numpy()[:, 1], logits.grad.numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.equation("3.6")
def test_the_quantile_of_a_uniform_number_is_a_draw():
    """Eq. 3.6: of evenly spaced u, level k gets the share pₖ."""
    u = (np.arange(100_000) + 0.5) / 100_000
    a = rng.normal(size=7)
    levels = quantile(np.broadcast_to(a, (len(u), 7)), u)
    assert (np.diff(levels) >= 0).all()
    np.testing.assert_allclose(np.bincount(levels.astype(int)) / len(u), F.softmax(a), atol=2e-5)
    assert quantile(np.full(len(u), 0.7), u).mean() == pytest.approx(sigmoid(0.7), abs=2e-5)


# -------------------------------------------------------------------------------------------------------- FVSBN
@pytest.mark.equation("3.7", "3.8")
def test_fvsbn_and_its_gradient():
    """Eqs. 3.7 and 3.8, for an order that is not raster order; the weights that are not used get no gradient."""
    order = [2, 0, 3, 1]
    model, x = randomized(FVSBN((4,), order), rng), bits(6, 4)
    logits = model.logits(x)
    for k, i in enumerate(order):
        before = order[:k]
        by_hand = model.bias.data[i] + x[:, before] @ model.weight.data[i, before]
        np.testing.assert_allclose(logits.numpy()[:, i], by_hand, rtol=1e-12)
    loss = -model.log_prob(x).sum()
    a_bar = sigmoid(logits.numpy()) - x
    weight_bar, bias_bar = sg.grad(loss, [model.weight, model.bias])
    earlier = np.zeros((4, 4))
    for k, i in enumerate(order):
        earlier[i, order[:k]] = 1
    np.testing.assert_allclose(weight_bar.numpy(), (a_bar.T @ x) * earlier, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(bias_bar.numpy(), a_bar.sum(0), rtol=1e-10)
    differences = numerical(lambda: -model.log_prob(x).numpy(), model.weight.data, 1.0)
    np.testing.assert_allclose(differences, weight_bar.numpy(), rtol=1e-6, atol=1e-8)


def test_the_loss_of_an_fvsbn_is_convex():
    """On any line through the weights the middle lies below the mean of the ends: no other minimum than the best."""
    model, x = randomized(FVSBN((5,)), rng), bits(30, 5)
    for _ in range(20):
        start, end = ({p: rng.normal(size=p.shape) for p in model.parameters()} for _ in range(2))
        values = []
        for t in (0, 0.5, 1):
            for p in model.parameters():
                p.data[...] = (1 - t) * start[p] + t * end[p]
            values.append(-model.log_prob(x).numpy().mean())
        assert values[1] < (values[0] + values[2]) / 2


# --------------------------------------------------------------------------------------------------------- NADE
N, D, H = 5, 6, 4
ORDER = [3, 0, 5, 1, 4, 2]


def nade():
    return randomized(NADE((D,), H, ORDER, rng), rng)


@pytest.mark.equation("3.9", "3.10")
def test_nade_as_its_formula_and_as_its_recurrence():
    """Eqs. 3.9 and 3.10."""
    model, x = nade(), bits(N, D)
    W, c, V, b = (p.data for p in (model.weight, model.bias, model.out_weight, model.out_bias))
    logits, u = model.logits(x).numpy(), np.tile(c, (N, 1))
    for k, i in enumerate(ORDER):
        h = sigmoid(c + x[:, ORDER[:k]] @ W[:, ORDER[:k]].T)  # 3.9
        np.testing.assert_allclose(sigmoid(u), h, rtol=1e-12)  # 3.10
        np.testing.assert_allclose(logits[:, i], b[i] + h @ V[i], rtol=1e-12)
        u = u + x[:, i, None] * W[:, i]


@pytest.mark.equation("3.11", "3.12")
def test_nades_gradient_by_hand_by_autograd_and_by_differences():
    """Eqs. 3.11 and 3.12 as the page has them, one image per row."""
    model, x = nade(), bits(N, D)
    W, c, V = (p.data for p in (model.weight, model.bias, model.out_weight))
    a_bar = sigmoid(model.logits(x).numpy()) - x
    W_bar, V_bar, u_bar = np.zeros_like(W), np.zeros_like(V), np.zeros((N, H))
    for k in reversed(range(D)):
        i = ORDER[k]
        h = sigmoid(c + x[:, ORDER[:k]] @ W[:, ORDER[:k]].T)
        W_bar[:, i] = x[:, i] @ u_bar  # 3.12: u_bar is that of the pixel after i
        V_bar[i] = a_bar[:, i] @ h  # 3.11
        h_bar = a_bar[:, i, None] * V[i]
        u_bar = u_bar + h_bar * h * (1 - h)
    by_hand = {"weight": W_bar, "bias": u_bar.sum(0), "out_weight": V_bar, "out_bias": a_bar.sum(0)}

    names, parameters = zip(*model.named_parameters())
    walked = sg.grad(-model.log_prob(x).sum(), parameters)
    logits = plain_logits(x, model.weight, model.bias, model.out_weight, model.out_bias, ORDER)
    plain = sg.grad(F.binary_cross_entropy_with_logits(logits, x, "sum"), parameters)
    for name, parameter, fast, slow in zip(names, parameters, walked, plain):
        np.testing.assert_allclose(fast.numpy(), by_hand[name], rtol=1e-10, atol=1e-13, err_msg=name)
        np.testing.assert_allclose(slow.numpy(), by_hand[name], rtol=1e-10, atol=1e-13, err_msg=name)
        differences = numerical(lambda: -model.log_prob(x).numpy(), parameter.data, 1.0)
        np.testing.assert_allclose(differences, by_hand[name], rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.mark.equation("3.13")
def test_along_a_stretch_without_ink_the_slope_is_taken_once():
    """Eq. 3.13: pixels 1, 2 and 3 of the order see the same h; their gradients meet before the slope of σ."""
    model = nade()
    x = np.zeros((1, D))
    x[0, ORDER[0]] = x[0, ORDER[3]] = 1
    W, c, V = model.weight.data, model.bias.data, model.out_weight.data
    g = rng.normal(size=(1, D))
    (c_bar,) = sg.grad(model.logits(x), [model.bias], g)
    stretches = ORDER[:1], ORDER[1:4], ORDER[4:]
    seen = [], ORDER[:1], ORDER[:4]
    by_hand = np.zeros(H)
    for pixels, before in zip(stretches, seen):
        h = sigmoid(c + W[:, before] @ x[0, before])
        by_hand += (g[0, pixels] @ V[pixels]) * h * (1 - h)
    np.testing.assert_allclose(c_bar.numpy(), by_hand, rtol=1e-11)


# --------------------------------------------------------------------------------------------------------- MADE
@pytest.mark.equation("3.14", "3.15")
def test_degrees_never_fall_along_a_path():
    """Eqs. 3.14 and 3.15, by counting the paths from pixel to pixel one by one."""
    model = MADE((5,), (6, 4), [4, 1, 0, 3, 2], rng)
    first, second, third = (layer.mask for layer in model.layers)
    rank = {position: k for k, position in enumerate(model.order)}
    counts = third.astype(int) @ second.astype(int) @ first.astype(int)
    for i in range(5):
        for j in range(5):
            paths = [(k, m) for k in range(6) for m in range(4) if first[k, j] and second[m, k] and third[i, m]]
            assert len(paths) == counts[i, j]
            assert not paths or rank[j] < rank[i]
            for k, m in paths:
                assert rank[j] + 1 <= first_degree(model, k) <= second_degree(model, m) <= rank[i]


def first_degree(model, unit):
    return model.layers[0].degrees[unit]


def second_degree(model, unit):
    return model.layers[1].degrees[unit]


@pytest.mark.equation("3.16")
@pytest.mark.parametrize("size", [2, 5, 9])
def test_every_layer_needs_every_degree(size):
    """Eq. 3.16: with D − 1 units or more all degrees are there; take any of them away, and a dependency is gone."""
    model = MADE((size,), (size + 2, size - 1), rng=rng)
    below = np.tri(size, k=-1, dtype=bool)

    def dependencies():
        third, second, first = (layer.mask.astype(int) for layer in reversed(list(model.layers)))
        return third @ second @ first > 0

    for layer in model.layers[:-1]:
        assert set(layer.degrees) == set(range(1, size))
    assert (dependencies() == below).all()
    for missing in range(1, size):
        kept = model.layers[1].degrees.copy()
        model.layers[1].degrees[kept == missing] = size  # a unit that no conditional may read
        model.layers[2].degrees_in = model.layers[1].degrees
        assert not dependencies()[missing, missing - 1]
        model.layers[1].degrees = model.layers[2].degrees_in = kept


@pytest.mark.equation("3.19")
@pytest.mark.parametrize(("units", "size"), [(1, 5), (3, 8), (4, 5), (7, 4), (12, 9), (5, 2), (2, 1), (0, 4)])
def test_degrees_are_spread_from_an_offset_on(units, size):
    """All offsets in turn: one unit has each degree equally often; none is missing where there are D − 1 units, and
    none is missing in all masks together where there are fewer."""

    class Offset:
        def __init__(self, r):
            self.r = r

        def integers(self, n):
            assert self.r < n == size - 1
            return self.r

    spreads = [spread_degrees(units, size, Offset(r)) for r in range(max(size - 1, 1))]
    for degrees in spreads:
        assert len(degrees) == units
        if units >= size - 1 > 0:
            assert set(degrees) == set(range(1, size))
    if units and size > 1:
        assert np.bincount(np.concatenate(spreads), minlength=size)[1:].tolist() == [units] * (size - 1)


@pytest.mark.equation("3.19")
def test_an_ensemble_of_few_units_knows_every_predecessor():
    """Each pixel's predecessor is seen by one member at least; by none of them, were the offset always the same."""
    made = MADE((40,), (20,), rng=rng)
    masks = [made, *(made.remasked(range(40), rng) for _ in range(60))]

    def seen(member):
        last, first = (layer.mask.astype(int) for layer in reversed(list(member.layers)))
        return np.diag(last @ first, -1) > 0

    assert not any(seen(member).all() for member in masks)
    assert np.any([seen(member) for member in masks], 0).all()


# -------------------------------------------------------------------------------------------- what it cannot be asked
def drawn_when_known(model, known, values):
    """How often `complete` draws each image, and by Eq. 3.20 the c and the c·w of each, for all images that agree."""
    images = every_image(model.shape)
    images = images[(images[:, known] == values[known]).all(1)]
    p = 1 / (1 + np.exp(-model.logits(model.scaled(images)).numpy().astype(float)))
    factors = np.where(images == 1, p, 1 - p)
    c, w = factors[:, ~known].prod(1), factors[:, known].prod(1)
    drawn = model.complete(np.tile(values, (20_000, 1)), known, np.random.default_rng(5))
    counts = np.array([(drawn == image).all(1).sum() for image in images])
    assert counts.sum() == 20_000
    return images, counts, c, c * w


@pytest.mark.equation("3.20")
@pytest.mark.parametrize("known", [[1, 1, 0, 0, 0], [0, 0, 1, 0, 1], [0, 1, 0, 1, 0]])
def test_completions_are_drawn_before_they_have_heard_of_later_pixels(known):
    """c·w is p(unknown, known); what is drawn has the law c, which is p(unknown | known) if the known come first."""
    model = randomized(FVSBN((5,)), np.random.default_rng(2), 2.0)
    known, values = np.array(known, bool), np.array([1.0, 0.0, 1.0, 1.0, 1.0])
    images, counts, c, both = drawn_when_known(model, known, values)
    np.testing.assert_allclose(both, np.exp(model.log_prob(images).numpy()), rtol=1e-9)
    assert c.sum() == pytest.approx(1, abs=1e-12)
    error = np.sqrt(c * (1 - c) / counts.sum()) + 1e-9
    assert (np.abs(counts / counts.sum() - c) < 4.5 * error).all()
    posterior = both / both.sum()
    if known[:2].all():
        np.testing.assert_allclose(c, posterior, rtol=1e-9)
    else:
        assert np.abs(c - posterior).max() > 20 * error.max()


@pytest.mark.equation("3.20")
def test_two_coins_that_agree_and_the_second_is_known():
    model = FVSBN((2,))
    model.weight.data[1, 0], model.bias.data[:] = 60.0, [0.0, -30.0]
    _, counts, _, both = drawn_when_known(model, np.array([False, True]), np.array([0.0, 1.0]))
    assert counts / counts.sum() == pytest.approx([0.5, 0.5], abs=0.02)
    assert both / both.sum() == pytest.approx([0, 1], abs=1e-9)


# ----------------------------------------------------------------------------------------------------- mixtures
@pytest.mark.equation("3.17", "3.18")
def test_the_mean_of_probabilities_and_jensen():
    """Eqs. 3.17 and 3.18: for every image the mean of the members' ln p lies below the ln of the mixture, and touches
    it where they agree."""
    made = MADE((6,), (12,), rng=rng)
    members = [made, *(made.remasked(rng.permutation(6), rng) for _ in range(3))]
    mixture, x = randomized(Mixture(members), rng), every_image((6,))
    each = np.stack([member.log_prob(x).numpy() for member in members])
    np.testing.assert_allclose(mixture.log_prob(x).numpy(), np.log(np.exp(each).mean(0)), rtol=1e-12)
    gap = mixture.log_prob(x).numpy() - each.mean(0)
    assert (gap > -1e-12).all()
    assert gap.max() > 0.01
    alone = Mixture([made, made])
    np.testing.assert_allclose(alone.log_prob(x).numpy(), made.log_prob(x).numpy(), rtol=1e-12)
    assert np.exp(each.mean(0)).sum() < 1  # a bound, and no distribution itself
